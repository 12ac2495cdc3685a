#include "runtime/env/linux/process_signals.h"

#include <signal.h>

#include <boost/asio/as_tuple.hpp>

#include "runtime/env/running_task.h"
#include "runtime/env/waiter.h"

namespace kring {

ProcessSignals::ProcessSignals(Env& env) : signals_(env.loop.get_executor(), SIGTERM, SIGINT, SIGHUP) {
  ::signal(SIGPIPE, SIG_IGN);
}

Task<Result<int>> ProcessSignals::next() {
  if (co_await cancelled()) co_return canceled_error();
  const TaskMark self;
  const auto [error, number] = co_await signals_.async_wait(asio::as_tuple(use_task));
  self.resume();
  if (error == asio::error::operation_aborted) co_return canceled_error();
  if (error) co_return io_error("wait for signals", error.value());
  co_return number;
}

}  // namespace kring
