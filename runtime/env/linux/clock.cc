#include "runtime/env/linux/clock.h"

#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "objects/check.h"

namespace kring {
namespace {

int64_t read_clock(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

int make_timer() {
  const int fd = ::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  KRING_CHECK(fd >= 0, "timerfd_create");
  return fd;
}

}  // namespace

LinuxClock::LinuxClock(asio::io_context& loop) : loop_(loop), timer_(loop, make_timer()) {}

LinuxClock::~LinuxClock() { KRING_CHECK(sleepers_.empty(), "a task still sleeps"); }

Mono LinuxClock::now() const { return Mono{read_clock(CLOCK_BOOTTIME)}; }
Wall LinuxClock::wall() const { return Wall{read_clock(CLOCK_REALTIME)}; }

Task<Result<void>> LinuxClock::sleep_until(Mono deadline) {
  if (co_await cancelled()) co_return canceled_error();
  if (deadline <= now()) co_return Result<void>{};
  Waiter waiter{loop_};
  const auto place = sleepers_.emplace(deadline.ns, &waiter);
  arm();
  const auto slept = co_await waiter.wait();
  if (slept.has_error()) {
    sleepers_.erase(place);
    arm();
  }
  co_return slept;
}

// Sets the timer to the first deadline. With nobody left the wait on the timer is cancelled: it would keep a loop
// running that has nothing else to do.
void LinuxClock::arm() {
  const int64_t first = sleepers_.empty() ? 0 : std::max<int64_t>(sleepers_.begin()->first, 1);
  if (first != armed_ns_) {
    armed_ns_ = first;
    itimerspec setting{};
    setting.it_value.tv_sec = first / 1'000'000'000;
    setting.it_value.tv_nsec = first % 1'000'000'000;
    const int error = ::timerfd_settime(timer_.native_handle(), TFD_TIMER_ABSTIME, &setting, nullptr);
    KRING_CHECK(error == 0, "timerfd_settime");
  }
  if (first == 0) {
    if (waiting_) timer_.cancel();
  } else if (!waiting_) {
    await_timer();
  }
}

void LinuxClock::await_timer() {
  waiting_ = true;
  timer_.async_wait(asio::posix::descriptor_base::wait_read, [this](boost::system::error_code) {
    waiting_ = false;
    wake_due();
    arm();
  });
}

void LinuxClock::wake_due() {
  uint64_t expirations = 0;
  KRING_MAYBE(::read(timer_.native_handle(), &expirations, sizeof expirations) < 0);
  const int64_t now_ns = now().ns;
  while (!sleepers_.empty() && sleepers_.begin()->first <= now_ns) {
    Waiter* waiter = sleepers_.begin()->second;
    sleepers_.erase(sleepers_.begin());
    waiter->wake();
  }
  armed_ns_ = -1;  // it fired or was cancelled: set it again
}

}  // namespace kring
