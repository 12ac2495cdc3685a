// Bytes of a network: HTTP requests and DNS answers. Whatever comes, limits hold, and a request does not depend on how
// its bytes were cut into packets.
#include <algorithm>

#include "objects/check.h"
#include "runtime/http/dns_query.h"
#include "runtime/http/request_parser.h"
#include "tests/fuzz/targets.h"

namespace kring::fuzz {
namespace {

constexpr http::Limits small{.header_bytes_max = 512, .target_bytes_max = 64, .body_bytes_max = 128};

struct Outcome {
  http::Request request;
  bool done = false;
  int refused = 0;
  size_t used = 0;
};

Outcome parse_in_steps(std::string_view input, size_t step) {
  Outcome outcome;
  http::RequestParser parser{outcome.request, small};
  size_t offered = 0;
  while (!parser.done() && parser.refusal().status == 0 && offered < input.size()) {
    offered = std::min(input.size(), offered + step);
    const size_t used = parser.feed(input.substr(outcome.used, offered - outcome.used));
    KRING_CHECK(used <= offered - outcome.used);
    outcome.used += used;
  }
  outcome.refused = parser.refusal().status;
  outcome.done = parser.done() && outcome.refused == 0;
  return outcome;
}

void check_bounds(const Outcome& outcome) {
  const http::Request& request = outcome.request;
  KRING_CHECK(request.target.size() <= small.target_bytes_max);
  KRING_CHECK(request.body.size() <= small.body_bytes_max);
  KRING_CHECK(request.headers.size() <= 200);
  KRING_CHECK(outcome.refused == 0 || outcome.refused >= 400);
  if (!outcome.done) return;
  KRING_CHECK(request.path.starts_with('/') && request.path.find('\0') == std::string::npos);
  KRING_CHECK(!request.method.empty());
  for (const auto& header : request.headers) KRING_CHECK(header.value.find_first_of("\r\n") == std::string::npos);
}

}  // namespace

void http_request(std::string_view input) {
  const Outcome whole = parse_in_steps(input, input.size() + 1);
  check_bounds(whole);
  for (const size_t step : {1u, 7u}) {
    const Outcome pieces = parse_in_steps(input, step);
    check_bounds(pieces);
    if (!whole.done || !pieces.done) continue;
    KRING_CHECK(whole.used == pieces.used);
    KRING_CHECK(whole.request.path == pieces.request.path && whole.request.body == pieces.request.body);
    KRING_CHECK(whole.request.headers.size() == pieces.request.headers.size());
  }
}

void dns_answer(std::string_view input) {
  const std::span bytes{reinterpret_cast<const uint8_t*>(input.data()), input.size()};
  const uint16_t id = input.size() < 2 ? uint16_t{0} : static_cast<uint16_t>(bytes[0] << 8 | bytes[1]);
  const auto answer = http::parse_answer(bytes, id, "ab.c", http::AddressType::a);
  if (answer) KRING_CHECK(answer->addresses.size() <= input.size() / 10);
}

}  // namespace kring::fuzz
