#include "runtime/pods/sandbox/capabilities.h"

#include <linux/capability.h>

#include <algorithm>
#include <iterator>

namespace kring::sandbox {

namespace {

constexpr std::string_view names[] = {
    "CHOWN",           "DAC_OVERRIDE",     "DAC_READ_SEARCH",  "FOWNER",     "FSETID",
    "KILL",            "SETGID",           "SETUID",           "SETPCAP",    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE", "NET_BROADCAST",   "NET_ADMIN",        "NET_RAW",    "IPC_LOCK",
    "IPC_OWNER",       "SYS_MODULE",       "SYS_RAWIO",        "SYS_CHROOT", "SYS_PTRACE",
    "SYS_PACCT",       "SYS_ADMIN",        "SYS_BOOT",         "SYS_NICE",   "SYS_RESOURCE",
    "SYS_TIME",        "SYS_TTY_CONFIG",   "MKNOD",            "LEASE",      "AUDIT_WRITE",
    "AUDIT_CONTROL",   "SETFCAP",          "MAC_OVERRIDE",     "MAC_ADMIN",  "SYSLOG",
    "WAKE_ALARM",      "BLOCK_SUSPEND",    "AUDIT_READ",       "PERFMON",    "BPF",
    "CHECKPOINT_RESTORE",
};
static_assert(std::size(names) == CAP_LAST_CAP + 1);
static_assert(CAP_CHECKPOINT_RESTORE == 40 && CAP_SYS_ADMIN == 21 && CAP_SETFCAP == 31);

constexpr uint64_t bit(int capability) { return uint64_t{1} << capability; }

std::string plain(std::string_view name) {
  std::string out{name};
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  if (out.starts_with("CAP_")) out.erase(0, 4);
  return out;
}

struct Change {
  bool all = false;
  uint64_t named = 0;
};
Result<Change> read(const std::vector<std::string>& list) {
  Change change;
  for (const auto& name : list) {
    if (plain(name) == "ALL") {
      change.all = true;
      continue;
    }
    const auto number = capability_number(name);
    if (!number) return Error{Reason::invalid, "unknown capability \"CAP_" + plain(name) + "\""};
    change.named |= bit(*number);
  }
  return change;
}

}  // namespace

const uint64_t all_capabilities = (uint64_t{1} << std::size(names)) - 1;
const uint64_t default_capabilities =
    bit(CAP_CHOWN) | bit(CAP_DAC_OVERRIDE) | bit(CAP_FSETID) | bit(CAP_FOWNER) | bit(CAP_MKNOD) | bit(CAP_NET_RAW) |
    bit(CAP_SETGID) | bit(CAP_SETUID) | bit(CAP_SETFCAP) | bit(CAP_SETPCAP) | bit(CAP_NET_BIND_SERVICE) |
    bit(CAP_SYS_CHROOT) | bit(CAP_KILL) | bit(CAP_AUDIT_WRITE);

std::optional<int> capability_number(std::string_view name) {
  const std::string wanted = plain(name);
  const auto* found = std::find(std::begin(names), std::end(names), wanted);
  if (found == std::end(names)) return std::nullopt;
  return static_cast<int>(found - std::begin(names));
}

Result<uint64_t> capability_set(const SecurityConfig& security) {
  if (security.privileged) return all_capabilities;
  KRING_TRY(const Change added, read(security.add_capabilities));
  KRING_TRY(const Change dropped, read(security.drop_capabilities));
  uint64_t set = added.all ? all_capabilities : default_capabilities;
  if (dropped.all) set = 0;
  return (set | added.named) & ~dropped.named;
}

}  // namespace kring::sandbox
