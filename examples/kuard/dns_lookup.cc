// Asking: resolv.conf, the search list, UDP with retries, TCP when the answer was cut.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "examples/kuard/dns.h"
#include "examples/kuard/files.h"
#include "examples/kuard/text.h"

namespace kuard {
namespace {

using Clock = std::chrono::steady_clock;
using Message = std::vector<uint8_t>;

struct Server {
  sockaddr_storage address{};
  socklen_t length = 0;
};

std::optional<Server> server_of(const std::string& text, uint16_t port) {
  Server out;
  auto* four = reinterpret_cast<sockaddr_in*>(&out.address);
  auto* six = reinterpret_cast<sockaddr_in6*>(&out.address);
  if (inet_pton(AF_INET, text.c_str(), &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = htons(port);
    out.length = sizeof(sockaddr_in);
  } else if (inet_pton(AF_INET6, text.c_str(), &six->sin6_addr) == 1) {
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(port);
    out.length = sizeof(sockaddr_in6);
  } else {
    return std::nullopt;
  }
  return out;
}

struct Socket {
  int fd;
  explicit Socket(int f) : fd(f) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (fd >= 0) close(fd);
  }
  bool wait(short events, Clock::time_point deadline) const {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd poll_fd{.fd = fd, .events = events, .revents = 0};
    return left > 0 && poll(&poll_fd, 1, static_cast<int>(left)) > 0;
  }
};

// The answer must repeat the id and the question; anything else on the socket is ignored.
bool answers(const Message& reply, const Message& query) {
  return reply.size() >= query.size() && reply[0] == query[0] && reply[1] == query[1] && (reply[2] & 0x80) != 0 &&
         lower({reinterpret_cast<const char*>(&reply[12]), query.size() - 12}) ==
             lower({reinterpret_cast<const char*>(&query[12]), query.size() - 12});
}

std::optional<Message> ask_udp(const Server& server, const Message& query, Clock::time_point deadline) {
  Socket socket{::socket(server.address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  if (connect(socket.fd, reinterpret_cast<const sockaddr*>(&server.address), server.length) != 0) return std::nullopt;
  if (send(socket.fd, query.data(), query.size(), 0) < 0) return std::nullopt;
  while (socket.wait(POLLIN, deadline)) {
    Message reply(4096);
    ssize_t got = recv(socket.fd, reply.data(), reply.size(), 0);
    if (got < 0) return std::nullopt;
    reply.resize(static_cast<size_t>(got));
    if (answers(reply, query)) return reply;
  }
  return std::nullopt;
}

std::optional<Message> ask_tcp(const Server& server, const Message& query, Clock::time_point deadline) {
  Socket socket{::socket(server.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  connect(socket.fd, reinterpret_cast<const sockaddr*>(&server.address), server.length);
  if (!socket.wait(POLLOUT, deadline)) return std::nullopt;
  Message framed = {static_cast<uint8_t>(query.size() >> 8), static_cast<uint8_t>(query.size())};
  framed.insert(framed.end(), query.begin(), query.end());
  if (send(socket.fd, framed.data(), framed.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(framed.size())) {
    return std::nullopt;
  }
  Message input;
  size_t wanted = 2;
  while (input.size() < wanted) {
    uint8_t buffer[4096];
    if (!socket.wait(POLLIN, deadline)) return std::nullopt;
    ssize_t got = recv(socket.fd, buffer, std::min(sizeof buffer, wanted - input.size()), 0);
    if (got <= 0) return std::nullopt;
    input.insert(input.end(), buffer, buffer + got);
    if (input.size() == 2 && wanted == 2) wanted += static_cast<size_t>(input[0] << 8 | input[1]);
  }
  input.erase(input.begin(), input.begin() + 2);
  if (!answers(input, query)) return std::nullopt;
  return input;
}

std::optional<Message> ask(const ResolvConf& conf, const std::string& name, uint16_t type) {
  uint16_t id = 0;
  if (getrandom(&id, sizeof id, 0) != sizeof id) return std::nullopt;
  auto query = dns_query(id, name, type);
  if (!query) return std::nullopt;
  for (int attempt = 0; attempt < conf.attempts; ++attempt) {
    for (const auto& text : conf.servers) {
      auto server = server_of(text, 53);
      if (!server) continue;
      auto deadline = Clock::now() + std::chrono::seconds(conf.timeout_seconds);
      auto reply = ask_udp(*server, *query, deadline);
      bool cut = reply && ((*reply)[2] & 0x02) != 0;
      if (cut) {
        if (auto whole = ask_tcp(*server, *query, deadline)) return whole;
      }
      if (reply) return reply;
    }
  }
  return std::nullopt;
}

bool is_number_option(std::string_view option, std::string_view name, int low, int high, int& out) {
  if (!option.starts_with(name)) return false;
  if (auto value = parse_int(option.substr(name.size()))) {
    out = static_cast<int>(std::clamp<int64_t>(*value, low, high));
  }
  return true;
}

}  // namespace

ResolvConf parse_resolv_conf(std::string_view text) {
  ResolvConf out;
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    line = line.substr(0, line.find_first_of("#;"));
    auto parts = words(line);
    if (parts.size() < 2) continue;
    if (parts[0] == "nameserver" && out.servers.size() < 3) out.servers.emplace_back(parts[1]);
    if (parts[0] == "search" || parts[0] == "domain") out.search.assign(parts.begin() + 1, parts.end());
    if (parts[0] != "options") continue;
    for (auto option : parts) {
      is_number_option(option, "ndots:", 0, 15, out.ndots) ||
          is_number_option(option, "timeout:", 1, 30, out.timeout_seconds) ||
          is_number_option(option, "attempts:", 1, 5, out.attempts);
    }
  }
  if (out.servers.empty()) out.servers.emplace_back("127.0.0.1");
  return out;
}

std::vector<std::string> search_names(std::string_view name, const ResolvConf& conf) {
  std::vector<std::string> out;
  if (name.empty() || name.size() > 253 + 1) return out;
  if (name.ends_with('.')) {
    name.remove_suffix(1);
    return {std::string{name}};
  }
  bool enough_dots = std::count(name.begin(), name.end(), '.') >= conf.ndots;
  if (enough_dots) out.emplace_back(name);
  for (std::string domain : conf.search) {
    if (domain.ends_with('.')) domain.pop_back();
    std::string full{name};
    if (!domain.empty()) full += "." + domain;
    if (full.size() <= 253 && std::find(out.begin(), out.end(), full) == out.end()) out.push_back(full);
  }
  if (!enough_dots) out.emplace_back(name);
  return out;
}

std::string dns_lookup(std::string_view name, std::string_view type_text) {
  auto type = dns_type(type_text);
  if (!type) return "unknown DNS type: " + std::string{type_text} + "\n";
  ResolvConf conf = parse_resolv_conf(read_small_file("/etc/resolv.conf"));
  auto names = search_names(trim(name), conf);
  if (names.empty() || !dns_query(0, names.back(), *type)) return "invalid name: " + std::string{name} + "\n";
  // The first name with an answer wins; else the last reply is shown, as a resolver's search does.
  std::string shown;
  for (const auto& candidate : names) {
    auto reply = ask(conf, candidate, *type);
    if (!reply) {
      if (shown.empty()) {
        shown = ";; no answer for " + candidate + " from";
        for (const auto& server : conf.servers) shown += " " + server;
        shown += "\n";
      }
      continue;
    }
    auto text = dns_print(*reply);
    shown = text ? *text : ";; malformed answer for " + candidate + "\n";
    bool answered = text && ((*reply)[3] & 15) == 0 && ((*reply)[6] != 0 || (*reply)[7] != 0);
    if (answered) break;
  }
  return shown;
}

}  // namespace kuard
