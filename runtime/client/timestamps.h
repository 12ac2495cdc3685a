// Wall time as the API writes it, and back.
#pragma once

#include <string>
#include <string_view>

#include "objects/time.h"
#include "runtime/env/env.h"

namespace kring::client {

inline std::string rfc3339(Wall time) { return print_time(Timestamp::from_nanos(time.ns)); }
inline std::string rfc3339_micro(Wall time) { return print_micro_time(Timestamp::from_nanos(time.ns)); }
// 0 when it is not a time.
inline Wall parse_rfc3339(std::string_view text) {
  auto parsed = parse_time(text);
  return parsed.has_value() ? Wall{parsed->to_nanos()} : Wall{};
}

}  // namespace kring::client
