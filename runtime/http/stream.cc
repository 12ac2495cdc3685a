#include "runtime/http/stream.h"

#include <algorithm>
#include <cstring>

#include "objects/check.h"
#include "runtime/env/running_task.h"
#include "runtime/env/waiter.h"

namespace kring::http {
namespace {

// What is encrypted before it is sent: bounds the memory of a large answer and lets sending and encrypting alternate.
constexpr size_t encrypt_bytes_max = 64 * 1024;
constexpr size_t record_bytes_max = 16 * 1024;

size_t drop_front(net::Parts& parts, size_t n) {
  size_t left = 0;
  for (auto& part : parts) {
    const size_t here = std::min(n, part.size());
    part = part.subspan(here);
    n -= here;
    left += part.size();
  }
  return left;
}

class PlainStream final : public Stream {
 public:
  using Stream::Stream;
  Task<bool> open() override { co_return true; }
  Task<net::Transfer> read_some(std::span<uint8_t> out) override { return socket_.read_some(out); }
  Task<bool> write(net::Parts parts, WritePace& pace) override { return send_all(parts, pace); }
  Task<void> finish(WritePace&) override {
    socket_.shutdown_send();
    co_return;
  }
};

// What reading produces for the peer (answers to key updates) leaves with the next write, as RFC 8446, 4.6.3 allows: a
// reader never sends, so it cannot stall behind a peer that does not read.
class TlsStream final : public Stream {
 public:
  TlsStream(net::Socket socket, std::shared_ptr<TlsContext> context, std::unique_ptr<TlsSession> session)
      : Stream(std::move(socket)), context_(std::move(context)), session_(std::move(session)) {}

  Task<bool> open() override {
    struct Unpaced final : WritePace {
      void write_waits() override {}
      void write_done() override {}
    } unpaced;
    while (true) {
      const auto step = session_->handshake();
      const bool sent = co_await flush(unpaced);  // also the alert of a failure
      if (step == TlsSession::Step::failed || !sent) co_return false;
      if (step == TlsSession::Step::done) co_return true;
      const auto [error, n] = co_await socket_.read_some(session_->input_space());
      if (error || co_await cancelled()) co_return false;
      session_->input(n);
    }
  }

  Task<net::Transfer> read_some(std::span<uint8_t> out) override {
    while (true) {
      size_t bytes = 0;
      const auto step = session_->starved() ? TlsSession::Step::want_read : session_->read(out, &bytes);
      if (step == TlsSession::Step::done) co_return net::Transfer{boost::system::error_code{}, bytes};
      if (session_->output().size() > encrypt_bytes_max) co_return net::Transfer{asio::error::no_buffer_space, 0};
      if (step == TlsSession::Step::failed) co_return net::Transfer{asio::error::eof, 0};
      const auto [error, n] = co_await socket_.read_some(session_->input_space());
      if (error) co_return net::Transfer{error, 0};
      session_->input(n);
    }
  }

  Task<bool> write(net::Parts parts, WritePace& pace) override {
    size_t left = drop_front(parts, 0);
    while (left > 0) {
      const size_t taken = encrypt_some(parts);
      if (taken == 0) co_return false;
      left -= taken;
      const bool sent = co_await flush(pace);
      if (!sent) co_return false;
    }
    co_return true;
  }

  Task<void> finish(WritePace& pace) override {
    session_->close_notify();
    co_await flush(pace);
    socket_.shutdown_send();
  }

  bool has_buffered() const override { return session_->has_plaintext(); }

  void release_buffers(size_t keep_bytes) override {
    session_->release_buffers(keep_bytes);
    if (sending_.empty() && sending_.capacity() > keep_bytes) std::string{}.swap(sending_);
  }

  void describe(Peer& peer, int64_t& not_after) const override {
    peer.tls = true;
    peer.certificate = session_->peer_certificate(peer.common_name, peer.organizations, not_after);
  }

  std::string error() const override { return session_->error(); }

 private:
  // Fills whole records from the parts, so that a head and a small body are one record. Returns the bytes taken off
  // the parts, 0 after a failure.
  size_t encrypt_some(net::Parts& parts) {
    static std::array<uint8_t, record_bytes_max> record;  // one thread, and no await while it is in use
    size_t taken = 0;
    while (taken < encrypt_bytes_max) {
      size_t filled = 0;
      for (const auto& part : parts) {
        const size_t n = std::min(part.size(), record.size() - filled);
        if (n > 0) std::memcpy(record.data() + filled, part.data(), n);
        filled += n;
      }
      if (filled == 0) break;
      if (!session_->write(std::span{record}.first(filled))) return 0;
      drop_front(parts, filled);
      taken += filled;
    }
    return taken;
  }

  Task<bool> flush(WritePace& pace) {
    bool sent = true;
    while (sent && !session_->output().empty()) {
      sending_.clear();
      std::swap(sending_, session_->output());
      const std::span bytes{reinterpret_cast<const uint8_t*>(sending_.data()), sending_.size()};
      sent = co_await send_all(net::Parts{bytes}, pace);
    }
    sending_.clear();
    co_return sent;
  }

  std::shared_ptr<TlsContext> context_;
  std::unique_ptr<TlsSession> session_;
  std::string sending_;
};

}  // namespace

Task<bool> Stream::send_all(net::Parts parts, WritePace& pace) {
  const TaskMark self;
  size_t left = drop_front(parts, 0);
  while (left > 0) {
    pace.write_waits();
    const auto [error, n] = co_await socket_.write_some(parts);
    if (error || co_await cancelled()) {
      left = drop_front(parts, n);
      pace.write_done();
      self.resume();
      co_return left == 0;
    }
    left = drop_front(parts, n);
  }
  pace.write_done();
  self.resume();
  co_return true;
}

std::unique_ptr<Stream> plain_stream(net::Socket socket) { return std::make_unique<PlainStream>(std::move(socket)); }

std::unique_ptr<Stream> tls_stream(net::Socket socket, std::shared_ptr<TlsContext> context,
                                   std::unique_ptr<TlsSession> session) {
  return std::make_unique<TlsStream>(std::move(socket), std::move(context), std::move(session));
}

}  // namespace kring::http
