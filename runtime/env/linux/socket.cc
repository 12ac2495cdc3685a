#include "runtime/env/linux/socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include <boost/asio/as_tuple.hpp>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "objects/check.h"
#include "runtime/env/linux/fd.h"
#include "runtime/env/running_task.h"
#include "runtime/env/waiter.h"

namespace kring::net {
namespace {

constexpr int accept_backlog = 1024;
constexpr int bind_retries = 100;
constexpr int64_t bind_retry_ns = 10'000'000;

union SocketAddress {
  sockaddr_storage storage;  // first, so that {} makes all of it zero: a path needs its terminator
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
  sockaddr_un local;
};
struct Address {
  SocketAddress address{};
  socklen_t size = 0;
};

std::optional<Address> parse_ip(const std::string& host, uint16_t port) {
  Address result;
  if (::inet_pton(AF_INET, host.c_str(), &result.address.v4.sin_addr) == 1) {
    result.address.v4.sin_family = AF_INET;
    result.address.v4.sin_port = htons(port);
    result.size = sizeof(sockaddr_in);
    return result;
  }
  if (::inet_pton(AF_INET6, host.c_str(), &result.address.v6.sin6_addr) == 1) {
    result.address.v6.sin6_family = AF_INET6;
    result.address.v6.sin6_port = htons(port);
    result.size = sizeof(sockaddr_in6);
    return result;
  }
  return std::nullopt;
}

Result<Address> parse_listen_address(const std::string& text) {
  const auto bad = [&] { return Error{Reason::invalid, "no address to listen on (A.B.C.D:PORT, [V6]:PORT): " + text}; };
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) return bad();
  std::string host = text.substr(0, colon);
  uint16_t port = 0;
  const auto parsed = std::from_chars(text.data() + colon + 1, text.data() + text.size(), port);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return bad();
  if (host.empty()) host = "::";
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  const auto address = parse_ip(host, port);
  if (!address) return bad();
  return *address;
}

Result<Address> unix_address(const std::string& path) {
  Address result;
  if (path.empty() || path.size() >= sizeof result.address.local.sun_path) {
    return Error{Reason::invalid, "no path for a Unix socket (1 to 107 bytes): " + path};
  }
  result.address.local.sun_family = AF_UNIX;
  path.copy(result.address.local.sun_path, path.size());
  result.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return result;
}

std::string text_of(const SocketAddress& address) {
  char host[INET6_ADDRSTRLEN] = "";
  if (address.any.sa_family == AF_INET) {
    ::inet_ntop(AF_INET, &address.v4.sin_addr, host, sizeof host);
    return std::string{host} + ":" + std::to_string(ntohs(address.v4.sin_port));
  }
  if (address.any.sa_family != AF_INET6) return "unix";
  const std::string port = std::to_string(ntohs(address.v6.sin6_port));
  if (IN6_IS_ADDR_V4MAPPED(&address.v6.sin6_addr)) {  // an IPv4 client of a [::] socket
    ::inet_ntop(AF_INET, &address.v6.sin6_addr.s6_addr[12], host, sizeof host);
    return std::string{host} + ":" + port;
  }
  ::inet_ntop(AF_INET6, &address.v6.sin6_addr, host, sizeof host);
  return "[" + std::string{host} + "]:" + port;
}

void set_option(int fd, int level, int name, int value) { ::setsockopt(fd, level, name, &value, sizeof value); }

// Accepted sockets inherit these on Linux, so a connection costs no system call for them. Keep-alive finds watchers
// that vanished without a word: after 60 s of silence, three probes 10 s apart.
void set_stream_options(int fd) {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 60);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

bool bind_with_retries(int fd, const Address& address) {
  for (int attempt = 0;; ++attempt) {
    if (::bind(fd, &address.address.any, address.size) == 0) return true;
    if (errno != EADDRINUSE || attempt == bind_retries) return false;
    const timespec pause{.tv_sec = 0, .tv_nsec = bind_retry_ns};
    ::nanosleep(&pause, nullptr);
  }
}

}  // namespace

Socket::Socket(asio::io_context& loop, UniqueFd connected) : socket_(loop) {
  boost::system::error_code ignored;  // registering a valid descriptor cannot fail
  socket_.assign(asio::generic::stream_protocol{AF_INET, 0}, connected.release(), ignored);
  KRING_CHECK(!ignored, ignored.message());
}

Task<Transfer> Socket::read_some(std::span<uint8_t> out) {
  return socket_.async_read_some(asio::buffer(out.data(), out.size()), asio::as_tuple(use_task));
}

Task<Transfer> Socket::write_some(Parts parts) {
  const std::array<asio::const_buffer, 3> buffers{asio::buffer(parts[0].data(), parts[0].size()),
                                                  asio::buffer(parts[1].data(), parts[1].size()),
                                                  asio::buffer(parts[2].data(), parts[2].size())};
  return socket_.async_write_some(buffers, asio::as_tuple(use_task));
}

void Socket::interrupt() {
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

void Socket::shutdown_send() { ::shutdown(socket_.native_handle(), SHUT_WR); }
void Socket::shutdown_receive() { ::shutdown(socket_.native_handle(), SHUT_RD); }
void Socket::shutdown() { ::shutdown(socket_.native_handle(), SHUT_RDWR); }

Listener::Listener(asio::io_context& loop, UniqueFd fd, uint16_t port, std::string path)
    : descriptor_(loop, fd.release()), port_(port), path_(std::move(path)) {}

Listener::~Listener() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

Result<std::unique_ptr<Listener>> Listener::tcp(asio::io_context& loop, const std::string& text) {
  KRING_TRY(const Address address, parse_listen_address(text));
  UniqueFd fd{::socket(address.address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd.valid()) return io_error("socket for " + text, errno);
  set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (address.address.any.sa_family == AF_INET6) set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 0);
  set_stream_options(fd.get());
  if (!bind_with_retries(fd.get(), address)) return io_error("listen on " + text, errno);
  if (::listen(fd.get(), accept_backlog) != 0) return io_error("listen on " + text, errno);
  SocketAddress bound{};
  socklen_t size = sizeof bound;
  if (::getsockname(fd.get(), &bound.any, &size) != 0) return io_error("address of " + text, errno);
  const uint16_t port = ntohs(bound.any.sa_family == AF_INET ? bound.v4.sin_port : bound.v6.sin6_port);
  return std::unique_ptr<Listener>(new Listener(loop, std::move(fd), port, {}));
}

// Until listen() nobody can connect, so the mode is set before anybody could use a wider one; the rename puts the new
// socket in place of what a killed process left.
Result<std::unique_ptr<Listener>> Listener::unix_socket(asio::io_context& loop, const std::string& path) {
  const std::string fresh = path + ".new";
  KRING_TRY(const Address address, unix_address(fresh));
  UniqueFd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd.valid()) return io_error("socket for " + path, errno);
  ::unlink(fresh.c_str());
  if (::bind(fd.get(), &address.address.any, address.size) != 0) return io_error("listen on " + path, errno);
  if (::chmod(fresh.c_str(), 0600) != 0 || ::listen(fd.get(), accept_backlog) != 0 ||
      ::rename(fresh.c_str(), path.c_str()) != 0) {
    const int error = errno;
    ::unlink(fresh.c_str());
    return io_error("listen on " + path, error);
  }
  return std::unique_ptr<Listener>(new Listener(loop, std::move(fd), 0, path));
}

Task<Result<void>> Listener::wait() {
  if (co_await cancelled()) co_return canceled_error();
  const TaskMark self;
  const auto [error] =
      co_await descriptor_.async_wait(asio::posix::descriptor_base::wait_read, asio::as_tuple(use_task));
  self.resume();
  if (error == asio::error::operation_aborted) co_return canceled_error();
  if (error) co_return io_error("wait for connections", error.value());
  co_return Result<void>{};
}

Result<std::optional<Accepted>> Listener::accept() {
  SocketAddress peer{};
  socklen_t size = sizeof peer;
  Accepted accepted;
  accepted.fd = UniqueFd{::accept4(descriptor_.native_handle(), &peer.any, &size, SOCK_CLOEXEC)};
  if (!accepted.fd.valid()) {
    // A client that left before it was accepted is no error of ours (accept(2)).
    const bool nobody = errno == EAGAIN || errno == ECONNABORTED || errno == EINTR || errno == EPROTO;
    if (nobody) return std::optional<Accepted>{};
    return io_error("accept", errno);
  }
  accepted.unix_socket = peer.any.sa_family == AF_UNIX;
  accepted.peer = text_of(peer);
  if (accepted.unix_socket) {
    ucred credentials{};
    socklen_t length = sizeof credentials;
    if (::getsockopt(accepted.fd.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0) {
      accepted.unix_uid = credentials.uid;
    }
  }
  return std::optional<Accepted>{std::move(accepted)};
}

namespace {

// A connect that is under way ends when the socket can be written; then it goes back to blocking mode, as io_uring
// wants it (it would return EAGAIN instead of waiting).
Task<Result<UniqueFd>> connect_to(Env& env, Address address, std::string name) {
  if (co_await cancelled()) co_return canceled_error();
  UniqueFd fd{::socket(address.address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd.valid()) co_return io_error("socket for " + name, errno);
  if (address.address.any.sa_family != AF_UNIX) set_stream_options(fd.get());
  int error = ::connect(fd.get(), &address.address.any, address.size) == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    KRING_CO_TRY_VOID(co_await wait_writable(env, fd.get()));
    socklen_t size = sizeof error;
    if (::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  }
  if (error != 0) co_return Error{Reason::io, "connect to " + name + ": " + std::strerror(error)};
  const int flags = ::fcntl(fd.get(), F_GETFL);
  ::fcntl(fd.get(), F_SETFL, flags & ~O_NONBLOCK);
  co_return fd;
}

}  // namespace

Task<Result<UniqueFd>> connect_tcp(Env& env, IpAddress to) {
  const auto address = parse_ip(to.host, to.port);
  if (!address) co_return Error{Reason::invalid, "no IP address: " + to.host};
  co_return co_await connect_to(env, *address, to.host + " port " + std::to_string(to.port));
}

Task<Result<UniqueFd>> connect_unix(Env& env, std::string path) {
  KRING_CO_TRY(const Address address, unix_address(path));
  co_return co_await connect_to(env, address, path);
}

bool is_ip_address(const std::string& text) { return parse_ip(text, 0).has_value(); }

Result<Datagram> Datagram::connect(const IpAddress& to) {
  const auto address = parse_ip(to.host, to.port);
  if (!address) return Error{Reason::invalid, "no IP address: " + to.host};
  UniqueFd fd{::socket(address->address.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd.valid()) return io_error("datagram socket", errno);
  if (::connect(fd.get(), &address->address.any, address->size) != 0) return io_error("connect to " + to.host, errno);
  return Datagram{std::move(fd)};
}

Result<void> Datagram::send(std::span<const uint8_t> data) {
  if (::send(fd_.get(), data.data(), data.size(), MSG_NOSIGNAL) < 0) return io_error("send", errno);
  return {};
}

Task<Result<size_t>> Datagram::receive(Env& env, std::span<uint8_t> out) {
  while (true) {
    KRING_CO_TRY_VOID(co_await wait_readable(env, fd_.get()));
    const ssize_t n = ::recv(fd_.get(), out.data(), out.size(), MSG_DONTWAIT);
    if (n >= 0) co_return static_cast<size_t>(n);
    if (errno != EAGAIN && errno != EINTR) co_return io_error("receive", errno);
  }
}

}  // namespace kring::net
