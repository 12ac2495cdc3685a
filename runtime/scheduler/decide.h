// Which node a pod goes to: pure decisions over plain data.
// Filters in Kubernetes' order, each with the reason it gives; then the node with the most room wins. When none fits,
// lower-priority pods may have to make room (preemption).
// Source: kubernetes.io/docs/concepts/scheduling-eviction; messages as kube-scheduler words them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/env/env.h"

namespace kring::scheduler {

// Amounts of resources: cpu in thousandths, others in units. "pods" counts pods.
using Amounts = std::map<std::string, int64_t>;

struct Taint {
  std::string key, value, effect;
  friend bool operator==(const Taint&, const Taint&) = default;
};

struct Toleration {
  std::string key, op, value, effect;  // op "Exists" or "Equal"; an empty key with Exists tolerates everything
  friend bool operator==(const Toleration&, const Toleration&) = default;
};

// One requirement on node labels or fields.
struct Requirement {
  std::string key, op;  // In, NotIn, Exists, DoesNotExist, Gt, Lt
  std::vector<std::string> values;
  friend bool operator==(const Requirement&, const Requirement&) = default;
};
// All of these must hold; a term without any matches nothing.
struct Term {
  std::vector<Requirement> labels, fields;  // the one field there is: metadata.name
  friend bool operator==(const Term&, const Term&) = default;
};
struct PreferredTerm {
  Term term;
  int64_t weight = 0;
  friend bool operator==(const PreferredTerm&, const PreferredTerm&) = default;
};

struct HostPort {
  std::string address, protocol;  // address "" or "0.0.0.0": every address
  int32_t port = 0;
  friend bool operator==(const HostPort&, const HostPort&) = default;
};

// A pod as the scheduler sees it.
struct PodInfo {
  std::string uid, ns, name;
  int32_t priority = 0;
  bool may_preempt = true;
  Wall created;
  Amounts requests;  // without "pods"
  std::map<std::string, std::string> node_selector;
  std::optional<std::vector<Term>> required_affinity;  // one must match
  std::vector<PreferredTerm> preferred_affinity;
  std::vector<Toleration> tolerations;
  std::vector<HostPort> host_ports;
  friend bool operator==(const PodInfo&, const PodInfo&) = default;
};

struct NodeInfo {
  std::string name;
  std::map<std::string, std::string> labels;
  bool unschedulable = false;
  std::vector<Taint> taints;
  Amounts allocatable;
  std::vector<PodInfo> pods;  // bound to it and not over

  Amounts used() const;
};

bool tolerates(const std::vector<Toleration>& tolerations, const Taint& taint);
bool matches(const Term& term, const NodeInfo& node);
bool conflicts(const HostPort& a, const HostPort& b);

// Why a pod does not fit a node; empty: it does. `final`: no pod that leaves would change that.
struct Misfit {
  std::vector<std::string> reasons;  // "Insufficient cpu", "node(s) were unschedulable", ...
  bool final = false;
};
Misfit filter(const PodInfo& pod, const NodeInfo& node);

// Higher is better: room left after the pod, and how many preferences it meets.
int64_t score(const PodInfo& pod, const NodeInfo& node);

struct Decision {
  std::string node;  // empty: nowhere
  // "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found
  // for incoming pod."
  std::string message;
  std::string nominated;  // where victims make room
  std::vector<PodInfo> victims;
};
Decision decide(const PodInfo& pod, const std::vector<NodeInfo>& nodes);

// Queue order: higher priority first, then older, then by name.
bool before(const PodInfo& a, const PodInfo& b);

}  // namespace kring::scheduler
