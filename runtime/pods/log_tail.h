// The end of a container's log as plain text.
#pragma once

#include <cstddef>
#include <string>

#include "runtime/env/env.h"

namespace kring::pods {

// At most so many lines and bytes from the end of one CRI log file, without its time stamps.
Task<Result<std::string>> log_tail(Env& env, std::string path, size_t lines_max, size_t bytes_max);

}  // namespace kring::pods
