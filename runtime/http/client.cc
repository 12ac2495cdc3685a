#include "runtime/http/client.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <optional>

#include "objects/check.h"
#include "runtime/env/linux/read_file.h"
#include "runtime/env/linux/socket.h"
#include "runtime/http/message.h"
#include "runtime/http/resolver.h"
#include "runtime/http/stream.h"
#include "runtime/http/tls.h"
#include "runtime/tasks/task_group.h"

namespace kring::http {
namespace {

namespace beast = boost::beast::http;

constexpr const char* ca_bundle_path = "/etc/ssl/certs/ca-certificates.crt";
constexpr size_t ca_bundle_bytes_max = 4 << 20;
constexpr size_t head_bytes_max = 64 * 1024;
constexpr size_t headers_max = 200;
constexpr size_t read_bytes = 16 * 1024;
// One silent address must not use up the time for the others.
constexpr int64_t connect_each_ms = 4000;

struct Unpaced final : WritePace {
  void write_waits() override {}
  void write_done() override {}
};

std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

class ResponseParser final : private beast::basic_parser<false> {
 public:
  ResponseParser(ClientHead& head, bool head_only) : head_(head) {
    head_.headers.clear();
    eager(true);
    header_limit(head_bytes_max);
    body_limit(boost::none);
    skip(head_only);
  }
  size_t feed(std::string_view bytes) {
    boost::beast::error_code ec;
    const size_t used = put(boost::asio::buffer(bytes.data(), bytes.size()), ec);
    failed_ = ec && ec != beast::error::need_more;
    return used;
  }
  // The connection ended: true when that is a proper end of the body.
  bool feed_end() {
    if (!got_some()) return false;
    boost::beast::error_code ec;
    if (!is_done()) put_eof(ec);
    return !ec && is_done();
  }
  bool failed() const { return failed_; }
  bool done() const { return is_done(); }
  bool head_done() const { return is_header_done(); }
  std::string& body() { return body_; }

 private:
  using string_view = boost::beast::string_view;
  using error_code = boost::beast::error_code;
  void on_request_impl(beast::verb, string_view, string_view, int, error_code&) override {}
  void on_response_impl(int status, string_view, int, error_code&) override { head_.status = status; }
  void on_field_impl(beast::field, string_view name, string_view value, error_code& ec) override {
    head_bytes_ += name.size() + value.size() + 4;
    if (head_bytes_ > head_bytes_max || head_.headers.size() >= headers_max) {
      ec = beast::error::header_limit;
    } else if (!in_trailers_) {
      head_.headers.push_back(Header{{name.data(), name.size()}, {value.data(), value.size()}});
    }
  }
  void on_header_impl(error_code&) override { in_trailers_ = true; }
  void on_body_init_impl(const boost::optional<uint64_t>&, error_code&) override {}
  size_t on_body_impl(string_view body, error_code&) override {
    body_.append(body.data(), body.size());
    return body.size();
  }
  void on_chunk_header_impl(uint64_t, string_view, error_code&) override {}
  size_t on_chunk_body_impl(uint64_t, string_view body, error_code&) override {
    body_.append(body.data(), body.size());
    return body.size();
  }
  void on_finish_impl(error_code&) override {}

  ClientHead& head_;
  std::string body_;  // parsed and not yet read: at most what one read delivered
  size_t head_bytes_ = 0;
  bool in_trailers_ = false;
  bool failed_ = false;
};

class StreamedResponse final : public ClientResponse {
 public:
  StreamedResponse(Env& env, std::unique_ptr<Stream> stream, bool head_only, int64_t idle_timeout_ms)
      : env_(env), stream_(std::move(stream)), head_only_(head_only), idle_timeout_ms_(idle_timeout_ms) {}

  const ClientHead& head() const override { return head_; }
  ClientHead& head_for_open() { return head_; }

  Task<Result<void>> send(std::string text) {
    Unpaced pace;
    const bool sent = co_await stream_->write(net::Parts{bytes_of(text)}, pace);
    if (co_await cancelled()) co_return canceled_error();
    // A server may answer and close before it read everything; what it says counts.
    KRING_MAYBE(sent);
    co_return co_await read_head();
  }

  Task<Result<size_t>> read(std::span<uint8_t> out) override {
    while (parser_->body().empty() && !parser_->done()) {
      const auto more = co_await with_deadline(env_, idle_timeout_ms_, read_more());
      if (more.has_error()) co_return more.error();
    }
    std::string& body = parser_->body();
    const size_t n = std::min(out.size(), body.size() - body_read_);
    std::copy_n(body.data() + body_read_, n, out.data());
    body_read_ += n;
    if (body_read_ == body.size()) {
      body.clear();
      body_read_ = 0;
    }
    co_return n;
  }

 private:
  // 1xx responses come before the one that counts (RFC 9110, 15.2).
  Task<Result<void>> read_head() {
    parser_.emplace(head_, head_only_);
    while (true) {
      if (parser_->head_done()) {
        if (head_.status / 100 != 1) co_return Result<void>{};
        parser_.emplace(head_, head_only_);
      }
      KRING_CO_TRY_VOID(co_await read_more());
    }
  }

  // Parses what is there; when that gives nothing, reads and parses more.
  Task<Result<void>> read_more() {
    if (co_await cancelled()) co_return canceled_error();
    if (parse() > 0) co_return Result<void>{};
    const size_t kept = in_.size();
    if (!parser_->failed() && kept <= head_bytes_max) {
      in_.resize(kept + read_bytes);
      const std::span space{reinterpret_cast<uint8_t*>(in_.data()) + kept, read_bytes};
      const auto [error, n] = co_await stream_->read_some(space);
      in_.resize(kept + n);
      if (co_await cancelled()) co_return canceled_error();
      if (error) {
        if (parser_->feed_end()) co_return Result<void>{};
        co_return Error{Reason::io, "the server closed the connection before the end of its response"};
      }
      parse();
    }
    if (parser_->failed() || kept > head_bytes_max) {
      co_return Error{Reason::io, "the server's response is no well-formed HTTP/1.1"};
    }
    co_return Result<void>{};
  }

  // What the parser leaves is the beginning of a line.
  size_t parse() {
    if (in_.empty() || parser_->failed()) return 0;
    const size_t used = parser_->feed(in_);
    in_.erase(0, used);
    return used;
  }

  Env& env_;
  std::unique_ptr<Stream> stream_;
  bool head_only_;
  int64_t idle_timeout_ms_;
  ClientHead head_;
  std::optional<ResponseParser> parser_;
  std::string in_;
  size_t body_read_ = 0;
};

Task<Result<void>> connect_one(Env& env, net::IpAddress to, UniqueFd& connected) {
  KRING_CO_TRY(connected, co_await net::connect_tcp(env, std::move(to)));
  co_return Result<void>{};
}

// One address after the other, until one answers.
Task<Result<void>> connect_to(Env& env, Url url, std::string unix_path, UniqueFd& connected) {
  if (!unix_path.empty()) {
    KRING_CO_TRY(connected, co_await net::connect_unix(env, std::move(unix_path)));
    co_return Result<void>{};
  }
  KRING_CO_TRY(const auto addresses, co_await resolve(env, url.host));
  Error last{Reason::not_found, "no address for " + url.host};
  for (const auto& address : addresses) {
    const net::IpAddress to{.host = address, .port = url.port};
    const auto attempt = co_await with_deadline(env, connect_each_ms, connect_one(env, to, connected));
    if (!attempt.has_error() || attempt.error().reason == Reason::canceled) co_return attempt;
    last = attempt.error();
  }
  co_return last;
}

Task<Result<void>> start_tls(Env& env, Url url, ClientOptions options, net::Socket socket,
                             std::unique_ptr<Stream>& stream) {
  std::string ca_pem = options.ca_pem;
  if (ca_pem.empty()) {
    KRING_CO_TRY(ca_pem, read_small_file(ca_bundle_path, ca_bundle_bytes_max));
  }
  KRING_CO_TRY(auto context, TlsContext::client(ca_pem, options.pair.get()));
  auto session = TlsSession::client(*context, url.host, env.clock.wall());
  const TlsSession* speaker = session.get();
  stream = tls_stream(std::move(socket), std::move(context), std::move(session));
  const bool opened = co_await stream->open();
  if (co_await cancelled()) co_return canceled_error();
  if (opened) co_return Result<void>{};
  const std::string why = speaker->error();
  co_return Error{Reason::io, "TLS with " + url.host + ": " + (why.empty() ? "the server closed the connection" : why)};
}

Task<Result<void>> open_stream(Env& env, Url url, ClientOptions options, std::unique_ptr<Stream>& stream) {
  UniqueFd connected;
  KRING_CO_TRY_VOID(co_await connect_to(env, url, options.unix_path, connected));
  net::Socket socket{env.loop, std::move(connected)};
  if (url.scheme == "https") co_return co_await start_tls(env, url, options, std::move(socket), stream);
  stream = plain_stream(std::move(socket));
  co_return Result<void>{};
}

std::string request_text(const ClientRequest& request, const Url& url) {
  const bool standard = url.port == (url.scheme == "https" ? 443 : 80);
  const std::string host = url.host.find(':') == std::string::npos ? url.host : "[" + url.host + "]";
  std::string text = request.method + " " + url.target + " HTTP/1.1\r\n";
  append_header(text, "Host", standard ? host : host + ":" + std::to_string(url.port));
  append_header(text, "Connection", "close");
  bool has_agent = false;
  for (const Header& header : request.headers) {
    append_header(text, header.name, header.value);
    has_agent = has_agent || equal_ignoring_case(header.name, "User-Agent");
  }
  if (!has_agent) append_header(text, "User-Agent", "kring/" KRING_VERSION);
  const bool takes_body = request.method != "GET" && request.method != "HEAD";
  if (takes_body || !request.body.empty()) append_header(text, "Content-Length", std::to_string(request.body.size()));
  return text + "\r\n" + request.body;
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// The next request of a redirect: what is secret stays with the host that it was meant for (CVE-2020-15157).
Result<Url> follow(ClientRequest& request, const Url& from, std::string_view location) {
  KRING_TRY(const Url to, resolve_reference(from, location));
  if (from.scheme == "https" && to.scheme != "https") {
    return Error{Reason::forbidden, "redirect from https to http refused: " + to.str()};
  }
  if (to.host != from.host || to.port != from.port || to.scheme != from.scheme) {
    std::erase_if(request.headers, [](const Header& header) {
      return equal_ignoring_case(header.name, "Authorization") || equal_ignoring_case(header.name, "Cookie");
    });
  }
  return to;
}

bool is_clean_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

std::string_view ClientHead::header(std::string_view name) const {
  for (const Header& header : headers) {
    if (equal_ignoring_case(header.name, name)) return header.value;
  }
  return {};
}

Task<Result<std::unique_ptr<ClientResponse>>> open(Env& env, ClientRequest request, ClientOptions options) {
  if (!is_clean_token(request.method)) co_return Error{Reason::invalid, "no HTTP method: " + request.method};
  KRING_CO_TRY(Url url, parse_url(request.url));
  for (uint32_t redirects = 0;; ++redirects) {
    std::unique_ptr<Stream> stream;
    const auto opened = co_await with_deadline(env, options.connect_timeout_ms, open_stream(env, url, options, stream));
    if (opened.has_error()) co_return opened.error();
    const bool head_only = request.method == "HEAD";
    auto response = std::make_unique<StreamedResponse>(env, std::move(stream), head_only, options.idle_timeout_ms);
    const auto sent = co_await with_deadline(env, options.head_timeout_ms, response->send(request_text(request, url)));
    if (sent.has_error()) co_return sent.error();
    response->head_for_open().url = url.str();
    const bool may_repeat = request.method == "GET" || request.method == "HEAD";
    const std::string location{response->head().header("Location")};
    if (options.redirects_max == 0 || !may_repeat || !is_redirect(response->head().status) || location.empty()) {
      std::unique_ptr<ClientResponse> result = std::move(response);
      co_return result;
    }
    if (redirects >= options.redirects_max) co_return Error{Reason::io, "too many redirects at " + url.str()};
    KRING_CO_TRY(url, follow(request, url, location));
  }
}

Task<Result<Fetched>> fetch(Env& env, ClientRequest request, ClientOptions options) {
  const size_t bytes_max = options.body_bytes_max;
  KRING_CO_TRY(const auto response, co_await open(env, std::move(request), std::move(options)));
  Fetched fetched{.head = response->head()};
  std::vector<uint8_t> block(read_bytes);
  while (true) {
    KRING_CO_TRY(const size_t n, co_await response->read(block));
    if (n == 0) co_return fetched;
    if (fetched.body.size() + n > bytes_max) {
      co_return Error{Reason::request_entity_too_large, "the response of " + fetched.head.url + " is too large"};
    }
    fetched.body.append(reinterpret_cast<const char*>(block.data()), n);
  }
}

}  // namespace kring::http
