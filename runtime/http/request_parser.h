// Turns bytes into a Request: Beast's HTTP/1.1 state machine with kring's limits and refusals on top.
// Invariants: what would let two readers of the same bytes disagree about where a request ends is refused (both length
// and chunks, unknown transfer codings, repeated Host; RFC 9112, 6.3 and 11.2); memory is bounded by the limits;
// trailers are read and dropped.
// Errors: an HTTP status with a message; the connection cannot be used after one.
#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <string_view>

#include "runtime/http/http.h"
#include "runtime/http/server.h"

namespace kring::http {

struct Refusal {
  int status = 0;  // 0: none
  std::string_view reason;
  std::string_view message;
};

class RequestParser final : private boost::beast::http::basic_parser<true> {
 public:
  // Both outlive the parser; the request is cleared.
  RequestParser(Request& request, const Limits& limits);

  // Parses a prefix and returns how much of it was used; the rest must be offered again with more bytes behind it.
  size_t feed(std::string_view bytes);
  const Refusal& refusal() const { return refusal_; }
  bool done() const { return is_done(); }
  bool head_done() const { return is_header_done(); }
  bool started() const { return got_some(); }
  // The client waits for "100 Continue" before it sends the body.
  bool expects_continue() const { return expects_continue_; }
  bool keeps_alive() const { return keep_alive(); }
  bool is_http_1_0() const { return version_ == 10; }
  // Body bytes still to come, as far as known.
  uint64_t missing() const;

 private:
  using string_view = boost::beast::string_view;
  using error_code = boost::beast::error_code;
  using verb = boost::beast::http::verb;
  using field = boost::beast::http::field;
  void on_request_impl(verb, string_view method, string_view target, int version, error_code& ec) override;
  void on_response_impl(int, string_view, int, error_code&) override {}
  void on_field_impl(field, string_view name, string_view value, error_code& ec) override;
  void on_header_impl(error_code& ec) override;
  void on_body_init_impl(const boost::optional<uint64_t>& length, error_code& ec) override;
  size_t on_body_impl(string_view body, error_code& ec) override;
  void on_chunk_header_impl(uint64_t, string_view, error_code&) override {}
  size_t on_chunk_body_impl(uint64_t, string_view body, error_code& ec) override;
  void on_finish_impl(error_code&) override {}

  void refuse(int status, std::string_view reason, std::string_view message, error_code& ec);
  void explain(const error_code& ec, bool line_seen);

  Request& request_;
  const Limits& limits_;
  Refusal refusal_;
  int version_ = 0;
  size_t hosts_ = 0;
  size_t head_bytes_ = 0;
  bool in_trailers_ = false;
  bool expects_continue_ = false;
};

}  // namespace kring::http
