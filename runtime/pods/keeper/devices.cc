#include "runtime/pods/keeper/devices.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <sched.h>

#include "runtime/pods/mounts/in_root.h"
#include "runtime/pods/mounts/mount.h"

namespace kring::keeper {

namespace {

using mounts::Kind;
using mounts::Option;

constexpr uint64_t device(uint64_t major, uint64_t minor) {
  return (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~uint64_t{0xff}) << 12);
}

struct Device {
  const char* name;
  uint64_t number;
};
constexpr Device devices[] = {
    {"null", device(1, 3)},   {"zero", device(1, 5)},    {"full", device(1, 7)},
    {"random", device(1, 8)}, {"urandom", device(1, 9)}, {"tty", device(5, 0)},
};
struct Link {
  const char* name;
  const char* target;
};
constexpr Link links[] = {
    {"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
    {"stderr", "/proc/self/fd/2"}, {"ptmx", "pts/ptmx"},         {"core", "/proc/kcore"},
};

// A directory of the root that the image may not have turned into a link (CVE-2026-41579): /proc, /sys, /dev.
sys::Fd kernel_directory(int root, std::string_view path, Fault& fault) {
  sys::Fd fd{mounts::open_in_root_strictly(root, path, O_PATH | O_DIRECTORY)};
  if (fd.error() == ENOENT) fd.reset(mounts::ensure_in_root(root, path, Kind::directory, 0755));
  if (fd.error() == ELOOP) {
    fault.say("the image has a symbolic link on the way to /", path);
  } else if (!fd.ok()) {
    fault.set(fd.error(), "open in the image", path);
  }
  return fd;
}

bool attach_at(int root, std::string_view path, const sys::Fd& mount, Fault& fault) {
  if (!mount.ok()) return fault.set(mount.error(), "make mount for", path);
  const sys::Fd target = kernel_directory(root, path, fault);
  if (!target.ok()) return false;
  const int attached = mounts::attach(mount.get(), target.get());
  return attached >= 0 || fault.set(-attached, "mount", path);
}

bool mount_at(int root, std::string_view path, const char* type, std::span<const Option> options, uint64_t attributes,
              Fault& fault) {
  const sys::Fd mount{mounts::new_filesystem(type, options, attributes)};
  return attach_at(root, path, mount, fault);
}

// The nodes of /dev of the machine, for a privileged container: character and block devices, a few levels deep.
void copy_devices(int from, int to, int depth) {
  alignas(8) char buffer[2048];
  while (true) {
    const long size = sys::call(SYS_getdents64, from, sys::raw(buffer), sizeof(buffer));
    if (size <= 0) return;
    for (long at = 0; at < size;) {
      struct Entry {
        uint64_t inode, offset;
        unsigned short length;
        unsigned char type;
        char name[];
      };
      const auto* entry = reinterpret_cast<const Entry*>(buffer + at);
      at += entry->length;
      const std::string_view name = entry->name;
      if (name == "." || name == ".." || name == "pts" || name == "shm" || name == "mqueue" || name == "console")
        continue;
      struct stat about {};
      if (sys::fstatat(from, entry->name, &about, AT_SYMLINK_NOFOLLOW) < 0) continue;
      if (S_ISCHR(about.st_mode) || S_ISBLK(about.st_mode)) {
        sys::mknodat(to, entry->name, static_cast<int>(about.st_mode), about.st_rdev);
        sys::fchownat(to, entry->name, about.st_uid, about.st_gid, AT_SYMLINK_NOFOLLOW);
      } else if (S_ISDIR(about.st_mode) && depth > 0) {
        sys::mkdirat(to, entry->name, 0755);
        const sys::Fd below{sys::openat(from, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)};
        const sys::Fd made{sys::openat(to, entry->name, O_PATH | O_DIRECTORY | O_NOFOLLOW)};
        if (below.ok() && made.ok()) copy_devices(below.get(), made.get(), depth - 1);
      }
    }
  }
}

bool fill_dev(const RootPlan& plan, int dev, Fault& fault) {
  for (const Device& node : devices) {
    const int made = sys::mknodat(dev, node.name, S_IFCHR | 0666, node.number);
    if (made < 0) return fault.set(-made, "make /dev entry", node.name);
  }
  for (const Link& link : links) sys::symlinkat(link.target, dev, link.name);
  for (const char* name : {"pts", "shm", "mqueue"}) sys::mkdirat(dev, name, 0755);
  if ((plan.spec.flags & container_privileged) != 0) {
    const sys::Fd host{sys::openat(AT_FDCWD, "/dev", O_RDONLY | O_DIRECTORY)};
    if (host.ok()) copy_devices(host.get(), dev, 4);
  }
  return true;
}

// The pod's /dev/shm is one tmpfs for all its containers. It lives in a mount namespace of its own, where only its root
// can be cloned from.
sys::Fd shared_memory(const RootPlan& plan) {
  if (plan.shm_namespace < 0) return sys::Fd{mounts::clone_tree(AT_FDCWD, "/dev/shm", false)};
  if (const int there = sys::setns(plan.shm_namespace, CLONE_NEWNS); there < 0) return sys::Fd{there};
  sys::Fd tree{mounts::clone_tree(AT_FDCWD, "/", false)};
  if (const int back = sys::setns(plan.own_namespace, CLONE_NEWNS); back < 0) return sys::Fd{back};
  return tree;
}

bool make_terminal(const RootPlan& plan, int root, int& terminal, int& slave, Fault& fault) {
  if ((plan.spec.flags & container_terminal) == 0) return true;
  terminal = mounts::open_in_root_strictly(root, "dev/pts/ptmx", O_RDWR | O_NOCTTY);
  if (terminal < 0) return fault.set(-terminal, "open", "/dev/pts/ptmx");
  const int unlocked = 0;
  sys::call(SYS_ioctl, terminal, TIOCSPTLCK, sys::raw(&unlocked));
  // By the descriptor of the master, so that no path of the image is trusted (CVE-2025-52565).
  slave = static_cast<int>(sys::call(SYS_ioctl, terminal, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (slave < 0) return fault.set(-slave, "open terminal");
  const sys::Fd console{mounts::ensure_in_root(root, "dev/console", Kind::file, 0620)};
  const sys::Fd tree{mounts::clone_tree(slave, "", false)};
  if (console.ok() && tree.ok()) mounts::attach(tree.get(), console.get());
  return true;
}

bool mount_dev(const RootPlan& plan, int root, int& terminal, int& slave, Fault& fault) {
  const Option dev_options[] = {{"mode", "755"}, {"size", "65536k"}};
  const sys::Fd dev{mounts::new_filesystem("tmpfs", dev_options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC)};
  if (!dev.ok()) return fault.set(dev.error(), "make mount for", "/dev");
  if (!fill_dev(plan, dev.get(), fault) || !attach_at(root, "dev", dev, fault)) return false;
  const Option pts_options[] = {{"newinstance", nullptr}, {"ptmxmode", "0666"}, {"mode", "0620"}, {"gid", "5"}};
  if (!mount_at(root, "dev/pts", "devpts", pts_options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, fault)) return false;
  const sys::Fd shm = shared_memory(plan);
  if (!attach_at(root, "dev/shm", shm, fault)) return false;
  // A kernel without POSIX queues has nothing to offer there.
  const sys::Fd queues{mounts::new_filesystem("mqueue", {}, mounts::strict_attributes)};
  if (queues.ok() && !attach_at(root, "dev/mqueue", queues, fault)) return false;
  return make_terminal(plan, root, terminal, slave, fault);
}

bool mount_cgroups(const RootPlan& plan, int root, uint64_t attributes, Fault& fault) {
  if ((plan.spec.flags & container_cgroup_v2) != 0) {
    return mount_at(root, "sys/fs/cgroup", "cgroup2", {}, attributes, fault);
  }
  if (plan.spec.cgroup_controllers.empty()) return true;
  const Option options[] = {{"mode", "755"}, {"size", "64k"}};
  const sys::Fd tree{mounts::new_filesystem("tmpfs", options, mounts::strict_attributes)};
  if (!tree.ok()) return fault.set(tree.error(), "make mount for", "/sys/fs/cgroup");
  for (const auto& controllers : plan.spec.cgroup_controllers) {
    sys::mkdirat(tree.get(), controllers.empty() ? "unified" : controllers.data(), 0755);
  }
  if (!attach_at(root, "sys/fs/cgroup", tree, fault)) return false;
  for (const auto& controllers : plan.spec.cgroup_controllers) {
    Path where{"sys/fs/cgroup/"};
    where << (controllers.empty() ? std::string_view{"unified"} : controllers);
    Option flags[16];
    Text<256> names{controllers};
    size_t count = 0;
    char* at = const_cast<char*>(names.c_str());
    while (*at != 0 && count < 16) {
      flags[count++] = {at, nullptr};
      while (*at != 0 && *at != ',') ++at;
      if (*at == ',') *at++ = 0;
    }
    const char* type = count == 0 ? "cgroup2" : "cgroup";
    const sys::Fd mount{mounts::new_filesystem(type, {flags, count}, attributes)};
    // What cannot be shown is left empty: programs cope, and the limits hold all the same.
    if (mount.ok() && !attach_at(root, where.view(), mount, fault)) return false;
  }
  mounts::set_attributes(tree.get(), MOUNT_ATTR_RDONLY, 0, 0, false);
  return true;
}

constexpr std::string_view masked[] = {
    "proc/acpi",        "proc/asound",        "proc/interrupts",   "proc/kcore",    "proc/keys", "proc/latency_stats",
    "proc/sched_debug", "proc/scsi",          "proc/timer_list",   "proc/timer_stats", "sys/firmware",
    "sys/devices/virtual/powercap",
};
constexpr std::string_view read_only[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"};

}  // namespace

bool mount_kernel_filesystems(const RootPlan& plan, int root, int& terminal, int& slave, Fault& fault) {
  const bool privileged = (plan.spec.flags & container_privileged) != 0;
  const uint64_t guarded = mounts::strict_attributes | (privileged ? 0 : MOUNT_ATTR_RDONLY);
  return mount_at(root, "proc", "proc", {}, mounts::strict_attributes, fault) &&
         mount_dev(plan, root, terminal, slave, fault) && mount_at(root, "sys", "sysfs", {}, guarded, fault) &&
         mount_cgroups(plan, root, guarded, fault);
}

bool mask_paths(const RootPlan& plan, int root, Fault& fault) {
  if ((plan.spec.flags & (container_privileged | container_unmasked_proc)) != 0) return true;
  // The null device that was made here, not what the image calls /dev/null (CVE-2025-31133).
  const sys::Fd null{mounts::open_in_root_strictly(root, "dev/null")};
  struct stat about {};
  if (!null.ok() || sys::fstat(null.get(), &about) < 0 || !S_ISCHR(about.st_mode) || about.st_rdev != device(1, 3)) {
    return fault.say("/dev/null of the container is not the null device");
  }
  for (const auto& path : masked) {
    const sys::Fd target{mounts::open_in_root_strictly(root, path)};
    if (!target.ok() || sys::fstat(target.get(), &about) < 0) continue;
    const sys::Fd cover{S_ISDIR(about.st_mode)
                            ? mounts::new_filesystem("tmpfs", {}, mounts::strict_attributes | MOUNT_ATTR_RDONLY)
                            : mounts::clone_tree(null.get(), "", false)};
    if (!cover.ok()) return fault.set(cover.error(), "mask", path);
    const int attached = mounts::attach(cover.get(), target.get());
    if (attached < 0) return fault.set(-attached, "mask", path);
  }
  for (const auto& path : read_only) {
    const sys::Fd target{mounts::open_in_root_strictly(root, path)};
    if (!target.ok()) continue;
    const sys::Fd tree{mounts::clone_tree(target.get(), "", true)};
    if (!tree.ok()) return fault.set(tree.error(), "make read-only", path);
    const int set = mounts::set_attributes(tree.get(), mounts::strict_attributes | MOUNT_ATTR_RDONLY, 0, 0, true);
    const int attached = set < 0 ? set : mounts::attach(tree.get(), target.get());
    if (attached < 0) return fault.set(-attached, "make read-only", path);
  }
  return true;
}

}  // namespace kring::keeper
