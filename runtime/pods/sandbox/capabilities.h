// Linux capabilities by the names Kubernetes uses ("NET_ADMIN", without CAP_).
#pragma once

#include <cstdint>
#include <string_view>

#include "objects/result.h"
#include "runtime/env/processes.h"

namespace kring::sandbox {

// What a container has when nothing else is said: the default of containerd and moby.
extern const uint64_t default_capabilities;
extern const uint64_t all_capabilities;

// The number of a capability; nullopt when there is none of that name. Upper and lower case, with or without "CAP_".
std::optional<int> capability_number(std::string_view name);

// Defaults, plus what is added, minus what is dropped; "ALL" stands for all, and what is named beside it wins over it.
Result<uint64_t> capability_set(const SecurityConfig& security);

}  // namespace kring::sandbox
