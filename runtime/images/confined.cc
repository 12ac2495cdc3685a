#include "runtime/images/confined.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstddef>

#include "objects/check.h"
#include "objects/limits.h"
#include "runtime/env/linux/fd.h"
#include "runtime/env/linux/unique_fd.h"
#include "runtime/tasks/task_group.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KRING_IMAGES_SANITIZED 1
#endif
#endif

namespace kring::images {
namespace {

constexpr size_t report_bytes_max = 16 * limits::MiB;

// Everything the unpacker, the C++ library and (in test builds) the sanitizers call. Anything else gets EPERM.
constexpr long allowed_calls[] = {
    SYS_read,
    SYS_pread64,
    SYS_readv,
    SYS_write,
    SYS_pwrite64,
    SYS_writev,
    SYS_lseek,
    SYS_close,
    SYS_fstat,
    SYS_newfstatat,
    SYS_statx,
    SYS_openat,
    SYS_openat2,
    SYS_mkdirat,
    SYS_mknodat,
    SYS_symlinkat,
    SYS_linkat,
    SYS_unlinkat,
    SYS_renameat,
    SYS_renameat2,
    SYS_readlinkat,
    SYS_ftruncate,
    SYS_fallocate,
    SYS_fadvise64,
    SYS_fchmod,
    SYS_fchmodat,
    SYS_fchown,
    SYS_fchownat,
    SYS_utimensat,
    SYS_fsetxattr,
    SYS_fgetxattr,
    SYS_getdents64,
    SYS_fsync,
    SYS_fdatasync,
    SYS_syncfs,
    SYS_fstatfs,
    SYS_fcntl,
    SYS_dup,
    SYS_getcwd,
    SYS_mmap,
    SYS_munmap,
    SYS_mremap,
    SYS_mprotect,
    SYS_madvise,
    SYS_brk,
    SYS_futex,
    SYS_exit,
    SYS_exit_group,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sigaltstack,
    SYS_getpid,
    SYS_gettid,
    SYS_tgkill,
    SYS_clock_gettime,
    SYS_getrandom,
    SYS_sched_yield,
    SYS_restart_syscall,
    SYS_getuid,
    SYS_geteuid,
    SYS_getrlimit,
    SYS_prlimit64,
#if defined(KRING_IMAGES_SANITIZED)  // they probe memory by writing it into a pipe
    SYS_pipe2,
#if defined(SYS_pipe)
    SYS_pipe,
#endif
#endif
#if defined(SYS_readlink)
    SYS_readlink,
    SYS_stat,
    SYS_lstat,
    SYS_open,
#endif
};

#if defined(__x86_64__)
constexpr uint32_t audit_arch = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t audit_arch = AUDIT_ARCH_AARCH64;
#elif defined(__riscv)
constexpr uint32_t audit_arch = AUDIT_ARCH_RISCV64;
#else
#error "name this architecture's AUDIT_ARCH"
#endif

// What ownership, modes, extended attributes and whiteouts need: trusted.overlay.opaque asks for SYS_ADMIN, which the
// seccomp list makes harmless; whiteout devices (0, 0) need no MKNOD, so real device nodes cannot be made at all.
constexpr uint32_t kept_capabilities = 1u << CAP_CHOWN | 1u << CAP_DAC_OVERRIDE | 1u << CAP_DAC_READ_SEARCH |
                                       1u << CAP_FOWNER | 1u << CAP_FSETID | 1u << CAP_SETFCAP | 1u << CAP_SYS_ADMIN;

bool install_filter() {
  constexpr size_t count = std::size(allowed_calls);
  std::array<sock_filter, count + 6> program{};
  size_t at = 0;
  auto add = [&](uint16_t code, uint32_t value, uint8_t yes, uint8_t no) {
    program[at++] = sock_filter{code, yes, no, value};
  };
  add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch), 0, 0);
  add(BPF_JMP | BPF_JEQ | BPF_K, audit_arch, 1, 0);
  add(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
  add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr), 0, 0);
  for (size_t i = 0; i < count; ++i) {
    auto to_allow = static_cast<uint8_t>(count - i);  // past the other tests and the refusal
    add(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(allowed_calls[i]), to_allow, 0);
  }
  add(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM, 0, 0);
  add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
  sock_fprog filter{.len = static_cast<unsigned short>(at), .filter = program.data()};
  return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

bool drop_capabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[2] = {};
  if (::syscall(SYS_capget, &header, data) != 0) return false;
  for (int half = 0; half < 2; ++half) {
    uint32_t keep = half == 0 ? kept_capabilities : 0;
    data[half].permitted &= keep;  // never asks for more than is there: tests may run with less
    data[half].effective = data[half].permitted;
    data[half].inheritable = 0;
  }
  return ::syscall(SYS_capset, &header, data) == 0;
}

void set_limits() {
  auto limit = [](auto resource, rlim_t most) {
    rlimit value{most, most};
    ::setrlimit(resource, &value);
  };
  limit(RLIMIT_CPU, limits::image_unpack_cpu_seconds_max);
  limit(RLIMIT_CORE, 0);
#if !defined(KRING_IMAGES_SANITIZED)
  limit(RLIMIT_AS, limits::image_unpack_memory_bytes_max);
#endif
  ::setpriority(PRIO_PROCESS, 0, 5);
  ::syscall(SYS_ioprio_set, 1 /* this process */, 0, 2 << 13 | 7 /* best effort, lowest */);
}

// Closes every descriptor but the standard three and those in `keep`.
void close_others(std::vector<int> keep) {
  std::sort(keep.begin(), keep.end());
  unsigned from = 3;
  for (int fd : keep) {
    if (fd < 3) continue;
    auto kept = static_cast<unsigned>(fd);
    if (kept > from) ::syscall(SYS_close_range, from, kept - 1, 0u);
    from = kept + 1;
  }
  ::syscall(SYS_close_range, from, ~0u, 0u);
}

void reset_signals() {
  for (int number : {SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGCHLD, SIGALRM}) ::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// In the child, before any byte of the input was looked at. The step that failed, or nothing.
const char* confine(const ConfinedJob& job, int report_fd, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) return "start: the parent is gone";
  ::prctl(PR_SET_NAME, job.name.c_str());
  reset_signals();
  ::setlocale(LC_CTYPE, "C.UTF-8");  // libarchive converts the names of pax headers to the locale
  auto keep = job.descriptors;
  keep.push_back(report_fd);
  int null_fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd < 2 && null_fd >= 0; ++fd) ::dup2(null_fd, fd);
#if !defined(KRING_IMAGES_SANITIZED)  // a sanitizer's report goes to stderr
  if (null_fd >= 0) ::dup2(null_fd, 2);
#endif
  close_others(std::move(keep));
  ::umask(0);
  if (::chdir(job.directory.c_str()) != 0) return "chdir";
  if (::chroot(".") != 0) return "chroot";
  set_limits();
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return "no_new_privs";
  if (!drop_capabilities()) return "drop capabilities";
  if (!install_filter()) return "seccomp";
  return nullptr;
}

void send_report(int fd, char kind, std::string_view text) {
  std::string report{kind};
  report += text;
  for (std::string_view rest = report; !rest.empty();) {
    ssize_t sent = ::write(fd, rest.data(), rest.size());
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return;
    rest.remove_prefix(static_cast<size_t>(sent));
  }
}

// Kinds of report: '+' and the result, or a letter for the reason ('A' + its number) and the message.
[[noreturn]] void child_main(const ConfinedJob& job, int report_fd, pid_t parent) {
  auto letter = [](Reason reason) { return static_cast<char>('A' + static_cast<int>(reason)); };
  if (const char* step = confine(job, report_fd, parent)) {
    send_report(report_fd, letter(Reason::io), io_error(std::string{"confine the unpacker: "} + step, errno).message);
  } else if (auto result = job.work(); result.has_error()) {
    send_report(report_fd, letter(result.error().reason), result.error().message);
  } else {
    send_report(report_fd, '+', *result);
  }
  ::_exit(0);
}

Result<std::string> read_report(const std::string& report, int status) {
  if (report.empty()) {
    if (WIFSIGNALED(status)) {
      int signal_number = WTERMSIG(status);
      std::string why = signal_number == SIGXCPU ? " (it used too much processor time)" : "";
      return Error{Reason::io, "the unpacker was killed by signal " + std::to_string(signal_number) + why};
    }
    return Error{Reason::io, "the unpacker ended without a result"};
  }
  if (report[0] == '+') return report.substr(1);
  int reason = report[0] - 'A';
  bool known = reason >= 0 && reason <= static_cast<int>(Reason::canceled);
  return Error{known ? static_cast<Reason>(reason) : Reason::io, report.substr(1)};
}

Task<Result<std::string>> read_all(Env& env, int fd) {
  std::string out;
  std::array<char, 16 * 1024> buffer{};
  while (true) {
    auto ready = co_await wait_readable(env, fd);
    if (ready.has_error()) co_return std::move(ready).error();
    ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) co_return io_error("read from the unpacker", errno);
    if (got == 0) co_return out;
    out.append(buffer.data(), static_cast<size_t>(got));
    if (out.size() > report_bytes_max) co_return Error{Reason::io, "the unpacker says too much"};
  }
}

// Waits for the end of the child; the pidfd becomes readable then.
Task<Result<void>> await_exit(Env& env, int pidfd) { co_return co_await wait_readable(env, pidfd); }

}  // namespace

Task<Result<std::string>> run_confined(Env& env, ConfinedJob job) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) co_return io_error("pipe", errno);
  UniqueFd reader{ends[0]}, writer{ends[1]};
  pid_t parent = ::getpid();
  pid_t child = ::fork();
  if (child < 0) co_return io_error("fork", errno);
  if (child == 0) child_main(job, writer.get(), parent);
  writer.reset();
  UniqueFd pidfd{static_cast<int>(::syscall(SYS_pidfd_open, child, 0))};
  auto report = co_await read_all(env, reader.get());
  if (report.has_error()) ::kill(child, SIGKILL);
  if (pidfd.valid()) {
    auto ended = co_await shielded(env, await_exit(env, pidfd.get()));
    KRING_MAYBE(ended.has_error());
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (report.has_error()) co_return std::move(report).error();
  co_return read_report(*report, status);
}

}  // namespace kring::images
