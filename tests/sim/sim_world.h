// The simulated world: an Env whose clock, disk, randomness and log follow a seed, and a loop polled by hand. No
// threads, no wall time. A test spawns the tasks of one life of the program with spawn(), lets time pass, and ends the
// life with stop(), kill() or cut_power(); then it may begin the next on the same disk.
// A life ends by cancelling its tasks and joining them while every operation on the disk fails, so frames are destroyed
// by their owners in the usual order and nothing of the old life reaches the disk of the next.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/env/env.h"
#include "runtime/tasks/task_group.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_schedule.h"

namespace kring::sim {

class SimClock final : public Clock {
 public:
  explicit SimClock(Schedule& schedule) : schedule_(schedule) {}
  Mono now() const override { return schedule_.now(); }
  Wall wall() const override { return Wall{schedule_.now().ns + wall_offset_ns}; }
  Task<Result<void>> sleep_until(Mono deadline) override { return schedule_.sleep_until(deadline); }
  // May jump at any time, in both directions.
  int64_t wall_offset_ns = 1'700'000'000'000'000'000;

 private:
  Schedule& schedule_;
};

class SimRandom final : public Random {
 public:
  explicit SimRandom(uint64_t seed) : dice_(seed) {}
  void fill(std::span<uint8_t> out) override;

 private:
  Dice dice_;
};

class SimLog final : public Log {
 public:
  explicit SimLog(Schedule& schedule) : schedule_(schedule) {}
  void write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) override;
  bool contains(std::string_view text) const;
  bool echo = false;
  std::vector<std::string> lines;  // the latest lines_max

 private:
  static constexpr size_t lines_max = 1000;
  Schedule& schedule_;
};

class SimWorld {
 public:
  explicit SimWorld(uint64_t seed);
  ~SimWorld();
  SimWorld(const SimWorld&) = delete;
  SimWorld& operator=(const SimWorld&) = delete;

  asio::io_context loop;
  Schedule schedule;
  SimClock clock;
  SimRandom random;
  SimDisk disk;
  SimLog log;
  Env& env() { return env_; }

  // A task of this life. Its error, if any, is kept in `errors`.
  template <class F, class... Args>
  void spawn(std::string name, F function, Args... args) {
    root_->spawn(std::move(name), function, std::move(args)...);
  }
  size_t tasks() const { return root_->size(); }

  // Runs until nothing is runnable and no operation is on its way; tasks that sleep go on sleeping.
  void run_until_idle();
  // Runs everything that happens in the next `ns`.
  void advance(int64_t ns);
  // Runs until the condition holds, waking sleepers too; false when nothing is left to run or `steps_max` events passed.
  bool run_until(const std::function<bool()>& done, uint64_t steps_max = 1'000'000);
  // Runs one task to its end.
  Result<void> run(Task<Result<void>> task);

  // The ends of a life. All return whether every task ended; false is a task that ignores its cancellation.
  bool stop();          // cancelled and joined, the disk works
  bool kill();          // kill -9: the page cache survives
  bool cut_power();

 private:
  bool end_tasks();

  Env env_;
  std::unique_ptr<TaskGroup> root_;
};

}  // namespace kring::sim
