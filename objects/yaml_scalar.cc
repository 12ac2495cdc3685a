#include "objects/yaml_scalar.h"

#include <charconv>
#include <cmath>
#include <limits>

namespace kring::yaml {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

template <size_t N>
bool one_of(std::string_view text, const std::string_view (&words)[N]) {
  for (std::string_view word : words) {
    if (word == text) return true;
  }
  return false;
}

// Words that stand for a value, in the three spellings that YAML 1.1 lists.
bool resolve_word(std::string_view text, Scalar& out) {
  static constexpr std::string_view yes[] = {"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"};
  static constexpr std::string_view no[] = {"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"};
  static constexpr std::string_view nothing[] = {"", "~", "null", "Null", "NULL"};
  static constexpr std::string_view nan[] = {".nan", ".NaN", ".NAN"};
  static constexpr std::string_view infinity[] = {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"};
  static constexpr std::string_view minus_infinity[] = {"-.inf", "-.Inf", "-.INF"};
  constexpr double inf = std::numeric_limits<double>::infinity();
  if (text.size() > 5) return false;
  if (one_of(text, yes)) return out = {Tag::boolean, true}, true;
  if (one_of(text, no)) return out = {Tag::boolean, false}, true;
  if (one_of(text, nothing)) return out = {Tag::null, {}}, true;
  if (one_of(text, nan)) return out = {Tag::floating, std::numeric_limits<double>::quiet_NaN()}, true;
  if (one_of(text, infinity)) return out = {Tag::floating, inf}, true;
  if (one_of(text, minus_infinity)) return out = {Tag::floating, -inf}, true;
  if (text == "<<") return out = {Tag::merge, {}}, true;
  return false;
}

// Go's ParseInt and ParseUint with base 0: a sign, then 0x, 0o, 0b or a leading 0 for octal. What only fits an
// unsigned integer becomes a double, as JSON numbers beyond int64 do.
bool resolve_integer(std::string_view text, Scalar& out) {
  const bool negative = text.starts_with('-'), sign = negative || text.starts_with('+');
  std::string_view digits = text.substr(sign ? 1 : 0);
  int base = 10;
  if (digits.size() > 1 && digits[0] == '0') {
    const char kind = static_cast<char>(digits[1] | 0x20);
    base = kind == 'x' ? 16 : kind == 'b' ? 2 : 8;
    digits.remove_prefix(kind == 'x' || kind == 'b' || kind == 'o' ? 2 : 1);
  }
  uint64_t magnitude = 0;
  const char* end = digits.data() + digits.size();
  const auto [stopped, ec] = std::from_chars(digits.data(), end, magnitude, base);
  if (digits.empty() || ec != std::errc{} || stopped != end) return false;
  constexpr uint64_t min_magnitude = uint64_t{1} << 63;
  if (negative && magnitude <= min_magnitude) {
    out = {Tag::integer, static_cast<int64_t>(-magnitude)};
  } else if (!sign && magnitude >= min_magnitude) {
    out = {Tag::integer, static_cast<double>(magnitude)};
  } else if (magnitude < min_magnitude) {
    out = {Tag::integer, static_cast<int64_t>(magnitude)};
  } else {
    return false;
  }
  return true;
}

// [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?
bool is_float(std::string_view text) {
  size_t at = 0;
  auto digits = [&] {
    const size_t start = at;
    while (at < text.size() && is_digit(text[at])) ++at;
    return at - start;
  };
  if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
  const size_t whole = digits();
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (digits() == 0 && whole == 0) return false;
  } else if (whole == 0) {
    return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    if (digits() == 0) return false;
  }
  return at == text.size();
}

bool resolve_float(std::string_view text, Scalar& out) {
  if (!is_float(text)) return false;
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [stopped, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec == std::errc::result_out_of_range) {
    value = std::strtod(std::string{text}.c_str(), nullptr);
    if (!std::isfinite(value)) return false;  // stays text, as in Go
  }
  out = {Tag::floating, value};
  return true;
}

}  // namespace

Scalar resolve(std::string_view text) {
  Scalar scalar;
  if (resolve_word(text, scalar) || text.empty()) return scalar;
  const char first = text[0];
  if (first == '.') {
    resolve_float(text, scalar);
  } else if (is_digit(first) || first == '+' || first == '-') {
    std::string plain;
    for (char c : text) {
      if (c != '_') plain.push_back(c);
    }
    if (!resolve_integer(plain, scalar)) resolve_float(plain, scalar);
  }
  return scalar;
}

bool is_ambiguous(std::string_view text) {
  size_t at = 0;
  auto digits = [&] {
    const size_t start = at;
    while (at < text.size() && (is_digit(text[at]) || (at > start && text[at] == '_'))) ++at;
    return at - start;
  };
  auto mark = [&](char c) { return at < text.size() && text[at] == c && (++at, true); };
  // 2024-01-02, alone or with a time after it
  if (digits() == 4 && mark('-') && digits() > 0 && mark('-') && digits() > 0) {
    if (at == text.size() || text[at] == 'T' || text[at] == 't' || text[at] == ' ') return true;
  }
  // 12:30:45.6
  at = text.starts_with('-') || text.starts_with('+') ? 1 : 0;
  if (digits() == 0 || at == text.size() || text[at] != ':') return false;
  while (mark(':')) {
    if (digits() == 0) return false;
  }
  if (mark('.')) digits();
  return at == text.size();
}

std::string_view tag_name(Tag tag) {
  switch (tag) {
    case Tag::str: return "!!str";
    case Tag::boolean: return "!!bool";
    case Tag::integer: return "!!int";
    case Tag::floating: return "!!float";
    case Tag::null: return "!!null";
    case Tag::merge: return "!!merge";
  }
  return "";
}

}  // namespace kring::yaml
