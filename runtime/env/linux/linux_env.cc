#include "runtime/env/linux/linux_env.h"

#include <cstdlib>

#include "objects/limits.h"
#include "runtime/env/linux/clock.h"
#include "runtime/env/linux/disk.h"
#include "runtime/env/linux/log.h"
#include "runtime/env/linux/probe.h"
#include "runtime/env/linux/random.h"
#include "runtime/env/linux/read_file.h"
#include "runtime/env/running_task.h"
#include "runtime/tasks/task_group.h"

namespace kring {
namespace {

constexpr int64_t slow_turn_line_every_ms = 10'000;

// Concurrency hint 1: one thread runs the loop, so Asio skips its wake-ups between threads.
class World final : public LinuxEnv {
 public:
  explicit World(LinuxEnvOptions options)
      : loop_(1), clock_(loop_), disk_(loop_), log_(clock_, options.log_level, options.log_fd) {}

  Env& env() override { return env_; }

  Result<void> run(Task<Result<void>> root) override {
    run_delay_seen_ns_ = run_delay_ns();
    watch_turns(limits::loop_turn_ms_max, &World::log_slow_turn, this);
    const auto result = run_to_end(env_, "kring", std::move(root));
    watch_turns(0, nullptr, nullptr);
    return result;
  }

 private:
  static void log_slow_turn(void* context, int64_t ms, std::string_view task) {
    static_cast<World*>(context)->log_slow_turn(ms, task);
  }

  // On a busy machine most slow turns are the scheduler's: the program was ready and did not run. Those are not told
  // (the kernel counts that time), and the rest at most every ten seconds.
  void log_slow_turn(int64_t ms, std::string_view task) {
    const int64_t delay = run_delay_ns();
    const bool preempted = delay - run_delay_seen_ns_ > ms_to_ns(ms) / 2;
    run_delay_seen_ns_ = delay;
    if (preempted) return;
    ++slow_turns_;
    const Mono now = clock_.now();
    if (now < next_slow_turn_line_) return;
    next_slow_turn_line_ = now + ms_to_ns(slow_turn_line_every_ms);
    log_.warn("slow turn of the loop", {{"ms", ms}, {"task", task}, {"turns", slow_turns_}});
    slow_turns_ = 0;
  }

  // "time running, time ready and waiting, ..." (Documentation/scheduler/sched-stats.rst).
  static int64_t run_delay_ns() {
    const auto text = read_small_file("/proc/thread-self/schedstat", 256);
    const size_t space = text.has_value() ? text->find(' ') : std::string::npos;
    return space == std::string::npos ? 0 : std::strtoll(text->c_str() + space, nullptr, 10);
  }

  asio::io_context loop_;
  LinuxClock clock_;
  LinuxRandom random_;
  LinuxDisk disk_;
  LinuxLog log_;
  int64_t run_delay_seen_ns_ = 0;
  Mono next_slow_turn_line_;
  uint64_t slow_turns_ = 0;
  Env env_{loop_, clock_, random_, disk_, log_};
};

}  // namespace

Result<std::unique_ptr<LinuxEnv>> LinuxEnv::make(LinuxEnvOptions options) {
  KRING_TRY_VOID(probe_io_uring());
  try {
    std::unique_ptr<LinuxEnv> world = std::make_unique<World>(options);
    return world;
  } catch (const boost::system::system_error& failure) {  // Asio's way to say that its larger ring was refused
    return io_uring_error(failure.code().value(), {});
  }
}

}  // namespace kring
