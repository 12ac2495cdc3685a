// Clock, randomness, log lines, the io_uring probe's words, the service manager's socket, waits on descriptors.
#include "runtime/env/env.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "runtime/env/linux/fd.h"
#include "runtime/env/linux/linux_env.h"
#include "runtime/env/linux/log.h"
#include "runtime/env/linux/probe.h"
#include "runtime/env/linux/random.h"
#include "runtime/env/linux/service_manager.h"
#include "runtime/env/linux/unique_fd.h"
#include "runtime/env/running_task.h"
#include "runtime/tasks/task_group.h"

namespace kring {
namespace {

class ScriptedRandom final : public Random {
 public:
  explicit ScriptedRandom(std::vector<uint64_t> values) : values_(std::move(values)) {}
  void fill(std::span<uint8_t> out) override {
    for (size_t i = 0; i < out.size(); ++i) {
      out[i] = static_cast<uint8_t>(values_[next_ / 8 % values_.size()] >> (8 * (next_ % 8)));
      ++next_;
    }
  }

 private:
  std::vector<uint64_t> values_;
  size_t next_ = 0;
};

TEST(Random, BelowRejectsTheIncompleteLastRange) {
  // 2^64 mod 10 is 6: the six highest values would make small results likelier.
  ScriptedRandom random{{UINT64_MAX, UINT64_MAX - 5, UINT64_MAX - 6}};
  EXPECT_EQ(random.below(10), (UINT64_MAX - 6) % 10);
  ScriptedRandom power{{UINT64_MAX}};
  EXPECT_EQ(power.below(16), 15u);
  EXPECT_EQ(power.below(1), 0u);
}

TEST(Random, UuidIsVersionFourOfTheRfcVariant) {
  ScriptedRandom random{{UINT64_MAX}};
  EXPECT_EQ(random.uuid(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
}

TEST(Random, NameSuffixUsesKubernetesAlphabetOnly) {
  LinuxRandom random;
  const std::string suffix = random.name_suffix(2000);
  EXPECT_EQ(suffix.size(), 2000u);
  EXPECT_EQ(suffix.find_first_not_of("bcdfghjklmnpqrstvwxz2456789"), std::string::npos);
  EXPECT_EQ(std::set<char>(suffix.begin(), suffix.end()).size(), 27u);
}

TEST(Random, LargeAndSmallBlocksAreFilled) {
  LinuxRandom random;
  for (const size_t size : {1u, 100u, 128u, 129u, 5000u}) {
    std::vector<uint8_t> a(size), b(size);
    random.fill(a);
    random.fill(b);
    if (size > 8) EXPECT_NE(a, b) << size;
  }
}

TEST(LogLine, ShowsTimeLevelMessageAndFields) {
  EXPECT_EQ(format_log_line(false, Wall{1767323045678'000'000}, LogLevel::info, "pod started",
                            {{"pod", "default/web"}, {"pid", 12}, {"empty", ""}, {"why", "two words"}}),
            "2026-01-02T03:04:05.678Z info pod started pod=default/web pid=12 empty=\"\" why=\"two words\"\n");
}

TEST(LogLine, StartsWithThePriorityUnderJournald) {
  EXPECT_EQ(format_log_line(true, Wall{}, LogLevel::warn, "m", {}), "<4>m\n");
  EXPECT_EQ(format_log_line(true, Wall{}, LogLevel::error, "m", {{"a", 1}}), "<3>m a=1\n");
}

TEST(LogLine, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(format_log_line(true, Wall{}, LogLevel::info, "a\nb", {{"v", "\x1b[31m\"\\\xc2\x9b\x7f"}}),
            "<6>a\\nb v=\"\\x1b[31m\\\"\\\\\\u009b\\x7f\"\n");
}

TEST(LogLine, IsCutBeforeItWouldBlockAPipe) {
  const std::string line = format_log_line(true, Wall{}, LogLevel::info, std::string(10'000, 'x'), {});
  EXPECT_EQ(line.size(), 4096u);
  EXPECT_TRUE(line.ends_with("...\n"));
}

TEST(Log, AStalledReaderLosesLinesAndIsToldHowMany) {
  auto world = LinuxEnv::make();
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const UniqueFd read_end{ends[0]}, write_end{ends[1]};
  LinuxLog log{(*world)->env().clock, LogLevel::info, ends[1]};
  const std::string text(1000, 'x');
  for (int i = 0; i < 200; ++i) log.info(text);  // more than a pipe holds: must not block
  std::vector<char> sink(1 << 20);
  ASSERT_GT(read(ends[0], sink.data(), sink.size()), 0);
  log.info("after");
  const ssize_t n = read(ends[0], sink.data(), sink.size());
  ASSERT_GT(n, 0);
  const std::string_view got{sink.data(), static_cast<size_t>(n)};
  EXPECT_NE(got.find("log lines dropped lines="), std::string_view::npos);
  EXPECT_NE(got.find("info after"), std::string_view::npos);
}

TEST(IoUringProbe, SaysInOneLineWhatForbidsIt) {
  const auto sysctl = io_uring_error(EPERM, "2").message;
  EXPECT_NE(sysctl.find("kernel.io_uring_disabled=2"), std::string::npos);
  EXPECT_NE(sysctl.find("sysctl -w kernel.io_uring_disabled=0"), std::string::npos);
  EXPECT_NE(io_uring_error(EPERM, "0").message.find("seccomp"), std::string::npos);
  EXPECT_NE(io_uring_error(ENOSYS, "").message.find("kernel"), std::string::npos);
  for (const int error : {EPERM, ENOSYS, ENOMEM, EINVAL}) {
    EXPECT_EQ(io_uring_error(error, "1").reason, Reason::service_unavailable);
    EXPECT_EQ(io_uring_error(error, "1").message.find('\n'), std::string::npos);
  }
}

class Environment {
 public:
  Environment(std::string name, const std::string& value) : name_(std::move(name)) {
    setenv(name_.c_str(), value.c_str(), 1);
  }
  ~Environment() { unsetenv(name_.c_str()); }

 private:
  std::string name_;
};

TEST(ServiceManager, GetsTheStateOnAnAbstractSocket) {
  const std::string name = "kring-test-" + std::to_string(getpid());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path + 1, name.size());
  const UniqueFd socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  ASSERT_EQ(bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  const Environment variable{"NOTIFY_SOCKET", "@" + name};
  ASSERT_FALSE(notify_service_manager("READY=1\nSTATUS=serving").has_error());
  char text[64];
  const ssize_t n = recv(socket.get(), text, sizeof text, MSG_DONTWAIT);
  EXPECT_EQ(std::string(text, n > 0 ? static_cast<size_t>(n) : 0), "READY=1\nSTATUS=serving");
}

TEST(ServiceManager, NobodyListeningIsNoErrorButANonsenseAddressIs) {
  EXPECT_FALSE(notify_service_manager("READY=1").has_error());
  const Environment variable{"NOTIFY_SOCKET", "relative"};
  EXPECT_TRUE(notify_service_manager("READY=1").has_error());
}

TEST(ServiceManager, WatchdogIsHalfOfWhatIsAskedAndOnlyForThisProcess) {
  EXPECT_FALSE(service_watchdog_ms());
  const Environment usec{"WATCHDOG_USEC", "30000000"};
  EXPECT_EQ(service_watchdog_ms(), 15'000);
  const Environment pid{"WATCHDOG_PID", "1"};
  EXPECT_FALSE(service_watchdog_ms());
}

Task<Result<void>> sleep_in_order(Env& env, int ms, std::string name, std::string& order) {
  KRING_CO_TRY_VOID(co_await env.clock.sleep_ms(ms));
  order += name;
  co_return Result<void>{};
}
Task<Result<void>> sleepers(Env& env, std::string& order) {
  TaskGroup group{env, "sleepers"};
  group.spawn("c", sleep_in_order, std::ref(env), 12, std::string{"c"}, std::ref(order));
  group.spawn("a", sleep_in_order, std::ref(env), 1, std::string{"a"}, std::ref(order));
  group.spawn("b", sleep_in_order, std::ref(env), 6, std::string{"b"}, std::ref(order));
  group.spawn("0", sleep_in_order, std::ref(env), -5, std::string{"0"}, std::ref(order));
  co_return co_await group.join();
}

TEST(Clock, SleepersWakeInTheOrderOfTheirDeadlines) {
  auto world = LinuxEnv::make();
  std::string order;
  EXPECT_FALSE((*world)->run(sleepers((*world)->env(), order)).has_error());
  EXPECT_EQ(order, "0abc");
}

Task<Result<void>> cancelled_sleep(Env& env) {
  TaskGroup group{env, "g"};
  std::string order;
  group.spawn("long", sleep_in_order, std::ref(env), 3'600'000, std::string{"x"}, std::ref(order));
  KRING_CO_TRY_VOID(co_await env.clock.sleep_ms(1));
  group.cancel();
  const auto joined = co_await group.join();
  EXPECT_TRUE(order.empty());
  co_return joined;
}

TEST(Clock, ACancelledSleepEndsAndLeavesTheLoopWithoutWork) {
  auto world = LinuxEnv::make();
  Env& env = (*world)->env();
  EXPECT_FALSE(run_to_end(env, "test", cancelled_sleep(env)).has_error());
  env.loop.run();  // returns only because nothing waits any more
}

Task<Result<void>> read_event(Env& env, int fd, bool& readable) {
  KRING_CO_TRY_VOID(co_await wait_readable(env, fd));
  readable = true;
  co_return Result<void>{};
}
Task<Result<void>> wait_on_event(Env& env, int fd, bool signal, bool& readable) {
  TaskGroup group{env, "g"};
  group.spawn("reader", read_event, std::ref(env), fd, std::ref(readable));
  KRING_CO_TRY_VOID(co_await env.clock.sleep_ms(1));
  EXPECT_FALSE(readable);
  if (signal) {
    eventfd_write(fd, 1);
  } else {
    group.cancel();
  }
  co_return co_await group.join();
}

TEST(WaitReadable, ReturnsWhenTheDescriptorIsReadableOrTheTaskIsCancelled) {
  auto world = LinuxEnv::make();
  Env& env = (*world)->env();
  const UniqueFd event{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  bool readable = false;
  EXPECT_FALSE(run_to_end(env, "test", wait_on_event(env, event.get(), false, readable)).has_error());
  EXPECT_FALSE(readable);
  EXPECT_FALSE(run_to_end(env, "test", wait_on_event(env, event.get(), true, readable)).has_error());
  EXPECT_TRUE(readable);
}

Task<Result<void>> stall(Env& env) {
  const Mono end = env.clock.now() + ms_to_ns(40);
  while (env.clock.now() < end) {
  }
  co_return co_await env.clock.sleep_ms(1);
}
Task<Result<void>> stall_in_a_child(Env& env) {
  TaskGroup group{env, "g"};
  group.spawn("lazybones", stall, std::ref(env));
  co_return co_await group.join();
}

// The log line itself also depends on how busy the machine is (linux_env.cc), so the watchdog is asked directly.
TEST(Watchdog, NamesTheTaskOfASlowTurn) {
  struct Turn {
    int64_t ms = 0;
    std::string task;
  };
  std::vector<Turn> turns;
  auto world = LinuxEnv::make();
  Env& env = (*world)->env();
  watch_turns(
      10,
      [](void* context, int64_t ms, std::string_view task) {
        static_cast<std::vector<Turn>*>(context)->push_back(Turn{ms, std::string{task}});
      },
      &turns);
  EXPECT_FALSE(run_to_end(env, "test", stall_in_a_child(env)).has_error());
  watch_turns(0, nullptr, nullptr);
  const auto slow = std::find_if(turns.begin(), turns.end(), [](const Turn& turn) { return turn.task == "lazybones"; });
  ASSERT_NE(slow, turns.end());
  EXPECT_GE(slow->ms, 30);
}

}  // namespace
}  // namespace kring
