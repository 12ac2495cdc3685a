// Wake-ups and queues between tasks of one loop.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>

#include "runtime/env/env.h"

namespace kring {

// A level-triggered flag: notify() sets it and wakes all waiters; wait() returns at once when it is set and clears it.
// Lifetime: outlives its waiters.
class Signal {
 public:
  explicit Signal(Env& env);
  ~Signal();
  void notify();
  Task<Result<void>> wait();                     // success or canceled
  Task<Result<void>> wait_until(Mono deadline);  // success, timeout or canceled

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// A bounded queue. push() fails (returns false) when it is full; the producer decides what that means.
template <class T>
class Queue {
 public:
  Queue(Env& env, size_t max) : signal_(env), max_(max) {}
  bool push(T item) {
    if (items_.size() >= max_) return false;
    items_.push_back(std::move(item));
    signal_.notify();
    return true;
  }
  Task<Result<T>> pop() {
    while (items_.empty()) {
      auto woken = co_await signal_.wait();
      if (woken.has_error()) co_return std::move(woken).error();
    }
    T item = std::move(items_.front());
    items_.pop_front();
    co_return item;
  }
  std::optional<T> try_pop() {
    if (items_.empty()) return std::nullopt;
    std::optional<T> item{std::move(items_.front())};
    items_.pop_front();
    return item;
  }
  size_t size() const { return items_.size(); }

 private:
  Signal signal_;
  std::deque<T> items_;
  size_t max_;
};

}  // namespace kring
