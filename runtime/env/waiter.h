// One suspended task and the event it waits for: what sleeping, signals, joins and disk operations are built of.
// Invariants: one task waits at a time; wake() resumes it in a later turn, never inside the caller; a wake without a
// waiting task is kept for the next wait; a wake and a cancellation that meet count as the wake.
// Lifetime: the Waiter outlives the wait (it usually lives in the waiting frame). Not copyable, not movable.
#pragma once

#include <optional>

#include "runtime/env/env.h"

namespace kring {

class Waiter {
 public:
  explicit Waiter(asio::io_context& loop) : loop_(loop) {}
  ~Waiter();
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  void wake();
  // Success after wake(), or canceled.
  Task<Result<void>> wait();
  // Ignores cancellation: for what must be seen to its end. The cancellation stays visible afterwards.
  Task<void> wait_uncancelled();

 private:
  using Handler = asio::async_result<asio::use_awaitable_t<Executor>, void()>::handler_type;
  Task<void> suspend(bool cancellable);
  void resume_task();

  asio::io_context& loop_;
  bool woken_ = false;
  std::optional<Handler> handler_;
};

// True when the current task was cancelled: every loop head and every Env operation asks.
Task<bool> cancelled();

// The error that every operation returns then.
Error canceled_error();

}  // namespace kring
