#include "objects/time.h"

#include <algorithm>
#include <array>
#include <limits>

namespace kring {

namespace {

constexpr int64_t nanos_per_second = 1'000'000'000;
constexpr int64_t seconds_per_day = 86'400;
constexpr int64_t year_one_seconds = -62'135'596'800;  // 0001-01-01T00:00:00Z

struct Date {
  int64_t year;
  int month, day;
};

bool is_leap(int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

int days_in(int month, int64_t year) {
  constexpr int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

// The proleptic Gregorian calendar in 400-year eras that begin on 1 March, so that the leap day comes last.
int64_t days_from_date(Date date) {
  const int64_t year = date.year - (date.month <= 2 ? 1 : 0);
  const int64_t era = (year >= 0 ? year : year - 399) / 400;
  const int64_t year_of_era = year - era * 400;
  const int64_t day_of_year = (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;
  const int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + day_of_era - 719'468;
}

Date date_from_days(int64_t days) {
  days += 719'468;
  const int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const int64_t day_of_era = days - era * 146'097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t shifted_month = (5 * day_of_year + 2) / 153;
  const int day = static_cast<int>(day_of_year - (153 * shifted_month + 2) / 5 + 1);
  const int month = static_cast<int>(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

// As Go's package time quotes: non-ASCII bytes and controls as \x.., quotes and backslashes escaped.
std::string quoted(std::string_view text) {
  constexpr char hex[] = "0123456789abcdef";
  std::string out = "\"";
  for (char c : text.substr(0, 256)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 || byte < 0x20) {
      out += std::string{"\\x"} + hex[byte >> 4] + hex[byte & 15];
    } else {
      if (c == '"' || c == '\\') out.push_back('\\');
      out.push_back(c);
    }
  }
  return out + "\"";
}

bool is_digit(std::string_view text, size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '9'; }

// Reads a time in Go's layout element by element; the words of its errors name the element that failed.
class TimeReader {
 public:
  TimeReader(std::string_view text, bool micro) : text_(text), rest_(text), micro_(micro) {}

  Result<Timestamp> run() {
    int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, offset = 0;
    int64_t nanos = 0;
    const bool read = digits(year, 4, "2006") && literal('-') && digits(month, 2, "01") &&
                      range(month, 1, 12, "month") && literal('-') && digits(day, 2, "02") && literal('T') &&
                      hours(hour) && range(hour, 0, 23, "hour") && literal(':') && digits(minute, 2, "04") &&
                      range(minute, 0, 59, "minute") && literal(':') && digits(second, 2, "05") &&
                      range(second, 0, 59, "second") && fraction(nanos) && zone(offset);
    if (!read) return std::move(error_);
    if (!rest_.empty()) return refused(": extra text: " + quoted(rest_)), std::move(error_);
    if (day < 1 || day > days_in(month, year)) return refused(": day out of range"), std::move(error_);
    const int64_t days = days_from_date({year, month, day});
    return Timestamp{days * seconds_per_day + hour * 3600 + minute * 60 + second - offset,
                     static_cast<int32_t>(nanos)};
  }

 private:
  bool refused(std::string message) {
    error_ = Error{Reason::bad_request, "parsing time " + quoted(text_) + message};
    return false;
  }

  bool bad(std::string_view element, std::string_view at) {
    const std::string layout = micro_ ? "2006-01-02T15:04:05.000000Z07:00" : "2006-01-02T15:04:05Z07:00";
    return refused(" as " + quoted(layout) + ": cannot parse " + quoted(at) + " as " + quoted(element));
  }

  bool literal(char c) {
    if (rest_.empty() || rest_[0] != c) return bad({&c, 1}, rest_);
    rest_.remove_prefix(1);
    return true;
  }

  bool digits(int& out, size_t count, std::string_view element) {
    for (size_t i = 0; i < count; ++i) {
      if (!is_digit(rest_, i)) return bad(element, rest_);
      out = out * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(count);
    return true;
  }

  // Go takes an hour of one digit too.
  bool hours(int& out) { return digits(out, is_digit(rest_, 1) ? 2 : 1, "15"); }

  bool range(int value, int min, int max, std::string_view what) {
    if (value >= min && value <= max) return true;
    return refused(": " + std::string{what} + " out of range");
  }

  bool fraction(int64_t& nanos) {
    const bool present = !rest_.empty() && (rest_[0] == '.' || rest_[0] == ',') && is_digit(rest_, 1);
    if (!micro_ && !present) return true;
    size_t end = 1;
    while (is_digit(rest_, end) && (!micro_ || end < 7)) ++end;
    if (micro_ && (!present || end < 7)) return bad(".000000", rest_);
    int64_t unit = nanos_per_second / 10;
    for (size_t i = 1; i < end; ++i, unit /= 10) nanos += (rest_[i] - '0') * unit;
    rest_.remove_prefix(end);
    return true;
  }

  bool zone(int& offset_seconds) {
    constexpr std::string_view element = "Z07:00";
    if (!rest_.empty() && rest_[0] == 'Z') {
      rest_.remove_prefix(1);
      return true;
    }
    const std::string_view at = rest_;
    const bool shaped = rest_.size() >= 6 && (rest_[0] == '+' || rest_[0] == '-') && is_digit(rest_, 1) &&
                        is_digit(rest_, 2) && rest_[3] == ':' && is_digit(rest_, 4) && is_digit(rest_, 5);
    if (!shaped) return bad(element, at);
    const int hour = (rest_[1] - '0') * 10 + (rest_[2] - '0'), minute = (rest_[4] - '0') * 10 + (rest_[5] - '0');
    rest_.remove_prefix(6);
    if (hour > 24) return refused(": time zone offset hour out of range");
    if (minute > 60) return refused(": time zone offset minute out of range");
    offset_seconds = (hour * 60 + minute) * 60 * (at[0] == '-' ? -1 : 1);
    return true;
  }

  std::string_view text_, rest_;
  bool micro_;
  Error error_;
};

void append_padded(std::string& out, int64_t value, size_t width) {
  const std::string digits = std::to_string(value);
  if (digits.size() < width) out.append(width - digits.size(), '0');
  out += digits;
}

std::string print(Timestamp time, size_t fraction_digits) {
  int64_t days = time.seconds / seconds_per_day, second = time.seconds % seconds_per_day;
  if (second < 0) {
    second += seconds_per_day;
    --days;
  }
  const Date date = date_from_days(days);
  std::string out;
  out.reserve(32);
  if (date.year < 0) out.push_back('-');
  append_padded(out, date.year < 0 ? -date.year : date.year, 4);
  for (auto [mark, value] : {std::pair<char, int64_t>{'-', date.month}, {'-', date.day}, {'T', second / 3600},
                             {':', second / 60 % 60}, {':', second % 60}}) {
    out.push_back(mark);
    append_padded(out, value, 2);
  }
  if (fraction_digits > 0) {
    out.push_back('.');
    std::string digits;
    append_padded(digits, time.nanos, 9);
    out.append(digits, 0, fraction_digits);
  }
  return out + "Z";
}

struct Unit {
  std::string_view name;
  int64_t nanos;
};
constexpr Unit units[] = {{"ns", 1},          {"us", 1'000},          {"\xC2\xB5s", 1'000},
                          {"\xCE\xBCs", 1'000}, {"ms", 1'000'000},      {"s", nanos_per_second},
                          {"m", 60 * nanos_per_second}, {"h", 3600 * nanos_per_second}};

Error duration_error(std::string_view what, std::string_view text) {
  return {Reason::bad_request, "time: " + std::string{what} + quoted(text)};
}

// One "1.5h" of a duration; advances `rest`. False when it does not fit or is no number.
bool read_number(std::string_view& rest, uint64_t& whole, uint64_t& fraction, double& fraction_scale) {
  size_t at = 0;
  whole = fraction = 0;
  fraction_scale = 1;
  for (; is_digit(rest, at); ++at) {
    if (whole > (uint64_t{1} << 63) / 10) return false;
    whole = whole * 10 + static_cast<uint64_t>(rest[at] - '0');
    if (whole > uint64_t{1} << 63) return false;
  }
  bool any = at > 0;
  if (at < rest.size() && rest[at] == '.') {
    ++at;
    bool full = false;
    for (; is_digit(rest, at); ++at) {
      any = true;
      // Digits beyond what fits are dropped.
      full = full || fraction > ((uint64_t{1} << 63) - 1) / 10 - 1;
      if (full) continue;
      fraction = fraction * 10 + static_cast<uint64_t>(rest[at] - '0');
      fraction_scale *= 10;
    }
  }
  rest.remove_prefix(at);
  return any;
}

}  // namespace

Timestamp Timestamp::from_nanos(int64_t nanos_since_epoch) {
  int64_t seconds = nanos_since_epoch / nanos_per_second, nanos = nanos_since_epoch % nanos_per_second;
  if (nanos < 0) {
    nanos += nanos_per_second;
    --seconds;
  }
  return {seconds, static_cast<int32_t>(nanos)};
}

Timestamp Timestamp::from_millis(int64_t millis_since_epoch) {
  int64_t seconds = millis_since_epoch / 1000, millis = millis_since_epoch % 1000;
  if (millis < 0) {
    millis += 1000;
    --seconds;
  }
  return {seconds, static_cast<int32_t>(millis * 1'000'000)};
}

int64_t Timestamp::to_nanos() const {
  int64_t result = 0;
  if (__builtin_mul_overflow(seconds, nanos_per_second, &result) || __builtin_add_overflow(result, nanos, &result)) {
    return seconds > 0 ? std::numeric_limits<int64_t>::max() : std::numeric_limits<int64_t>::min();
  }
  return result;
}

int64_t Timestamp::to_millis() const {
  int64_t result = 0;
  if (__builtin_mul_overflow(seconds, 1000, &result) || __builtin_add_overflow(result, nanos / 1'000'000, &result)) {
    return seconds > 0 ? std::numeric_limits<int64_t>::max() : std::numeric_limits<int64_t>::min();
  }
  return result;
}

bool Timestamp::is_zero() const { return seconds == year_one_seconds && nanos == 0; }

Result<Timestamp> parse_time(std::string_view text) { return TimeReader{text, false}.run(); }
Result<Timestamp> parse_micro_time(std::string_view text) { return TimeReader{text, true}.run(); }

std::string print_time(Timestamp time) { return print(time, 0); }
std::string print_micro_time(Timestamp time) { return print(time, 6); }
std::string print_nano_time(Timestamp time) { return print(time, 9); }

Result<int64_t> parse_duration(std::string_view text) {
  const Error invalid = duration_error("invalid duration ", text);
  std::string_view rest = text;
  const bool negative = !rest.empty() && rest[0] == '-';
  if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) rest.remove_prefix(1);
  if (rest == "0") return int64_t{0};
  if (rest.empty()) return invalid;
  constexpr uint64_t max = uint64_t{1} << 63;
  uint64_t total = 0;
  while (!rest.empty()) {
    uint64_t whole = 0, fraction = 0;
    double fraction_scale = 1;
    if (!read_number(rest, whole, fraction, fraction_scale)) return invalid;
    size_t end = 0;
    while (end < rest.size() && rest[end] != '.' && !is_digit(rest, end)) ++end;
    const std::string_view name = rest.substr(0, end);
    rest.remove_prefix(end);
    if (name.empty()) return duration_error("missing unit in duration ", text);
    const Unit* unit = std::find_if(std::begin(units), std::end(units), [&](auto& u) { return u.name == name; });
    if (unit == std::end(units)) {
      return Error{Reason::bad_request, "time: unknown unit " + quoted(name) + " in duration " + quoted(text)};
    }
    const auto scale = static_cast<uint64_t>(unit->nanos);
    if (whole > max / scale) return invalid;
    whole *= scale;
    whole += static_cast<uint64_t>(static_cast<double>(fraction) * (static_cast<double>(scale) / fraction_scale));
    if (whole > max || total + whole > max) return invalid;
    total += whole;
  }
  if (negative) return total == max ? std::numeric_limits<int64_t>::min() : -static_cast<int64_t>(total);
  if (total >= max) return invalid;
  return static_cast<int64_t>(total);
}

std::string print_duration(int64_t nanos) {
  if (nanos == 0) return "0s";
  const bool negative = nanos < 0;
  uint64_t rest = negative ? -static_cast<uint64_t>(nanos) : static_cast<uint64_t>(nanos);
  // number / 10^digits without trailing zeros
  auto decimal = [](uint64_t number, uint64_t scale) {
    std::string text = std::to_string(number / scale);
    std::string fraction = std::to_string(number % scale + scale).substr(1);
    while (!fraction.empty() && fraction.back() == '0') fraction.pop_back();
    return fraction.empty() ? text : text + "." + fraction;
  };
  std::string out;
  if (rest < 1'000) {
    out = std::to_string(rest) + "ns";
  } else if (rest < 1'000'000) {
    out = decimal(rest, 1'000) + "\xC2\xB5s";
  } else if (rest < nanos_per_second) {
    out = decimal(rest, 1'000'000) + "ms";
  } else {
    const uint64_t minutes = rest / (60 * nanos_per_second);
    if (minutes >= 60) out += std::to_string(minutes / 60) + "h";
    if (minutes >= 1) out += std::to_string(minutes % 60) + "m";
    out += decimal(rest % (60 * nanos_per_second), nanos_per_second) + "s";
  }
  return negative ? "-" + out : out;
}

namespace {

std::string two_units(int64_t large, char large_unit, int64_t small, char small_unit) {
  std::string out = std::to_string(large) + large_unit;
  return small == 0 ? out : out + std::to_string(small) + small_unit;
}

}  // namespace

std::string human_duration(int64_t seconds) {
  if (seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  if (seconds < 120) return std::to_string(seconds) + "s";
  const int64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24, years = days / 365;
  if (minutes < 10) return two_units(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return std::to_string(minutes) + "m";
  if (hours < 8) return two_units(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return std::to_string(hours) + "h";
  if (days < 8) return two_units(days, 'd', hours % 24, 'h');
  if (years < 2) return std::to_string(days) + "d";
  if (years < 8) return two_units(years, 'y', days % 365, 'd');
  return std::to_string(years) + "y";
}

std::string short_human_duration(int64_t seconds) {
  if (seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  if (seconds < 60) return std::to_string(seconds) + "s";
  const int64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;
  if (minutes < 60) return std::to_string(minutes) + "m";
  if (hours < 24) return std::to_string(hours) + "h";
  if (days < 365) return std::to_string(days) + "d";
  return std::to_string(days / 365) + "y";
}

}  // namespace kring
