// System calls without libc, for the code that runs inside the keeper. The keeper is linked without any library, so
// that it stays small in memory (one per pod) and starts fast; the same code is compiled into the tests, hosted.
// Every function returns what the kernel returns: a negative errno on failure. Nothing here touches `errno`.
#pragma once

#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>

namespace kring::sys {

#if defined(__x86_64__)
inline long call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  long result;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
inline long call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  register long x8 asm("x8") = number;
  register long x0 asm("x0") = a;
  register long x1 asm("x1") = b;
  register long x2 asm("x2") = c;
  register long x3 asm("x3") = d;
  register long x4 asm("x4") = e;
  register long x5 asm("x5") = f;
  asm volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
}
#else
#error "the keeper knows the system calls of x86-64 and arm64"
#endif

template <class T>
inline long raw(T* pointer) { return reinterpret_cast<long>(pointer); }

inline int close(int fd) { return static_cast<int>(call(SYS_close, fd)); }
inline long read(int fd, void* data, size_t size) { return call(SYS_read, fd, raw(data), static_cast<long>(size)); }
inline long write(int fd, const void* data, size_t size) {
  return call(SYS_write, fd, raw(data), static_cast<long>(size));
}
inline int openat(int dir, const char* path, int flags, int mode = 0) {
  return static_cast<int>(call(SYS_openat, dir, raw(path), flags | O_CLOEXEC, mode));
}
inline int openat2(int dir, const char* path, uint64_t flags, uint64_t resolve, uint64_t mode = 0) {
  open_how how{.flags = flags | O_CLOEXEC, .mode = mode, .resolve = resolve};
  // EAGAIN: the kernel could not prove that a concurrent rename did not lead out of the root (openat2(2)); try again.
  for (int i = 0;; ++i) {
    const long fd = call(SYS_openat2, dir, raw(path), raw(&how), sizeof(how));
    if (fd != -11 || i >= 128) return static_cast<int>(fd);
  }
}
inline int mkdirat(int dir, const char* path, int mode) {
  return static_cast<int>(call(SYS_mkdirat, dir, raw(path), mode));
}
inline int unlinkat(int dir, const char* path, int flags = 0) {
  return static_cast<int>(call(SYS_unlinkat, dir, raw(path), flags));
}
inline int renameat(int from_dir, const char* from, int to_dir, const char* to) {
  return static_cast<int>(call(SYS_renameat2, from_dir, raw(from), to_dir, raw(to), 0));
}
inline int symlinkat(const char* target, int dir, const char* path) {
  return static_cast<int>(call(SYS_symlinkat, raw(target), dir, raw(path)));
}
inline int mknodat(int dir, const char* path, int mode, uint64_t device) {
  return static_cast<int>(call(SYS_mknodat, dir, raw(path), mode, static_cast<long>(device)));
}
inline int fchmod(int fd, int mode) { return static_cast<int>(call(SYS_fchmod, fd, mode)); }
inline int fchownat(int dir, const char* path, uid_t uid, gid_t gid, int flags) {
  return static_cast<int>(call(SYS_fchownat, dir, raw(path), uid, gid, flags));
}
inline int ftruncate(int fd, int64_t size) { return static_cast<int>(call(SYS_ftruncate, fd, size)); }
inline int64_t lseek(int fd, int64_t offset, int whence) { return call(SYS_lseek, fd, offset, whence); }
inline long readlinkat(int dir, const char* path, char* out, size_t size) {
  return call(SYS_readlinkat, dir, raw(path), raw(out), static_cast<long>(size));
}
inline int dup3(int fd, int to, int flags) { return static_cast<int>(call(SYS_dup3, fd, to, flags)); }
inline int pipe2(int* fds, int flags) { return static_cast<int>(call(SYS_pipe2, raw(fds), flags)); }
inline int fcntl(int fd, int command, long argument) {
  return static_cast<int>(call(SYS_fcntl, fd, command, argument));
}
inline int fchdir(int fd) { return static_cast<int>(call(SYS_fchdir, fd)); }
inline int fstat(int fd, struct stat* out) {
  return static_cast<int>(call(SYS_newfstatat, fd, raw(""), raw(out), AT_EMPTY_PATH));
}
inline int fstatat(int dir, const char* path, struct stat* out, int flags) {
  return static_cast<int>(call(SYS_newfstatat, dir, raw(path), raw(out), flags));
}
inline int ppoll(pollfd* fds, size_t count, const timespec* timeout) {
  return static_cast<int>(call(SYS_ppoll, raw(fds), static_cast<long>(count), raw(timeout), 0, 8));
}
inline void* mmap(size_t size, int protection, int flags, int fd) {
  const long at = call(SYS_mmap, 0, static_cast<long>(size), protection, flags, fd, 0);
  return at < 0 && at > -4096 ? nullptr : reinterpret_cast<void*>(at);
}
inline int munmap(void* at, size_t size) {
  return static_cast<int>(call(SYS_munmap, raw(at), static_cast<long>(size)));
}
inline int prctl(int option, unsigned long a = 0, unsigned long b = 0, unsigned long c = 0, unsigned long d = 0) {
  return static_cast<int>(call(SYS_prctl, option, static_cast<long>(a), static_cast<long>(b), static_cast<long>(c),
                               static_cast<long>(d)));
}
inline int setns(int fd, int kind) { return static_cast<int>(call(SYS_setns, fd, kind)); }
inline int unshare(unsigned long flags) { return static_cast<int>(call(SYS_unshare, static_cast<long>(flags))); }
inline int getpid() { return static_cast<int>(call(SYS_getpid)); }
inline int kill(int pid, int signal) { return static_cast<int>(call(SYS_kill, pid, signal)); }
inline int pidfd_open(int pid) { return static_cast<int>(call(SYS_pidfd_open, pid, 0)); }
inline int pidfd_send_signal(int pidfd, int signal) {
  return static_cast<int>(call(SYS_pidfd_send_signal, pidfd, signal, 0, 0));
}
[[noreturn]] inline void exit(int code) {
  for (;;) call(SYS_exit_group, code);
}
inline timespec clock(clockid_t id) {
  timespec now{};
  call(SYS_clock_gettime, id, raw(&now));
  return now;
}
// Nanoseconds since the Unix epoch.
inline int64_t wall_ns() {
  const timespec now = clock(CLOCK_REALTIME);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// A descriptor that closes itself.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  ~Fd() { reset(); }
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }
  // The negative errno that a failed open left here, as a positive number.
  int error() const { return fd_ < 0 ? -fd_ : 0; }
  int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void reset(int fd = -1) {
    if (fd_ >= 0) sys::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

// Whole data, through EINTR and short writes. 0 or a negative errno.
int write_all(int fd, const void* data, size_t size);

// What fork(2) does, with namespaces: 0 in the child, the child's id in the parent (and a pidfd when asked for).
long clone_process(uint64_t flags, int* pidfd);

// Waits for a child: its code as the shell counts it (128 + n for a signal), negative errno when it did not end yet
// or cannot be waited for. `signal` becomes the number of the signal that ended it, or 0.
int reap(int pidfd, bool block, int* signal);

}  // namespace kring::sys
