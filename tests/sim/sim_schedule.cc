#include "tests/sim/sim_schedule.h"

#include <limits>

namespace kring::sim {

uint64_t Dice::next() {
  state_ += 0x9e3779b97f4a7c15ULL;
  uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

Schedule::Key Schedule::add(int64_t at_ns, Waiter& waiter, bool sleep) {
  const Key key{at_ns, dice_.next()};
  pending_.emplace(key, Pending{&waiter, sleep});
  if (!sleep) ++operations_;
  return key;
}

Task<Result<void>> Schedule::sleep_until(Mono deadline) {
  if (co_await cancelled()) co_return canceled_error();
  if (deadline <= now_) co_return Result<void>{};
  Waiter waiter{loop_};
  const Key key = add(deadline.ns, waiter, true);
  auto woken = co_await waiter.wait();
  pending_.erase(key);  // still there after a cancellation
  co_return woken;
}

Task<void> Schedule::operation(int64_t ns) {
  Waiter waiter{loop_};
  add(now_.ns + ns, waiter, false);
  co_await waiter.wait_uncancelled();
}

bool Schedule::poll() {
  loop_.restart();
  return loop_.poll() > 0;
}

bool Schedule::step(Mono limit, bool sleeps) {
  for (auto it = pending_.begin(); it != pending_.end() && it->first.first <= limit.ns; ++it) {
    if (it->second.sleep && !sleeps) continue;
    const Pending pending = it->second;
    now_ = std::max(now_, Mono{it->first.first});
    note(pending.sleep ? "sleep" : "operation", static_cast<uint64_t>(now_.ns));
    if (!pending.sleep) --operations_;
    pending_.erase(it);
    pending.waiter->wake();
    return true;
  }
  return false;
}

// FNV-1a over what happened.
void Schedule::note(std::string_view what, uint64_t value) {
  const auto mix = [this](uint8_t byte) { trace_ = (trace_ ^ byte) * 1099511628211ULL; };
  for (char c : what) mix(static_cast<uint8_t>(c));
  for (int i = 0; i < 8; ++i) mix(static_cast<uint8_t>(value >> (8 * i)));
}

}  // namespace kring::sim
