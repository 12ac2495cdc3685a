// The Node object of this machine and its lease: registered once, kept truthful.
// Invariants: what a person set (labels, annotations, taints, unschedulable, extended resources) survives; heartbeats
// are recomputable writes and never touch the disk; the loop wakes once in ten seconds.
// Source: kubernetes.io/docs/concepts/architecture/nodes, .../leases; reasons as kubelet words them.
#pragma once

#include "objects/json.h"
#include "runtime/pods/services.h"

namespace kring::pods {

// The machine's part of a Node's status: pure, without heartbeat times. `images` are listed largest first.
json::Value node_status(const HostFacts& facts, const HostLoad& load, const AgentOptions& options,
                        const std::vector<images::Image>& images);

// Labels that every node has: kubernetes.io/hostname, os, arch and their older spellings.
json::Value node_labels(const HostFacts& facts, const AgentOptions& options);

// Puts `fresh` into the status of a stored node: conditions keep their transition time while they stay and get `now` as
// heartbeat, conditions and extended resources of others are kept. True when more than heartbeats changed.
bool merge_node_status(json::Value& node, const json::Value& fresh, Wall now);

class NodeStatus {
 public:
  explicit NodeStatus(Services& services) : services_(services) {}
  NodeStatus(const NodeStatus&) = delete;
  NodeStatus& operator=(const NodeStatus&) = delete;

  // Reads the machine's facts into Services::node; before anything starts.
  void learn();
  // Registers the node and keeps it and its lease fresh; until cancelled.
  Task<Result<void>> node_status_loop();

 private:
  Task<Result<void>> beat();
  Task<Result<void>> register_node(json::Value fresh);
  Task<Result<void>> update_node(json::Value fresh);
  Task<Result<void>> renew_lease();
  void tell_changes(const json::Value& fresh);
  Task<Result<void>> collect_images();

  Services& services_;
  HostFacts facts_;
  json::Value last_;  // status as last computed
  Mono written_at_;
  Mono collected_at_;
  std::string node_uid_;
  bool ready_told_ = false;
};

}  // namespace kring::pods
