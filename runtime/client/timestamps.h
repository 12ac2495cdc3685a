// Wall time as the API writes it: metav1.Time (whole seconds) and metav1.MicroTime, in UTC.
#pragma once

#include <string>
#include <string_view>

#include "runtime/env/env.h"

namespace kring::client {

std::string rfc3339(Wall time);        // "2024-05-01T10:00:00Z"
std::string rfc3339_micro(Wall time);  // "2024-05-01T10:00:00.123456Z"
std::string rfc3339_nano(Wall time);   // Go's RFC3339Nano: trailing zeros of the fraction left out
Wall parse_rfc3339(std::string_view text);  // any fraction, "Z" or an offset; 0 when it is not a time

}  // namespace kring::client
