#include "runtime/client/timestamps.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <optional>

namespace kring::client {

namespace {

constexpr int64_t ns_per_s = 1'000'000'000;

struct Parts {
  int year;
  unsigned month, day;
  int64_t second_of_day, nanoseconds;
};

Parts split(Wall time) {
  int64_t seconds = time.ns / ns_per_s;
  int64_t nanoseconds = time.ns % ns_per_s;
  if (nanoseconds < 0) {
    nanoseconds += ns_per_s;
    --seconds;
  }
  int64_t days = seconds / 86400, rest = seconds % 86400;
  if (rest < 0) {
    rest += 86400;
    --days;
  }
  std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{days}}};
  return {int{date.year()}, unsigned{date.month()}, unsigned{date.day()}, rest, nanoseconds};
}

std::string text_of(const Parts& parts, std::string_view fraction) {
  std::array<char, 64> text{};
  int length = std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d%.*sZ", parts.year, parts.month,
                             parts.day, static_cast<int>(parts.second_of_day / 3600),
                             static_cast<int>(parts.second_of_day / 60 % 60), static_cast<int>(parts.second_of_day % 60),
                             static_cast<int>(fraction.size()), fraction.data());
  return std::string{text.data(), static_cast<size_t>(length)};
}

std::string fraction_of(int64_t nanoseconds, size_t digits) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), ".%09d", static_cast<int>(nanoseconds));
  return std::string{text.data(), digits + 1};
}

// Reads a number of exactly `digits` digits off the front.
std::optional<int> take(std::string_view& text, size_t digits) {
  int value = 0;
  if (text.size() < digits) return std::nullopt;
  auto [end, error] = std::from_chars(text.data(), text.data() + digits, value);
  if (error != std::errc{} || end != text.data() + digits || value < 0) return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

bool skip(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text[0]) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

int64_t take_fraction(std::string_view& text) {
  if (!skip(text, ".")) return 0;
  int64_t value = 0;
  size_t digits = 0;
  while (!text.empty() && text[0] >= '0' && text[0] <= '9') {
    if (digits++ < 9) value = value * 10 + (text[0] - '0');
    text.remove_prefix(1);
  }
  for (; digits < 9; ++digits) value *= 10;
  return value;
}

}  // namespace

std::string rfc3339(Wall time) { return text_of(split(time), {}); }

std::string rfc3339_micro(Wall time) {
  Parts parts = split(time);
  return text_of(parts, fraction_of(parts.nanoseconds, 6));
}

std::string rfc3339_nano(Wall time) {
  Parts parts = split(time);
  std::string fraction = fraction_of(parts.nanoseconds, 9);
  while (fraction.ends_with('0')) fraction.pop_back();
  if (fraction == ".") fraction.clear();
  return text_of(parts, fraction);
}

Wall parse_rfc3339(std::string_view text) {
  auto year = take(text, 4);
  if (!year || !skip(text, "-")) return {};
  auto month = take(text, 2);
  if (!month || !skip(text, "-")) return {};
  auto day = take(text, 2);
  if (!day || !skip(text, "Tt ")) return {};
  auto hour = take(text, 2);
  if (!hour || !skip(text, ":")) return {};
  auto minute = take(text, 2);
  if (!minute || !skip(text, ":")) return {};
  auto second = take(text, 2);
  if (!second) return {};
  std::chrono::year_month_day date{std::chrono::year{*year}, std::chrono::month{static_cast<unsigned>(*month)},
                                   std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return {};
  int64_t nanoseconds = take_fraction(text);
  int64_t offset = 0;
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
    int64_t sign = text[0] == '-' ? -1 : 1;
    text.remove_prefix(1);
    auto offset_hour = take(text, 2);
    if (!offset_hour || !skip(text, ":")) return {};
    auto offset_minute = take(text, 2);
    if (!offset_minute) return {};
    offset = sign * (*offset_hour * 3600 + *offset_minute * 60);
  } else if (!skip(text, "Zz")) {
    return {};
  }
  if (!text.empty()) return {};
  int64_t days = std::chrono::sys_days{date}.time_since_epoch().count();
  int64_t seconds = days * 86400 + *hour * 3600 + *minute * 60 + *second - offset;
  return Wall{seconds * ns_per_s + nanoseconds};
}

}  // namespace kring::client
