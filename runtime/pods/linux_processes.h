// env::Processes on a Linux node: a keeper a pod (runtime/pods/keeper), namespaces, cgroups.
// State of a pod lies in D/pods/<uid>/keeper: "pod" (what it is), "socket" (of its keeper), and for every attempt of a
// container NAME.ATTEMPT/ with "record", "termination-log" and the writable layer.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/env/processes.h"

namespace kring::pods {

struct LinuxProcessesOptions {
  std::string data_dir;                  // absolute
  std::string cgroup_prefix = "kring";   // the directory of this node's groups in every hierarchy
  int64_t pids_per_pod_max = 16384;      // when a pod's limits say nothing: a fork bomb ends here (S17)
};

// Env outlives it. One for each data directory.
Result<std::unique_ptr<Processes>> make_linux_processes(Env& env, LinuxProcessesOptions options);

// Kills every pod of the data directory and removes their cgroups, mounts and state: `kring reset`, when no node runs.
Result<void> reset_processes(const LinuxProcessesOptions& options);

// What this kernel lacks for limits ("cgroup controller memory is not available"); for the node's conditions.
std::vector<std::string> missing_controllers();

}  // namespace kring::pods
