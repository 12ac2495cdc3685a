// Kubernetes' IntOrString: 8080 or "http" or "25%". Source: apimachinery util/intstr, as documented.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "objects/json.h"
#include "objects/result.h"

namespace kring {

// True for an integer that fits int32, or a string.
bool is_int_or_string(const json::Value& value);
// What Kubernetes prints in messages: the number or the text.
std::string int_or_string_text(const json::Value& value);
// A text that is an int32 becomes the number, everything else stays text (intstr.Parse).
json::Value parse_int_or_string(std::string_view text);
// "25%" of `total`, or the number itself; percentages round up or down as asked.
// Errors: bad_request, "invalid value for IntOrString: invalid type: string is not a percentage".
Result<int64_t> scaled_int_or_percent(const json::Value& value, int64_t total, bool round_up);

}  // namespace kring
