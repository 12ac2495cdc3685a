#include "runtime/tasks/task_group.h"

#include "objects/check.h"
#include "runtime/env/running_task.h"
#include "runtime/tasks/child.h"

namespace kring {

using internal::Child;
using internal::Companion;

TaskGroup::TaskGroup(Env& env, std::string name) : env_(env), name_(std::move(name)), empty_(env.loop) {}

TaskGroup::~TaskGroup() {
  if (!children_.empty())
    check_failed("children_.empty()", __FILE__, __LINE__,
                 "task group " + name_ + " ends with child " + children_.front()->name);
}

void TaskGroup::start(std::string name, Task<Result<void>> task) {
  auto child = std::make_shared<Child>(std::move(name), [this](Child& ended) { finished(ended); });
  child->place = children_.insert(children_.end(), child);
  // One that a sibling starts while the group ends would never hear of it otherwise.
  if (ending_) child->cancel();
  internal::start(env_, std::move(child), std::move(task));
}

void TaskGroup::finished(Child& child) {
  if (failed(child.result) && !first_error_.has_error()) {
    first_error_ = child.result;
    ending_ = true;
    cancel();
  }
  children_.erase(child.place);
  if (children_.empty() && joining_) empty_.wake();
}

// A child's cancellation never ends it in here (it resumes in a later turn), so the list does not change meanwhile.
void TaskGroup::cancel() {
  for (const auto& child : children_) child->cancel();
}

size_t TaskGroup::size() const { return children_.size(); }

Task<Result<void>> TaskGroup::join() {
  const auto ended = co_await wait_empty();
  if (ended.has_error()) {
    ending_ = true;
    cancel();
    joining_ = true;
    while (!children_.empty()) co_await empty_.wait_uncancelled();
    joining_ = false;
  }
  ending_ = false;
  Result<void> result = std::exchange(first_error_, Result<void>{});
  if (!result.has_error() && ended.has_error()) result = ended.error();
  co_return result;
}

Task<Result<void>> TaskGroup::wait_empty() {
  KRING_CHECK(!joining_, "one task waits for a group");
  joining_ = true;
  Result<void> woken;
  if (co_await cancelled()) woken = canceled_error();
  while (!children_.empty() && !woken.has_error()) woken = co_await empty_.wait();
  joining_ = false;
  co_return woken;
}

Result<void> run_to_end(Env& env, std::string name, Task<Result<void>> task) {
  bool ended = false;
  auto child = std::make_shared<Child>(std::move(name), [&ended](Child&) { ended = true; });
  internal::start(env, child, std::move(task));
  env.loop.restart();
  while (!ended) KRING_CHECK(env.loop.run_one() > 0, "the loop has work until the task ends");
  return child->result;
}

Task<Result<void>> shielded(Env& env, Task<Result<void>> cleanup) {
  const TaskMark self;
  Companion companion{env, std::string{running_task()}, std::move(cleanup)};
  co_await companion.wait_ended();
  self.resume();
  co_return companion.result();
}

// The task and a sleeper race; whoever ends first cancels the other, and both have ended when this returns.
Task<Result<void>> with_deadline(Env& env, int64_t ms, Task<Result<void>> task) {
  if (co_await cancelled()) co_return canceled_error();
  Waiter first{env.loop};
  Companion work{env, std::string{running_task()}, std::move(task)};
  Companion sleeper{env, "deadline", env.clock.sleep_ms(ms)};
  work.notify(first);
  sleeper.notify(first);
  const auto woken = co_await first.wait();
  const bool timed_out = !woken.has_error() && !work.ended();
  work.cancel();
  sleeper.cancel();
  co_await work.wait_ended();
  co_await sleeper.wait_ended();
  // Work that was done in spite of the cancellation counts as done.
  if (timed_out && work.result().has_error()) {
    co_return Error{Reason::timeout, "not done within " + std::to_string(ms) + " ms"};
  }
  co_return work.result();
}

}  // namespace kring
