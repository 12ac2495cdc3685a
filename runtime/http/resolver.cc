#include "runtime/http/resolver.h"

#include <algorithm>

#include "runtime/env/linux/read_file.h"
#include "runtime/env/linux/socket.h"
#include "runtime/http/dns_query.h"
#include "runtime/http/message.h"
#include "runtime/tasks/task_group.h"

namespace kring::http {
namespace {

constexpr size_t config_bytes_max = 1 << 20;
constexpr int64_t answer_ms = 2000;
constexpr int attempts = 2;

struct Lookup {
  bool answered = false;  // some server spoke
  std::vector<std::string> addresses;
};

// Waits for the answer to this question, dropping everything else that arrives.
Task<Result<void>> receive_answer(Env& env, net::Datagram& socket, uint16_t id, std::string name, AddressType type,
                                  AddressAnswer& answer) {
  std::vector<uint8_t> packet(1500);
  while (true) {
    KRING_CO_TRY(const size_t n, co_await socket.receive(env, packet));
    auto parsed = parse_answer(std::span{packet}.first(n), id, name, type);
    if (!parsed) continue;
    answer = std::move(*parsed);
    co_return Result<void>{};
  }
}

// One question to one server, from a fresh port with a fresh id.
Task<Result<void>> ask(Env& env, std::string server, std::string name, AddressType type, AddressAnswer& answer) {
  const auto id = static_cast<uint16_t>(env.random.below(65536));
  const auto query = make_query(id, name, type);
  if (!query) co_return Error{Reason::invalid, "no host name: " + name};
  const net::IpAddress address{.host = server, .port = 53};
  KRING_CO_TRY(auto socket, net::Datagram::connect(address));
  KRING_CO_TRY_VOID(socket.send(*query));
  co_return co_await with_deadline(env, answer_ms, receive_answer(env, socket, id, name, type, answer));
}

// Servers in turn until one speaks with authority on the name (no error, or no such name).
Task<Result<Lookup>> look_up(Env& env, ResolverConfig config, std::string name, AddressType type) {
  Lookup lookup;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    for (const auto& server : config.servers) {
      AddressAnswer answer;
      const auto asked = co_await ask(env, server, name, type, answer);
      if (asked.has_error() && asked.error().reason == Reason::canceled) co_return asked.error();
      if (asked.has_error() && asked.error().reason == Reason::invalid) co_return asked.error();
      if (asked.has_error() || (answer.rcode != 0 && answer.rcode != 3)) continue;
      lookup.answered = true;
      lookup.addresses = std::move(answer.addresses);
      co_return lookup;
    }
  }
  co_return lookup;
}

// resolv.conf(5): names with fewer dots than ndots try the search list first; a final dot forbids it.
std::vector<std::string> candidates(const ResolverConfig& config, const std::string& host) {
  if (host.ends_with('.')) return {host};
  std::vector<std::string> names;
  for (const auto& domain : config.search) names.push_back(host + "." + domain);
  const auto dots = static_cast<size_t>(std::count(host.begin(), host.end(), '.'));
  names.insert(dots >= config.ndots ? names.begin() : names.end(), host);
  return names;
}

}  // namespace

Task<Result<std::vector<std::string>>> resolve(Env& env, std::string host) {
  if (net::is_ip_address(host)) co_return std::vector{host};
  if (const auto hosts = read_small_file("/etc/hosts", config_bytes_max); hosts.has_value()) {
    auto found = find_in_hosts(*hosts, host);
    if (!found.empty()) co_return found;
  }
  // RFC 6761, 6.3: never asked of a server.
  if (equal_ignoring_case(host, "localhost")) co_return std::vector<std::string>{"127.0.0.1", "::1"};
  const auto text = read_small_file("/etc/resolv.conf", config_bytes_max);
  const auto config = parse_resolver_config(text.has_value() ? *text : std::string{});
  bool answered = false;
  for (const auto& name : candidates(config, host)) {
    std::vector<std::string> addresses;
    for (const auto type : {AddressType::a, AddressType::aaaa}) {
      KRING_CO_TRY(auto lookup, co_await look_up(env, config, name, type));
      answered = answered || lookup.answered;
      std::move(lookup.addresses.begin(), lookup.addresses.end(), std::back_inserter(addresses));
    }
    if (!addresses.empty()) co_return addresses;
  }
  if (!answered) co_return Error{Reason::timeout, "no name server answered for " + host};
  co_return Error{Reason::not_found, "no such host: " + host};
}

}  // namespace kring::http
