#include "runtime/tasks/signal.h"

#include <algorithm>
#include <vector>

#include "runtime/env/waiter.h"
#include "runtime/tasks/child.h"

namespace kring {

// Shared with the waiters' frames, so that one that is cancelled can leave while the Signal goes.
struct Signal::State {
  explicit State(Env& e) : env(e) {}
  Env& env;
  bool set = false;
  std::vector<Waiter*> waiters;
};

namespace {

// Registers a waiter for the duration of a wait.
class Registered {
 public:
  Registered(std::vector<Waiter*>& waiters, Waiter& waiter) : waiters_(waiters), waiter_(waiter) {
    waiters_.push_back(&waiter);
  }
  ~Registered() { std::erase(waiters_, &waiter_); }
  // notify() takes everybody off the list.
  bool notified() const { return std::find(waiters_.begin(), waiters_.end(), &waiter_) == waiters_.end(); }
  Registered(const Registered&) = delete;
  Registered& operator=(const Registered&) = delete;

 private:
  std::vector<Waiter*>& waiters_;
  Waiter& waiter_;
};

}  // namespace

Signal::Signal(Env& env) : state_(std::make_shared<State>(env)) {}
Signal::~Signal() = default;

void Signal::notify() {
  state_->set = true;
  for (Waiter* waiter : state_->waiters) waiter->wake();
  state_->waiters.clear();
}

Task<Result<void>> Signal::wait() {
  const auto state = state_;
  if (co_await cancelled()) co_return canceled_error();
  if (!state->set) {
    Waiter waiter{state->env.loop};
    const Registered registered{state->waiters, waiter};
    const auto woken = co_await waiter.wait();
    if (woken.has_error()) co_return woken;
  }
  state->set = false;
  co_return Result<void>{};
}

// The sleeper is a task beside this one; it wakes the same waiter, and has ended when this returns.
Task<Result<void>> Signal::wait_until(Mono deadline) {
  const auto state = state_;
  if (co_await cancelled()) co_return canceled_error();
  if (!state->set && deadline > state->env.clock.now()) {
    Waiter waiter{state->env.loop};
    const Registered registered{state->waiters, waiter};
    internal::Companion sleeper{state->env, "sleep", state->env.clock.sleep_until(deadline)};
    sleeper.notify(waiter);
    const auto woken = co_await waiter.wait();
    sleeper.cancel();
    co_await sleeper.wait_ended();
    if (woken.has_error()) co_return woken;
    if (!registered.notified()) co_return Error{Reason::timeout, "not notified in time"};
  } else if (!state->set) {
    co_return Error{Reason::timeout, "not notified in time"};
  }
  state->set = false;
  co_return Result<void>{};
}

}  // namespace kring
