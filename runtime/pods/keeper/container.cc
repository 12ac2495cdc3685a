#include "runtime/pods/keeper/container.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>

#include "runtime/pods/keeper/channel.h"
#include "runtime/pods/keeper/privileges.h"
#include "runtime/pods/keeper/program.h"

namespace kring::keeper {

namespace {

[[noreturn]] void fail(int status, const Fault& fault) {
  Text<1100> message{"e"};
  message << fault.view();
  send_datagram(status, {reinterpret_cast<const uint8_t*>(message.c_str()), message.size()}, {});
  sys::exit(128);
}

void report_fd(int status, char kind, int fd) {
  const auto byte = static_cast<uint8_t>(kind);
  send_datagram(status, {&byte, 1}, {&fd, 1});
}

// Moves this process into the cgroups of the container; paths are the node's.
bool join_cgroups(TextList files, Fault& fault) {
  for (const auto& path : files) {
    const sys::Fd file{sys::openat(AT_FDCWD, path.data(), O_WRONLY)};
    const int joined = file.ok() ? sys::write_all(file.get(), "0", 1) : -file.error();
    if (joined < 0) return fault.set(-joined, "join cgroup", path);
  }
  return true;
}

// Lowering needs CAP_SYS_RESOURCE, which a node in a container may not have: it is a wish.
void adjust_oom_score(int64_t adjust) {
  const sys::Fd file{sys::openat(AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY)};
  Text<24> number;
  number << adjust;
  if (file.ok()) sys::write_all(file.get(), number.c_str(), number.size());
}

// Moves descriptors to `first`, `first` + 1, ... and closes every other from there on, so that nothing of the keeper
// is left open in a process that others may look into.
bool keep_only(std::span<int* const> kept, int first, Fault& fault) {
  for (int* fd : kept) {  // out of the way first, so that none is overwritten before it has moved
    *fd = sys::fcntl(*fd, F_DUPFD_CLOEXEC, first + static_cast<int>(kept.size()));
    if (*fd < 0) return fault.set(-*fd, "duplicate descriptor");
  }
  int next = first;
  for (int* fd : kept) {
    if (const int placed = sys::dup3(*fd, next, O_CLOEXEC); placed < 0) return fault.set(-placed, "place descriptor");
    *fd = next++;
  }
  const long closed = sys::call(SYS_close_range, next, ~0U, 0);
  return closed >= 0 || fault.set(static_cast<int>(-closed), "close descriptors");
}

constexpr int status_after = 3;

// Standard streams in place; nothing else stays open but the status socket, as 3, which the exec closes.
bool set_streams(const int (&streams)[3], int status, Fault& fault) {
  int sources[4] = {streams[0], streams[1], streams[2], status};
  int* const kept[] = {&sources[0], &sources[1], &sources[2], &sources[3]};
  if (!keep_only(kept, 0, fault)) return false;
  for (int i = 0; i < 3; ++i) sys::fcntl(i, F_SETFD, 0);
  return true;
}

void report_identity(int status, const Identity& identity) {
  uint8_t message[1 + sizeof(Identity)];
  message[0] = 'i';
  uint32_t numbers[3] = {identity.uid, identity.gid, identity.group_count};
  size_t size = 1;
  memcpy(message + size, numbers, sizeof(numbers));
  size += sizeof(numbers);
  memcpy(message + size, identity.groups, identity.group_count * sizeof(uint32_t));
  size += identity.group_count * sizeof(uint32_t);
  memcpy(message + size, identity.home.c_str(), identity.home.size());
  size += identity.home.size();
  send_datagram(status, {message, size}, {});
}

bool take_terminal(int slave, const Identity& identity, Fault& fault) {
  sys::call(SYS_setsid);
  if (slave < 0) return true;
  sys::fchownat(slave, "", identity.uid, identity.gid, AT_EMPTY_PATH);
  const long taken = sys::call(SYS_ioctl, slave, TIOCSCTTY, 0);
  return taken >= 0 || fault.set(static_cast<int>(-taken), "set controlling terminal");
}

bool prepare(Start& start, Identity& identity, Fault& fault) {
  const ContainerSpec& spec = start.root.spec;
  sys::prctl(PR_SET_DUMPABLE, 0);
  sys::call(SYS_umask, 0);
  adjust_oom_score(spec.oom_score_adjust);
  if (!join_cgroups(spec.cgroup_procs, fault)) return false;
  if (const int made = sys::unshare(CLONE_NEWCGROUP); made < 0) return fault.set(-made, "make cgroup namespace");
  const sys::Fd own{sys::openat(AT_FDCWD, "/proc/self/ns/mnt", O_RDONLY)};
  start.root.own_namespace = own.get();
  int terminal = -1, slave = -1;
  const sys::Fd root{build_root(start.root, terminal, slave, fault)};
  if (!root.ok() || !identify(root.get(), spec, identity, fault)) return false;
  if (terminal >= 0) report_fd(start.status, 't', terminal);
  if (!enter_root(root.get(), fault) || !enter_directory(root.get(), spec.working_directory, fault) ||
      !take_terminal(slave, identity, fault)) {
    return false;
  }
  report_identity(start.status, identity);
  const int streams[3] = {slave >= 0 ? slave : start.streams[0], slave >= 0 ? slave : start.streams[1],
                          slave >= 0 ? slave : start.streams[2]};
  return set_streams(streams, start.status, fault);
}

// Gives up what the container may not have, and becomes its program.
[[noreturn]] void become(const ContainerSpec& spec, const Identity& identity, TextList args) {
  Fault fault;
  if (drop_privileges(spec, identity, fault)) {
    reset_signals();
    sys::call(SYS_umask, 022);
    execute(args, spec.env, identity.home.view(), fault);
  }
  fail(status_after, fault);
}

[[noreturn]] void become_exec(const ExecStart& start) {
  Fault fault;
  sys::Fd root{sys::openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY)};
  if (!enter_directory(root.get(), start.container.working_directory, fault) ||
      !take_terminal(-1, start.identity, fault)) {
    fail(status_after, fault);
  }
  root.reset();
  become(start.container, start.identity, start.args);
}

}  // namespace

void reset_signals() {
  struct KernelAction {  // rt_sigaction(2): the kernel's own layout, all zero is SIG_DFL
    uint64_t words[4];
  };
  const KernelAction by_default{};
  for (int number = 1; number <= 64; ++number) {
    sys::call(SYS_rt_sigaction, number, sys::raw(&by_default), 0, 8);
  }
  const uint64_t none = 0;
  sys::call(SYS_rt_sigprocmask, SIG_SETMASK, sys::raw(&none), 0, 8);
}

void run_container(Start start) {
  Fault fault;
  Identity identity;
  start.root.directory = sys::openat(AT_FDCWD, start.root.path, O_PATH | O_DIRECTORY | O_NOFOLLOW);
  int* const kept[] = {&start.status, &start.root.directory, &start.root.shm_namespace, &start.streams[0],
                       &start.streams[1], &start.streams[2]};
  // Without a namespace for shared memory its place is taken by the directory, which does no harm.
  const bool shared_memory = start.root.shm_namespace >= 0;
  if (!shared_memory) start.root.shm_namespace = start.root.directory;
  if (!keep_only(kept, 3, fault)) fail(start.status, fault);
  if (!shared_memory) start.root.shm_namespace = -1;
  if (!prepare(start, identity, fault)) fail(start.status, fault);
  become(start.root.spec, identity, start.root.spec.args);
}

void run_exec(ExecStart start) {
  Fault fault;
  sys::prctl(PR_SET_DUMPABLE, 0);
  adjust_oom_score(start.container.oom_score_adjust);
  if (!join_cgroups(start.container.cgroup_procs, fault)) fail(start.status, fault);
  const int entered = sys::setns(start.container_pidfd, CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWCGROUP);
  if (entered < 0) {
    fault.set(-entered, "enter the container's namespaces");
    fail(start.status, fault);
  }
  // Before the process exists that the container can see.
  if (!set_streams(start.streams, start.status, fault)) fail(start.status, fault);
  int pidfd = -1;
  const long child = sys::clone_process(CLONE_PARENT, &pidfd);
  if (child == 0) become_exec(start);
  if (child < 0) {
    fault.set(static_cast<int>(-child), "make process");
    fail(status_after, fault);
  }
  uint8_t message[1 + sizeof(int)] = {'p'};
  const int pid = static_cast<int>(child);
  memcpy(message + 1, &pid, sizeof(pid));
  send_datagram(status_after, message, {&pidfd, 1});
  sys::exit(0);
}

}  // namespace kring::keeper
