// The seams: everything outside the process that kring touches, injected. runtime/env/linux is the real world,
// tests/sim the simulated one. Every operation that waits returns Task<Result<...>>, checks for cancellation first and
// then returns Reason::canceled (style 3.8).
// Lifetime: an Env and its parts outlive every task.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/env/task.h"

namespace kring {

// Nanoseconds of CLOCK_BOOTTIME: deadlines and durations.
struct Mono {
  int64_t ns = 0;
  friend auto operator<=>(Mono, Mono) = default;
};
inline constexpr Mono operator+(Mono t, int64_t ns) { return Mono{t.ns + ns}; }
inline constexpr int64_t operator-(Mono a, Mono b) { return a.ns - b.ns; }
inline constexpr int64_t ms_to_ns(int64_t ms) { return ms * 1'000'000; }
// Nanoseconds since the Unix epoch: timestamps only.
struct Wall {
  int64_t ns = 0;
  friend auto operator<=>(Wall, Wall) = default;
};

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Mono now() const = 0;
  virtual Wall wall() const = 0;
  // Returns canceled, or success once now() >= deadline.
  virtual Task<Result<void>> sleep_until(Mono deadline) = 0;
  Task<Result<void>> sleep_ms(int64_t ms);
};

class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<uint8_t> out) = 0;
  uint64_t u64();
  // Uniform in [0, n). REQUIRES: n > 0.
  uint64_t below(uint64_t n);
  // Kubernetes' safe alphabet ("bcdfghjklmnpqrstvwxz2456789"), for generateName.
  std::string name_suffix(size_t length);
  std::string uuid();  // RFC 4122 version 4
};

// One key=value of a log line.
struct LogField {
  std::string_view key;
  std::string value;
  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const char* v) : key(k), value(v) {}
  LogField(std::string_view k, const std::string& v) : key(k), value(v) {}
  LogField(std::string_view k, const Error& e) : key(k), value(to_string(e)) {}
  template <class T>
    requires std::is_arithmetic_v<T>
  LogField(std::string_view k, T v) : key(k), value(std::to_string(v)) {}
};
enum class LogLevel : uint8_t { debug, info, warn, error };
// One line a call: time level scope message key=value...; fixed lower-case message text so that it greps.
class Log {
 public:
  virtual ~Log() = default;
  virtual void write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) = 0;
  void debug(std::string_view m, std::initializer_list<LogField> f = {}) { write(LogLevel::debug, m, f); }
  void info(std::string_view m, std::initializer_list<LogField> f = {}) { write(LogLevel::info, m, f); }
  void warn(std::string_view m, std::initializer_list<LogField> f = {}) { write(LogLevel::warn, m, f); }
  void error(std::string_view m, std::initializer_list<LogField> f = {}) { write(LogLevel::error, m, f); }
};

class Disk;        // runtime/env/disk.h
class Processes;   // runtime/env/processes.h

struct Env {
  asio::io_context& loop;
  Clock& clock;
  Random& random;
  Disk& disk;
  Log& log;
};

}  // namespace kring
