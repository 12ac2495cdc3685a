#include "objects/quantity.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace kring {

namespace {

using Int128 = __int128;
using Format = Quantity::Format;

constexpr int32_t nano = -9;
constexpr size_t decimal_digits_max = 36;  // 10^36 * 100 still fits a signed 128-bit integer
// 10^digits * 2^exponent fits too: 34 digits before Ki, 19 before Ei.
constexpr size_t binary_digits_max(int32_t exponent) { return static_cast<size_t>((126 - exponent) * 301 / 1000); }
constexpr int power_max = 38;              // 10^38 is the last power that fits

Error format_wrong() {
  return {Reason::bad_request,
          "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"};
}
Error numeric_wrong() { return {Reason::bad_request, "unable to parse numeric part of quantity"}; }
Error suffix_wrong() { return {Reason::bad_request, "unable to parse quantity's suffix"}; }

Int128 power_of_ten(int power) {
  static const auto powers = [] {
    std::array<Int128, power_max + 1> table{};
    table[0] = 1;
    for (size_t i = 1; i < table.size(); ++i) table[i] = table[i - 1] * 10;
    return table;
  }();
  return powers[static_cast<size_t>(power)];
}

// value * 10^power, or false when that does not fit.
bool scale_up(Int128& value, int64_t power) {
  if (value == 0) return true;
  if (power > power_max) return false;
  return !__builtin_mul_overflow(value, power_of_ten(static_cast<int>(power)), &value);
}

// value / 10^power, rounded away from zero.
Int128 scale_down(Int128 value, int64_t power) {
  if (value == 0 || power <= 0) return value;
  if (power > power_max) return value > 0 ? 1 : -1;
  const Int128 divisor = power_of_ten(static_cast<int>(power));
  Int128 result = value / divisor;
  if (value % divisor != 0) result += value > 0 ? 1 : -1;
  return result;
}

std::string digits_of(Int128 value) {
  const bool negative = value < 0;
  auto rest = negative ? -static_cast<unsigned __int128>(value) : static_cast<unsigned __int128>(value);
  std::string text;
  do {
    text.push_back(static_cast<char>('0' + static_cast<int>(rest % 10)));
    rest /= 10;
  } while (rest != 0);
  if (negative) text.push_back('-');
  std::reverse(text.begin(), text.end());
  return text;
}

struct Suffix {
  std::string_view text;
  Format format;
  int32_t exponent;  // of 10, or of 2 for binary_si
};
constexpr Suffix suffixes[] = {
    {"n", Format::decimal_si, -9}, {"u", Format::decimal_si, -6}, {"m", Format::decimal_si, -3},
    {"", Format::decimal_si, 0},   {"k", Format::decimal_si, 3},  {"M", Format::decimal_si, 6},
    {"G", Format::decimal_si, 9},  {"T", Format::decimal_si, 12}, {"P", Format::decimal_si, 15},
    {"E", Format::decimal_si, 18}, {"Ki", Format::binary_si, 10}, {"Mi", Format::binary_si, 20},
    {"Gi", Format::binary_si, 30}, {"Ti", Format::binary_si, 40}, {"Pi", Format::binary_si, 50},
    {"Ei", Format::binary_si, 60},
};

bool find_suffix(std::string_view text, Suffix& out) {
  for (const Suffix& suffix : suffixes) {
    if (suffix.text == text) return out = suffix, true;
  }
  if (text.size() < 2 || (text[0] != 'e' && text[0] != 'E')) return false;
  const char* first = text.data() + 1;
  const char* last = text.data() + text.size();
  if (*first == '+' && last - first > 1 && first[1] != '-') ++first;
  out = {text, Format::decimal_exponent, 0};
  const auto [end, ec] = std::from_chars(first, last, out.exponent);
  return ec == std::errc{} && end == last;
}

std::string_view suffix_text(Format format, int32_t exponent) {
  for (const Suffix& suffix : suffixes) {
    if (suffix.format == format && suffix.exponent == exponent) return suffix.text;
  }
  return {};
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The parts of a quantity's text.
struct Parts {
  bool negative = false;
  std::string_view whole, fraction;  // digits; whole without leading zeros
  bool any_digit = false;
  Suffix suffix;
};

Result<Parts> split(std::string_view text) {
  if (text.empty()) return format_wrong();
  Parts parts;
  size_t at = 0;
  if (text[0] == '-' || text[0] == '+') {
    parts.negative = text[0] == '-';
    ++at;
  }
  auto skip = [&](auto accept) {
    const size_t start = at;
    while (at < text.size() && accept(text[at])) ++at;
    return text.substr(start, at - start);
  };
  parts.any_digit = !skip([](char c) { return c == '0'; }).empty();
  parts.whole = skip(is_digit);
  if (at < text.size() && text[at] == '.') {
    ++at;
    parts.fraction = skip(is_digit);
  }
  parts.any_digit |= !parts.whole.empty() || !parts.fraction.empty();
  const size_t suffix_start = at;
  skip([](char c) { return std::string_view{"eEinumkKMGTP"}.find(c) != std::string_view::npos; });
  if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
  skip(is_digit);
  if (at != text.size()) return format_wrong();
  if (!find_suffix(text.substr(suffix_start), parts.suffix)) return suffix_wrong();
  return parts;
}

// Reads the digits, at most `digits_max` significant ones; the rest only rounds away from zero.
void read_digits(const Parts& parts, size_t digits_max, Int128& mantissa, int64_t& exponent) {
  size_t kept = 0;
  bool more = false;
  exponent = -static_cast<int64_t>(parts.fraction.size());
  for (std::string_view digits : {parts.whole, parts.fraction}) {
    for (char digit : digits) {
      if (kept < digits_max) {
        mantissa = mantissa * 10 + (digit - '0');
        if (mantissa != 0) ++kept;
      } else {
        more |= digit != '0';
        ++exponent;
      }
    }
  }
  if (more) ++mantissa;
}

// Whether Kubernetes keeps the text as it was written; its rule, which lets some forms through that are not quite
// canonical ("1.500", "+5").
bool kept_as_written(const Parts& parts) {
  const std::string_view whole = parts.whole.empty() ? std::string_view{"0"} : parts.whole;
  const size_t digits = whole.size() + parts.fraction.size();
  const std::string shifted = std::string{whole}.append(parts.fraction);
  if (parts.suffix.format == Format::binary_si) {
    if (!parts.fraction.empty() || digits > 14) return false;
    const int64_t precision = 14 - static_cast<int64_t>(digits) - parts.suffix.exponent * 3 / 10;
    return precision >= 0 && (std::stoll(shifted) & 7) != 0;
  }
  const int64_t scale = static_cast<int64_t>(parts.suffix.exponent) - static_cast<int64_t>(parts.fraction.size());
  return digits <= 18 && scale >= nano && scale % 3 == 0 && !shifted.ends_with("000") && shifted[0] != '0';
}

}  // namespace

Quantity::Quantity(int64_t value, Format format) : Quantity(Mantissa{value}, 0, format) {}

Quantity::Quantity(Mantissa mantissa, int32_t exponent, Format format)
    : mantissa_(mantissa), exponent_(exponent), format_(format) {
  normalise();
}

Quantity Quantity::milli(int64_t thousandths, Format format) { return {Mantissa{thousandths}, -3, format}; }

void Quantity::normalise() {
  if (exponent_ < nano) {
    mantissa_ = scale_down(mantissa_, int64_t{nano} - exponent_);
    exponent_ = nano;
  }
  while (mantissa_ != 0 && mantissa_ % 10 == 0) {
    mantissa_ /= 10;
    ++exponent_;
  }
  if (mantissa_ == 0) exponent_ = 0;
}

Result<Quantity> Quantity::parse(std::string_view text) {
  KRING_TRY(Parts parts, split(text));
  const bool binary = parts.suffix.format == Format::binary_si;
  // Kubernetes takes a lone suffix or sign as zero, but for the largest suffixes.
  if (!parts.any_digit && binary && parts.suffix.exponent >= 50) return numeric_wrong();
  Mantissa mantissa = 0;
  int64_t exponent = 0;
  read_digits(parts, binary ? binary_digits_max(parts.suffix.exponent) : decimal_digits_max, mantissa, exponent);
  Format format = parts.suffix.format;
  if (binary) {
    mantissa <<= parts.suffix.exponent;
  } else {
    exponent += parts.suffix.exponent;
  }
  if (exponent > std::numeric_limits<int32_t>::max() - power_max) return suffix_wrong();
  if (exponent < nano) {
    mantissa = scale_down(mantissa, nano - exponent);
    exponent = nano;
  }
  Quantity result{mantissa, static_cast<int32_t>(exponent), format};
  if (binary && result > Quantity{std::numeric_limits<int64_t>::max()}) {
    result = Quantity{std::numeric_limits<int64_t>::max(), Format::binary_si};
  }
  // A binary fraction below one reads better, and stays exact, as a decimal.
  if (binary && !result.is_zero() && result < Quantity{1}) result.format_ = Format::decimal_si;
  return parts.negative ? -result : result;
}

Result<Quantity> Quantity::from_json(const json::Value& value) {
  if (value.is_null()) return Quantity{};
  if (value.is_int()) return Quantity{value.as_int()};
  if (!value.is_string()) return parse(json::print(value));
  std::string_view text = value.as_string();
  constexpr std::string_view spaces = " \t\n\v\f\r";
  const size_t start = text.find_first_not_of(spaces);
  if (start == std::string_view::npos) return format_wrong();
  return parse(text.substr(start, text.find_last_not_of(spaces) - start + 1));
}

std::string Quantity::to_string() const {
  if (is_zero()) return "0";
  Format format = format_;
  if (format == Format::binary_si) {
    const bool small = *this > Quantity{-1024} && *this < Quantity{1024};
    Mantissa integer = mantissa_;
    if (small || exponent_ < 0 || !scale_up(integer, exponent_)) {
      format = Format::decimal_si;
    } else {
      int32_t power = 0;
      for (; integer % 1024 == 0 && power < 60; power += 10) integer /= 1024;
      return digits_of(integer).append(power == 0 ? std::string_view{} : suffix_text(format, power));
    }
  }
  // The exponent becomes a multiple of three; above the last suffix the number grows instead, within reason.
  constexpr int32_t last_suffix = 18, zeros_max = 60;
  if (format == Format::decimal_si && exponent_ > last_suffix + zeros_max) format = Format::decimal_exponent;
  int32_t exponent = exponent_ - ((exponent_ % 3) + 3) % 3;
  if (format == Format::decimal_si) exponent = std::min(exponent, last_suffix);
  const std::string number = digits_of(mantissa_) + std::string(static_cast<size_t>(exponent_ - exponent), '0');
  if (format == Format::decimal_si) return number + std::string{suffix_text(format, exponent)};
  return exponent == 0 ? number : number + "e" + std::to_string(exponent);
}

int64_t Quantity::scaled_value(int scale) const {
  const int64_t shift = int64_t{exponent_} - scale;
  Mantissa result = mantissa_;
  constexpr Mantissa max = std::numeric_limits<int64_t>::max(), min = std::numeric_limits<int64_t>::min();
  if (shift < 0) {
    result = scale_down(result, -shift);
  } else if (!scale_up(result, shift)) {
    result = sign() > 0 ? max : min;
  }
  return static_cast<int64_t>(std::clamp(result, min, max));
}

double Quantity::approximate() const {
  return static_cast<double>(mantissa_) * std::pow(10.0, static_cast<double>(exponent_));
}

Quantity& Quantity::operator+=(const Quantity& other) {
  if (is_zero()) return *this = other;
  if (other.is_zero()) return *this;
  const Format format = format_;
  Quantity high = exponent_ >= other.exponent_ ? *this : other;
  Quantity low = exponent_ >= other.exponent_ ? other : *this;
  // Where both do not fit at the finer scale, the finer one gives up digits.
  int32_t exponent = std::max(low.exponent_, high.exponent_ - power_max);
  Mantissa sum = 0;
  for (;; ++exponent) {
    Mantissa a = scale_down(high.mantissa_, int64_t{exponent} - high.exponent_);
    const Mantissa b = scale_down(low.mantissa_, int64_t{exponent} - low.exponent_);
    const bool fits = exponent >= high.exponent_ || scale_up(a, int64_t{high.exponent_} - exponent);
    if (fits && !__builtin_add_overflow(a, b, &sum)) break;
  }
  return *this = Quantity{sum, exponent, format};
}

Quantity& Quantity::operator-=(const Quantity& other) {
  const Format format = is_zero() ? other.format_ : format_;
  *this += -other;
  format_ = format;
  return *this;
}

Quantity Quantity::operator-() const {
  Quantity result = *this;
  result.mantissa_ = -result.mantissa_;
  return result;
}

Quantity Quantity::operator*(int64_t factor) const {
  Quantity left = *this;
  Mantissa product = 0;
  while (__builtin_mul_overflow(left.mantissa_, Mantissa{factor}, &product)) {
    left.mantissa_ = scale_down(left.mantissa_, 1);
    ++left.exponent_;
  }
  return {product, left.exponent_, format_};
}

std::strong_ordering operator<=>(const Quantity& a, const Quantity& b) {
  if (a.sign() != b.sign() || a.is_zero()) return a.sign() <=> b.sign();
  Int128 x = a.mantissa_, y = b.mantissa_;
  const bool a_coarser = a.exponent_ > b.exponent_;
  const int64_t shift = std::abs(int64_t{a.exponent_} - b.exponent_);
  if (!scale_up(a_coarser ? x : y, shift)) {
    // The coarser side is beyond what the finer one can hold: it is the larger in magnitude.
    return a_coarser == (a.sign() > 0) ? std::strong_ordering::greater : std::strong_ordering::less;
  }
  return x < y ? std::strong_ordering::less : x > y ? std::strong_ordering::greater : std::strong_ordering::equal;
}

Result<std::string> canonical_quantity(std::string_view text) {
  KRING_TRY(Quantity quantity, Quantity::parse(text));
  KRING_TRY(Parts parts, split(text));
  if (kept_as_written(parts)) return std::string{text};
  return quantity.to_string();
}

}  // namespace kring
