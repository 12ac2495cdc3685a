// LimitRanges: defaults for containers' resources in a namespace, and bounds on them.
// Source: kubernetes.io "Limit Ranges"; messages as kube-apiserver's LimitRanger.
#pragma once

#include <string>

#include "objects/json.h"
#include "runtime/store/store.h"

namespace kring::api {

// Fills in and checks a new pod. forbidden: a bound is broken.
Result<void> apply_limit_ranges(store::Store& store, const std::string& ns, json::Value& pod);

}  // namespace kring::api
