#include "runtime/env/linux/host.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <sstream>

namespace kring {

namespace {

constexpr size_t text_bytes_max = 64 * 1024;

std::string first_line(std::string text) {
  text.resize(std::min(text.find('\n'), text.size()));
  return text;
}

int64_t number_of(std::string_view text) {
  int64_t value = 0;
  while (!text.empty() && text[0] == ' ') text.remove_prefix(1);
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// "MemTotal:  16384 kB" of /proc/meminfo, in bytes.
int64_t meminfo_bytes(const std::string& meminfo, std::string_view key) {
  size_t at = meminfo.find(std::string{key} + ":");
  if (at == std::string::npos) return 0;
  return number_of(std::string_view{meminfo}.substr(at + key.size() + 1)) * 1024;
}

std::string go_architecture(std::string_view machine) {
  if (machine == "x86_64") return "amd64";
  if (machine == "aarch64") return "arm64";
  if (machine.starts_with("armv") || machine == "arm") return "arm";
  if (machine == "i686" || machine == "i386") return "386";
  return std::string{machine};
}

std::string os_name(const std::string& os_release) {
  std::istringstream lines{os_release};
  for (std::string line; std::getline(lines, line);) {
    std::string_view key = "PRETTY_NAME=";
    if (!line.starts_with(key)) continue;
    std::string name = line.substr(key.size());
    std::erase(name, '"');
    return name;
  }
  return "Linux";
}

// The interface of the default route comes first, then other addresses; IPv4 before IPv6.
int rank_of(const ifaddrs& it, const std::string& default_interface) {
  int rank = it.ifa_addr->sa_family == AF_INET ? 0 : 2;
  return it.ifa_name == default_interface ? rank : rank + 1;
}

std::string text_of(const ifaddrs& it) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (it.ifa_addr->sa_family == AF_INET) {
    const auto& address = reinterpret_cast<const sockaddr_in*>(it.ifa_addr)->sin_addr;
    uint32_t host = ntohl(address.s_addr);
    if (host >> 24 == 127 || host >> 16 == 0xa9fe) return {};
    inet_ntop(AF_INET, &address, text.data(), text.size());
  } else {
    const auto& address = reinterpret_cast<const sockaddr_in6*>(it.ifa_addr)->sin6_addr;
    if (IN6_IS_ADDR_LINKLOCAL(&address) || IN6_IS_ADDR_LOOPBACK(&address)) return {};
    inet_ntop(AF_INET6, &address, text.data(), text.size());
  }
  return text.data();
}

// The interface that /proc/net/route sends destination 0.0.0.0/0 to.
std::string default_interface(const std::string& routes) {
  std::istringstream lines{routes};
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) {
    std::istringstream fields{line};
    std::string interface, destination;
    fields >> interface >> destination;
    if (destination == "00000000") return interface;
  }
  return {};
}

std::vector<std::string> addresses(const std::string& routes) {
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return {};
  std::string preferred = default_interface(routes);
  std::multimap<int, std::string> found;  // by rank, then as the system lists them
  for (const ifaddrs* it = all; it != nullptr; it = it->ifa_next) {
    if (it->ifa_addr == nullptr || (it->ifa_flags & IFF_UP) == 0) continue;
    if (it->ifa_addr->sa_family != AF_INET && it->ifa_addr->sa_family != AF_INET6) continue;
    std::string text = text_of(*it);
    if (!text.empty()) found.emplace(rank_of(*it, preferred), std::move(text));
  }
  freeifaddrs(all);
  std::vector<std::string> out;
  for (auto& [rank, text] : found)
    if (std::find(out.begin(), out.end(), text) == out.end()) out.push_back(std::move(text));
  return out;
}

std::map<std::string, int64_t> huge_pages(Host& host) {
  std::map<std::string, int64_t> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator{"/sys/kernel/mm/hugepages", error}) {
    std::string name = entry.path().filename();  // "hugepages-2048kB"
    int64_t kib = number_of(std::string_view{name}.substr(std::min(name.find('-') + 1, name.size())));
    auto count = host.read_text(entry.path().string() + "/nr_hugepages");
    if (kib <= 0 || count.has_error() || number_of(*count) == 0) continue;
    bool whole_gib = kib % (1024 * 1024) == 0, whole_mib = kib % 1024 == 0;
    std::string size = whole_gib   ? std::to_string(kib >> 20) + "Gi"
                       : whole_mib ? std::to_string(kib >> 10) + "Mi"
                                   : std::to_string(kib) + "Ki";
    out["hugepages-" + size] = number_of(*count) * kib * 1024;
  }
  return out;
}

// Version 2 lists its controllers in one file, version 1 has a mount for each; a hybrid machine has both.
std::vector<std::string> missing_controllers(Host& host) {
  std::string v2;
  for (const char* path : {"/sys/fs/cgroup/cgroup.controllers", "/sys/fs/cgroup/unified/cgroup.controllers"}) {
    auto text = host.read_text(path);
    if (text.has_value()) v2 += " " + first_line(*text) + " ";
  }
  std::vector<std::string> out;
  for (const char* name : {"cpu", "memory", "pids"}) {
    if (v2.find(" " + std::string{name} + " ") != std::string::npos) continue;
    std::error_code error;
    if (!std::filesystem::exists("/sys/fs/cgroup/" + std::string{name} + "/cgroup.procs", error)) out.push_back(name);
  }
  return out;
}

std::string text_or_empty(Host& host, const std::string& path) {
  auto text = host.read_text(path);
  return text.has_value() ? std::move(*text) : std::string{};
}

}  // namespace

Result<std::string> LinuxHost::read_text(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return io_error("open " + path, errno);
  std::string text(text_bytes_max, '\0');
  size_t size = 0;
  ssize_t got = 0;
  while (size < text.size() && (got = ::read(fd, text.data() + size, text.size() - size)) > 0)
    size += static_cast<size_t>(got);
  int error = errno;
  ::close(fd);
  if (got < 0) return io_error("read " + path, error);
  text.resize(size);
  return text;
}

HostFacts LinuxHost::facts() {
  HostFacts out;
  utsname names{};
  if (::uname(&names) == 0) {
    out.hostname = names.nodename;
    out.kernel_version = names.release;
    out.architecture = go_architecture(names.machine);
  }
  std::transform(out.hostname.begin(), out.hostname.end(), out.hostname.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  out.os_image = os_name(text_or_empty(*this, "/etc/os-release"));
  out.machine_id = first_line(text_or_empty(*this, "/etc/machine-id"));
  out.boot_id = first_line(text_or_empty(*this, "/proc/sys/kernel/random/boot_id"));
  out.system_uuid = first_line(text_or_empty(*this, "/sys/class/dmi/id/product_uuid"));
  if (out.system_uuid.empty()) out.system_uuid = out.machine_id;
  out.cpus = std::max(1, ::get_nprocs());
  out.memory_bytes = meminfo_bytes(text_or_empty(*this, "/proc/meminfo"), "MemTotal");
  out.huge_pages = huge_pages(*this);
  out.addresses = addresses(text_or_empty(*this, "/proc/net/route"));
  out.missing_controllers = missing_controllers(*this);
  return out;
}

HostLoad LinuxHost::load(const std::string& data_directory) {
  HostLoad out;
  out.memory_available_bytes = meminfo_bytes(text_or_empty(*this, "/proc/meminfo"), "MemAvailable");
  struct statvfs disk {};
  if (::statvfs(data_directory.c_str(), &disk) == 0) {
    auto block = static_cast<int64_t>(disk.f_frsize);
    out.disk_bytes = static_cast<int64_t>(disk.f_blocks) * block;
    out.disk_available_bytes = static_cast<int64_t>(disk.f_bavail) * block;
    out.disk_files = static_cast<int64_t>(disk.f_files);
    out.disk_files_free = static_cast<int64_t>(disk.f_favail);
  }
  out.pids_max = number_of(text_or_empty(*this, "/proc/sys/kernel/pid_max"));
  // "0.00 0.01 0.05 1/180 12345": the number after the slash counts the tasks.
  std::string average = text_or_empty(*this, "/proc/loadavg");
  if (size_t slash = average.find('/'); slash != std::string::npos)
    out.pids = number_of(std::string_view{average}.substr(slash + 1));
  return out;
}

}  // namespace kring
