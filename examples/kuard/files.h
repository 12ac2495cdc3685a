// The file browser: shows this container's own filesystem, read-only.
// Invariants: `..` never climbs, symbolic links are shown but followed only inside the same root (openat2), special
// files (devices, pipes, sockets) are never opened, file names are escaped.
#pragma once

#include <string>
#include <string_view>

#include "examples/kuard/http.h"

namespace kuard {

// Content of a small file such as /etc/resolv.conf, at most 64 KiB; empty when it cannot be read.
std::string read_small_file(const char* path);

// Serves `path` (decoded, absolute) below `root`: a listing for a directory, the bytes of a regular file.
Response browse(const std::string& root, std::string_view path);

}  // namespace kuard
