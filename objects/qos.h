// The quality-of-service class of a pod: what is given up first when memory runs out.
// Source: kubernetes.io "Pod Quality of Service Classes".
#pragma once

#include <string_view>

#include "objects/json.h"

namespace kring {

// "Guaranteed", "Burstable" or "BestEffort" for a defaulted pod spec.
std::string_view qos_class(const json::Value& pod_spec);

}  // namespace kring
