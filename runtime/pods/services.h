// What every part of the node agent works with. All of it outlives the agent's tasks.
#pragma once

#include <string>
#include <vector>

#include "runtime/client/client.h"
#include "runtime/client/events.h"
#include "runtime/env/host.h"
#include "runtime/env/processes.h"
#include "runtime/images/images.h"
#include "runtime/pods/etc_files.h"
#include "runtime/pods/resources.h"
#include "runtime/pods/volumes.h"

namespace kring::pods {

struct AgentOptions {
  std::string node_name;
  std::string data_directory;
  std::vector<std::string> cluster_dns;
  std::string cluster_domain = "cluster.local";
  uint64_t log_bytes_max = 10 << 20;
  uint32_t log_files_max = 5;
  int64_t pods_max = 110;
};

// Connects a pod's network namespace, which its keeper holds. Without one, pods have no network of their own yet.
class PodNetwork {
 public:
  virtual ~PodNetwork() = default;
  struct Pod {
    std::string uid, ns, name;
    int32_t keeper_pid = 0;
  };
  // The pod's addresses. Idempotent: after a restart of kring it gives what the pod already has.
  virtual Task<Result<std::vector<std::string>>> attach(Pod pod) = 0;
  virtual Task<Result<void>> detach(std::string uid) = 0;
};

// One HTTP request of a lifecycle hook. Without a caller such hooks fail, and say so in an event.
class HookCaller {
 public:
  virtual ~HookCaller() = default;
  struct Request {
    std::string scheme, host, path;
    uint16_t port = 0;
    std::vector<std::pair<std::string, std::string>> headers;
    int64_t timeout_ms = 0;
  };
  // Success for any answer at all below 400.
  virtual Task<Result<void>> get(Request request) = 0;
};

// What the agent knows of its node, kept current by the node loop.
struct NodeKnowledge {
  std::string hostname;
  std::vector<std::string> addresses;
  NodeCapacity allocatable;
  int64_t memory_capacity_bytes = 0;
};

struct Services {
  Env& env;
  client::Client& client;
  Processes& processes;
  images::Images& images;
  Host& host;
  HostFiles& files;
  client::EventRecorder& events;
  AgentOptions options;
  PodNetwork* network = nullptr;
  TokenIssuer* tokens = nullptr;
  HookCaller* hooks = nullptr;
  NodeKnowledge node;

  DownwardFacts facts(std::vector<std::string> pod_addresses) const {
    return {options.node_name, node.addresses, std::move(pod_addresses), node.allocatable};
  }
};

}  // namespace kring::pods
