#include "objects/qos.h"

#include <map>
#include <string>

#include "objects/quantity.h"

namespace kring {
namespace {

// Sums of cpu and memory; only positive amounts count.
struct Totals {
  std::map<std::string, Quantity> requests, limits;
  bool every_container_limited = true;
};

void add(const json::Value& resources, std::string_view key, std::map<std::string, Quantity>& sums, size_t& counted) {
  const json::Value* list = resources.find(key);
  if (list == nullptr || !list->is_object()) return;
  for (const std::string name : {"cpu", "memory"}) {
    const json::Value* amount = list->find(name);
    if (amount == nullptr) continue;
    const auto quantity = Quantity::from_json(*amount);
    if (quantity.has_error() || quantity->sign() <= 0) continue;
    sums[name] += *quantity;
    ++counted;
  }
}

void add_container(const json::Value& container, Totals& totals) {
  size_t limits = 0;
  size_t requests = 0;
  if (const json::Value* resources = container.find("resources")) {
    add(*resources, "requests", totals.requests, requests);
    add(*resources, "limits", totals.limits, limits);
  }
  if (limits != 2) totals.every_container_limited = false;
}

}  // namespace

std::string_view qos_class(const json::Value& pod_spec) {
  Totals totals;
  if (const json::Value* resources = pod_spec.find("resources");
      resources != nullptr && resources->is_object() && !resources->as_object().empty()) {
    // Resources of the pod as a whole decide when they are given.
    add_container(pod_spec, totals);
  } else {
    for (const char* list : {"containers", "initContainers"}) {
      const json::Value* containers = pod_spec.find(list);
      if (containers == nullptr || !containers->is_array()) continue;
      for (const json::Value& container : containers->as_array()) add_container(container, totals);
    }
  }
  if (totals.requests.empty() && totals.limits.empty()) return "BestEffort";
  if (totals.every_container_limited && totals.requests == totals.limits) return "Guaranteed";
  return "Burstable";
}

}  // namespace kring
