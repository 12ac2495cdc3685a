#include "runtime/api/disruption.h"

#include "objects/codec.h"
#include "objects/labels.h"
#include "runtime/api/metadata.h"
#include "runtime/api/status.h"

namespace kring::api {
namespace {

constexpr std::string_view violates = "Cannot evict pod as it would violate the pod's disruption budget.";
constexpr int32_t retry_after_seconds = 10;

Error disrupted(std::string cause) {
  Error error{Reason::too_many_requests, std::string{violates}};
  error.retry_after_seconds = retry_after_seconds;
  error.causes.push_back(Cause{"DisruptionBudget", std::move(cause), ""});
  return error;
}

// Pods that are over, or not begun, need no budget.
bool needs_no_budget(const json::Value& pod) {
  const json::Value* status = pod.find("status");
  const std::string_view phase = status == nullptr ? "" : status->string_or("phase");
  return phase == "Succeeded" || phase == "Failed" || phase == "Pending" || is_deleting(pod);
}

bool is_ready(const json::Value& pod) {
  const json::Value* conditions = pod.at({"status", "conditions"});
  if (conditions == nullptr || !conditions->is_array()) return false;
  for (const json::Value& condition : conditions->as_array()) {
    if (condition.string_or("type") == "Ready") return condition.string_or("status") == "True";
  }
  return false;
}

// The budgets that cover a pod.
std::vector<ObjectPtr> budgets_of(store::Store& store, const json::Value& pod) {
  std::vector<ObjectPtr> out;
  const json::Value* labels = pod.at({"metadata", "labels"});
  for (const ObjectPtr& object : store.list(kinds::pod_disruption_budget(), metadata_text(pod, "namespace")).objects) {
    const json::Value budget = codec::to_value(*object);
    auto selector = labels::Selector::from_label_selector(budget.at({"spec", "selector"}));
    if (selector.has_value() && selector->matches(labels)) out.push_back(object);
  }
  return out;
}

// An unhealthy pod of a budget that allows it goes without being counted.
bool exempt(const json::Value& pod, const json::Value& budget) {
  if (is_ready(pod)) return false;
  const json::Value* spec = budget.find("spec");
  const json::Value* status = budget.find("status");
  const std::string_view policy = spec == nullptr ? "" : spec->string_or("unhealthyPodEvictionPolicy");
  if (policy == "AlwaysAllow") return true;
  if (status == nullptr) return false;
  const int64_t healthy = status->int_or("currentHealthy", 0), desired = status->int_or("desiredHealthy", 0);
  return healthy >= desired && desired > 0;
}

// Takes one disruption from the budget and remembers the pod until it is gone.
Result<Edit> spend(const json::Value& budget, const std::string& pod, const std::string& now) {
  const std::string name{metadata_text(budget, "name")};
  const json::Value* meta = budget.find("metadata");
  const json::Value* status = budget.find("status");
  const int64_t observed = status == nullptr ? 0 : status->int_or("observedGeneration", 0);
  if (meta != nullptr && observed < meta->int_or("generation", 0)) {
    return disrupted("The disruption budget " + name + " is still being processed by the server.");
  }
  const int64_t allowed = status == nullptr ? 0 : status->int_or("disruptionsAllowed", 0);
  if (allowed <= 0) {
    const int64_t desired = status == nullptr ? 0 : status->int_or("desiredHealthy", 0);
    const int64_t healthy = status == nullptr ? 0 : status->int_or("currentHealthy", 0);
    return disrupted("The disruption budget " + name + " needs " + std::to_string(desired) +
                     " healthy pods and has " + std::to_string(healthy) + " currently");
  }
  Edit edit;
  edit.object = budget;
  json::Object& changed = edit.object.object("status");
  changed.set("disruptionsAllowed", allowed - 1);
  json::Value& list = changed["disruptedPods"];
  if (!list.is_object()) list = json::Object{};
  list.as_object().set(pod, now);
  return edit;
}

}  // namespace

Task<Result<Deleted>> evict(Registry& registry, Target pod, DeleteOptions options) {
  auto found = registry.get(pod);
  if (found.has_error()) co_return std::move(found).error();
  const json::Value value = codec::to_value(**found);
  if (!needs_no_budget(value)) {
    const std::vector<ObjectPtr> budgets = budgets_of(registry.store(), value);
    if (budgets.size() > 1) {
      co_return Error{
          Reason::internal_error,
          "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."};
    }
    if (budgets.size() == 1 && !exempt(value, codec::to_value(*budgets.front()))) {
      const Object& budget = *budgets.front();
      Target target{&hub_of(budget.kind()), std::string{budget.ns()}, std::string{budget.name()}, "status"};
      const std::string now = timestamp(registry.env().clock.wall());
      Editor edit = [name = pod.name, now](const Object&, const json::Value& current) {
        return spend(current, name, now);
      };
      WriteOptions write;
      write.dry_run = options.dry_run;
      auto spent = co_await registry.rewrite(std::move(target), std::move(edit), write);
      if (spent.has_error()) co_return std::move(spent).error();
    }
  }
  co_return co_await registry.remove(std::move(pod), std::move(options));
}

}  // namespace kring::api
