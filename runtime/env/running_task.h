// Which task runs now, for the watchdog of the loop and for messages about bugs. TaskGroup sets it when a child starts;
// every primitive that suspends a task (Waiter, sockets, descriptors) keeps it across the wait.
// Invariants: names are copied (and cut), so that no mark outlives what it names; nothing here changes what the program
// does.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace kring {

// The first bytes of a task's name, zero-terminated.
using TaskName = std::array<char, 40>;

// Restores the running task's name after a wait: `const TaskMark self; co_await ...; self.resume();`.
class TaskMark {
 public:
  TaskMark();
  void resume() const;

 private:
  TaskName name_;
};

// Empty: no task of a group runs.
void set_running_task(std::string_view name);
// Valid until the next wait.
std::string_view running_task();

// The watchdog. A turn is what runs between two looks at the ring; the loop's implementation unit reports both ends.
// `slow_turn` is called after a turn of more than `ms_max` with its length and the task that took most of it.
using SlowTurn = void (*)(void* context, int64_t ms, std::string_view task);
void watch_turns(int64_t ms_max, SlowTurn slow_turn, void* context);
void turn_begins();
void turn_ends();

}  // namespace kring
