// CPU time, memory and descriptors of this process as Prometheus text, read from /proc.
#pragma once

#include <string>

#include "runtime/env/env.h"

namespace kring::api {

// Empty where there is no /proc. Source: proc(5).
Task<std::string> process_metrics(Env& env);

}  // namespace kring::api
