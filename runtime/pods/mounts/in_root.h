// Paths inside a directory that somebody else may write to: a container's root, a volume. No path string crosses into
// such a place except through these functions; the kernel resolves it with openat2(2), so that no symbolic link, no
// ".." and no rename meanwhile leads out (security rows S5, S7, S8).
// Part of the keeper: no libc, no heap. Descriptors are O_PATH and close-on-exec; failures are negative errnos.
#pragma once

#include <string_view>

#include "runtime/pods/keeper/sys.h"
#include "runtime/pods/keeper/text.h"

namespace kring::mounts {

enum class Kind { directory, file };

// `path` as seen by a process whose root is `root`: absolute links and ".." stay inside. Links of /proc (magic links)
// are refused.
int open_in_root(int root, std::string_view path, uint64_t flags = O_PATH);
// The same, but no symbolic link at all is followed (for /proc, /sys, /dev: an image may not redirect them).
int open_in_root_strictly(int root, std::string_view path, uint64_t flags = O_PATH);
// `path` relative to `base` must stay beneath it; absolute links are refused. As Kubernetes' subPath.
int open_beneath(int base, std::string_view path, uint64_t flags = O_PATH);

// Opens `path` in `root`; what is missing is made: directories, and a file or directory at the end. A link to what
// does not exist yet (/var/run -> /run) is followed inside the root. The descriptor, or a negative errno.
int ensure_in_root(int root, std::string_view path, Kind kind, int mode);
// The same beneath `base` with directories only: a missing subPath.
int ensure_beneath(int base, std::string_view path, int mode);

}  // namespace kring::mounts
