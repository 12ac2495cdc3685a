#include "runtime/pods/keeper/rootfs.h"

#include <errno.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include "runtime/pods/keeper/devices.h"
#include "runtime/pods/mounts/in_root.h"
#include "runtime/pods/mounts/mount.h"

namespace kring::keeper {

namespace {

using mounts::Kind;
using mounts::Option;

sys::Fd open_directory(int dir, const char* path) { return sys::Fd{sys::openat(dir, path, O_PATH | O_DIRECTORY)}; }

// "/proc/self/fd/N": how mount(2) is told a directory that is already open. It also keeps the node's paths out of the
// container's /proc/mounts, and the options short: they must fit one page.
void put_fd_path(TextSink& out, int fd) { out << "/proc/self/fd/" << fd; }

// Adds the writable layer in `directory` to the options, and mounts. 0 or a negative errno.
int mount_writable(int directory, TextSink& options, const char* target, uint32_t flags) {
  sys::mkdirat(directory, "upper", 0755);
  sys::mkdirat(directory, "work", 0700);
  const sys::Fd upper = open_directory(directory, "upper"), work = open_directory(directory, "work");
  if (!upper.ok() || !work.ok()) return -(upper.ok() ? work.error() : upper.error());
  options << ",upperdir=";
  put_fd_path(options, upper.get());
  options << ",workdir=";
  put_fd_path(options, work.get());
  // What a container writes to its own root is gone with it: no sync of it ever needs to reach the medium.
  options << ",volatile";
  if (options.overflowed()) return -E2BIG;
  return mounts::classic_mount("overlay", target, "overlay", (flags & container_privileged) != 0 ? 0 : MS_NODEV,
                               options.c_str());
}

bool mount_overlay(const RootPlan& plan, const char* target, Fault& fault) {
  sys::Fd layers[layers_max];
  Text<4096> options{"lowerdir="};
  for (size_t i = 0; i < plan.spec.layers.size(); ++i) {
    layers[i] = open_directory(AT_FDCWD, plan.spec.layers[i].data());
    if (!layers[i].ok()) return fault.set(layers[i].error(), "open image layer", plan.spec.layers[i]);
    if (i > 0) options << ':';
    put_fd_path(options, layers[i].get());
  }
  const size_t layers_end = options.size();
  int mounted = mount_writable(plan.directory, options, target, plan.spec.flags);
  if (mounted == -EINVAL) {
    // The data directory lies on a file system that cannot hold a writable layer (overlayfs itself, in a node that runs
    // in a container): then it is kept in memory, at the container's expense.
    options.truncate(layers_end);
    sys::mkdirat(plan.directory, "memory", 0700);
    const sys::Fd place = open_directory(plan.directory, "memory");
    const sys::Fd memory{mounts::new_filesystem("tmpfs", {}, 0)};
    if (place.ok() && memory.ok() && mounts::attach(memory.get(), place.get()) >= 0) {
      mounted = mount_writable(memory.get(), options, target, plan.spec.flags);
    }
  }
  return mounted >= 0 || fault.set(-mounted, "mount root filesystem");
}

// Directories of the node that say nothing a program without an image needs, or that hold other programs' sockets
// and files.
bool left_out(std::string_view name) {
  for (const std::string_view other : {".", "..", "proc", "sys", "dev", "run", "tmp", "mnt", "media", "lost+found"}) {
    if (name == other) return true;
  }
  return false;
}

bool show_host_entry(int host, int root, const char* name, Fault& fault) {
  struct stat about {};
  if (sys::fstatat(host, name, &about, AT_SYMLINK_NOFOLLOW) < 0) return true;
  if (S_ISLNK(about.st_mode)) {
    char link[path_bytes_max] = {};
    if (sys::readlinkat(host, name, link, sizeof(link) - 1) > 0) sys::symlinkat(link, root, name);
    return true;
  }
  if (!S_ISDIR(about.st_mode)) return true;
  sys::mkdirat(root, name, 0755);
  const sys::Fd target = open_directory(root, name);
  const sys::Fd tree{mounts::clone_tree(host, name, false)};
  if (!target.ok() || !tree.ok()) return fault.set(tree.error(), "show directory of the node", name);
  mounts::set_attributes(tree.get(), MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV, 0, MS_PRIVATE, false);
  const int attached = mounts::attach(tree.get(), target.get());
  return attached >= 0 || fault.set(-attached, "show directory of the node", name);
}

bool show_host_entries(int host, int root, Fault& fault) {
  const sys::Fd listing{sys::openat(host, ".", O_RDONLY | O_DIRECTORY)};
  if (!listing.ok()) return fault.set(listing.error(), "list the node's root");
  alignas(8) char buffer[4096];
  while (true) {
    const long size = sys::call(SYS_getdents64, listing.get(), sys::raw(buffer), sizeof(buffer));
    if (size < 0) return fault.set(static_cast<int>(-size), "list the node's root");
    if (size == 0) return true;
    for (long at = 0; at < size;) {
      unsigned short length = 0;
      __builtin_memcpy(&length, buffer + at + 16, sizeof(length));  // getdents64(2): ino, off, reclen, type, name
      const char* name = buffer + at + 19;
      at += length;
      if (!left_out(name) && !show_host_entry(host, root, name, fault)) return false;
    }
  }
}

// kring.local/host: a tmpfs whose entries are the node's own directories, read-only and without what is mounted below
// them. kring's data, and every socket in /run and /tmp, stay out of sight.
bool mount_host_root(const RootPlan& plan, const char* target, Fault& fault) {
  const int mounted = mounts::classic_mount("kring.local/host", target, "tmpfs", MS_NODEV, "mode=755,size=16m");
  if (mounted < 0) return fault.set(-mounted, "mount root filesystem");
  const sys::Fd root = open_directory(plan.directory, "root");  // what is mounted there now
  const sys::Fd host = open_directory(AT_FDCWD, plan.spec.layers.empty() ? "/" : plan.spec.layers[0].data());
  if (!root.ok() || !host.ok()) return fault.set(host.error(), "open the node's root");
  for (const char* name : {"proc", "sys", "dev", "run", "mnt", "media"}) sys::mkdirat(root.get(), name, 0755);
  sys::mkdirat(root.get(), "tmp", 01777);
  if (!show_host_entries(host.get(), root.get(), fault)) return false;
  if (plan.spec.hidden.empty()) return true;
  const sys::Fd hidden{mounts::open_in_root(root.get(), plan.spec.hidden, O_PATH | O_DIRECTORY)};
  if (!hidden.ok()) return true;
  const sys::Fd cover{mounts::new_filesystem("tmpfs", {}, mounts::strict_attributes | MOUNT_ATTR_RDONLY)};
  const int covered = cover.ok() ? mounts::attach(cover.get(), hidden.get()) : -cover.error();
  return covered >= 0 || fault.set(-covered, "hide", plan.spec.hidden);
}

bool mount_fault(const MountSpec& mount, std::string_view what, int error_number, Fault& fault) {
  fault.text().clear();
  fault.text() << "error mounting ";
  fault.text().quoted(mount.source.empty() ? std::string_view{"tmpfs"} : mount.source) << " to rootfs at ";
  fault.text().quoted(mount.target) << ": " << what << ": " << error_text(error_number);
  return false;
}

// The source of a volume, by descriptor. Beneath `base` nothing may lead out, a missing directory is made (subPath).
sys::Fd open_source(const MountSpec& mount) {
  if (mount.base.empty()) return sys::Fd{sys::openat(AT_FDCWD, mount.source.data(), O_PATH)};
  std::string_view below = mount.source;
  if (below.starts_with(mount.base)) below.remove_prefix(mount.base.size());
  while (below.starts_with('/')) below.remove_prefix(1);
  const sys::Fd base = open_directory(AT_FDCWD, mount.base.data());
  if (!base.ok()) return sys::Fd{-base.error()};
  sys::Fd source{mounts::open_beneath(base.get(), below)};
  if (source.error() != ENOENT) return source;
  struct stat about {};
  sys::fstat(base.get(), &about);
  return sys::Fd{mounts::ensure_beneath(base.get(), below, static_cast<int>(about.st_mode & 0777))};
}

struct Volume {
  sys::Fd tree;
  bool directory = true;
};

bool prepare_volume(const MountSpec& mount, Volume& out, Fault& fault) {
  const uint64_t read_only = (mount.flags & mount_read_only) != 0 ? MOUNT_ATTR_RDONLY : 0;
  if (mount.source.empty()) {
    Text<32> size;
    size << mount.tmpfs_bytes;
    const Option options[] = {{"mode", "1777"}, {"size", size.c_str()}};
    const size_t count = mount.tmpfs_bytes > 0 ? 2 : 1;
    out.tree.reset(mounts::new_filesystem("tmpfs", {options, count}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | read_only));
    return out.tree.ok() || mount_fault(mount, "mount tmpfs", out.tree.error(), fault);
  }
  const sys::Fd source = open_source(mount);
  if (!source.ok()) return mount_fault(mount, "open the source", source.error(), fault);
  struct stat about {};
  sys::fstat(source.get(), &about);
  out.directory = S_ISDIR(about.st_mode);
  const bool recursive = out.directory && (mount.flags & mount_recursive) != 0;
  out.tree.reset(mounts::clone_tree(source.get(), "", recursive));
  if (!out.tree.ok()) return mount_fault(mount, "clone the mount", out.tree.error(), fault);
  const uint64_t propagation = (mount.flags & mount_shared) != 0  ? 0
                               : (mount.flags & mount_slave) != 0 ? MS_SLAVE
                                                                  : MS_PRIVATE;
  const int set = mounts::set_attributes(out.tree.get(), read_only, 0, propagation, recursive);
  return set >= 0 || mount_fault(mount, "set mount attributes", -set, fault);
}

bool attach_volume(const MountSpec& mount, const Volume& volume, int root, Fault& fault) {
  const sys::Fd target{
      mounts::ensure_in_root(root, mount.target, volume.directory ? Kind::directory : Kind::file, 0755)};
  if (!target.ok()) return mount_fault(mount, "make the mount point", target.error(), fault);
  struct statfs about {};
  if (sys::call(SYS_fstatfs, target.get(), sys::raw(&about)) == 0 && about.f_type == PROC_SUPER_MAGIC) {
    return mount_fault(mount, "the mount point is inside /proc", EPERM, fault);
  }
  const int attached = mounts::attach(volume.tree.get(), target.get());
  return attached >= 0 || mount_fault(mount, "attach", -attached, fault);
}

size_t depth_of(std::string_view path) {
  size_t depth = 0;
  for (size_t i = 0; i < path.size(); ++i) depth += path[i] == '/' && i + 1 < path.size() && path[i + 1] != '/' ? 1 : 0;
  return depth;
}

// In order of depth, so that a volume mounted below another one is not covered by it.
bool attach_volumes(const RootPlan& plan, Volume* volumes, int root, Fault& fault) {
  size_t done = 0;
  for (size_t depth = 0; done < plan.spec.mounts.size(); ++depth) {
    for (size_t i = 0; i < plan.spec.mounts.size(); ++i) {
      if (depth_of(plan.spec.mounts[i].target) != depth) continue;
      if (!attach_volume(plan.spec.mounts[i], volumes[i], root, fault)) return false;
      volumes[i].tree.reset();
      ++done;
    }
  }
  return true;
}

bool attach_termination_log(const RootPlan& plan, int root, Fault& fault) {
  if (plan.spec.termination_path.empty()) return true;
  const sys::Fd made{sys::openat(plan.directory, "termination-log", O_WRONLY | O_CREAT | O_NOFOLLOW, 0666)};
  if (!made.ok()) return fault.set(made.error(), "make termination message file");
  const MountSpec mount{.source = "termination-log", .target = plan.spec.termination_path};
  Volume volume;
  volume.directory = false;
  volume.tree.reset(mounts::clone_tree(plan.directory, "termination-log", false));
  if (!volume.tree.ok()) return fault.set(volume.tree.error(), "mount termination message file");
  return attach_volume(mount, volume, root, fault);
}

}  // namespace

int build_root(const RootPlan& plan, int& terminal, int& slave, Fault& fault) {
  Volume volumes[mounts_max];
  // While this is still the node's tree and its propagation is untouched, so that shared volumes stay shared.
  for (size_t i = 0; i < plan.spec.mounts.size(); ++i) {
    if (!prepare_volume(plan.spec.mounts[i], volumes[i], fault)) return -1;
  }
  const sys::Fd node = open_directory(AT_FDCWD, "/");
  const int isolated = mounts::set_attributes(node.get(), 0, 0, MS_PRIVATE, true);
  if (isolated < 0) return fault.set(-isolated, "make mounts private") ? 0 : -1;
  sys::mkdirat(plan.directory, "root", 0700);
  const sys::Fd place = open_directory(plan.directory, "root");
  Text<64> target;
  put_fd_path(target, place.get());
  const bool host = (plan.spec.flags & container_host_root) != 0;
  if (!(host ? mount_host_root(plan, target.c_str(), fault) : mount_overlay(plan, target.c_str(), fault))) return -1;
  sys::Fd root = open_directory(plan.directory, "root");
  if (!root.ok()) return fault.set(root.error(), "open root filesystem") ? 0 : -1;
  if (!mount_kernel_filesystems(plan, root.get(), terminal, slave, fault) ||
      !attach_volumes(plan, volumes, root.get(), fault) || !attach_termination_log(plan, root.get(), fault) ||
      !mask_paths(plan, root.get(), fault)) {
    return -1;
  }
  if (!plan.spec.working_directory.empty()) {
    // Failure shows when the directory is entered.
    const sys::Fd made{mounts::ensure_in_root(root.get(), plan.spec.working_directory, Kind::directory, 0755)};
  }
  if ((plan.spec.flags & container_read_only_root) != 0) {
    const int set = mounts::set_attributes(root.get(), MOUNT_ATTR_RDONLY, 0, 0, false);
    if (set < 0) return fault.set(-set, "make root filesystem read-only") ? 0 : -1;
  }
  return root.release();
}

bool enter_root(int root, Fault& fault) {
  int done = sys::fchdir(root);
  if (done < 0) return fault.set(-done, "enter root filesystem");
  // pivot_root(2), "pivot_root(".", ".")": the old root comes to lie on the new one, and is then detached.
  done = static_cast<int>(sys::call(SYS_pivot_root, sys::raw("."), sys::raw(".")));
  if (done < 0) return fault.set(-done, "pivot_root");
  done = static_cast<int>(sys::call(SYS_umount2, sys::raw("."), MNT_DETACH));
  if (done < 0) return fault.set(-done, "detach the node's root");
  done = static_cast<int>(sys::call(SYS_chdir, sys::raw("/")));
  return done >= 0 || fault.set(-done, "enter", "/");
}

bool enter_directory(int root, std::string_view path, Fault& fault) {
  if (path.empty()) path = "/";
  const sys::Fd directory{mounts::open_in_root(root, path, O_PATH | O_DIRECTORY)};
  const int entered = directory.ok() ? sys::fchdir(directory.get()) : -directory.error();
  if (entered < 0) {
    fault.set(-entered, "chdir to cwd");
    fault.text().clear();
    fault.text() << "chdir to cwd (";
    fault.text().quoted(path) << ") failed: " << error_text(-entered);
    return false;
  }
  char where[path_bytes_max] = {};
  const long size = sys::call(SYS_getcwd, sys::raw(where), sizeof(where));
  // getcwd(2): a directory outside the root begins with "(unreachable)".
  return (size > 0 && where[0] == '/') ||
         fault.say("current working directory is outside of container mount namespace root");
}

}  // namespace kring::keeper
