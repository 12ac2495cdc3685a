// A probe endpoint whose outcome a person or a test can switch: succeed, fail for good, or fail the next N calls.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>

namespace kuard {

class Probe {
 public:
  explicit Probe(std::string path) : path_(std::move(path)) {}

  // One call of the probe: 200 or 500. Remembers it.
  int check(const std::string& remote);
  // 0: succeed; n > 0: fail the next n calls; negative: fail until told otherwise.
  void fail_next(int64_t count);
  int64_t failing() const;
  uint64_t failures() const;
  std::string json() const;          // {"probePath","failNext","history":[{"id","when","relWhen","code"}...]}
  std::string history_html() const;  // table rows, newest first

 private:
  struct Call {
    uint64_t id;
    int64_t when;
    int code;
    std::string remote;
  };
  static constexpr size_t history_max = 20;

  const std::string path_;
  mutable std::mutex mutex_;
  int64_t fail_next_ = 0;
  uint64_t calls_ = 0, failures_ = 0;
  std::deque<Call> history_;  // newest first
};

}  // namespace kuard
