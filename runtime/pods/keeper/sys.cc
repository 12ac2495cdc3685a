#include "runtime/pods/keeper/sys.h"

#include <errno.h>
#include <linux/sched.h>
#include <linux/wait.h>

namespace kring::sys {

int write_all(int fd, const void* data, size_t size) {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    const long n = sys::write(fd, at, size);
    if (n == -EINTR) continue;
    if (n < 0) return static_cast<int>(n);
    if (n == 0) return -EIO;
    at += n;
    size -= static_cast<size_t>(n);
  }
  return 0;
}

long clone_process(uint64_t flags, int* pidfd) {
  clone_args args{};
  args.flags = flags;
  args.exit_signal = (flags & CLONE_PARENT) != 0 ? 0 : SIGCHLD;  // clone3(2): a sibling inherits the exit signal
  if (pidfd != nullptr) {
    args.flags |= CLONE_PIDFD;
    args.pidfd = reinterpret_cast<uint64_t>(pidfd);
  }
  return call(SYS_clone3, raw(&args), sizeof(args));
}

int reap(int pidfd, bool block, int* signal) {
  siginfo_t info{};
  long result = 0;
  do {
    result = call(SYS_waitid, 3 /* P_PIDFD */, pidfd, raw(&info), WEXITED | (block ? 0 : WNOHANG), 0);
  } while (result == -EINTR);
  if (result < 0) return static_cast<int>(result);
  if (info.si_pid == 0) return -EAGAIN;
  const bool exited = info.si_code == CLD_EXITED;
  if (signal != nullptr) *signal = exited ? 0 : info.si_status;
  return exited ? info.si_status : 128 + info.si_status;
}

}  // namespace kring::sys
