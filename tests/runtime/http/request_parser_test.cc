// What is a request and what is refused, whole and in pieces. Method: tables of raw bytes; every case is fed at once
// and byte by byte, and both must agree.
#include "runtime/http/request_parser.h"

#include <gtest/gtest.h>

#include <optional>

namespace kring::http {
namespace {

const Limits small{.header_bytes_max = 300, .target_bytes_max = 40, .body_bytes_max = 10};

struct Outcome {
  int refused = 0;
  bool done = false;
  std::string text;
  size_t used = 0;
};

Outcome parse(std::string_view bytes, size_t step) {
  Request request;
  RequestParser parser{request, small};
  size_t used = 0, offered = 0;
  while (!parser.done() && parser.refusal().status == 0 && offered < bytes.size()) {
    offered = std::min(bytes.size(), offered + step);
    used += parser.feed(bytes.substr(used, offered - used));
  }
  Outcome outcome{.refused = parser.refusal().status, .done = parser.done(), .used = used};
  if (outcome.done && outcome.refused == 0) {
    outcome.text = request.method + " " + request.path + " [" + request.body + "]";
    if (parser.expects_continue()) outcome.text += " continue";
    if (!parser.keeps_alive()) outcome.text += " close";
  }
  return outcome;
}

std::string outcome_of(std::string_view bytes) {
  const Outcome whole = parse(bytes, bytes.size());
  const Outcome pieces = parse(bytes, 1);
  EXPECT_EQ(whole.refused, pieces.refused) << bytes;
  EXPECT_EQ(whole.text, pieces.text) << bytes;
  if (whole.refused != 0) return std::to_string(whole.refused);
  if (!whole.done) return "more";
  EXPECT_EQ(whole.used, pieces.used) << bytes;
  return whole.text;
}

TEST(RequestParser, ReadsRequestsWithAndWithoutABody) {
  const std::pair<const char*, const char*> cases[] = {
      {"GET /a HTTP/1.1\r\nHost: x\r\n\r\n", "GET /a []"},
      {"GET /a HTTP/1.0\r\n\r\n", "GET /a [] close"},
      {"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET /a []"},
      {"GET /a HTTP/1.1\r\nHost: x\r\nConnection: a, close\r\n\r\n", "GET /a [] close"},
      {"PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "PUT /a [abc]"},
      {"PUT /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
       "PUT /a [abcde]"},
      {"PUT /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "PUT /a []"},
      {"PUT /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\na\r\n0\r\nX: trailer\r\nHost: y\r\n\r\n",
       "PUT /a [a]"},
      {"PUT /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na", "PUT /a [a] continue"},
      {"PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nab", "more"},
      {"GET /a HTTP/1.1\r\nHost: x\r\n", "more"}};
  for (const auto& [bytes, expected] : cases) EXPECT_EQ(outcome_of(bytes), expected) << bytes;
}

TEST(RequestParser, StopsAtTheEndOfTheFirstOfPipelinedRequests) {
  const std::string one = "PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab";
  EXPECT_EQ(parse(one + "GET /b HTTP/1.1\r\n", 1000).used, one.size());
}

// A request whose end two readers could see at different places (request smuggling) is refused.
TEST(RequestParser, RefusesAmbiguousEnds) {
  const char* head = "POST /a HTTP/1.1\r\nHost: x\r\n";
  const std::pair<const char*, const char*> cases[] = {
      {"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
      {"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", "400"},
      {"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "400"},
      {"Content-Length: 3, 4\r\n\r\nabcd", "400"},
      {"Content-Length: -1\r\n\r\n", "400"},
      {"Content-Length: 0x1\r\n\r\na", "400"},
      {"Content-Length: 18446744073709551616\r\n\r\n", "400"},
      {"Transfer-Encoding: gzip\r\n\r\n", "501"},
      {"Transfer-Encoding: chunked, gzip\r\n\r\n", "501"},
      {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
      {"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "400"},
      {"Transfer-Encoding: chunked\r\n\r\nzz\r\n", "400"},
      {"Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n", "400"}};
  for (const auto& [rest, expected] : cases) EXPECT_EQ(outcome_of(std::string{head} + rest), expected) << rest;
}

TEST(RequestParser, RefusesWhatIsNotHttp) {
  const std::pair<std::string, const char*> cases[] = {{"GET /a HTTP/1.1\r\n\r\n", "400"},  // no Host
                                                       {"GET /a HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", "400"},  // two
                                                       {"GET /a HTTP/2.0\r\nHost: x\r\n\r\n", "505"},
                                                       {"GET a HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
                                                       {"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
                                                       {"G@T /a HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
                                                       {"GET /a\r\nHost: x\r\n\r\n", "400"},
                                                       {"GET /a HTTP/1.1\r\nHost: x\r\nA: b\x01\r\n\r\n", "400"},
                                                       {"GET /a HTTP/1.1\r\nHost: x\r\nA b\r\n\r\n", "400"},
                                                       {"GET /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "400"},
                                                       {"GET /a HTTP/1.1\r\nHost: x\r\nExpect: magic\r\n\r\n", "417"},
                                                       {"\x16\x03\x01\x02", "400"}};  // TLS on the plain port
  for (const auto& [bytes, expected] : cases) EXPECT_EQ(outcome_of(bytes), expected) << bytes;
  // Lines end with both bytes; in pieces the parser waits for them until the header's deadline.
  EXPECT_EQ(parse("GET /a HTTP/1.1\nHost: x\n\n", 1000).refused, 505);
  EXPECT_FALSE(parse("GET /a HTTP/1.1\nHost: x\n\n", 1).done);
}

// Security row A4: every dimension of a request is capped, and says so with its own status.
TEST(RequestParser, CapsEveryDimension) {
  const std::string get = "GET /a HTTP/1.1\r\nHost: x\r\n";
  EXPECT_EQ(outcome_of("GET /" + std::string(40, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n"), "414");
  EXPECT_EQ(parse("GET /" + std::string(400, 'a'), 1000).refused, 414);
  EXPECT_EQ(outcome_of(std::string(33, 'G') + " /a HTTP/1.1\r\nHost: x\r\n\r\n"), "400");
  EXPECT_EQ(parse(get + "A: " + std::string(400, 'a') + "\r\n\r\n", 1000).refused, 431);
  std::string many = get;
  for (int i = 0; i < 60; ++i) many += "A: b\r\n";
  EXPECT_EQ(outcome_of(many + "\r\n"), "431");
  EXPECT_EQ(outcome_of("PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n"), "413");
  EXPECT_EQ(outcome_of("PUT /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n5\r\nabcde\r\n"),
            "413");
}

TEST(RequestParser, CapsTheNumberOfHeadersAtAnyLimit) {
  const Limits wide{.header_bytes_max = 64 * 1024, .target_bytes_max = 1024, .body_bytes_max = 10};
  Request request;
  RequestParser parser{request, wide};
  std::string many = "GET /a HTTP/1.1\r\nHost: x\r\n";
  for (int i = 0; i < 300; ++i) many += "A:\r\n";
  parser.feed(many);
  EXPECT_EQ(parser.refusal().status, 431);
}

}  // namespace
}  // namespace kring::http
