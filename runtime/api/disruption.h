// Writes that move or end pods through subresources: binding and eviction.
#pragma once

#include <string>

#include "runtime/api/registry.h"

namespace kring::api {

// POST pods/{name}/binding: gives the pod its node, once.
Task<Result<void>> bind(Registry& registry, std::string ns, std::string pod, json::Value binding, WriteOptions options);

// POST pods/{name}/eviction: a delete that disruption budgets must allow; too_many_requests when they do not.
// Source: policy/v1 Eviction and PodDisruptionBudget.
Task<Result<Deleted>> evict(Registry& registry, Target pod, DeleteOptions options);

}  // namespace kring::api
