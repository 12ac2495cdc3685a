#include "runtime/pods/cgroup/cgroups.h"

#include <errno.h>
#include <signal.h>

#include <algorithm>
#include <charconv>

#include "runtime/pods/cgroup/device_filter.h"
#include "runtime/pods/cgroup/files.h"
#include "runtime/pods/keeper/sys.h"

namespace kring::cgroup {

namespace {

constexpr int64_t cpu_period_us = 100'000;
constexpr int64_t cpu_quota_us_min = 1'000;
constexpr std::string_view used[] = {"cpu", "cpuacct", "memory", "pids", "devices", "freezer"};

bool contains(const std::vector<std::string>& list, std::string_view value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// Writes a limit. A file that is not there belongs to a controller that is not: missing() tells of it.
Result<void> set(const std::string& directory, const char* file, const std::string& value) {
  const int failed = write_file(directory + "/" + file, value);
  if (failed == 0 || failed == ENOENT) return {};
  return io_error("set " + std::string{file} + " of " + directory + " to " + value, failed);
}

void remove_tree(const std::string& path) {
  for (const auto& name : directories(path)) remove_tree(path + "/" + name);
  sys::unlinkat(AT_FDCWD, path.c_str(), AT_REMOVEDIR);
}

bool exists(const std::string& path) {
  struct stat about {};
  return sys::fstatat(AT_FDCWD, path.c_str(), &about, AT_SYMLINK_NOFOLLOW) == 0;
}

// Without cgroup.kill: every process by itself, until no new one was forked meanwhile.
void kill_each(const std::string& path) {
  for (const auto& name : directories(path)) kill_each(path + "/" + name);
  for (int round = 0; round < 64; ++round) {
    const std::string content = read_file(path + "/cgroup.procs");
    if (content.empty()) return;
    for (const auto line : split(content, '\n')) {
      int pid = 0;
      std::from_chars(line.data(), line.data() + line.size(), pid);
      if (pid > 1) sys::kill(pid, SIGKILL);
    }
  }
}

// Lets the children of a v2 group limit what it can limit. One that the kernel refuses does not keep away the others.
void hand_down(const std::string& path, const std::vector<std::string>& controllers) {
  std::vector<std::string> wanted;
  std::string all;
  for (const auto& name : controllers) {
    if (name != "cpu" && name != "memory" && name != "pids" && name != "io") continue;
    wanted.push_back("+" + name);
    all += (all.empty() ? "+" : " +") + name;
  }
  if (all.empty() || write_file(path + "/cgroup.subtree_control", all) == 0) return;
  for (const auto& name : wanted) write_file(path + "/cgroup.subtree_control", name);
}

std::string lower(std::string_view text) {
  std::string out{text};
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

}  // namespace

uint64_t cpu_shares(int64_t milli) {
  return static_cast<uint64_t>(std::clamp<int64_t>(milli * 1024 / 1000, 2, 262144));
}
uint64_t cpu_weight(int64_t milli) { return 1 + (cpu_shares(milli) - 2) * 9999 / 262142; }

Cgroups::Cgroups(std::vector<Hierarchy> hierarchies, std::string prefix)
    : hierarchies_(std::move(hierarchies)), prefix_(std::move(prefix)) {}

Cgroups Cgroups::detect(std::string prefix) {
  std::vector<Hierarchy> found;
  const std::string mounts = read_file("/proc/self/mountinfo");
  for (const auto line : split(mounts, '\n')) {
    // proc_pid_mountinfo(5): id parent device root mount-point options [tags] - type source super-options
    const size_t dash = line.find(" - ");
    if (dash == std::string_view::npos) continue;
    const auto head = split(line.substr(0, dash), ' ');
    const auto tail = split(line.substr(dash + 3), ' ');
    if (head.size() < 5 || tail.size() < 3) continue;
    Hierarchy hierarchy{.path = std::string{head[4]}};
    if (tail[0] == "cgroup2") {
      hierarchy.unified = true;
      const std::string controllers = read_file(hierarchy.path + "/cgroup.controllers");
      for (const auto name : split(controllers, ' ')) {
        hierarchy.controllers.emplace_back(name.substr(0, name.find('\n')));
      }
    } else if (tail[0] == "cgroup") {
      for (const auto name : split(tail[2], ',')) {
        if (std::find(std::begin(used), std::end(used), name) != std::end(used)) {
          hierarchy.controllers.emplace_back(name);
        }
      }
      if (hierarchy.controllers.empty()) continue;
    } else {
      continue;
    }
    // The same hierarchy may be mounted twice.
    const bool known = std::any_of(found.begin(), found.end(), [&](const Hierarchy& other) {
      return other.unified == hierarchy.unified && other.controllers == hierarchy.controllers;
    });
    if (!known) found.push_back(std::move(hierarchy));
  }
  return Cgroups{std::move(found), std::move(prefix)};
}

std::vector<std::string> Cgroups::missing() const {
  std::vector<std::string> out;
  for (const std::string_view name : {"cpu", "memory", "pids"}) {
    if (with(name) == nullptr) out.push_back("cgroup controller " + std::string{name} + " is not available");
  }
  const bool any_unified =
      std::any_of(hierarchies_.begin(), hierarchies_.end(), [](const auto& h) { return h.unified; });
  if (with("devices") == nullptr && !any_unified) out.emplace_back("cgroup controller devices is not available");
  return out;
}

bool Cgroups::unified() const {
  return !hierarchies_.empty() &&
         std::all_of(hierarchies_.begin(), hierarchies_.end(), [](const auto& h) { return h.unified; });
}

std::vector<std::string> Cgroups::shown() const {
  std::vector<std::string> out;
  for (const auto& hierarchy : hierarchies_) {
    std::string names;
    if (!hierarchy.unified) {
      for (const auto& name : hierarchy.controllers) names += (names.empty() ? "" : ",") + name;
    }
    out.push_back(std::move(names));
  }
  return out;
}

std::string Cgroups::pod_group(std::string_view qos_class, std::string_view uid) {
  const std::string qos = lower(qos_class);
  return (qos == "guaranteed" || qos == "burstable" ? qos : "besteffort") + "/pod" + std::string{uid};
}

std::string Cgroups::container_group(const std::string& pod_group, std::string_view name, uint32_t attempt) {
  return pod_group + "/" + std::string{name} + "." + std::to_string(attempt);
}

std::string Cgroups::directory(const Hierarchy& hierarchy, const std::string& group) const {
  return hierarchy.path + "/" + prefix_ + (group.empty() ? "" : "/" + group);
}

const Hierarchy* Cgroups::with(std::string_view controller) const {
  for (const auto& hierarchy : hierarchies_) {
    if (contains(hierarchy.controllers, controller)) return &hierarchy;
  }
  return nullptr;
}

// Makes the group and what is above it. In v2 each level hands its controllers down when it gets its first child.
Result<void> Cgroups::make(const std::string& group) {
  for (const auto& hierarchy : hierarchies_) {
    std::string path = hierarchy.path;
    const std::string whole = prefix_ + "/" + group;
    for (const auto part : split(whole, '/')) {
      const std::string parent = path;
      path += "/" + std::string{part};
      const int made = sys::mkdirat(AT_FDCWD, path.c_str(), 0755);
      if (made == -EEXIST) continue;
      if (made < 0) return io_error("make cgroup " + path, -made);
      if (hierarchy.unified) hand_down(parent, hierarchy.controllers);
    }
  }
  return {};
}

Result<Membership> Cgroups::make_keepers() {
  KRING_TRY_VOID(make("keepers"));
  Membership out;
  for (const auto& hierarchy : hierarchies_) out.procs.push_back(directory(hierarchy, "keepers") + "/cgroup.procs");
  return out;
}

Result<void> Cgroups::make_pod(const std::string& group, const CgroupLimits& limits) {
  KRING_TRY_VOID(make(group));
  return limit(group, limits, false);
}

Result<Membership> Cgroups::make_container(const std::string& group, const CgroupLimits& limits, Devices devices) {
  KRING_TRY_VOID(make(group));
  KRING_TRY_VOID(limit(group, limits, true));
  Membership out;
  for (const auto& hierarchy : hierarchies_) {
    const std::string path = directory(hierarchy, group);
    out.procs.push_back(path + "/cgroup.procs");
    if (hierarchy.unified && exists(path + "/cgroup.kill")) {
      out.kill = path + "/cgroup.kill";
    } else if (out.kill.empty()) {
      out.kill = path + "/cgroup.procs";
    }
    if (contains(hierarchy.controllers, "memory")) {
      out.oom = path + (hierarchy.unified ? "/memory.events" : "/memory.oom_control");
    }
    if (devices == Devices::all) continue;
    if (contains(hierarchy.controllers, "devices")) {
      KRING_TRY_VOID(write_device_list(path));
    } else if (hierarchy.unified && with("devices") == nullptr) {
      KRING_TRY_VOID(attach_device_filter(path));
    }
  }
  return out;
}

Result<void> Cgroups::limit(const std::string& group, const CgroupLimits& limits, bool leaf) {
  if (const auto* hierarchy = with("cpu")) {
    const std::string path = directory(*hierarchy, group);
    const int64_t quota =
        limits.cpu_limit_milli ? std::max(*limits.cpu_limit_milli * cpu_period_us / 1000, cpu_quota_us_min) : -1;
    if (hierarchy->unified) {
      KRING_TRY_VOID(set(path, "cpu.weight", std::to_string(cpu_weight(limits.cpu_request_milli))));
      const std::string max = quota < 0 ? "max" : std::to_string(quota);
      KRING_TRY_VOID(set(path, "cpu.max", max + " " + std::to_string(cpu_period_us)));
    } else {
      KRING_TRY_VOID(set(path, "cpu.shares", std::to_string(cpu_shares(limits.cpu_request_milli))));
      if (quota >= 0) {
        KRING_TRY_VOID(set(path, "cpu.cfs_period_us", std::to_string(cpu_period_us)));
        KRING_TRY_VOID(set(path, "cpu.cfs_quota_us", std::to_string(quota)));
      }
    }
  }
  if (const auto* hierarchy = with("memory"); hierarchy != nullptr && limits.memory_limit_bytes) {
    const std::string path = directory(*hierarchy, group);
    const std::string bytes = std::to_string(*limits.memory_limit_bytes);
    if (hierarchy->unified) {
      KRING_TRY_VOID(set(path, "memory.max", bytes));
      write_file(path + "/memory.swap.max", "0");  // a node without swap has no such file
    } else {
      KRING_TRY_VOID(set(path, "memory.limit_in_bytes", bytes));
      write_file(path + "/memory.memsw.limit_in_bytes", bytes);
    }
  }
  if (const auto* hierarchy = with("memory"); hierarchy != nullptr && hierarchy->unified && leaf) {
    // Kubernetes since 1.28: the container ends as a whole, not one process of it.
    write_file(directory(*hierarchy, group) + "/memory.oom.group", "1");
  }
  if (const auto* hierarchy = with("pids"); hierarchy != nullptr && limits.pids_max) {
    KRING_TRY_VOID(set(directory(*hierarchy, group), "pids.max", std::to_string(*limits.pids_max)));
  }
  return {};
}

void Cgroups::kill(const std::string& group) const {
  for (const auto& hierarchy : hierarchies_) {
    if (hierarchy.unified && write_file(directory(hierarchy, group) + "/cgroup.kill", "1") == 0) return;
  }
  for (const auto& hierarchy : hierarchies_) kill_each(directory(hierarchy, group));
}

bool Cgroups::remove(const std::string& group) const {
  bool gone = true;
  for (const auto& hierarchy : hierarchies_) {
    const std::string path = directory(hierarchy, group);
    remove_tree(path);
    if (exists(path)) gone = false;
  }
  return gone;
}

std::vector<std::string> Cgroups::pod_groups() const {
  std::vector<std::string> out;
  for (const auto& hierarchy : hierarchies_) {
    const std::string top = directory(hierarchy, "");
    for (const auto& qos : directories(top)) {
      for (const auto& pod : directories(top + "/" + qos)) {
        const std::string group = qos + "/" + pod;
        if (pod.starts_with("pod") && !contains(out, group)) out.push_back(group);
      }
    }
  }
  return out;
}

Result<PodUsage> Cgroups::usage(const std::string& group) const {
  PodUsage out;
  const auto* cpu = with("cpuacct") != nullptr ? with("cpuacct") : with("cpu");
  const auto* memory = with("memory");
  for (const auto& hierarchy : hierarchies_) {
    if (hierarchy.unified && cpu == nullptr) cpu = &hierarchy;  // cpu.stat counts time without a controller
  }
  if (cpu != nullptr) {
    const std::string path = directory(*cpu, group);
    if (cpu->unified) {
      out.cpu_usage_ns = number_of(read_file(path + "/cpu.stat"), "usage_usec") * 1000;
    } else {
      out.cpu_usage_ns = number_of("n " + read_file(path + "/cpuacct.usage"), "n");
    }
  }
  if (memory != nullptr) {
    const std::string path = directory(*memory, group);
    const std::string current = read_file(path + (memory->unified ? "/memory.current" : "/memory.usage_in_bytes"));
    const std::string stat = read_file(path + "/memory.stat");
    const int64_t total = number_of("n " + current, "n");
    const int64_t inactive = number_of(stat, memory->unified ? "inactive_file" : "total_inactive_file");
    out.memory_working_set_bytes = std::max<int64_t>(0, total - std::max<int64_t>(0, inactive));
  }
  if (out.cpu_usage_ns < 0 || (cpu == nullptr && memory == nullptr))
    return Error{Reason::not_found, "no cgroup " + group};
  return out;
}

}  // namespace kring::cgroup
