// The keeper's set-up of its pod: namespaces, loopback, sysctls, shared memory, the socket.
#include <asm/ioctls.h>
#include <errno.h>
#include <linux/if.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/un.h>

#include "runtime/pods/keeper/keeper.h"
#include "runtime/pods/mounts/in_root.h"
#include "runtime/pods/mounts/mount.h"

namespace kring::keeper {

namespace {

bool bring_up_loopback(Fault& fault) {
  const sys::Fd socket{static_cast<int>(sys::call(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0))};
  if (!socket.ok()) return fault.set(socket.error(), "open socket");
  ifreq request{};
  memcpy(request.ifr_name, "lo", 3);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  const long done = sys::call(SYS_ioctl, socket.get(), SIOCSIFFLAGS, sys::raw(&request));
  return done >= 0 || fault.set(static_cast<int>(-done), "bring up loopback");
}

// "net.ipv4.ip_forward=1". kring allows names by a list; here only what could leave /proc/sys is refused (S12).
bool set_sysctl(std::string_view setting, Fault& fault) {
  const size_t equals = setting.find('=');
  if (equals == std::string_view::npos || setting.find('\n') != std::string_view::npos) {
    return fault.say("invalid sysctl ", setting);
  }
  Path path{"proc/sys/"};
  for (const char c : setting.substr(0, equals)) {
    if (c == '/' || c == '+') return fault.say("invalid sysctl ", setting);
    path << (c == '.' ? '/' : c);
  }
  const auto value = setting.substr(equals + 1);
  const sys::Fd root{sys::openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY)};
  const sys::Fd file{mounts::open_in_root_strictly(root.get(), path.view(), O_WRONLY)};
  const int written = file.ok() ? sys::write_all(file.get(), value.data(), value.size()) : -file.error();
  return written >= 0 || fault.set(-written, "set sysctl", setting);
}

// Lets ping work without CAP_NET_RAW and ports below 1024 without CAP_NET_BIND_SERVICE, as containerd does by default.
void set_default_sysctls() {
  Fault ignored;
  set_sysctl("net.ipv4.ping_group_range=0 2147483647", ignored);
  set_sysctl("net.ipv4.ip_unprivileged_port_start=0", ignored);
}

// The group of all keepers keeps their use apart from kring's; one that cannot be joined (a realtime scheduler, say)
// changes nothing for the pod.
void join_cgroups(TextList files) {
  for (const auto& path : files) {
    const sys::Fd file{sys::openat(AT_FDCWD, path.data(), O_WRONLY)};
    if (file.ok()) sys::write_all(file.get(), "0", 1);
  }
}

void ignore_signal(int number) {
  const uint64_t ignore[4] = {1 /* SIG_IGN */, 0, 0, 0};
  sys::call(SYS_rt_sigaction, number, sys::raw(ignore), 0, 8);
}

// In the child that makes the pod's shared memory: a mount namespace that holds one tmpfs and nothing of the node.
// The state directory is opened anew: a descriptor from before belongs to the other namespace, nothing can be mounted
// there.
[[noreturn]] void hold_shared_memory(const char* state_directory, int ready) {
  sys::call(SYS_umask, 0);
  const int state = sys::openat(AT_FDCWD, state_directory, O_PATH | O_DIRECTORY);
  const sys::Fd node{sys::openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY)};
  mounts::set_attributes(node.get(), 0, 0, MS_PRIVATE, true);
  sys::mkdirat(state, "shm", 0700);
  sys::Fd root{sys::openat(state, "shm", O_PATH | O_DIRECTORY)};
  Text<64> target{"/proc/self/fd/"};
  target << root.get();
  int failed = mounts::classic_mount("shm", target.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                                     "mode=1777,size=64m");
  if (failed >= 0) {
    Fault fault;
    root.reset(sys::openat(state, "shm", O_PATH | O_DIRECTORY));  // what is mounted there now
    failed = root.ok() && enter_root(root.get(), fault) ? 0 : -EIO;
  }
  const auto code = static_cast<uint8_t>(failed < 0 ? -failed : 0);
  sys::write_all(ready, &code, 1);
  char wait = 0;
  sys::read(ready, &wait, 1);
  sys::exit(0);
}

// The first process of a shared process namespace: reaps what others leave behind. It has no rights, and of the file
// system it sees an empty directory.
[[noreturn]] void be_first_process(int shm_namespace) {
  sys::prctl(PR_SET_PDEATHSIG, SIGKILL);
  sys::prctl(PR_SET_NAME, reinterpret_cast<unsigned long>("kring-pause"));
  if (shm_namespace >= 0) sys::setns(shm_namespace, CLONE_NEWNS);
  sys::call(SYS_close_range, 0, ~0U, 0);
  sys::prctl(PR_SET_DUMPABLE, 0);
  for (unsigned long capability = 0; capability < 64; ++capability) sys::prctl(PR_CAPBSET_DROP, capability);
  sys::call(SYS_setgroups, 0, 0);
  sys::call(SYS_setresgid, 65534, 65534, 65534);
  sys::call(SYS_setresuid, 65534, 65534, 65534);
  sys::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a change of user clears it
  const uint64_t child_signal = uint64_t{1} << (SIGCHLD - 1);
  sys::call(SYS_rt_sigprocmask, SIG_BLOCK, sys::raw(&child_signal), 0, 8);
  while (true) {
    while (sys::call(SYS_wait4, -1, 0, 1 /* WNOHANG */, 0) > 0) {
    }
    sys::call(SYS_rt_sigtimedwait, sys::raw(&child_signal), 0, 0, 8);
  }
}

}  // namespace

bool Mapped::map(int memfd, Fault& fault) {
  struct stat about {};
  const int seals = sys::fcntl(memfd, F_GET_SEALS, 0);
  if (seals < 0 || (seals & (F_SEAL_SHRINK | F_SEAL_WRITE)) != (F_SEAL_SHRINK | F_SEAL_WRITE)) {
    return fault.say("the spec is not sealed");
  }
  if (sys::fstat(memfd, &about) < 0 || about.st_size <= 0 || static_cast<size_t>(about.st_size) > spec_bytes_max) {
    return fault.say("the spec has no valid size");
  }
  size = static_cast<size_t>(about.st_size);
  data = static_cast<uint8_t*>(sys::mmap(size, PROT_READ, MAP_PRIVATE, memfd));
  arena_size = arena_bytes(size);
  arena = static_cast<uint8_t*>(sys::mmap(arena_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1));
  if (data != nullptr && arena != nullptr) return true;
  unmap();
  return fault.set(ENOMEM, "map the spec");
}

void Mapped::unmap() {
  if (data != nullptr) sys::munmap(data, size);
  if (arena != nullptr) sys::munmap(arena, arena_size);
  *this = {};
}

bool Keeper::open(int spec_memfd, int client, Fault& fault) {
  clients_[0].socket.reset(client);
  sys::fcntl(client, F_SETFL, O_NONBLOCK);
  if (!spec_memory_.map(spec_memfd, fault)) return false;
  if (!decode(spec_memory_.bytes(), spec_memory_.room(), spec_)) return fault.say("malformed pod spec");
  state_.reset(sys::openat(AT_FDCWD, spec_.state_directory.data(), O_RDONLY | O_DIRECTORY));
  if (!state_.ok()) return fault.set(state_.error(), "open", spec_.state_directory);
  sys::call(SYS_setsid);
  reset_signals();
  // The end of kring's service or terminal is not the end of its pods.
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGTTIN, SIGTTOU, SIGTSTP}) ignore_signal(number);
  sys::call(SYS_umask, 077);
  sys::prctl(PR_SET_NAME, reinterpret_cast<unsigned long>("kring-keeper"));
  join_cgroups(spec_.cgroup_procs);
  return make_namespaces(fault) && make_shared_memory(fault) &&
         make_shared_processes(fault) && listen(fault);
}

bool Keeper::make_namespaces(Fault& fault) {
  const bool own_network = (spec_.flags & pod_host_network) == 0;
  unsigned long kinds = 0;
  if (own_network) kinds |= CLONE_NEWNET;
  if ((spec_.flags & pod_host_ipc) == 0) kinds |= CLONE_NEWIPC;
  if ((spec_.flags & pod_own_hostname) != 0) kinds |= CLONE_NEWUTS;
  if (const int made = sys::unshare(kinds); made < 0) return fault.set(-made, "make namespaces");
  if ((spec_.flags & pod_own_hostname) != 0) {
    const long named = sys::call(SYS_sethostname, sys::raw(spec_.hostname.data()),
                                 static_cast<long>(spec_.hostname.size()));
    if (named < 0) return fault.set(static_cast<int>(-named), "set host name", spec_.hostname);
  }
  if (own_network) {
    if (!bring_up_loopback(fault)) return false;
    set_default_sysctls();
  }
  for (const auto& setting : spec_.sysctls) {
    if (!set_sysctl(setting, fault)) return false;
  }
  return true;
}

bool Keeper::make_shared_memory(Fault& fault) {
  if ((spec_.flags & pod_host_ipc) != 0) return true;
  int ends[2];
  const long pair = sys::call(SYS_socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sys::raw(ends));
  if (pair < 0) return fault.set(static_cast<int>(-pair), "make shared memory");
  sys::Fd mine{ends[0]}, other{ends[1]};
  int pidfd_number = -1;
  const long child = sys::clone_process(CLONE_NEWNS, &pidfd_number);
  if (child == 0) hold_shared_memory(spec_.state_directory.data(), other.get());
  const sys::Fd pidfd{pidfd_number};
  other.reset();
  uint8_t code = EIO;
  if (child > 0 && sys::read(mine.get(), &code, 1) == 1 && code == 0) {
    Text<64> path{"/proc/"};
    path << child << "/ns/mnt";
    shm_namespace_.reset(sys::openat(AT_FDCWD, path.c_str(), O_RDONLY));
    if (!shm_namespace_.ok()) code = static_cast<uint8_t>(shm_namespace_.error());
  }
  // The open descriptor keeps the namespace; the process has done its work.
  if (child > 0) {
    sys::pidfd_send_signal(pidfd.get(), SIGKILL);
    sys::reap(pidfd.get(), true, nullptr);
  }
  return code == 0 || fault.set(code, "make shared memory");
}

bool Keeper::make_shared_processes(Fault& fault) {
  if ((spec_.flags & pod_shared_pid) == 0 || (spec_.flags & pod_host_pid) != 0) return true;
  int pidfd = -1;
  const long child = sys::clone_process(CLONE_NEWPID, &pidfd);
  if (child == 0) be_first_process(shm_namespace_.get());
  if (child < 0) return fault.set(static_cast<int>(-child), "make process namespace");
  pause_.reset(pidfd);
  // From now on every child of the keeper is made in that namespace.
  const int joined = sys::setns(pidfd, CLONE_NEWPID);
  return joined >= 0 || fault.set(-joined, "join process namespace");
}

bool Keeper::listen(Fault& fault) {
  listener_.reset(static_cast<int>(
      sys::call(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)));
  sys::unlinkat(state_.get(), "socket");
  // Through /proc, because the path may be longer than a socket address.
  Text<64> path{"/proc/self/fd/"};
  path << state_.get() << "/socket";
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  memcpy(address.sun_path, path.c_str(), path.size() + 1);
  sys::call(SYS_umask, 0177);  // 0600
  long done = sys::call(SYS_bind, listener_.get(), sys::raw(&address), sizeof(address));
  sys::call(SYS_umask, 077);
  if (done >= 0) done = sys::call(SYS_listen, listener_.get(), 8);
  return done >= 0 || fault.set(static_cast<int>(-done), "make the keeper's socket");
}

}  // namespace kring::keeper
