// What kring tells the keeper to make: a pod once, then containers and execs. kring decides (defaults, capabilities,
// seccomp program, cgroup paths); the keeper carries out.
// Layout: spec_version, then the fields in the order of spec.cc, in a sealed memfd. A keeper outlives upgrades of
// kring: a later kring writes the version that the keeper's hello names.
#pragma once

#include "runtime/pods/keeper/wire.h"

namespace kring::keeper {

inline constexpr uint64_t spec_version = 1;
// Arguments and environment together: execve(2) allows a quarter of the stack limit, 2 MiB.
inline constexpr size_t spec_bytes_max = 4 << 20;
inline constexpr size_t name_bytes_max = 253;
inline constexpr size_t text_bytes_max = 128 * 1024;  // MAX_ARG_STRLEN of execve(2)
inline constexpr size_t path_text_max = 4095;
inline constexpr size_t args_max = 65536;
inline constexpr size_t layers_max = 128;
inline constexpr size_t mounts_max = 256;
inline constexpr size_t groups_max = 1024;

enum PodFlag : uint32_t {
  pod_host_network = 1,
  pod_host_pid = 2,
  pod_host_ipc = 4,
  pod_shared_pid = 8,
  pod_own_hostname = 16,
};

struct PodSpec {
  std::string_view uid, ns, name, hostname;
  uint32_t flags = 0;
  std::string_view state_directory;  // absolute; exists
  TextList sysctls;                  // "net.ipv4.x=1", allow-listed by kring
  TextList cgroup_procs;             // files to write "0" into to move there
  std::string_view group;            // the pod's cgroup, for the next kring
};

enum MountFlag : uint32_t {
  mount_read_only = 1,
  mount_recursive = 2,
  mount_slave = 4,
  mount_shared = 8,
  mount_privileged = 16,  // device nodes and setuid programs in it work
};

struct MountSpec {
  std::string_view source;  // empty: tmpfs
  std::string_view base;    // when set, source is resolved beneath it
  std::string_view target;
  uint32_t flags = 0;
  uint64_t tmpfs_bytes = 0;
};

enum ContainerFlag : uint32_t {
  container_privileged = 1,
  container_read_only_root = 2,
  container_no_new_privileges = 4,
  container_host_root = 8,
  container_terminal = 16,
  container_standard_input = 32,
  container_unmasked_proc = 64,
  container_run_as_non_root = 128,
  container_has_user = 256,
  container_has_group = 512,
  container_cgroup_v2 = 1024,  // the node's cgroups are unified: one mount
};

struct ContainerSpec {
  std::string_view name;
  uint32_t attempt = 0;
  uint32_t flags = 0;
  TextList layers;                 // topmost first
  std::string_view hidden;         // a directory of the node that host_root must not show: kring's own data
  TextList args, env;
  std::string_view working_directory;
  uint32_t user = 0, group = 0;    // when their flag is set
  std::string_view image_user;
  std::span<uint32_t> groups;
  uint64_t capabilities = 0;       // one set: bounding, effective and permitted
  Bytes seccomp;                   // struct sock_filter[]; empty: unconfined
  int64_t oom_score_adjust = 0;
  std::span<MountSpec> mounts;
  std::string_view termination_path;
  std::string_view log_path;
  uint64_t log_bytes_max = 0;
  uint32_t log_files_max = 0;
  TextList cgroup_procs;           // files to write "0" into
  TextList cgroup_controllers;     // v1 hierarchies to show in /sys/fs/cgroup, "cpu,cpuacct"
  std::string_view cgroup_kill;    // cgroup.kill, or a cgroup.procs to kill from; may be empty
  std::string_view cgroup_oom;     // memory.events or memory.oom_control; may be empty
};

struct ExecSpec {
  std::string_view container;
  TextList args;
  uint32_t terminal = 0;
};

// The state of one attempt of a container: what the keeper keeps, sends, and writes to NAME.ATTEMPT/record.
enum class Phase : uint8_t { absent = 0, starting, running, exited };
inline constexpr size_t start_error_bytes_max = 1024;
struct Record {
  std::string_view name;
  uint32_t attempt = 0;
  Phase phase = Phase::absent;
  int32_t pid = 0;
  int64_t started_ns = 0, finished_ns = 0;
  int32_t exit_code = 0, signal = 0;
  uint32_t oom_killed = 0;
  std::string_view start_error;
};

// Encoders return the size, or 0 when a bound is exceeded or `out` is too small.
size_t encode(const PodSpec& spec, std::span<uint8_t> out);
size_t encode(const ContainerSpec& spec, std::span<uint8_t> out);
size_t encode(const ExecSpec& spec, std::span<uint8_t> out);
size_t encode(const Record& record, std::span<uint8_t> out);

// Decoders accept only a whole, valid structure. Views point into `in` and `arena`.
bool decode(Bytes in, std::span<uint8_t> arena, PodSpec& out);
bool decode(Bytes in, std::span<uint8_t> arena, ContainerSpec& out);
bool decode(Bytes in, std::span<uint8_t> arena, ExecSpec& out);
bool decode(Bytes in, Record& out);

// A name that is safe as one path component: letters, digits, '-', '_', '.', not starting with '.'; so no "..", no
// "/" and nothing hidden (S11).
bool safe_component(std::string_view name);

}  // namespace kring::keeper
