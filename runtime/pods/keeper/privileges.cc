#include "runtime/pods/keeper/privileges.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "runtime/pods/mounts/in_root.h"

namespace kring::keeper {

namespace {

// The whole of a small regular file, in memory of its own that lives until the exec. Absent: empty.
bool read_database(int root, const char* path, std::string_view& out, Fault& fault) {
  out = {};
  const sys::Fd file{mounts::open_in_root(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY)};
  if (file.error() == ENOENT || file.error() == ENOTDIR) return true;
  if (!file.ok()) return fault.set(file.error(), "open", path);
  struct stat about {};
  if (const int failed = sys::fstat(file.get(), &about); failed < 0) return fault.set(-failed, "stat", path);
  if (!S_ISREG(about.st_mode)) return fault.say(path, " of the image is not a regular file");
  auto* data = static_cast<char*>(
      sys::mmap(user_database_bytes_max + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1));
  if (data == nullptr) return fault.set(ENOMEM, "read", path);
  size_t size = 0;
  while (size <= user_database_bytes_max) {
    const long n = sys::read(file.get(), data + size, user_database_bytes_max + 1 - size);
    if (n == -EINTR) continue;
    if (n < 0) return fault.set(static_cast<int>(-n), "read", path);
    if (n == 0) break;
    size += static_cast<size_t>(n);
  }
  if (size > user_database_bytes_max) return fault.say(path, " of the image is larger than 1 MiB");
  out = {data, size};
  return true;
}

bool limit_bounding_set(uint64_t kept, Fault& fault) {
  for (unsigned long capability = 0; capability < 64; ++capability) {
    if ((kept >> capability & 1) != 0) continue;
    const int dropped = sys::prctl(PR_CAPBSET_DROP, capability);
    if (dropped == -EINVAL) break;  // beyond the last one this kernel knows
    if (dropped < 0) return fault.set(-dropped, "drop capability");
  }
  return true;
}

// One set for effective and permitted, limited to what this process has; the other sets empty.
bool set_capabilities(uint64_t wanted, Fault& fault) {
  sys::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (const long got = sys::call(SYS_capget, sys::raw(&header), sys::raw(data)); got < 0) {
    return fault.set(static_cast<int>(-got), "capget");
  }
  for (int i = 0; i < 2; ++i) {
    data[i].permitted &= static_cast<uint32_t>(wanted >> (32 * i));
    data[i].effective = data[i].permitted;
    data[i].inheritable = 0;
  }
  const long set = sys::call(SYS_capset, sys::raw(&header), sys::raw(data));
  return set >= 0 || fault.set(static_cast<int>(-set), "capset");
}

bool load_seccomp(Bytes program, Fault& fault) {
  if (program.empty()) return true;
  // The instructions may lie unaligned in the spec; the kernel copies them from any address.
  sock_fprog filter{.len = static_cast<unsigned short>(program.size() / sizeof(sock_filter)),
                    .filter = reinterpret_cast<sock_filter*>(const_cast<uint8_t*>(program.data()))};
  const long loaded = sys::call(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, sys::raw(&filter));
  return loaded >= 0 || fault.set(static_cast<int>(-loaded), "load seccomp filter");
}

}  // namespace

bool identify(int root, const ContainerSpec& spec, Identity& out, Fault& fault) {
  std::string_view passwd, group;
  if (!read_database(root, "etc/passwd", passwd, fault) || !read_database(root, "etc/group", group, fault)) {
    return false;
  }
  return resolve_user(spec, passwd, group, out, fault);
}

bool drop_privileges(const ContainerSpec& spec, const Identity& identity, Fault& fault) {
  const bool no_new_privileges = (spec.flags & container_no_new_privileges) != 0;
  // A keyring of its own, so that keys of the node are not in reach; a kernel without keys has nothing to leak.
  sys::call(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0);
  if (!limit_bounding_set(spec.capabilities, fault)) return false;
  long done = sys::call(SYS_setgroups, identity.group_count, sys::raw(identity.groups));
  if (done < 0) return fault.set(static_cast<int>(-done), "setgroups");
  // Without no_new_privs a filter may only be loaded by one who has CAP_SYS_ADMIN: before the user changes.
  if (!no_new_privileges && !load_seccomp(spec.seccomp, fault)) return false;
  done = sys::call(SYS_setresgid, identity.gid, identity.gid, identity.gid);
  if (done < 0) return fault.set(static_cast<int>(-done), "setgid");
  done = sys::call(SYS_setresuid, identity.uid, identity.uid, identity.uid);
  if (done < 0) return fault.set(static_cast<int>(-done), "setuid");
  if (!set_capabilities(spec.capabilities, fault)) return false;
  if (!no_new_privileges) return true;
  if (const int set = sys::prctl(PR_SET_NO_NEW_PRIVS, 1); set < 0) return fault.set(-set, "no_new_privs");
  return load_seccomp(spec.seccomp, fault);
}

}  // namespace kring::keeper
