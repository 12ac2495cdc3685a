#include "runtime/env/linux/linux_env.h"

#include "objects/limits.h"
#include "runtime/env/linux/clock.h"
#include "runtime/env/linux/disk.h"
#include "runtime/env/linux/log.h"
#include "runtime/env/linux/probe.h"
#include "runtime/env/linux/random.h"
#include "runtime/env/running_task.h"
#include "runtime/tasks/task_group.h"

namespace kring {
namespace {

// Concurrency hint 1: one thread runs the loop, so Asio skips its wake-ups between threads.
class World final : public LinuxEnv {
 public:
  explicit World(LinuxEnvOptions options)
      : loop_(1), clock_(loop_), disk_(loop_), log_(clock_, options.log_level, options.log_fd) {}

  Env& env() override { return env_; }

  Result<void> run(Task<Result<void>> root) override {
    watch_turns(limits::loop_turn_ms_max, &World::log_slow_turn, this);
    const auto result = run_to_end(env_, "kring", std::move(root));
    watch_turns(0, nullptr, nullptr);
    return result;
  }

 private:
  static void log_slow_turn(void* context, int64_t ms, std::string_view task) {
    static_cast<World*>(context)->log_.warn("slow turn of the loop", {{"ms", ms}, {"task", task}});
  }

  asio::io_context loop_;
  LinuxClock clock_;
  LinuxRandom random_;
  LinuxDisk disk_;
  LinuxLog log_;
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
