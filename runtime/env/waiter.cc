#include "runtime/env/waiter.h"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include "objects/check.h"
#include "runtime/env/running_task.h"

namespace kring {

Waiter::~Waiter() { KRING_CHECK(!handler_, "a task still waits here"); }

void Waiter::wake() {
  woken_ = true;
  resume_task();
}

void Waiter::resume_task() {
  if (!handler_) return;
  Handler handler = std::move(*handler_);
  handler_.reset();
  asio::post(loop_, std::move(handler));
}

// The cancellation handler refers to this Waiter; it is gone once the frame resumed, which is before the Waiter dies.
Task<void> Waiter::suspend(bool cancellable) {
  const TaskMark self;
  co_await asio::async_initiate<const asio::use_awaitable_t<Executor>&, void()>(
      [this, cancellable](Handler handler) {
        KRING_CHECK(!handler_, "one task waits at a time");
        auto slot = asio::get_associated_cancellation_slot(handler);
        handler_.emplace(std::move(handler));
        if (cancellable && slot.is_connected()) slot.assign([this](asio::cancellation_type) { resume_task(); });
      },
      use_task);
  self.resume();
}

Task<Result<void>> Waiter::wait() {
  if (co_await cancelled()) co_return canceled_error();
  if (!woken_) co_await suspend(true);
  if (!woken_) co_return canceled_error();
  woken_ = false;
  co_return Result<void>{};
}

Task<void> Waiter::wait_uncancelled() {
  while (!woken_) co_await suspend(false);
  woken_ = false;
}

Task<bool> cancelled() {
  const auto state = co_await asio::this_coro::cancellation_state;
  co_return state.cancelled() != asio::cancellation_type::none;
}

Error canceled_error() { return Error{Reason::canceled, "canceled"}; }

}  // namespace kring
