// Small files of the system (/etc/hosts, /etc/resolv.conf, CA bundles), symlinks followed, read in one go: they are
// cached or tiny, so nothing waits.
#pragma once

#include <string>

#include "objects/result.h"

namespace kring {

// request_entity_too_large for a file of more than `bytes_max`.
Result<std::string> read_small_file(const std::string& path, size_t bytes_max);

}  // namespace kring
