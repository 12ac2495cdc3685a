// From what the node agent asks for to what the keeper carries out.
#pragma once

#include <string>
#include <vector>

#include "runtime/env/processes.h"
#include "runtime/pods/cgroup/cgroups.h"
#include "runtime/pods/keeper/sys.h"
#include "runtime/pods/sandbox/seccomp.h"

namespace kring::sandbox {

struct ContainerPlan {
  const ContainerConfig& config;
  std::string hostname;           // for HOSTNAME, when the environment has none
  std::string hidden_directory;   // kring's data, not to be seen through kring.local/host
  cgroup::Membership membership;
  std::vector<std::string> shown_hierarchies;
  bool cgroup_v2 = false;
  FilterCache& filters;
};
// The spec in a sealed memfd. invalid when the configuration is not one.
Result<sys::Fd> make_container_spec(const ContainerPlan& plan);

// The bytes of a pod's spec: for the keeper, and for the file that the next kring reads.
Result<std::vector<uint8_t>> make_pod_spec(const PodConfig& config, const std::string& state_directory,
                                           const std::string& group, const cgroup::Membership& keepers);

Result<sys::Fd> make_exec_spec(const ExecConfig& config);

// Kubernetes' rule for sysctl names, and only those that belong to the pod's own namespaces (S12).
Result<void> check_sysctl(const PodConfig& config, const std::string& name, const std::string& value);

}  // namespace kring::sandbox
