#include "runtime/pods/mounts/mount.h"

namespace kring::mounts {

int new_filesystem(const char* type, std::span<const Option> options, uint64_t attributes) {
  const sys::Fd context{static_cast<int>(sys::call(SYS_fsopen, sys::raw(type), FSOPEN_CLOEXEC))};
  if (!context.ok()) return -context.error();
  for (const Option& option : options) {
    const int command = option.value == nullptr ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING;
    const long set = sys::call(SYS_fsconfig, context.get(), command, sys::raw(option.key), sys::raw(option.value), 0);
    if (set < 0) return static_cast<int>(set);
  }
  const long created = sys::call(SYS_fsconfig, context.get(), FSCONFIG_CMD_CREATE, 0, 0, 0);
  if (created < 0) return static_cast<int>(created);
  return static_cast<int>(sys::call(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, static_cast<long>(attributes)));
}

int clone_tree(int dir, const char* path, bool recursive) {
  const unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  return static_cast<int>(sys::call(SYS_open_tree, dir, sys::raw(path), flags));
}

int attach(int mount_fd, int target) {
  return static_cast<int>(sys::call(SYS_move_mount, mount_fd, sys::raw(""), target, sys::raw(""),
                                    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
}

int set_attributes(int mount_fd, uint64_t set, uint64_t clear, uint64_t propagation, bool recursive) {
  mount_attr attributes{.attr_set = set, .attr_clr = clear, .propagation = propagation, .userns_fd = 0};
  return static_cast<int>(sys::call(SYS_mount_setattr, mount_fd, sys::raw(""),
                                    AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), sys::raw(&attributes),
                                    sizeof(attributes)));
}

int classic_mount(const char* source, const char* target, const char* type, unsigned long flags, const char* data) {
  return static_cast<int>(sys::call(SYS_mount, sys::raw(source), sys::raw(target), sys::raw(type),
                                    static_cast<long>(flags), sys::raw(data)));
}

}  // namespace kring::mounts
