#include "runtime/pods/resources.h"

#include <algorithm>
#include <map>

#include "objects/quantity.h"
#include "objects/schema/core_generated.h"
#include "runtime/client/flat.h"

namespace kring::pods {

namespace {

using Amounts = flatbuffers::Vector<flatbuffers::Offset<meta::QuantityEntry>>;

std::optional<Quantity> amount(const Amounts* amounts, std::string_view resource) {
  const auto* entry = entry_of(amounts, resource);
  if (entry == nullptr) return std::nullopt;
  auto parsed = Quantity::parse(view(entry->value()));
  if (parsed.has_error()) return std::nullopt;  // validation let nothing else through
  return *parsed;
}

const Amounts* requests_of(const core::Container& container) {
  return container.resources() == nullptr ? nullptr : container.resources()->requests();
}
const Amounts* limits_of(const core::Container& container) {
  return container.resources() == nullptr ? nullptr : container.resources()->limits();
}

// A request that is not given is the limit.
std::optional<Quantity> request(const core::Container& container, std::string_view resource) {
  auto wanted = amount(requests_of(container), resource);
  return wanted ? wanted : amount(limits_of(container), resource);
}

bool sidecar(const core::Container& container) { return view(container.restart_policy()) == "Always"; }

// Adds up one number over a pod: containers and sidecars together, or the largest init container beside the sidecars
// started before it. `get` answers nullopt when a container sets no bound, and then the pod has none.
template <class Get>
std::optional<int64_t> pod_sum(const core::PodSpec& spec, Get get) {
  int64_t sidecars = 0, largest_init = 0, sum = 0;
  for (const auto* container : items(spec.init_containers())) {
    auto value = get(*container);
    if (!value) return std::nullopt;
    if (sidecar(*container)) sidecars += *value;
    largest_init = std::max(largest_init, sidecar(*container) ? sidecars : sidecars + *value);
  }
  for (const auto* container : items(spec.containers())) {
    auto value = get(*container);
    if (!value) return std::nullopt;
    sum += *value;
  }
  return std::max(sum + sidecars, largest_init);
}

bool set(const std::optional<Quantity>& quantity) { return quantity && quantity->sign() > 0; }

std::optional<int64_t> milli(const std::optional<Quantity>& quantity) {
  if (!set(quantity)) return std::nullopt;
  return quantity->milli_value();
}
std::optional<int64_t> whole(const std::optional<Quantity>& quantity) {
  if (!set(quantity)) return std::nullopt;
  return quantity->value();
}

}  // namespace

std::string qos_class(const core::Pod& pod) {
  if (pod.spec() == nullptr) return "BestEffort";
  bool any = false, guaranteed = true;
  auto look = [&](const core::Container& container) {
    for (std::string_view resource : {"cpu", "memory"}) {
      auto limit = amount(limits_of(container), resource);
      auto wanted = request(container, resource);
      any = any || set(limit) || set(wanted);
      guaranteed = guaranteed && set(limit) && set(wanted) && *limit == *wanted;
    }
  };
  for (const auto* container : items(pod.spec()->init_containers())) look(*container);
  for (const auto* container : items(pod.spec()->containers())) look(*container);
  if (!any) return "BestEffort";
  return guaranteed ? "Guaranteed" : "Burstable";
}

CgroupLimits container_limits(const core::Container& container) {
  CgroupLimits out;
  out.cpu_request_milli = milli(request(container, "cpu")).value_or(0);
  out.cpu_limit_milli = milli(amount(limits_of(container), "cpu"));
  out.memory_limit_bytes = whole(amount(limits_of(container), "memory"));
  return out;
}

CgroupLimits pod_limits(const core::Pod& pod) {
  CgroupLimits out;
  if (pod.spec() == nullptr) return out;
  auto requested = pod_sum(*pod.spec(), [](const core::Container& container) {
    return std::optional<int64_t>{milli(request(container, "cpu")).value_or(0)};
  });
  out.cpu_request_milli = requested.value_or(0);
  out.cpu_limit_milli = pod_sum(*pod.spec(), [](const auto& it) { return milli(amount(limits_of(it), "cpu")); });
  out.memory_limit_bytes = pod_sum(*pod.spec(), [](const auto& it) { return whole(amount(limits_of(it), "memory")); });
  return out;
}

int oom_score_adjust(const core::Pod& pod, const core::Container& container, int64_t memory_capacity_bytes) {
  constexpr int guaranteed = -997, best_effort = 1000;
  constexpr int32_t system_critical = 2'000'000'000;
  if (pod.spec() != nullptr && pod.spec()->priority().value_or(0) >= system_critical) return guaranteed;
  std::string qos = qos_class(pod);
  if (qos == "Guaranteed") return guaranteed;
  if (qos == "BestEffort" || memory_capacity_bytes <= 0) return best_effort;
  int64_t requested = whole(request(container, "memory")).value_or(0);
  // A part of the memory in thousandths; a double is exact enough and cannot overflow.
  int64_t score =
      1000 - static_cast<int64_t>(1000.0 * static_cast<double>(requested) / static_cast<double>(memory_capacity_bytes));
  // Always above the guaranteed ones, always below the best-effort ones.
  return static_cast<int>(std::clamp<int64_t>(score, 1000 + guaranteed, best_effort - 1));
}

Result<std::string> resource_field(const core::Container& container, std::string_view resource,
                                   std::string_view divisor, const NodeCapacity& allocatable) {
  size_t dot = resource.find('.');
  std::string_view side = resource.substr(0, dot);
  std::string_view name = dot == std::string_view::npos ? std::string_view{} : resource.substr(dot + 1);
  if (name.empty() || (side != "limits" && side != "requests"))
    return Error{Reason::invalid, "unsupported container resource : " + std::string{resource}};
  Quantity by{1};
  if (!divisor.empty() && divisor != "0") {
    KRING_TRY(by, Quantity::parse(divisor));
    if (by.is_zero()) by = Quantity{1};
  }
  std::optional<Quantity> value = amount(side == "limits" ? limits_of(container) : requests_of(container), name);
  if (side == "limits" && (!value || value->is_zero())) {
    if (name == "cpu") value = Quantity::milli(allocatable.cpu_milli);
    if (name == "memory") value = Quantity{allocatable.memory_bytes};
    if (name == "ephemeral-storage") value = Quantity{allocatable.ephemeral_storage_bytes};
  }
  if (!value) value = Quantity{0};
  auto ceiling = [](int64_t a, int64_t b) { return b <= 0 ? 0 : a / b + (a % b > 0 ? 1 : 0); };
  if (name == "cpu") return std::to_string(ceiling(value->milli_value(), by.milli_value()));
  return std::to_string(ceiling(value->value(), by.value()));
}

}  // namespace kring::pods
