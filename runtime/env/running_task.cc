#include "runtime/env/running_task.h"

#include <time.h>

namespace kring {
namespace {

// One loop a process; the tests run theirs one after the other.
struct Watch {
  TaskName running{};
  int64_t ms_max = 0;  // 0: nobody watches
  SlowTurn slow_turn = nullptr;
  void* context = nullptr;
  int64_t turn_began_ms = 0;
  int64_t task_began_ms = 0;
  int64_t slowest_ms = 0;
  TaskName slowest{};
};
Watch watch;

// The coarse clock costs 5 ns instead of 25 and its steps of 1-4 ms are fine enough for a limit of 10.
int64_t coarse_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

// Books the time since the last switch to the task that ran.
void account() {
  if (watch.ms_max == 0) return;
  const int64_t now = coarse_ms();
  const int64_t took = now - watch.task_began_ms;
  if (took > watch.slowest_ms) {
    watch.slowest_ms = took;
    watch.slowest = watch.running;
  }
  watch.task_began_ms = now;
}

}  // namespace

TaskMark::TaskMark() : name_(watch.running) {}

void TaskMark::resume() const {
  account();
  watch.running = name_;
}

void set_running_task(std::string_view name) {
  account();
  watch.running.fill(0);
  name.copy(watch.running.data(), watch.running.size() - 1);
}

std::string_view running_task() { return watch.running.data(); }

void watch_turns(int64_t ms_max, SlowTurn slow_turn, void* context) {
  watch = Watch{};
  watch.ms_max = ms_max;
  watch.slow_turn = slow_turn;
  watch.context = context;
  watch.turn_began_ms = watch.task_began_ms = coarse_ms();
}

void turn_begins() {
  if (watch.ms_max == 0) return;
  watch.turn_began_ms = watch.task_began_ms = coarse_ms();
  watch.slowest_ms = 0;
  watch.slowest[0] = 0;
  watch.running[0] = 0;
}

void turn_ends() {
  if (watch.ms_max == 0) return;
  const int64_t took = coarse_ms() - watch.turn_began_ms;
  if (took > watch.ms_max) {
    account();
    watch.slow_turn(watch.context, took, watch.slowest.data());
  }
}

}  // namespace kring
