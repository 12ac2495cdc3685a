#include "runtime/pods/sandbox/container_spec.h"

#include <algorithm>

#include "runtime/pods/keeper/spec.h"
#include "runtime/pods/sandbox/capabilities.h"
#include "runtime/pods/sandbox/keeper_link.h"

namespace kring::sandbox {

namespace {

using keeper::TextList;
using Views = std::vector<std::string_view>;

Views views(const std::vector<std::string>& texts) { return {texts.begin(), texts.end()}; }

template <class Spec>
Result<std::vector<uint8_t>> encode_spec(const Spec& spec) {
  // Most specs are a few KiB; the largest an environment of megabytes.
  for (size_t room = 64 * 1024; room <= keeper::spec_bytes_max; room *= 8) {
    std::vector<uint8_t> bytes(room);
    if (const size_t size = keeper::encode(spec, bytes); size > 0) {
      bytes.resize(size);
      return bytes;
    }
  }
  return Error{Reason::invalid, "the container's configuration exceeds a limit (4 MiB in all, 128 KiB an argument)"};
}

uint32_t flags_of(const ContainerPlan& plan) {
  const ContainerConfig& config = plan.config;
  const SecurityConfig& security = config.security;
  uint32_t flags = 0;
  const auto add = [&](bool set, keeper::ContainerFlag flag) { flags |= set ? static_cast<uint32_t>(flag) : 0U; };
  add(security.privileged, keeper::container_privileged);
  add(security.read_only_root, keeper::container_read_only_root);
  add(!security.allow_privilege_escalation, keeper::container_no_new_privileges);
  add(config.host_root, keeper::container_host_root);
  add(config.terminal, keeper::container_terminal);
  add(config.standard_input, keeper::container_standard_input);
  add(security.unmasked_proc, keeper::container_unmasked_proc);
  add(security.run_as_non_root, keeper::container_run_as_non_root);
  add(security.run_as_user.has_value(), keeper::container_has_user);
  add(security.run_as_group.has_value(), keeper::container_has_group);
  add(plan.cgroup_v2, keeper::container_cgroup_v2);
  return flags;
}

Result<uint32_t> id_of(int64_t id) {
  if (id < 0 || id > 2147483647) return Error{Reason::invalid, "uids and gids must be in range 0-2147483647"};
  return static_cast<uint32_t>(id);
}

Result<std::vector<uint32_t>> groups_of(const SecurityConfig& security) {
  std::vector<uint32_t> groups;
  for (const int64_t id : security.supplemental_groups) {
    KRING_TRY(const uint32_t group, id_of(id));
    groups.push_back(group);
  }
  if (security.fs_group) {
    KRING_TRY(const uint32_t group, id_of(*security.fs_group));
    groups.push_back(group);
  }
  return groups;
}

Result<keeper::MountSpec> mount_of(const PodMount& mount) {
  if (!mount.container_path.starts_with('/')) {
    return Error{Reason::invalid, "mount path \"" + mount.container_path + "\" is not absolute"};
  }
  if (!mount.host_path.empty() && mount.host_base.empty() && !mount.host_path.starts_with('/')) {
    return Error{Reason::invalid, "mount source \"" + mount.host_path + "\" is not absolute"};
  }
  keeper::MountSpec spec{.source = mount.host_path, .base = mount.host_base, .target = mount.container_path};
  if (mount.read_only) spec.flags |= keeper::mount_read_only;
  if (mount.recursive) spec.flags |= keeper::mount_recursive;
  if (mount.propagation == "HostToContainer") spec.flags |= keeper::mount_slave;
  if (mount.propagation == "Bidirectional") spec.flags |= keeper::mount_shared;
  spec.tmpfs_bytes = static_cast<uint64_t>(std::max<int64_t>(0, mount.tmpfs_bytes_max));
  return spec;
}

}  // namespace

Result<sys::Fd> make_container_spec(const ContainerPlan& plan) {
  const ContainerConfig& config = plan.config;
  const SecurityConfig& security = config.security;
  if (config.args.empty()) return Error{Reason::invalid, "no command specified"};
  KRING_TRY(std::vector<uint32_t> groups, groups_of(security));
  KRING_TRY(const std::vector<uint8_t> filter, seccomp_program(security, plan.filters));
  keeper::ContainerSpec spec{.name = config.name, .attempt = config.attempt, .flags = flags_of(plan)};
  KRING_TRY(spec.capabilities, capability_set(security));
  if (security.run_as_user) {
    KRING_TRY(spec.user, id_of(*security.run_as_user));
  }
  if (security.run_as_group) {
    KRING_TRY(spec.group, id_of(*security.run_as_group));
  }
  std::vector<keeper::MountSpec> mounts;
  for (const auto& mount : config.mounts) {
    KRING_TRY(keeper::MountSpec one, mount_of(mount));
    mounts.push_back(one);
  }
  const Views layers = views(config.layers), args = views(config.args), procs = views(plan.membership.procs);
  const Views hierarchies = views(plan.shown_hierarchies);
  const std::string hostname = "HOSTNAME=" + plan.hostname;
  Views env = views(config.env);
  const bool named = std::any_of(env.begin(), env.end(), [](auto entry) { return entry.starts_with("HOSTNAME="); });
  if (!named && !plan.hostname.empty()) env.push_back(hostname);
  if (config.terminal) env.insert(env.begin(), "TERM=xterm");
  spec.layers = layers;
  spec.hidden = plan.hidden_directory;
  spec.args = args;
  spec.env = env;
  spec.working_directory = config.working_directory;
  spec.image_user = security.image_user;
  spec.groups = groups;
  spec.seccomp = filter;
  spec.oom_score_adjust = std::clamp(config.oom_score_adjust, -1000, 1000);
  spec.mounts = mounts;
  spec.termination_path = config.termination_message_path;
  spec.log_path = config.log_path;
  spec.log_bytes_max = config.log_bytes_max;
  spec.log_files_max = config.log_files_max;
  spec.cgroup_procs = procs;
  spec.cgroup_controllers = hierarchies;
  spec.cgroup_kill = plan.membership.kill;
  spec.cgroup_oom = plan.membership.oom;
  KRING_TRY(const std::vector<uint8_t> bytes, encode_spec(spec));
  return sealed_memory("kring-container", bytes, false);
}

Result<std::vector<uint8_t>> make_pod_spec(const PodConfig& config, const std::string& state_directory,
                                           const std::string& group, const cgroup::Membership& keepers) {
  std::vector<std::string> settings;
  for (const auto& [name, value] : config.sysctls) {
    KRING_TRY_VOID(check_sysctl(config, name, value));
    settings.push_back(name + "=" + value);
  }
  const Views sysctls = views(settings), procs = views(keepers.procs);
  keeper::PodSpec spec{.uid = config.uid, .ns = config.ns, .name = config.name, .hostname = config.hostname};
  if (config.host_network) spec.flags |= keeper::pod_host_network;
  if (config.host_pid) spec.flags |= keeper::pod_host_pid;
  if (config.host_ipc) spec.flags |= keeper::pod_host_ipc;
  if (config.share_process_namespace) spec.flags |= keeper::pod_shared_pid;
  if (!config.hostname.empty()) spec.flags |= keeper::pod_own_hostname;
  spec.state_directory = state_directory;
  spec.sysctls = sysctls;
  spec.cgroup_procs = procs;
  spec.group = group;
  return encode_spec(spec);
}

Result<sys::Fd> make_exec_spec(const ExecConfig& config) {
  if (config.args.empty()) return Error{Reason::invalid, "no command specified"};
  const Views args = views(config.args);
  const keeper::ExecSpec spec{
      .container = config.container, .args = args, .terminal = config.terminal ? 1U : 0U};
  KRING_TRY(const std::vector<uint8_t> bytes, encode_spec(spec));
  return sealed_memory("kring-exec", bytes, false);
}

Result<void> check_sysctl(const PodConfig& config, const std::string& name, const std::string& value) {
  const auto refuse = [&](const char* why) {
    return Error{Reason::forbidden, "sysctl \"" + name + "\" is not allowed: " + why};
  };
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
    if (!plain) return refuse("its name has other characters than a-z, 0-9, '-', '_' and '.'");
  }
  if (name.find("..") != std::string::npos) return refuse("its name is no path");
  if (value.find_first_of(std::string_view{"\n\0", 2}) != std::string::npos)
    return refuse("its value has several lines");
  const bool of_network = name.starts_with("net.");
  const bool of_ipc = name.starts_with("kernel.shm") || name.starts_with("kernel.msg") || name == "kernel.sem" ||
                      name.starts_with("fs.mqueue.");
  if (!of_network && !of_ipc) return refuse("it is not namespaced");
  if (of_network && config.host_network) return refuse("the pod uses the node's network");
  if (of_ipc && config.host_ipc) return refuse("the pod uses the node's IPC");
  return {};
}

}  // namespace kring::sandbox
