// SIGTERM, SIGINT and SIGHUP as something a task awaits. Handlers, not a signal mask: a mask would be inherited by
// every program that kring starts, a handler ends with exec. SIGPIPE is ignored (and that is inherited: a child that
// wants it resets it): a closed peer is an error of the write.
// Lifetime: one a process; outlives the waiting task.
#pragma once

#include <boost/asio/basic_signal_set.hpp>

#include "runtime/env/env.h"

namespace kring {

class ProcessSignals {
 public:
  explicit ProcessSignals(Env& env);
  // The number of the next signal, or canceled. One waits at a time.
  Task<Result<int>> next();

 private:
  asio::basic_signal_set<Executor> signals_;
};

}  // namespace kring
