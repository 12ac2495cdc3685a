// The real world: one loop on io_uring with its clock, randomness, disk and log.
// Invariants: one a process (the watchdog of the loop is process-wide), one thread.
// Lifetime: outlives every task; every task has ended before it dies.
#pragma once

#include <memory>

#include "runtime/env/disk.h"
#include "runtime/env/env.h"

namespace kring {

struct LinuxEnvOptions {
  LogLevel log_level = LogLevel::info;
  int log_fd = 2;
};

class LinuxEnv {
 public:
  // service_unavailable, in one line with the remedy, where io_uring is forbidden.
  static Result<std::unique_ptr<LinuxEnv>> make(LinuxEnvOptions options = {});
  virtual ~LinuxEnv() = default;
  virtual Env& env() = 0;
  // Runs the program's one root task to its end (tasks/task_group.h, run_to_end) with the watchdog on: a turn of the
  // loop of more than limits::loop_turn_ms_max is logged with the task that took it.
  virtual Result<void> run(Task<Result<void>> root) = 0;
};

}  // namespace kring
