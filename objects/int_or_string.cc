#include "objects/int_or_string.h"

#include <charconv>
#include <cmath>
#include <limits>

namespace kring {

namespace {

bool fits_int32(int64_t value) {
  return value >= std::numeric_limits<int32_t>::min() && value <= std::numeric_limits<int32_t>::max();
}

// Go's strconv.Atoi: digits with an optional sign.
bool parse_int(std::string_view text, int64_t& out) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  const char* end = text.data() + text.size();
  const auto [stopped, ec] = std::from_chars(text.data(), end, out);
  return !text.empty() && ec == std::errc{} && stopped == end;
}

}  // namespace

bool is_int_or_string(const json::Value& value) {
  return value.is_string() || (value.is_int() && fits_int32(value.as_int()));
}

std::string int_or_string_text(const json::Value& value) {
  return value.is_string() ? value.as_string() : json::print(value);
}

json::Value parse_int_or_string(std::string_view text) {
  int64_t number = 0;
  if (parse_int(text, number) && fits_int32(number)) return number;
  return text;
}

Result<int64_t> scaled_int_or_percent(const json::Value& value, int64_t total, bool round_up) {
  constexpr std::string_view prefix = "invalid value for IntOrString: ";
  auto wrong = [&](std::string_view why) { return Error{Reason::bad_request, std::string{prefix}.append(why)}; };
  if (value.is_int()) return value.as_int();
  if (!value.is_string()) return wrong("invalid type: neither int nor percentage");
  std::string_view text = value.as_string();
  if (!text.ends_with('%')) return wrong("invalid type: string is not a percentage");
  text.remove_suffix(1);
  int64_t percent = 0;
  if (!parse_int(text, percent)) {
    std::string quoted;
    json::print_string_to(quoted, value.as_string());
    return wrong("invalid value " + quoted + ": strconv.Atoi: parsing \"" + std::string{text} +
                 "\": invalid syntax");
  }
  const double exact = static_cast<double>(percent) * static_cast<double>(total) / 100;
  return static_cast<int64_t>(round_up ? std::ceil(exact) : std::floor(exact));
}

}  // namespace kring
