// Stream sockets (TCP and Unix) and datagrams for runtime/http: the only place that opens them.
// Invariants: descriptors are close-on-exec; at most one read and one write of a socket are under way; an operation
// that is cancelled, interrupted or shut down returns, it never hangs.
// Callers check cancelled() first: the transfers are bare Asio operations, without a frame of their own, because they
// are the hot path.
#pragma once

#include <array>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <optional>
#include <span>
#include <string>
#include <tuple>

#include "runtime/env/env.h"
#include "runtime/env/linux/unique_fd.h"

namespace kring::net {

using Transfer = std::tuple<boost::system::error_code, size_t>;
using Parts = std::array<std::span<const uint8_t>, 3>;

class Socket {
 public:
  Socket(asio::io_context& loop, UniqueFd connected);
  // Some bytes; at the end of the stream the error asio::error::eof.
  Task<Transfer> read_some(std::span<uint8_t> out);
  // A part of the concatenated parts.
  Task<Transfer> write_some(Parts parts);
  // The operations under way return operation_aborted.
  void interrupt();
  // No more bytes will be sent; the peer sees the end.
  void shutdown_send();
  // Reads end as if the peer had closed; writes go on.
  void shutdown_receive();
  // Neither direction goes on: reads end, writes fail.
  void shutdown();
  int descriptor() { return socket_.native_handle(); }

 private:
  asio::basic_stream_socket<asio::generic::stream_protocol, Executor> socket_;
};

// An address of the peer as "10.0.0.2:4711", "[::1]:80" or "unix".
struct Accepted {
  UniqueFd fd;
  std::string peer;
  bool unix_socket = false;
  uint32_t unix_uid = UINT32_MAX;  // SO_PEERCRED
};

class Listener {
 public:
  // "0.0.0.0:6443", "[::]:6443", ":6443"; port 0 picks one. Retries an address in use for a second, blocking: the ring
  // of a killed process gives its port back up to 12 ms late. Only at start.
  static Result<std::unique_ptr<Listener>> tcp(asio::io_context& loop, const std::string& address);
  // Mode 0600; takes the place of an old socket atomically.
  static Result<std::unique_ptr<Listener>> unix_socket(asio::io_context& loop, const std::string& path);
  ~Listener();

  // Waits until somebody knocks, or the task is cancelled.
  Task<Result<void>> wait();
  // One that is there; nullopt: nobody (any more); error: io (out of descriptors, ...).
  Result<std::optional<Accepted>> accept();
  uint16_t port() const { return port_; }

 private:
  Listener(asio::io_context& loop, UniqueFd fd, uint16_t port, std::string path);

  asio::posix::basic_stream_descriptor<Executor> descriptor_;
  uint16_t port_;
  std::string path_;  // of a Unix socket, removed at the end
};

// An IP address and port; text "10.0.0.1", "::1".
struct IpAddress {
  std::string host;
  uint16_t port = 0;
};
Task<Result<UniqueFd>> connect_tcp(Env& env, IpAddress to);
Task<Result<UniqueFd>> connect_unix(Env& env, std::string path);
// True for a numeric IPv4 or IPv6 address.
bool is_ip_address(const std::string& text);

// One datagram socket on a random port, connected: only the peer's answers arrive.
class Datagram {
 public:
  static Result<Datagram> connect(const IpAddress& to);
  Result<void> send(std::span<const uint8_t> data);
  Task<Result<size_t>> receive(Env& env, std::span<uint8_t> out);

 private:
  explicit Datagram(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace kring::net
