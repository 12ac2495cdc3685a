#include "runtime/http/connection.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "objects/check.h"
#include "runtime/env/running_task.h"
#include "runtime/env/waiter.h"
#include "runtime/http/message.h"

namespace kring::http {
namespace {

// Most requests fit; a body being received gets a larger buffer for a while.
constexpr size_t read_bytes_min = 2048;
constexpr size_t read_bytes_body = 16 * 1024;
// To notice that a watching client left, a byte would do.
constexpr size_t read_bytes_watch = 256;
// Parsed lines leave the buffer, so a full one holds a single line: of a header, a chunk or a trailer.
constexpr size_t line_slack_bytes = 1024;
// Buffers kept between two requests, so that a busy connection does not allocate; and by a watch, which may idle for
// hours and of which there are many.
constexpr size_t keep_bytes_request = 8 * 1024;
constexpr size_t keep_bytes_watch = 1024;
// What a client may still send after it was refused, so that it reads the answer instead of a reset.
constexpr size_t linger_bytes_max = 1024 * 1024;
constexpr uint32_t linger_ms = 2000;

std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

bool has_no_body(int status) { return status == 204 || status == 304 || status / 100 == 1; }

void append_number(std::string& out, uint64_t value, int base) {
  char text[24];
  const auto end = std::to_chars(text, text + sizeof text, value, base).ptr;
  out.append(text, end);
}

}  // namespace

Connection::Connection(ConnectionHost& host, std::unique_ptr<Stream> stream, Peer peer, bool refuse)
    : host_(host), stream_(std::move(stream)), peer_(std::move(peer)), refuse_(refuse) {}

Task<Result<void>> Connection::serve() {
  const TaskMark self;
  set_deadline(host_.limits().header_timeout_ms);
  const bool opened = co_await stream_->open();
  self.resume();
  if (!opened) {
    host_.env().log.debug("TLS handshake failed", {{"peer", peer_.address}, {"err", stream_->error()}});
    co_return Result<void>{};
  }
  stream_->describe(peer_, certificate_not_after_);
  phase_ = Phase::idle;
  while (keep_alive_ && !broken_ && !host_.draining()) {
    const Got got = co_await read_request();
    self.resume();
    if (got == Got::refused) co_await linger();
    if (got != Got::request) break;
    co_await answer_request();
    self.resume();
    release_idle_memory();
  }
  if (!broken_ && !ended_) co_await stream_->finish(*this);
  deadline_.reset();
  co_return Result<void>{};
}

void Connection::set_deadline(uint32_t ms) {
  expired_ = false;
  deadline_ = host_.env().clock.now() + ms_to_ns(ms);
  host_.deadline_at(*deadline_);
}

void Connection::write_waits() {
  set_deadline(phase_ == Phase::lingering ? linger_ms : host_.limits().write_timeout_ms);
}
void Connection::write_done() { deadline_.reset(); }

// Reads are interrupted, so that an answer can still be sent; a write that stalls ends the connection.
void Connection::expire() {
  deadline_.reset();
  expired_ = true;
  if (phase_ == Phase::handling) {
    broken_ = true;
    stream_->socket().shutdown();
  } else {
    stream_->socket().interrupt();
  }
}

void Connection::drain() {
  if (idle()) stream_->socket().shutdown();
  if (streaming()) stream_->socket().shutdown_receive();
}

std::string_view Connection::buffered() const { return {in_.data() + in_begin_, in_end_ - in_begin_}; }

void Connection::make_space(size_t space_min) {
  if (in_begin_ == in_end_) in_begin_ = in_end_ = 0;
  if (in_begin_ > 0 && in_.size() - in_end_ < space_min) {
    std::memmove(in_.data(), in_.data() + in_begin_, in_end_ - in_begin_);
    in_end_ -= in_begin_;
    in_begin_ = 0;
  }
  if (in_.size() - in_end_ < space_min) in_.resize(std::max(in_end_ + space_min, in_.size()));
}

// False at the end of the stream, after an error, an expiry or a cancellation.
Task<bool> Connection::read_more(size_t space_min) {
  if (expired_ || co_await cancelled()) co_return false;
  make_space(space_min);
  const std::span space{reinterpret_cast<uint8_t*>(in_.data()) + in_end_, in_.size() - in_end_};
  const auto [error, n] = co_await stream_->read_some(space);
  in_end_ += n;
  if (error && error != asio::error::operation_aborted) ended_ = true;
  co_return !error;
}

void Connection::parse_buffered() {
  // RFC 9112, 2.2: an empty line before a request is skipped.
  while (!parser_->started() && buffered().starts_with("\r\n")) in_begin_ += 2;
  if (buffered().empty() || (!parser_->started() && buffered() == "\r")) return;
  in_begin_ += parser_->feed(buffered());
}

Task<Connection::Got> Connection::read_request() {
  const Limits& limits = host_.limits();
  parser_.emplace(request_, limits);
  sent_ = Sent::nothing;
  phase_ = Phase::idle;
  bool waits = false;  // a deadline is set only once there is something to wait for
  while (true) {
    if (in_begin_ < in_end_) parse_buffered();
    if (parser_->refusal().status != 0) {
      co_await refuse(parser_->refusal());
      co_return Got::refused;
    }
    if (parser_->done()) break;
    if (parser_->head_done() && phase_ != Phase::body) {
      phase_ = Phase::body;
      set_deadline(limits.body_timeout_ms);
      if (parser_->expects_continue() && buffered().empty()) {
        const bool sent = co_await send_continue();
        if (!sent) co_return Got::closed;
        set_deadline(limits.body_timeout_ms);
      }
    } else if (parser_->started() && !parser_->head_done() && phase_ != Phase::head) {
      phase_ = Phase::head;
      set_deadline(limits.header_timeout_ms);
    } else if (!parser_->started() && !waits) {
      set_deadline(first_ ? limits.header_timeout_ms : limits.idle_timeout_ms);
    }
    waits = true;
    if (buffered().size() > limits.header_bytes_max + line_slack_bytes) {
      const Refusal too_long{431, "RequestHeaderFieldsTooLarge", "a line of the request is too long"};
      co_await refuse(too_long);
      co_return Got::refused;
    }
    const bool large = phase_ == Phase::body && parser_->missing() > read_bytes_min;
    const bool more = co_await read_more(large ? read_bytes_body : buffered().size() + read_bytes_min);
    if (!more) co_return co_await refuse_unfinished();
  }
  phase_ = Phase::handling;
  deadline_.reset();
  first_ = false;
  co_return Got::request;
}

// Why there is no (whole) request: too slow, or gone.
Task<Connection::Got> Connection::refuse_unfinished() {
  if (!expired_ || !parser_->started() || co_await cancelled()) co_return Got::closed;
  const Refusal slow{408, "Timeout", "the request did not arrive in time"};
  co_await refuse(slow);
  co_return Got::refused;
}

Task<bool> Connection::send_continue() {
  co_return co_await stream_->write(net::Parts{bytes_of("HTTP/1.1 100 Continue\r\n\r\n")}, *this);
}

Task<void> Connection::refuse(Refusal refusal) {
  phase_ = Phase::lingering;
  keep_alive_ = false;
  head_request_ = request_.method == "HEAD";
  http_1_0_ = parser_->is_http_1_0();
  Response response{.status = refusal.status, .body = status_body(refusal.status, refusal.reason, refusal.message)};
  const auto sent = co_await send(std::move(response));
  KRING_MAYBE(sent.has_error());
}

// Reads and drops what a refused client still sends: closing at once would reset the connection, and the reset may
// overtake the answer.
Task<void> Connection::linger() {
  phase_ = Phase::lingering;
  if (broken_ || ended_) co_return;
  co_await stream_->finish(*this);
  set_deadline(linger_ms);
  size_t dropped = 0;
  while (dropped < linger_bytes_max) {
    in_begin_ = in_end_ = 0;
    const bool more = co_await read_more(read_bytes_body);
    if (!more) break;
    dropped += in_end_;
  }
  ended_ = true;
}

Task<void> Connection::answer_request() {
  const TaskMark self;
  keep_alive_ = parser_->keeps_alive();
  head_request_ = request_.method == "HEAD";
  http_1_0_ = parser_->is_http_1_0();
  if (refuse_) {
    const Refusal full{503, "ServiceUnavailable", "too many connections"};
    co_await refuse(full);
    co_return;
  }
  request_.peer = peer_;
  // A certificate may end while its connection lives on.
  if (peer_.certificate && host_.env().clock.wall().ns / 1'000'000'000 >= certificate_not_after_) {
    request_.peer.certificate = false;
    request_.peer.common_name.clear();
    request_.peer.organizations.clear();
  }
  co_await host_.handler().serve(request_, *this);
  self.resume();
  if (sent_ == Sent::everything || broken_) co_return;
  if (sent_ == Sent::streaming) {
    // Not ended by the handler: cut short, so that the client does not take it for whole. When the server stops, a
    // watch ends as if by its own timeout.
    keep_alive_ = false;
    if (host_.draining() && !http_1_0_) {
      const bool told = co_await stream_->write(net::Parts{bytes_of("0\r\n\r\n")}, *this);
      KRING_MAYBE(told);
    } else {
      broken_ = true;
    }
    co_return;
  }
  if (co_await cancelled()) {
    keep_alive_ = false;
    co_return;
  }
  host_.env().log.error("handler sent no answer", {{"method", request_.method}, {"path", request_.path}});
  Response response{.status = 500, .body = status_body(500, "InternalError", "the handler sent no answer")};
  const auto sent = co_await send(std::move(response));
  KRING_MAYBE(sent.has_error());
}

void Connection::release_idle_memory() {
  if (buffered().empty() && in_.capacity() > keep_bytes_request) std::vector<char>{}.swap(in_), in_begin_ = in_end_ = 0;
  if (request_.body.capacity() > keep_bytes_request) std::string{}.swap(request_.body);
  if (request_.target.capacity() > keep_bytes_request) std::string{}.swap(request_.target);
  if (request_.path.capacity() > keep_bytes_request) std::string{}.swap(request_.path);
  if (head_.capacity() > keep_bytes_request) std::string{}.swap(head_);
  stream_->release_buffers(keep_bytes_request);
}

void Connection::start_head(int status, std::string_view content_type, const std::vector<Header>& headers) {
  if (host_.draining()) keep_alive_ = false;
  head_ = "HTTP/1.1 ";
  append_number(head_, static_cast<uint64_t>(status), 10);
  head_ += ' ';
  head_ += reason_phrase(status);
  head_ += "\r\nDate: ";
  head_ += host_.date();
  head_ += "\r\n";
  if (!content_type.empty()) append_header(head_, "Content-Type", content_type);
  for (const Header& header : headers) append_header(head_, header.name, header.value);
  if (!keep_alive_) {
    head_ += "Connection: close\r\n";
  } else if (http_1_0_) {
    head_ += "Connection: keep-alive\r\n";
  }
}

Task<Result<void>> Connection::write(net::Parts parts) {
  if (broken_) co_return Error{Reason::io, "the connection is gone"};
  const bool written = co_await stream_->write(parts, *this);
  if (written) co_return Result<void>{};
  broken_ = true;
  if (co_await cancelled()) co_return canceled_error();
  co_return Error{Reason::io, "the connection is gone"};
}

Task<Result<void>> Connection::send(Response response) {
  KRING_CHECK(sent_ == Sent::nothing, "one response a request");
  if (co_await cancelled()) co_return canceled_error();
  sent_ = Sent::everything;
  std::string_view body = response.shared_body ? std::string_view{*response.shared_body} : response.body;
  start_head(response.status, response.content_type, response.headers);
  if (!has_no_body(response.status)) {
    head_ += "Content-Length: ";
    append_number(head_, body.size(), 10);
    head_ += "\r\n";
  }
  head_ += "\r\n";
  if (head_request_ || has_no_body(response.status)) body = {};
  co_return co_await write(net::Parts{bytes_of(head_), bytes_of(body)});
}

Task<Result<void>> Connection::begin(int status, std::string content_type, std::vector<Header> headers) {
  KRING_CHECK(sent_ == Sent::nothing, "one response a request");
  if (co_await cancelled()) co_return canceled_error();
  sent_ = Sent::streaming;
  if (http_1_0_) keep_alive_ = false;  // it ends with the connection
  start_head(status, content_type, headers);
  head_ += http_1_0_ ? "\r\n" : "Transfer-Encoding: chunked\r\n\r\n";
  if (buffered().empty()) std::vector<char>{}.swap(in_), in_begin_ = in_end_ = 0;  // a watch may last for hours
  const auto written = co_await write(net::Parts{bytes_of(head_)});
  std::string{}.swap(head_);
  std::string{}.swap(request_.body);
  stream_->release_buffers(keep_bytes_watch);
  co_return written;
}

Task<Result<void>> Connection::chunk(std::string_view data) {
  KRING_CHECK(sent_ == Sent::streaming, "begin() before chunk()");
  if (co_await cancelled()) co_return canceled_error();
  if (data.empty() || head_request_) co_return Result<void>{};
  if (http_1_0_) co_return co_await write(net::Parts{bytes_of(data)});
  char size[20];
  auto* end = std::to_chars(size, size + sizeof size - 2, data.size(), 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  const std::string_view prefix{size, static_cast<size_t>(end - size)};
  const auto written = co_await write(net::Parts{bytes_of(prefix), bytes_of(data), bytes_of("\r\n")});
  stream_->release_buffers(keep_bytes_watch);
  co_return written;
}

Task<Result<void>> Connection::end() {
  KRING_CHECK(sent_ == Sent::streaming, "begin() before end()");
  if (co_await cancelled()) co_return canceled_error();
  sent_ = Sent::everything;
  if (http_1_0_ || head_request_) co_return Result<void>{};
  co_return co_await write(net::Parts{bytes_of("0\r\n\r\n")});
}

Task<Result<void>> Connection::closed() {
  const TaskMark self;
  while (!broken_ && !ended_ && buffered().size() < host_.limits().header_bytes_max) {
    if (co_await cancelled()) co_return canceled_error();
    make_space(read_bytes_watch);
    const std::span space{reinterpret_cast<uint8_t*>(in_.data()) + in_end_, in_.size() - in_end_};
    const auto [error, n] = co_await stream_->read_some(space);
    self.resume();
    in_end_ += n;
    if (error == asio::error::operation_aborted && !broken_) continue;  // cancelled, or an expired write
    if (error) ended_ = true;
  }
  co_return Result<void>{};
}

}  // namespace kring::http
