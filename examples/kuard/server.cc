// The sockets of the demo workload: listening, one small thread a connection, draining on stop.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>

#include "examples/kuard/http.h"
#include "examples/kuard/text.h"

namespace kuard {
namespace {

using Clock = std::chrono::steady_clock;

std::atomic<int> connections{0};
std::atomic<int> busy{0};  // requests between their last byte in and their last byte out
std::atomic<bool> stopping{false};

bool wait_readable(int fd, Clock::time_point deadline) {
  auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  pollfd poll_fd{.fd = fd, .events = POLLIN, .revents = 0};
  return left > 0 && poll(&poll_fd, 1, static_cast<int>(left)) > 0;
}

bool send_all(int fd, std::string_view data, int flags) {
  while (!data.empty()) {
    ssize_t sent = send(fd, data.data(), data.size(), MSG_NOSIGNAL | flags);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;  // SO_SNDTIMEO bounds a client that does not read
    data.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

bool send_response(int fd, const Response& response, bool keep_alive, bool head_only) {
  uint64_t length = response.file >= 0 ? response.file_bytes : response.body.size();
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + " " + std::string{status_text(response.status)};
  head += "\r\nContent-Type: " + response.content_type + "\r\nContent-Length: " + std::to_string(length);
  if (!response.location.empty()) head += "\r\nLocation: " + response.location;
  head += "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff";
  head += keep_alive ? "\r\n\r\n" : "\r\nConnection: close\r\n\r\n";
  bool more = !head_only && length > 0;
  if (more && response.file < 0) return send_all(fd, head + response.body, 0);
  if (!send_all(fd, head, more ? MSG_MORE : 0)) return false;
  for (uint64_t left = more ? length : 0; left > 0;) {
    ssize_t sent = sendfile(fd, response.file, nullptr, left);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    left -= static_cast<uint64_t>(sent);
  }
  return true;
}

// One connection: bytes received and not used yet, and where they come from.
class Connection {
 public:
  Connection(int fd, std::string remote) : fd_(fd), remote_(std::move(remote)) {}
  ~Connection() { close(fd_); }

  void run(const Handler& handler) {
    while (!stopping && serve_one(handler)) {
    }
    shutdown(fd_, SHUT_WR);
  }

 private:
  bool serve_one(const Handler& handler) {
    int status = 0;
    auto request = receive(status);
    if (!request) {
      if (status != 0) {
        Response refusal{.status = status, .content_type = "text/plain; charset=utf-8"};
        refusal.body = std::string{status_text(status)} + "\n";
        send_response(fd_, refusal, false, false);
        drain();
      }
      return false;
    }
    std::string connection = lower(request->header("connection"));
    bool keep = request->version == "HTTP/1.1" ? connection != "close" : connection == "keep-alive";
    keep = keep && !stopping;
    ++busy;
    Response response = handler(*request);
    bool sent = send_response(fd_, response, keep, request->method == "HEAD");
    if (response.file >= 0) close(response.file);
    --busy;
    return sent && keep;
  }

  // `status` is what to answer when there is no request; 0 when the client just left.
  std::optional<Request> receive(int& status) {
    auto deadline = Clock::now() + std::chrono::seconds(idle_seconds_max);
    bool started = !input_.empty();
    size_t end;
    while ((end = input_.find("\r\n\r\n")) == std::string::npos) {
      if (input_.size() > head_bytes_max) return status = 431, std::nullopt;
      if (!more(deadline, status)) return std::nullopt;
      if (!started) deadline = Clock::now() + std::chrono::seconds(request_seconds_max);
      started = true;
    }
    if (end > head_bytes_max) return status = 431, std::nullopt;
    auto request = parse_head(std::string_view{input_}.substr(0, end), status);
    if (!request) return std::nullopt;
    input_.erase(0, end + 4);
    request->remote = remote_;
    if (!receive_body(*request, deadline, status)) return std::nullopt;
    return request;
  }

  bool receive_body(Request& request, Clock::time_point deadline, int& status) {
    if (!request.header("transfer-encoding").empty()) return status = 411, false;
    int64_t length = 0;
    int lengths = 0;
    for (const auto& [key, value] : request.headers) {
      if (lower(key) != "content-length") continue;
      auto parsed = parse_int(value);
      if (!parsed || *parsed < 0 || ++lengths > 1) return status = 400, false;
      length = *parsed;
    }
    if (length > static_cast<int64_t>(body_bytes_max)) return status = 413, false;
    if (length > 0 && lower(request.header("expect")) == "100-continue") {
      if (!send_all(fd_, "HTTP/1.1 100 Continue\r\n\r\n", 0)) return false;
    }
    while (input_.size() < static_cast<size_t>(length)) {
      if (!more(deadline, status)) return false;
    }
    request.body = input_.substr(0, static_cast<size_t>(length));
    input_.erase(0, static_cast<size_t>(length));
    return true;
  }

  // Reads a little of what a refused client still sends, so that a reset does not overtake the answer.
  void drain() {
    shutdown(fd_, SHUT_WR);
    char buffer[4096];
    auto deadline = Clock::now() + std::chrono::seconds(1);
    for (size_t seen = 0; seen < 4 * body_bytes_max && wait_readable(fd_, deadline);) {
      ssize_t got = recv(fd_, buffer, sizeof buffer, 0);
      if (got <= 0) return;
      seen += static_cast<size_t>(got);
    }
  }

  bool more(Clock::time_point deadline, int& status) {
    char buffer[4096];
    if (!wait_readable(fd_, deadline)) {
      status = input_.empty() ? 0 : 408;
      return false;
    }
    ssize_t got = recv(fd_, buffer, sizeof buffer, 0);
    if (got <= 0) {
      status = 0;
      return false;
    }
    input_.append(buffer, static_cast<size_t>(got));
    return true;
  }

  int fd_;
  std::string remote_, input_;
};

struct Start {
  int fd;
  std::string remote;
  const Handler* handler;
};

void* connection_thread(void* argument) {
  std::unique_ptr<Start> start{static_cast<Start*>(argument)};
  Connection{start->fd, std::move(start->remote)}.run(*start->handler);
  --connections;
  return nullptr;
}

std::string address_text(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "?";
  if (address.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(address);
    inet_ntop(AF_INET, &in.sin_addr, text, sizeof text);
    return std::string{text} + ":" + std::to_string(ntohs(in.sin_port));
  }
  const auto& in = reinterpret_cast<const sockaddr_in6&>(address);
  if (IN6_IS_ADDR_V4MAPPED(&in.sin6_addr)) {
    inet_ntop(AF_INET, &in.sin6_addr.s6_addr[12], text, sizeof text);
    return std::string{text} + ":" + std::to_string(ntohs(in.sin6_port));
  }
  inet_ntop(AF_INET6, &in.sin6_addr, text, sizeof text);
  return "[" + std::string{text} + "]:" + std::to_string(ntohs(in.sin6_port));
}

void accept_one(int listener, const Handler& handler, const pthread_attr_t& attributes) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  int fd = accept4(listener, reinterpret_cast<sockaddr*>(&address), &length, SOCK_CLOEXEC);
  if (fd < 0) return;
  timeval patience{.tv_sec = request_seconds_max, .tv_usec = 0};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  auto start = std::make_unique<Start>(Start{fd, address_text(address), &handler});
  pthread_t thread;
  bool room = ++connections <= connections_max;
  if (!room || pthread_create(&thread, &attributes, connection_thread, start.get()) != 0) {
    --connections;
    send_all(fd, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", MSG_DONTWAIT);
    close(fd);
    return;
  }
  start.release();  // the thread owns it
}

}  // namespace

int listen_on(std::string_view address, std::string& error) {
  size_t colon = address.rfind(':');
  auto port = colon == std::string_view::npos ? std::nullopt : parse_int(address.substr(colon + 1));
  if (!port || *port < 0 || *port > 65535) {
    error = "the address must be HOST:PORT or :PORT, not '" + std::string{address} + "'";
    return -1;
  }
  std::string host{address.substr(0, colon)};
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  sockaddr_in in4{
      .sin_family = AF_INET, .sin_port = htons(static_cast<uint16_t>(*port)), .sin_addr = {}, .sin_zero = {}};
  sockaddr_in6 in6{};
  in6.sin6_family = AF_INET6;
  in6.sin6_port = in4.sin_port;
  bool any = host.empty();
  bool is4 = inet_pton(AF_INET, host.c_str(), &in4.sin_addr) == 1;
  if (!any && !is4 && inet_pton(AF_INET6, host.c_str(), &in6.sin6_addr) != 1) {
    error = "'" + host + "' is not an IP address";
    return -1;
  }
  // Without a host: both families by one socket, or IPv4 alone where the kernel has no IPv6.
  int fd = is4 ? -1 : socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool six = fd >= 0;
  if (!six && (is4 || any)) fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int on = 1, off = 0;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (six && any) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  auto* name = six ? reinterpret_cast<sockaddr*>(&in6) : reinterpret_cast<sockaddr*>(&in4);
  if (fd < 0 || bind(fd, name, six ? sizeof in6 : sizeof in4) != 0 || listen(fd, 128) != 0) {
    error = "listen on " + std::string{address} + ": " + std::strerror(errno);
    if (fd >= 0) close(fd);
    return -1;
  }
  return fd;
}

std::string local_address(int listener) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
  return address_text(address);
}

void serve(int listener, int stop_fd, const Handler& handler) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, 256 * 1024);
  stopping = false;
  pollfd fds[2] = {{.fd = listener, .events = POLLIN, .revents = 0}, {.fd = stop_fd, .events = POLLIN, .revents = 0}};
  while (true) {
    if (poll(fds, 2, -1) < 0 && errno != EINTR) break;
    if (fds[1].revents != 0) break;
    if (fds[0].revents != 0) accept_one(listener, handler, attributes);
  }
  stopping = true;
  // Idle keep-alive connections are not waited for; requests in progress get three seconds.
  auto deadline = Clock::now() + std::chrono::seconds(3);
  while (busy > 0 && Clock::now() < deadline) usleep(10'000);
  pthread_attr_destroy(&attributes);
}

}  // namespace kuard
