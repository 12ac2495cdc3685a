// What waits in the simulated world, and for when: the only source of order. The loop is polled by hand; when nothing
// is runnable, time jumps to the next deadline. Ties and durations come from the seed, so one seed is one schedule.
// Invariants: time never goes back; equal seeds and equal calls give equal schedules, bit for bit (trace() tells).
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <utility>

#include "runtime/env/waiter.h"

namespace kring::sim {

// SplitMix64: small, and every seed is a good one.
class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed) {}
  uint64_t next();
  // Uniform enough in [0, n). REQUIRES: n > 0.
  uint64_t below(uint64_t n) { return next() % n; }
  uint64_t between(uint64_t low, uint64_t high) { return low + below(high - low + 1); }
  bool chance(uint64_t per_million) { return per_million > 0 && below(1'000'000) < per_million; }
  bool coin() { return (next() & 1) != 0; }

 private:
  uint64_t state_;
};

class Schedule {
 public:
  Schedule(asio::io_context& loop, uint64_t seed) : loop_(loop), dice_(seed) {}

  Mono now() const { return now_; }
  // Ends at `deadline`; canceled earlier.
  Task<Result<void>> sleep_until(Mono deadline);
  // The time an operation of the world takes; a cancellation does not end it.
  Task<void> operation(int64_t ns);

  // Runs everything that can run now. True when something ran.
  bool poll();
  // Wakes the next deadline if it is not after `limit`. Operations only, when `sleeps` is false: a sleep that is due
  // first stays.
  bool step(Mono limit, bool sleeps);
  // Lets time pass when nothing happens until `then`.
  void pass_until(Mono then) { now_ = std::max(now_, then); }
  size_t operations() const { return operations_; }
  size_t pending() const { return pending_.size(); }

  Dice& dice() { return dice_; }
  // A fingerprint of everything that happened.
  void note(std::string_view what, uint64_t value);
  uint64_t trace() const { return trace_; }

 private:
  struct Pending {
    Waiter* waiter;
    bool sleep;
  };
  using Key = std::pair<int64_t, uint64_t>;  // deadline, then an order drawn from the seed
  Key add(int64_t at_ns, Waiter& waiter, bool sleep);

  asio::io_context& loop_;
  Dice dice_;
  Mono now_{1'000'000'000};
  std::map<Key, Pending> pending_;
  size_t operations_ = 0;
  uint64_t trace_ = 14695981039346656037ULL;
};

}  // namespace kring::sim
