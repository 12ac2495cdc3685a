// Time of the real world. Sleepers wait in one queue behind one timerfd on CLOCK_BOOTTIME, so that a machine that was
// suspended wakes them at once; nothing is armed, and the loop has no work, while nobody sleeps.
#pragma once

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <map>

#include "runtime/env/env.h"
#include "runtime/env/waiter.h"

namespace kring {

class LinuxClock final : public Clock {
 public:
  explicit LinuxClock(asio::io_context& loop);
  ~LinuxClock() override;
  Mono now() const override;
  Wall wall() const override;
  Task<Result<void>> sleep_until(Mono deadline) override;

 private:
  using Sleepers = std::multimap<int64_t, Waiter*>;
  void arm();
  void await_timer();
  void wake_due();

  asio::io_context& loop_;
  asio::posix::basic_stream_descriptor<Executor> timer_;
  Sleepers sleepers_;
  int64_t armed_ns_ = 0;  // 0: not armed
  bool waiting_ = false;  // a wait for the timer is under way
};

}  // namespace kring
