// Mounts by descriptor (open_tree(2), move_mount(2), mount_setattr(2), fsopen(2)): a mount is made detached, gets its
// attributes, and is attached to a directory that is already open, so that no path is resolved twice.
// Part of the keeper: no libc, no heap. Failures are negative errnos.
#pragma once

#include <sys/mount.h>

#include <span>
#include <string_view>

#include "runtime/pods/keeper/sys.h"

namespace kring::mounts {

struct Option {
  const char* key;
  const char* value;  // nullptr: a flag
};

// A new, detached mount of a filesystem; `attributes` are MOUNT_ATTR_*.
int new_filesystem(const char* type, std::span<const Option> options, uint64_t attributes);
// A detached copy of the mount under `path` (or of `dir` itself when path is "").
int clone_tree(int dir, const char* path, bool recursive);
int attach(int mount_fd, int target);
// `propagation`: MS_PRIVATE, MS_SLAVE, MS_SHARED, or 0 to keep it.
int set_attributes(int mount_fd, uint64_t set, uint64_t clear, uint64_t propagation, bool recursive);
// mount(2), for what the new interface cannot say (overlayfs with many layers before Linux 6.5).
int classic_mount(const char* source, const char* target, const char* type, unsigned long flags, const char* data);

inline constexpr uint64_t strict_attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

}  // namespace kring::mounts
