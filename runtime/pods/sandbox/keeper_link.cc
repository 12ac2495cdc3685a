#include "runtime/pods/sandbox/keeper_link.h"

#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "runtime/pods/keeper/channel.h"
#include "runtime/pods/keeper/keeper.h"

// The bytes of the keeper program (keeper_program.S).
extern "C" {
extern const uint8_t kring_keeper_begin[];
extern const uint8_t kring_keeper_end[];
}

namespace kring::sandbox {

namespace {

struct Launch {
  int program, null, socket, spec;
  const char* title;
};

// Runs on a borrowed stack in the parent's memory, so it only makes system calls. The signal mask of the parent stays
// until the keeper resets it.
int launch_child(void* argument) {
  const auto& launch = *static_cast<Launch*>(argument);
  // Out of the way of 0-4 first, so that nothing is overwritten before it has moved.
  int sources[5] = {launch.null, launch.null, launch.null, launch.socket, launch.spec};
  for (int& source : sources) source = sys::fcntl(source, F_DUPFD_CLOEXEC, 16);
  const int program = sys::fcntl(launch.program, F_DUPFD_CLOEXEC, 16);
  for (int i = 0; i < 5; ++i) {
    if (sys::dup3(sources[i], i, 0) < 0) sys::exit(126);
  }
  const char* argv[] = {launch.title, nullptr};
  const char* envp[] = {nullptr};
  sys::call(SYS_execveat, program, sys::raw(""), sys::raw(argv), sys::raw(envp), AT_EMPTY_PATH);
  sys::exit(127);
}

}  // namespace

Result<sys::Fd> sealed_memory(const char* name, std::span<const uint8_t> bytes, bool executable) {
  constexpr unsigned int noexec_seal = 8, exec = 16;  // MFD_NOEXEC_SEAL, MFD_EXEC: Linux 6.3
  const unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  sys::Fd fd{static_cast<int>(sys::call(SYS_memfd_create, sys::raw(name), flags | (executable ? exec : noexec_seal)))};
  if (fd.error() == EINVAL) fd.reset(static_cast<int>(sys::call(SYS_memfd_create, sys::raw(name), flags)));
  if (!fd.ok()) return io_error("make memory file", fd.error());
  if (const int written = sys::write_all(fd.get(), bytes.data(), bytes.size()); written < 0) {
    return io_error("write memory file", -written);
  }
  const int sealed = sys::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
  if (sealed < 0) return io_error("seal memory file", -sealed);
  return fd;
}

Result<sys::Fd> keeper_program() {
  return sealed_memory("kring-keeper", {kring_keeper_begin, kring_keeper_end}, true);
}

Result<KeeperProcess> start_keeper(int program, const std::string& title, int spec) {
  int ends[2];
  const long pair = sys::call(SYS_socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sys::raw(ends));
  if (pair < 0) return io_error("make keeper socket", static_cast<int>(-pair));
  KeeperProcess keeper;
  keeper.socket.reset(ends[0]);
  const sys::Fd theirs{ends[1]};
  const sys::Fd null{sys::openat(AT_FDCWD, "/dev/null", O_RDWR)};
  if (!null.ok()) return io_error("open /dev/null", null.error());
  Launch launch{program, null.get(), theirs.get(), spec, title.c_str()};
  alignas(16) char stack[16 * 1024];
  int pidfd = -1;
  keeper.pid = ::clone(launch_child, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &launch,
                       &pidfd);
  if (keeper.pid < 0) return io_error("start keeper", errno);
  keeper.pidfd.reset(pidfd);
  sys::fcntl(keeper.socket.get(), F_SETFL, O_NONBLOCK);
  return keeper;
}

Result<KeeperProcess> connect_keeper(const std::string& state_directory) {
  const sys::Fd directory{sys::openat(AT_FDCWD, state_directory.c_str(), O_PATH | O_DIRECTORY)};
  if (!directory.ok()) return io_error("open " + state_directory, directory.error());
  KeeperProcess keeper;
  keeper.socket.reset(static_cast<int>(
      sys::call(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)));
  // Through /proc, because the path may be longer than a socket address.
  const std::string path = "/proc/self/fd/" + std::to_string(directory.get()) + "/socket";
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const long connected = sys::call(SYS_connect, keeper.socket.get(), sys::raw(&address), sizeof(address));
  if (connected < 0) return Error{Reason::not_found, "no keeper answers in " + state_directory};
  ucred peer{};
  socklen_t size = sizeof(peer);
  sys::call(SYS_getsockopt, keeper.socket.get(), SOL_SOCKET, SO_PEERCRED, sys::raw(&peer), sys::raw(&size));
  if (peer.pid <= 0 || peer.uid != ::geteuid()) return Error{Reason::not_found, "not a keeper in " + state_directory};
  keeper.pid = peer.pid;
  keeper.pidfd.reset(sys::pidfd_open(peer.pid));
  if (!keeper.pidfd.ok()) return Error{Reason::not_found, "the keeper in " + state_directory + " is gone"};
  return keeper;
}

bool reap_keeper(int pidfd) {
  const int code = sys::reap(pidfd, false, nullptr);
  if (code >= 0) return true;
  if (code != -ECHILD) return false;  // EAGAIN: it lives
  // Not a child (it was started by an earlier kring): a pidfd becomes readable when its process ends.
  pollfd waiting{pidfd, POLLIN, 0};
  const timespec now{};
  return sys::ppoll(&waiting, 1, &now) > 0;
}

void kill_keeper(int pidfd) { sys::pidfd_send_signal(pidfd, SIGKILL); }

Result<void> send_message(int socket, keeper::Type type, uint64_t id, std::span<const uint8_t> body,
                          std::span<const int> fds) {
  uint8_t buffer[keeper::message_bytes_max];
  const size_t size = keeper::put_message(type, id, body, buffer);
  if (size == 0) return Error{Reason::internal_error, "request to the keeper is too large"};
  const long sent = keeper::send_datagram(socket, {buffer, size}, fds);
  if (sent == -EAGAIN) return Error{Reason::service_unavailable, "the keeper does not answer"};
  if (sent < 0)
    return Error{Reason::service_unavailable, io_error("write to the keeper", static_cast<int>(-sent)).message};
  return {};
}

std::optional<Incoming> receive_message(int socket) {
  uint8_t buffer[keeper::message_bytes_max];
  keeper::Received received;
  keeper::receive_datagram(socket, buffer, MSG_DONTWAIT, received);
  if (received.size == -EAGAIN) return std::nullopt;
  Incoming incoming;
  keeper::Message message;
  if (received.size <= 0 || received.cut ||
      !keeper::parse_message({buffer, static_cast<size_t>(received.size)}, message)) {
    incoming.closed = true;
    return incoming;
  }
  incoming.header = message.header;
  incoming.body.assign(message.body.begin(), message.body.end());
  return incoming;
}

}  // namespace kring::sandbox
