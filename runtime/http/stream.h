// A connection's bytes, plain or encrypted, behind two methods; all that the HTTP code sees of a transport.
// Invariants: one read and one write may be under way at the same time, never two of a kind; every write sets its
// deadline anew whenever the peer takes something, so a reader that stalls is cut off and a slow one is not.
#pragma once

#include <memory>

#include "runtime/env/linux/socket.h"
#include "runtime/http/http.h"
#include "runtime/http/tls.h"

namespace kring::http {

// Told before each wait of a write; the owner's deadlines watch it.
class WritePace {
 public:
  virtual ~WritePace() = default;
  virtual void write_waits() = 0;
  virtual void write_done() = 0;
};

class Stream {
 public:
  explicit Stream(net::Socket socket) : socket_(std::move(socket)) {}
  virtual ~Stream() = default;

  // REQUIRES for all that wait: the caller checked cancelled().
  // Prepares the stream (TLS handshake); false when that failed.
  virtual Task<bool> open() = 0;
  // Some plain bytes; an error (eof for a clean end) when there will be none.
  virtual Task<net::Transfer> read_some(std::span<uint8_t> out) = 0;
  // All of the concatenated parts; they stay valid until it is done.
  virtual Task<bool> write(net::Parts parts, WritePace& pace) = 0;
  // Says goodbye as the protocol wants it, without waiting.
  virtual Task<void> finish(WritePace& pace) = 0;
  // Bytes that read_some would return without waiting for the socket.
  virtual bool has_buffered() const { return false; }
  // Gives empty buffers of more than this back.
  virtual void release_buffers(size_t /*keep_bytes*/) {}
  virtual void describe(Peer&, int64_t& /*not_after*/) const {}
  // Why open() failed; empty when the peer just left.
  virtual std::string error() const { return {}; }

  net::Socket& socket() { return socket_; }

 protected:
  Task<bool> send_all(net::Parts parts, WritePace& pace);

  net::Socket socket_;
};

std::unique_ptr<Stream> plain_stream(net::Socket socket);
// Takes part in the lifetime of its context.
std::unique_ptr<Stream> tls_stream(net::Socket socket, std::shared_ptr<TlsContext> context,
                                   std::unique_ptr<TlsSession> session);

}  // namespace kring::http
