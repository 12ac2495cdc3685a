// Targets, escapes, dates, URLs and DNS packets: tables.
#include "runtime/http/message.h"

#include <gtest/gtest.h>

#include "runtime/http/client.h"
#include "runtime/http/dns_query.h"

namespace kring::http {
namespace {

std::string parsed(std::string target) {
  Request request;
  request.target = std::move(target);
  if (!parse_target(request)) return "malformed";
  std::string text = request.path;
  for (const auto& [name, value] : request.query) text += " " + name + "=" + value;
  return text;
}

TEST(ParseTarget, DecodesPathAndQuery) {
  EXPECT_EQ(parsed("/"), "/");
  EXPECT_EQ(parsed("/api/v1/pods"), "/api/v1/pods");
  EXPECT_EQ(parsed("/a%20b+c?d=e%2Ff+g&h&=i&&j=k=l"), "/a b+c d=e/f g h= =i j=k=l");
  EXPECT_EQ(parsed("/a?x=1#fragment"), "/a x=1");
  EXPECT_EQ(parsed("http://host:80/a?b=c"), "/a b=c");
  EXPECT_EQ(parsed("https://host"), "/");
  EXPECT_EQ(parsed("https://host?x=1"), "/ x=1");
}

TEST(ParseTarget, RefusesWhatIsMalformed) {
  for (const char* target : {"", "*", "a", "host:443", "/%", "/%4", "/%zz", "/a%00b", "/a?x=%", "/a?%g1=1"}) {
    EXPECT_EQ(parsed(target), "malformed") << target;
  }
}

TEST(Request, FindsHeadersWithoutCaseAndQueriesWithIt) {
  Request request;
  request.headers = {{"Content-Type", "text/plain"}, {"X", "1"}};
  request.query = {{"watch", "true"}, {"empty", ""}};
  EXPECT_EQ(request.header("content-TYPE"), "text/plain");
  EXPECT_EQ(request.header("Y"), "");
  EXPECT_EQ(request.query_value("watch"), "true");
  EXPECT_EQ(request.query_value("Watch"), "");
  EXPECT_TRUE(request.has_query("empty"));
  EXPECT_FALSE(request.has_query("none"));
}

TEST(HttpDate, IsAnImfFixdate) { EXPECT_EQ(http_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT"); }

TEST(HasToken, LooksThroughCommaSeparatedLists) {
  EXPECT_TRUE(has_token("a, Close ,b", "close"));
  EXPECT_TRUE(has_token("close", "close"));
  EXPECT_FALSE(has_token("closed, not-close", "close"));
  EXPECT_FALSE(has_token("", "close"));
}

TEST(AppendHeader, NoValueCanAddAHeader) {
  std::string head;
  append_header(head, "Location", "/a\r\nSet-Cookie: x\n\x01");
  EXPECT_EQ(head, "Location: /a  Set-Cookie: x  \r\n");
}

TEST(StatusBody, IsAKubernetesStatus) {
  EXPECT_EQ(status_body(413, "RequestEntityTooLarge", "a \"b\"\n\xff"),
            "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
            "\"message\":\"a \\\"b\\\"\\u000a\\u00ff\",\"reason\":\"RequestEntityTooLarge\",\"code\":413}\n");
}

TEST(ParseUrl, ReadsTheParts) {
  const auto url = parse_url("HTTPS://registry.example:5000/v2/x?y=z#f");
  ASSERT_TRUE(url.has_value());
  EXPECT_EQ(url->scheme, "https");
  EXPECT_EQ(url->host, "registry.example");
  EXPECT_EQ(url->port, 5000);
  EXPECT_EQ(url->target, "/v2/x?y=z");
  EXPECT_EQ(parse_url("http://[::1]:80")->str(), "http://[::1]/");
  EXPECT_EQ(parse_url("https://a?b")->target, "/?b");
}

TEST(ParseUrl, RefusesOtherSchemesUserInformationAndControls) {
  for (const char* text : {"file:///etc/passwd", "ftp://a/", "a", "//a/b", "http://", "http://u:p@host/", "http://a:b/",
                           "http://a:70000/", "http://a/ b", "http://a/\r\nX: y", "http://a\\@b/"}) {
    EXPECT_TRUE(parse_url(text).has_error()) << text;
  }
}

TEST(ResolveReference, FollowsRfc3986) {
  const Url base = *parse_url("http://a/b/c/d;p?q");
  const std::pair<const char*, const char*> cases[] = {{"g", "http://a/b/c/g"},
                                                       {"./g", "http://a/b/c/g"},
                                                       {"g/", "http://a/b/c/g/"},
                                                       {"/g", "http://a/g"},
                                                       {"//g", "http://g/"},
                                                       {"?y", "http://a/b/c/d;p?y"},
                                                       {"g?y", "http://a/b/c/g?y"},
                                                       {"", "http://a/b/c/d;p?q"},
                                                       {".", "http://a/b/c/"},
                                                       {"..", "http://a/b/"},
                                                       {"../../../g", "http://a/g"},
                                                       {"https://h/x", "https://h/x"},
                                                       {"/g?u=http://x", "http://a/g?u=http://x"}};
  for (const auto& [reference, expected] : cases) {
    const auto resolved = resolve_reference(base, reference);
    ASSERT_TRUE(resolved.has_value()) << reference;
    EXPECT_EQ(resolved->str(), expected) << reference;
  }
  EXPECT_TRUE(resolve_reference(base, "file://x/y").has_error());
}

std::vector<uint8_t> answer_to(const std::vector<uint8_t>& query, std::initializer_list<uint8_t> records,
                               uint8_t count) {
  std::vector<uint8_t> packet(query.begin(), query.end() - 11);  // without the OPT record
  packet[2] |= 0x80;
  packet[7] = count;
  packet[11] = 0;
  packet.insert(packet.end(), records);
  return packet;
}

TEST(DnsQuery, AsksForOneNameWithEdns) {
  const auto query = make_query(0x1234, "ab.c", AddressType::a);
  ASSERT_TRUE(query);
  const std::vector<uint8_t> expected{0x12, 0x34, 1, 0, 0, 1, 0, 0,  0, 0,   0, 1, 2, 'a', 'b', 1, 'c',
                                      0,    0,    1, 0, 1, 0, 0, 41, 4, 208, 0, 0, 0, 0,   0,   0};
  EXPECT_EQ(*query, expected);
  EXPECT_FALSE(make_query(1, "", AddressType::a));
  EXPECT_FALSE(make_query(1, "a..b", AddressType::a));
  EXPECT_FALSE(make_query(1, std::string(64, 'x'), AddressType::a));
  EXPECT_FALSE(make_query(1, std::string(254, 'x'), AddressType::a));
}

TEST(DnsAnswer, TakesTheAddressesBehindAliases) {
  const auto query = *make_query(7, "ab.c", AddressType::a);
  // ab.c CNAME d.c; d.c A 192.0.2.1
  const auto packet = answer_to(query, {0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 9, 0, 4, 1,   'd', 0xc0, 15,
                                        0xc0, 34, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0,   2,    1},
                                2);
  const auto answer = parse_answer(packet, 7, "AB.c.", AddressType::a);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->addresses, std::vector<std::string>{"192.0.2.1"});
}

TEST(DnsAnswer, IgnoresWhatWasNotAsked) {
  const auto query = *make_query(7, "ab.c", AddressType::a);
  const auto packet = answer_to(query, {}, 0);
  EXPECT_TRUE(parse_answer(packet, 7, "ab.c", AddressType::a));
  EXPECT_FALSE(parse_answer(packet, 8, "ab.c", AddressType::a));
  EXPECT_FALSE(parse_answer(packet, 7, "ab.d", AddressType::a));
  EXPECT_FALSE(parse_answer(packet, 7, "ab.c", AddressType::aaaa));
  EXPECT_FALSE(parse_answer(query, 7, "ab.c", AddressType::a));  // a query is no answer
  for (size_t size = 0; size < packet.size(); ++size) {
    EXPECT_FALSE(parse_answer(std::span{packet}.first(size), 7, "ab.c", AddressType::a)) << size;
  }
}

TEST(DnsAnswer, SurvivesPointersThatLoop) {
  const auto query = *make_query(7, "ab.c", AddressType::a);
  const auto packet = answer_to(query, {0xc0, 22, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 1}, 1);
  const auto answer = parse_answer(packet, 7, "ab.c", AddressType::a);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->addresses.empty());
}

TEST(ResolverConfig, ReadsServersSearchAndNdots) {
  const auto config = parse_resolver_config(
      "# comment\nnameserver 192.0.2.1\nnameserver ::1 # v6\nsearch a.b c.d\noptions edns0 ndots:5\n"
      "nameserver 1.1.1.1\nnameserver 2.2.2.2\n");
  EXPECT_EQ(config.servers, (std::vector<std::string>{"192.0.2.1", "::1", "1.1.1.1"}));
  EXPECT_EQ(config.search, (std::vector<std::string>{"a.b", "c.d"}));
  EXPECT_EQ(config.ndots, 5u);
  EXPECT_EQ(parse_resolver_config("").servers, std::vector<std::string>{"127.0.0.1"});
}

TEST(Hosts, FindsEveryAddressOfAName) {
  const std::string text = "127.0.0.1 localhost lo\n::1\tlocalhost\n#10.0.0.1 web\n10.0.0.2 web.example Web\n";
  EXPECT_EQ(find_in_hosts(text, "localhost"), (std::vector<std::string>{"127.0.0.1", "::1"}));
  EXPECT_EQ(find_in_hosts(text, "web"), std::vector<std::string>{"10.0.0.2"});
  EXPECT_TRUE(find_in_hosts(text, "10.0.0.2").empty());
}

}  // namespace
}  // namespace kring::http
