// The composition root: builds every room bottom-up, runs the loops, stops in reverse.
// Invariants: one node per data directory (a lock is held for the life of run()); pods go on when it returns.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/env/env.h"

namespace kring {

// Validated once by cli/config.cc; parts receive what they need of it.
struct NodeConfig {
  std::string data_dir = "/var/lib/kring";
  std::string listen = "0.0.0.0:6443";       // address:port of the API; [::]:6443 for both families
  std::string node_name;                     // the machine's host name in lower case when empty
  std::string pod_cidr = "10.42.0.0/16";
  std::string service_cidr = "10.43.0.0/16"; // its first address is the API's service, its tenth the DNS
  std::string cluster_domain = "cluster.local";
  std::string cgroup_prefix = "kring";       // parent of every pod's cgroup
  bool verbose = false;
};

// Runs until SIGTERM or SIGINT. Prints one line when ready.
Task<Result<void>> run_node(Env& env, NodeConfig config);

}  // namespace kring
