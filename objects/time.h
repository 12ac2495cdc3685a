// Times and durations as Kubernetes objects carry them: metav1.Time (RFC 3339, seconds, Z), metav1.MicroTime (six
// digits), metav1.Duration (Go's duration text) and the ages that kubectl prints.
// Pure: nothing here reads a clock.
// Source: RFC 3339; Go's documentation of package time (Parse, ParseDuration, Duration.String).
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "objects/result.h"

namespace kring {

// An instant from year 0 to 9999, exact to the nanosecond. Unix time in int64 nanoseconds would not reach year 1,
// which Kubernetes uses.
struct Timestamp {
  int64_t seconds = 0;  // since 1970-01-01T00:00:00Z, may be negative
  int32_t nanos = 0;    // [0, 1e9)

  static Timestamp from_nanos(int64_t nanos_since_epoch);
  static Timestamp from_millis(int64_t millis_since_epoch);
  // Capped at what int64 holds (years 1678 to 2262).
  int64_t to_nanos() const;
  int64_t to_millis() const;
  // Go's zero time, 0001-01-01T00:00:00Z: Kubernetes prints it as null.
  bool is_zero() const;

  friend auto operator<=>(const Timestamp&, const Timestamp&) = default;
};

// Any RFC 3339 text, with fraction and offset, as metav1.Time reads it.
// Errors: bad_request with Go's words: `parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006"`.
Result<Timestamp> parse_time(std::string_view text);
// The same for metav1.MicroTime, which demands six digits of fraction.
Result<Timestamp> parse_micro_time(std::string_view text);

std::string print_time(Timestamp time);        // 2024-01-02T03:04:05Z, the fraction dropped
std::string print_micro_time(Timestamp time);  // 2024-01-02T03:04:05.000006Z
std::string print_nano_time(Timestamp time);   // 2024-01-02T03:04:05.000000007Z, as CRI logs have it (RFC3339Nano pads
                                               // nothing; logs are easier to sort with nine digits)

// Go's durations, in nanoseconds: "1h30m", "1.5s", "-2ms".
// Errors: bad_request with Go's words: `time: invalid duration "x"`.
Result<int64_t> parse_duration(std::string_view text);
std::string print_duration(int64_t nanos);  // "1h30m0s", "1.5s", "0s"

// What kubectl prints as an age: "5s", "2m30s", "3h", "4d3h", "2y"; "<invalid>" for more than a second in the future.
std::string human_duration(int64_t seconds);
// One unit only: "5s", "2m", "3h", "4d", "2y".
std::string short_human_duration(int64_t seconds);

}  // namespace kring
