// The world of pods: what the node agent asks for and hears about. The real one drives a keeper per pod
// (runtime/pods/keeper) with namespaces and cgroups; the simulated one lives in tests/sim.
// Invariants: pods and containers outlive kring; adopt() after a restart finds exactly those that were started and not
// removed, with exits that happened meanwhile reported once by next_event(). An exit is reported until it is
// acknowledged by remove_container or remove_pod (again after a restart).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/env/env.h"

namespace kring {

struct CgroupLimits {
  int64_t cpu_request_milli = 0;                 // shares / weight
  std::optional<int64_t> cpu_limit_milli;        // quota
  std::optional<int64_t> memory_limit_bytes;
  std::optional<int64_t> pids_max;
};

struct PodConfig {
  std::string uid, ns, name;
  std::string hostname;                          // UTS name; empty: the node's
  bool host_network = false, host_pid = false, host_ipc = false, share_process_namespace = false;
  std::string qos_class;                         // Guaranteed, Burstable, BestEffort: the parent cgroup
  CgroupLimits limits;                           // of the whole pod
  std::map<std::string, std::string> sysctls;
  std::string directory;                         // D/pods/<uid>, 0700: volumes, etc-hosts, ...; made by the agent
  std::string log_directory;                     // D/logs/<ns>_<name>_<uid>
};

struct PodMount {
  // A path on the host, resolved without following symlinks below `host_base` when that is set (subPath).
  std::string host_path;
  std::string host_base;
  std::string container_path;
  bool read_only = false;
  bool recursive = true;
  std::string propagation;                       // "", "HostToContainer", "Bidirectional"
  // tmpfs instead of a bind when host_path is empty.
  int64_t tmpfs_bytes_max = 0;
};

struct SecurityConfig {
  std::optional<int64_t> run_as_user, run_as_group;
  std::string image_user;                        // USER of the image: "", "uid", "name", "uid:gid", "name:group"
  bool run_as_non_root = false;
  std::vector<int64_t> supplemental_groups;
  std::optional<int64_t> fs_group;
  bool privileged = false;
  bool allow_privilege_escalation = true;        // false: no_new_privs
  bool read_only_root = false;
  std::vector<std::string> add_capabilities, drop_capabilities;  // "NET_ADMIN", "ALL"
  enum class Seccomp : uint8_t { runtime_default, unconfined, localhost } seccomp = Seccomp::runtime_default;
  std::string seccomp_profile_path;              // for localhost
  bool unmasked_proc = false;                    // procMount: Unmasked
};

struct ContainerConfig {
  std::string pod_uid;
  std::string name;
  uint32_t attempt = 0;                          // restart count; names the log file
  // Overlay layers, topmost first, absolute paths; or exactly one path with host_root for kring.local/host.
  std::vector<std::string> layers;
  bool host_root = false;
  std::vector<std::string> args;                 // resolved: entrypoint + command
  std::vector<std::string> env;                  // "K=V"
  std::string working_directory;
  SecurityConfig security;
  CgroupLimits limits;
  int oom_score_adjust = 0;
  std::vector<PodMount> mounts;
  std::string log_path;                          // CRI format; rotated to .1 ... by the keeper
  uint64_t log_bytes_max = 10 << 20;
  uint32_t log_files_max = 5;
  std::string termination_message_path;          // inside the container; a file of the pod directory is bound there
  bool terminal = false, standard_input = false;
};

// What runs or ran.
struct ContainerRecord {
  std::string pod_uid, name;
  uint32_t attempt = 0;
  bool running = false;
  int32_t pid = 0;                               // in the node's namespace
  Wall started_at, finished_at;
  int32_t exit_code = 0;                         // 128+n for a signal
  int32_t signal = 0;
  bool oom_killed = false;
  std::string start_error;                       // why it never ran ("exec /x: no such file or directory"); exit 128
  std::string termination_message;               // first 4096 bytes of the file
};

struct PodRecord {
  std::string uid, ns, name;
  int32_t keeper_pid = 0;
  std::vector<ContainerRecord> containers;       // the latest attempt of each, and the one before it
};

struct PodUsage {
  int64_t cpu_usage_ns = 0;
  int64_t memory_working_set_bytes = 0;
};

struct ProcessEvent {
  enum class What : uint8_t { container_exited, pod_lost /* the keeper died: everything in the pod is gone */ } what;
  std::string pod_uid;
  ContainerRecord container;                     // for container_exited
};

// One exec in a running container.
struct ExecConfig {
  std::string pod_uid, container;
  std::vector<std::string> args;
  bool terminal = false;
};
struct ExecResult {
  int32_t exit_code = 0;
  std::string output;                            // stdout and stderr together, bounded
};

class Processes {
 public:
  virtual ~Processes() = default;
  // Reconnects to every keeper that still lives and reads what the dead ones left. Called once, before anything else.
  virtual Task<Result<std::vector<PodRecord>>> adopt() = 0;
  // Namespaces, cgroup and keeper. Returns the pod's record; already_exists when it was started before.
  virtual Task<Result<PodRecord>> start_pod(PodConfig config) = 0;
  // Returns when the program was executed (running) or could not be (start_error set; no event follows).
  virtual Task<Result<ContainerRecord>> start_container(ContainerConfig config) = 0;
  virtual Task<Result<void>> signal_container(std::string pod_uid, std::string name, int32_t signal) = 0;
  // SIGKILL to everything in the container's cgroup.
  virtual Task<Result<void>> kill_container(std::string pod_uid, std::string name) = 0;
  // Forgets an ended container: its overlay directories and its record.
  virtual Task<Result<void>> remove_container(std::string pod_uid, std::string name, uint32_t attempt) = 0;
  // Kills what is left, ends the keeper, removes cgroups and mounts. Idempotent.
  virtual Task<Result<void>> remove_pod(std::string pod_uid) = 0;
  virtual Task<Result<ProcessEvent>> next_event() = 0;
  virtual Task<Result<ExecResult>> exec(ExecConfig config, int64_t timeout_ms, size_t output_bytes_max) = 0;
  virtual Result<PodUsage> usage(std::string_view pod_uid) const = 0;
};

}  // namespace kring
