#include "runtime/pods/sysctls.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace kring::pods {

namespace {

constexpr std::array<std::string_view, 12> safe{
    "kernel.shm_rmid_forced",           "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports", "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",        "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",     "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",      "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",          "net.ipv4.tcp_wmem"};

bool plain(std::string_view value) {
  return !value.empty() && value.size() <= 128 && std::all_of(value.begin(), value.end(), [](char c) {
    return (c >= '0' && c <= '9') || c == ' ' || c == '\t' || c == ',' || c == '-';
  });
}

}  // namespace

std::string forbidden_sysctl(const std::map<std::string, std::string>& sysctls) {
  for (const auto& [name, value] : sysctls)
    if (std::find(safe.begin(), safe.end(), name) == safe.end() || !plain(value)) return name;
  return {};
}

}  // namespace kring::pods
