#include "runtime/http/request_parser.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>

#include "runtime/http/message.h"

namespace kring::http {
namespace {

namespace beast = boost::beast::http;

// Each one costs two strings; no client of ours sends more than thirty.
constexpr size_t headers_max = 200;
// A claimed length is not yet memory: the body grows with what arrives.
constexpr size_t body_reserve_bytes = 64 * 1024;

template <class View>
std::string_view view(View text) {
  return {text.data(), text.size()};
}

}  // namespace

RequestParser::RequestParser(Request& request, const Limits& limits) : request_(request), limits_(limits) {
  request.method.clear();
  request.target.clear();
  request.path.clear();
  request.query.clear();
  request.headers.clear();
  request.body.clear();
  eager(true);
  header_limit(static_cast<uint32_t>(limits.header_bytes_max));
  body_limit(limits.body_bytes_max);
}

size_t RequestParser::feed(std::string_view bytes) {
  error_code ec;
  const size_t used = put(boost::asio::buffer(bytes.data(), bytes.size()), ec);
  if (ec && ec != beast::error::need_more) explain(ec, bytes.find('\n') != std::string_view::npos);
  return used;
}

uint64_t RequestParser::missing() const {
  if (!is_header_done() || is_done()) return 0;
  const auto remaining = content_length_remaining();
  return remaining ? *remaining : UINT64_MAX;
}

void RequestParser::refuse(int status, std::string_view reason, std::string_view message, error_code& ec) {
  refusal_ = Refusal{status, reason, message};
  ec = beast::error::bad_value;
}

// Beast waits for the whole head once it has seen a part, so a too large one may fail before its first line was read.
void RequestParser::explain(const error_code& ec, bool line_seen) {
  if (refusal_.status != 0) return;
  if (ec == beast::error::header_limit || ec == beast::error::buffer_overflow) {
    refusal_ = request_.method.empty() && !line_seen
                   ? Refusal{414, "RequestURITooLong", "the request line is too long"}
                   : Refusal{431, "RequestHeaderFieldsTooLarge", "the request's headers are too large"};
  } else if (ec == beast::error::body_limit) {
    refusal_ = Refusal{413, "RequestEntityTooLarge", "the request's body is too large"};
  } else if (ec == beast::error::bad_version) {
    refusal_ = Refusal{505, "HTTPVersionNotSupported", "only HTTP/1.0 and HTTP/1.1 are spoken here"};
  } else {
    refusal_ = Refusal{400, "BadRequest", "the request is not well-formed HTTP/1.1"};
  }
}

void RequestParser::on_request_impl(verb, string_view method, string_view target, int version, error_code& ec) {
  version_ = version;
  if (method.size() > 32) return refuse(400, "BadRequest", "the request's method is too long", ec);
  request_.method = view(method);
  if (target.size() > limits_.target_bytes_max) {
    return refuse(414, "RequestURITooLong", "the request's target is too long", ec);
  }
  request_.target = view(target);
  if (!kring::http::parse_target(request_)) refuse(400, "BadRequest", "the request's target is malformed", ec);
}

void RequestParser::on_field_impl(field name, string_view name_text, string_view value, error_code& ec) {
  head_bytes_ += name_text.size() + value.size() + 4;
  if (head_bytes_ > limits_.header_bytes_max || request_.headers.size() >= headers_max) {
    return refuse(431, "RequestHeaderFieldsTooLarge", "the request's headers are too large", ec);
  }
  if (in_trailers_) return;
  if (name == field::host && ++hosts_ > 1) return refuse(400, "BadRequest", "the request has two Host headers", ec);
  if (name == field::transfer_encoding) {
    if (!equal_ignoring_case(view(value), "chunked")) {
      return refuse(501, "NotImplemented", "the only transfer coding spoken here is chunked", ec);
    }
    if (version_ == 10) return refuse(400, "BadRequest", "HTTP/1.0 has no transfer codings", ec);
  }
  if (name == field::expect) {
    if (!equal_ignoring_case(view(value), "100-continue")) {
      return refuse(417, "ExpectationFailed", "the only expectation met here is 100-continue", ec);
    }
    expects_continue_ = version_ >= 11;
  }
  request_.headers.push_back(Header{std::string{view(name_text)}, std::string{view(value)}});
}

void RequestParser::on_header_impl(error_code& ec) {
  in_trailers_ = true;
  if (version_ >= 11 && hosts_ == 0) refuse(400, "BadRequest", "the request has no Host header", ec);
}

void RequestParser::on_body_init_impl(const boost::optional<uint64_t>& length, error_code&) {
  if (length) request_.body.reserve(std::min<uint64_t>(*length, body_reserve_bytes));
}

size_t RequestParser::on_body_impl(string_view body, error_code&) {
  request_.body.append(body.data(), body.size());
  return body.size();
}

size_t RequestParser::on_chunk_body_impl(uint64_t, string_view body, error_code&) {
  request_.body.append(body.data(), body.size());
  return body.size();
}

}  // namespace kring::http
