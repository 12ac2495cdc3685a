// The child that unpacks can do nothing but read what it was given and change files below its directory.
// Method: it tries, and reports. Needs root (chroot).
#include "runtime/images/confined.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "objects/check.h"
#include "tests/runtime/images/harness.h"

namespace kring::images {
namespace {

class ConfinedTest : public ImagesTest {
 protected:
  Result<std::string> run(std::function<Result<std::string>()> work) {
    ConfinedJob job;
    job.directory = temporary_.path();
    job.work = std::move(work);
    job.name = "kring: test";
    return await(run_confined(env(), std::move(job)));
  }
};

// "name" for every attempt that was not refused.
std::string what_works() {
  std::string out;
  auto attempt = [&](const char* name, long result) {
    if (result >= 0) out += std::string{name} + " ";
  };
  attempt("socket", ::socket(AF_INET, SOCK_STREAM, 0));
  attempt("unix", ::socket(AF_UNIX, SOCK_STREAM, 0));
  attempt("mount", ::mount("none", "/", "tmpfs", 0, nullptr));
  attempt("unshare", ::syscall(SYS_unshare, 0x10000000));
  attempt("clone", ::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
  attempt("execve", ::syscall(SYS_execve, "/x", nullptr, nullptr));
  attempt("ptrace", ::syscall(SYS_ptrace, 0, 0, 0, 0));
  attempt("kill", ::syscall(SYS_kill, ::getppid(), 0));
  attempt("io_uring", ::syscall(SYS_io_uring_setup, 1, nullptr));
  attempt("bpf", ::syscall(SYS_bpf, 0, nullptr, 0));
  attempt("chroot", ::chroot("/"));
  attempt("open_tree", ::syscall(SYS_open_tree, -100, "/", 1));
  attempt("setuid", ::syscall(SYS_setuid, 0));
  attempt("device", ::mknod("/disk", S_IFBLK | 0600, makedev(8, 0)));
  attempt("proc", ::open("/proc/self/exe", O_RDONLY));
  attempt("etc", ::open("/etc/passwd", O_RDONLY));
  attempt("up", ::open("../../../../../../etc/passwd", O_RDONLY));
  return out;
}

TEST_F(ConfinedTest, CanOnlyTouchFilesBelowItsDirectory) {
  auto result = run([]() -> Result<std::string> { return what_works(); });
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(*result, "");
}

TEST_F(ConfinedTest, InheritsNoDescriptorThatItWasNotGiven) {
  int extra = ::open("/etc/passwd", O_RDONLY);  // without O_CLOEXEC, as a careless library would
  ASSERT_GE(extra, 3);
  auto result = run([]() -> Result<std::string> {
    std::string open_ones;
    for (int fd = 3; fd < 1024; ++fd) {
      if (::fcntl(fd, F_GETFD) >= 0) open_ones += std::to_string(fd) + " ";
    }
    return open_ones;
  });
  ::close(extra);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(std::count(result->begin(), result->end(), ' '), 1) << *result;  // the pipe of its report
}

TEST_F(ConfinedTest, ReportsResultsErrorsAndItsOwnDeath) {
  EXPECT_EQ(*run([]() -> Result<std::string> { return std::string(300'000, 'x'); }), std::string(300'000, 'x'));
  auto failed = run([]() -> Result<std::string> { return Error{Reason::corrupt, "bad"}; });
  ASSERT_TRUE(failed.has_error());
  EXPECT_EQ(failed.error().reason, Reason::corrupt);
  EXPECT_EQ(failed.error().message, "bad");
  auto died = run([]() -> Result<std::string> {
    ::raise(SIGKILL);
    return std::string{};
  });
  ASSERT_TRUE(died.has_error());
  EXPECT_EQ(died.error().message, "the unpacker was killed by signal 9");
  auto left = run([]() -> Result<std::string> { ::_exit(0); });
  ASSERT_TRUE(left.has_error());
}

Task<Result<void>> cancel_it(Env& env, std::string directory, bool& cancelled_seen) {
  ConfinedJob job;
  job.directory = directory;
  job.name = "kring: test";
  job.work = []() -> Result<std::string> {
    write_text("/started", "1");
    while (true) ::syscall(SYS_sched_yield);
  };
  auto result = co_await run_confined(env, std::move(job));
  cancelled_seen = result.has_error() && result.error().reason == Reason::canceled;
  co_return Result<void>{};
}

Task<Result<void>> start_and_cancel(Env& env, std::string directory, bool& cancelled_seen) {
  TaskGroup group{env, "confined"};
  group.spawn("child", cancel_it, std::ref(env), directory, std::ref(cancelled_seen));
  while (read_text(directory + "/started").empty()) KRING_CO_TRY_VOID(co_await env.clock.sleep_ms(1));
  group.cancel();
  co_return co_await group.join();
}

TEST_F(ConfinedTest, DiesWithTheTaskThatWaitsForIt) {
  bool cancelled_seen = false;
  KRING_MAYBE(run_to_end(env(), "test", start_and_cancel(env(), temporary_.path(), cancelled_seen)).has_error());
  EXPECT_TRUE(cancelled_seen);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);  // no child is left
  EXPECT_EQ(errno, ECHILD);
}

}  // namespace
}  // namespace kring::images
