// Keys that want to be looked at, once each however often they were named; failures come back later and later.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "runtime/tasks/signal.h"

namespace kring::controllers {

template <class Key = std::string>
class WorkQueue {
 public:
  explicit WorkQueue(Env& env, int64_t delay_ms_max = 30'000) : env_(env), delay_ms_max_(delay_ms_max), changed_(env) {}

  void add(Key key) {
    ready_.insert(std::move(key));
    changed_.notify();
  }
  // Again after a delay that doubles with every call until done().
  void retry(const Key& key) {
    int64_t& delay = delays_[key];
    delay = delay == 0 ? delay_ms_min : std::min(2 * delay, delay_ms_max_);
    later_[key] = env_.clock.now() + ms_to_ns(delay);
  }
  void done(const Key& key) { delays_.erase(key); }

  Task<Result<Key>> pop() {
    while (true) {
      Mono now = env_.clock.now();
      std::optional<Mono> next;
      for (auto it = later_.begin(); it != later_.end();) {
        if (it->second <= now) {
          ready_.insert(it->first);
          it = later_.erase(it);
        } else {
          if (!next || it->second < *next) next = it->second;
          ++it;
        }
      }
      if (!ready_.empty()) {
        Key key = *ready_.begin();
        ready_.erase(ready_.begin());
        later_.erase(key);
        co_return key;
      }
      Result<void> woken;
      if (next) {
        woken = co_await changed_.wait_until(*next);
      } else {
        woken = co_await changed_.wait();
      }
      if (woken.has_error() && woken.error().reason != Reason::timeout) co_return woken.error();
    }
  }

 private:
  static constexpr int64_t delay_ms_min = 50;

  Env& env_;
  int64_t delay_ms_max_;
  std::set<Key> ready_;
  std::map<Key, Mono> later_;
  std::map<Key, int64_t> delays_;
  Signal changed_;
};

}  // namespace kring::controllers
