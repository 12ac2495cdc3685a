// A signal of the process reaches the task that waits for it.
#include "runtime/env/linux/process_signals.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "runtime/env/linux/linux_env.h"
#include "runtime/tasks/task_group.h"

namespace kring {
namespace {

Task<Result<void>> next_signal(ProcessSignals& signals, int& number) {
  KRING_CO_TRY(number, co_await signals.next());
  co_return Result<void>{};
}

TEST(ProcessSignals, DeliversTheNumberOfASignalAndIgnoresBrokenPipes) {
  auto world = LinuxEnv::make();
  Env& env = (*world)->env();
  ProcessSignals signals{env};
  int number = 0;
  kill(getpid(), SIGPIPE);
  kill(getpid(), SIGHUP);
  EXPECT_FALSE(run_to_end(env, "test", next_signal(signals, number)).has_error());
  EXPECT_EQ(number, SIGHUP);
}

}  // namespace
}  // namespace kring
