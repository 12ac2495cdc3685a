#include "runtime/tasks/child.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>

#include "objects/check.h"
#include "runtime/env/running_task.h"

namespace kring::internal {
namespace {

// Dies with the task's name: an exception that leaves a task is a bug, and nobody could handle it.
[[noreturn]] void die_of_exception(const std::string& name, const std::exception_ptr& thrown) {
  std::string what = "something that is no std::exception";
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& e) {
    what = e.what();
  } catch (...) {
    KRING_MAYBE(true);
  }
  check_failed("no exception leaves a task", __FILE__, __LINE__, "task " + name + ": " + what);
}

// Asio's defaults would start a task inside the call that spawns it, throw from the await after a cancellation, and
// drop a task that was cancelled before it ran (style 3.8).
Task<Result<void>> run(std::shared_ptr<Child> child, Task<Result<void>> task) {
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await asio::post(use_task);
  set_running_task(child->name);
  child->started = true;
  if (child->cancel_wanted) child->signal.emit(asio::cancellation_type::terminal);
  co_return co_await std::move(task);
}

}  // namespace

// Only `terminal`: a coroutine that did not opt in ignores the milder kinds.
void Child::cancel() {
  cancel_wanted = true;
  if (started) signal.emit(asio::cancellation_type::terminal);
}

void start(Env& env, std::shared_ptr<Child> child, Task<Result<void>> task) {
  auto ended = [child](std::exception_ptr thrown, Result<void> result) {
    if (thrown) die_of_exception(child->name, thrown);
    child->result = std::move(result);
    set_running_task({});
    child->finished(*child);
  };
  asio::co_spawn(env.loop.get_executor(), run(child, std::move(task)),
                 asio::bind_cancellation_slot(child->signal.slot(), std::move(ended)));
}

Companion::Companion(Env& env, std::string name, Task<Result<void>> task)
    : end_(env.loop), child_(std::make_shared<Child>(std::move(name), [this](Child&) {
        ended_ = true;
        end_.wake();
        if (also_ != nullptr) also_->wake();
      })) {
  start(env, child_, std::move(task));
}

Companion::~Companion() { KRING_CHECK(ended_, "a companion was left running"); }

Task<void> Companion::wait_ended() {
  while (!ended_) co_await end_.wait_uncancelled();
}

}  // namespace kring::internal
