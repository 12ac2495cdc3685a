// How one task is started: shared by TaskGroup, shielded and with_deadline.
#pragma once

#include <boost/asio/cancellation_signal.hpp>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include "runtime/tasks/task_group.h"

namespace kring::internal {

// Invariants: `finished` is called exactly once, after the task's frame (with its arguments) is gone; cancel() before
// the task ran is kept for it.
struct Child {
  Child(std::string n, std::function<void(Child&)> f) : name(std::move(n)), finished(std::move(f)) {}
  void cancel();

  std::string name;
  std::function<void(Child&)> finished;
  Result<void> result;
  asio::cancellation_signal signal;
  std::list<std::shared_ptr<Child>>::iterator place;  // in its group, if it has one
  bool started = false;
  bool cancel_wanted = false;
};

// The only co_spawn of the program.
void start(Env& env, std::shared_ptr<Child> child, Task<Result<void>> task);

// A child and the wait for its end, for a task that runs beside its starter. Lives in the starter's frame.
class Companion {
 public:
  Companion(Env& env, std::string name, Task<Result<void>> task);
  ~Companion();  // REQUIRES: ended
  Companion(const Companion&) = delete;
  Companion& operator=(const Companion&) = delete;
  void cancel() { child_->cancel(); }
  bool ended() const { return ended_; }
  const Result<void>& result() const { return child_->result; }
  // Ignores a cancellation of the caller.
  Task<void> wait_ended();
  // Also wakes on this waiter, besides wait_ended: a race's starter waits for whoever comes first.
  void notify(Waiter& waiter) { also_ = &waiter; }

 private:
  bool ended_ = false;
  Waiter end_;
  Waiter* also_ = nullptr;
  std::shared_ptr<Child> child_;
};

}  // namespace kring::internal
