// The status of a pod as the API shows it, made from the state machine's knowledge.
// Invariant: a pure function; the same input gives the same value, so an unchanged status is not written again.
// Source: Kubernetes' PodStatus reference; reasons and messages as kubelet words them.
#pragma once

#include <string>
#include <string_view>

#include "objects/json.h"
#include "runtime/pods/lifecycle.h"

namespace kring::pods {

struct StatusContext {
  std::vector<std::string> host_addresses;  // of the node
  bool host_network = false;
  std::string qos_class;
  Wall now;
  // Events of this pod that are being waited out at this time decide between "terminated" and "back-off".
  Mono mono;
};

// `previous` is the status the API has (null for none): conditions keep their lastTransitionTime while their status
// stays, and conditions that are not the node agent's are kept.
json::Value status_of(const PodPlan& plan, const PodState& state, const StatusContext& context,
                      const json::Value& previous);

// Reads back what a status says about containers that ran, for a pod whose sandbox is gone (the machine was
// restarted): restart counts go on, what ran is known to have ended.
void restore(const PodPlan& plan, PodState& state, const json::Value& status, Mono now);

// "kring://<uid>.<name>.<attempt>"
std::string container_id(std::string_view uid, std::string_view name, uint32_t attempt);

}  // namespace kring::pods
