// Times, durations and ages against Go's documented behaviour.
#include "objects/time.h"

#include <gtest/gtest.h>

#include <limits>

namespace kring {
namespace {

TEST(TimeParse, ReadsRfc3339AndPrintsSecondsInUtc) {
  struct Row {
    std::string_view text, printed;
    int64_t seconds;
    int32_t nanos;
  };
  const Row rows[] = {
      {"1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z", 0, 0},
      {"2024-02-29T12:34:56Z", "2024-02-29T12:34:56Z", 1709210096, 0},
      {"2024-02-29T12:34:56.789Z", "2024-02-29T12:34:56Z", 1709210096, 789'000'000},
      {"2024-02-29T12:34:56.123456789123Z", "2024-02-29T12:34:56Z", 1709210096, 123'456'789},
      {"2024-02-29T12:34:56,5Z", "2024-02-29T12:34:56Z", 1709210096, 500'000'000},
      {"2024-02-29T14:34:56+02:00", "2024-02-29T12:34:56Z", 1709210096, 0},
      {"2024-02-29T04:04:56-08:30", "2024-02-29T12:34:56Z", 1709210096, 0},
      {"2024-02-29T3:04:05Z", "2024-02-29T03:04:05Z", 1709175845, 0},
      {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z", -62135596800, 0},
      {"0001-01-01T00:00:02Z", "0001-01-01T00:00:02Z", -62135596798, 0},
      {"1969-12-31T23:59:59Z", "1969-12-31T23:59:59Z", -1, 0},
      {"9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z", 253402300799, 0},
      {"1900-03-01T00:00:00Z", "1900-03-01T00:00:00Z", -2203891200, 0},
      {"0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z", -62167219200, 0},
  };
  for (const Row& row : rows) {
    Result<Timestamp> time = parse_time(row.text);
    ASSERT_TRUE(time.has_value()) << row.text << " " << time.error().message;
    EXPECT_EQ(time->seconds, row.seconds) << row.text;
    EXPECT_EQ(time->nanos, row.nanos) << row.text;
    EXPECT_EQ(print_time(*time), row.printed) << row.text;
  }
}

TEST(TimeParse, WordsErrorsAsGo) {
  struct Row {
    std::string_view text, message;
  };
  const Row rows[] = {
      {"", R"(parsing time "" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "2006")"},
      {"x", R"(parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006")"},
      {"2024", R"(parsing time "2024" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "-")"},
      {"2024-1-02T00:00:00Z", R"(parsing time "2024-1-02T00:00:00Z" as "2006-01-02T15:04:05Z07:00": cannot parse "1-02T00:00:00Z" as "01")"},
      {"2024-13-02T00:00:00Z", R"(parsing time "2024-13-02T00:00:00Z": month out of range)"},
      {"2023-02-29T00:00:00Z", R"(parsing time "2023-02-29T00:00:00Z": day out of range)"},
      {"2024-01-00T00:00:00Z", R"(parsing time "2024-01-00T00:00:00Z": day out of range)"},
      {"2024-01-02 00:00:00Z", R"(parsing time "2024-01-02 00:00:00Z" as "2006-01-02T15:04:05Z07:00": cannot parse " 00:00:00Z" as "T")"},
      {"2024-01-02T24:00:00Z", R"(parsing time "2024-01-02T24:00:00Z": hour out of range)"},
      {"2024-01-02T00:60:00Z", R"(parsing time "2024-01-02T00:60:00Z": minute out of range)"},
      {"2024-01-02T00:00:60Z", R"(parsing time "2024-01-02T00:00:60Z": second out of range)"},
      {"2024-01-02T00:00:00", R"(parsing time "2024-01-02T00:00:00" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "Z07:00")"},
      {"2024-01-02T00:00:00Zx", R"(parsing time "2024-01-02T00:00:00Zx": extra text: "x")"},
      {"2024-01-02T00:00:00+25:00", R"(parsing time "2024-01-02T00:00:00+25:00": time zone offset hour out of range)"},
      {"\"\xC3\xA9", R"(parsing time "\"\xc3\xa9" as "2006-01-02T15:04:05Z07:00": cannot parse "\"\xc3\xa9" as "2006")"},
  };
  for (const Row& row : rows) {
    Result<Timestamp> time = parse_time(row.text);
    ASSERT_TRUE(time.has_error()) << row.text;
    EXPECT_EQ(time.error().message, row.message);
  }
}

TEST(TimeParse, MicroTimeDemandsSixDigits) {
  Result<Timestamp> time = parse_micro_time("0001-01-01T00:00:02.000000Z");
  ASSERT_TRUE(time.has_value());
  EXPECT_EQ(print_micro_time(*time), "0001-01-01T00:00:02.000000Z");
  EXPECT_EQ(print_micro_time(*parse_micro_time("2024-01-02T03:04:05.000006Z")), "2024-01-02T03:04:05.000006Z");
  EXPECT_EQ(print_nano_time(*parse_time("2024-01-02T03:04:05.000000007Z")), "2024-01-02T03:04:05.000000007Z");
  EXPECT_EQ(parse_micro_time("2024-01-02T03:04:05Z").error().message,
            R"(parsing time "2024-01-02T03:04:05Z" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "Z" as ".000000")");
  EXPECT_EQ(parse_micro_time("2024-01-02T03:04:05.1234567Z").error().message,
            R"(parsing time "2024-01-02T03:04:05.1234567Z" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "7Z" as "Z07:00")");
}

TEST(TimeStamp, EveryDayOfFourCenturiesReadsBack) {
  for (int64_t day = -719'000; day < 200'000; day += 7) {
    const Timestamp time{day * 86'400 + day % 86'400 + 40'000, 0};
    ASSERT_EQ(*parse_time(print_time(time)), time) << day;
  }
}

TEST(TimeStamp, ConvertsToNanosAndMillisAndCaps) {
  EXPECT_EQ(Timestamp::from_nanos(-1), (Timestamp{-1, 999'999'999}));
  EXPECT_EQ(Timestamp::from_nanos(1'500'000'000), (Timestamp{1, 500'000'000}));
  EXPECT_EQ(Timestamp::from_millis(-1), (Timestamp{-1, 999'000'000}));
  EXPECT_EQ((Timestamp{-1, 999'999'999}).to_nanos(), -1);
  EXPECT_EQ((Timestamp{2, 7'000'000}).to_millis(), 2007);
  EXPECT_EQ(parse_time("0001-01-01T00:00:00Z")->to_nanos(), std::numeric_limits<int64_t>::min());
  EXPECT_TRUE(parse_time("0001-01-01T00:00:00Z")->is_zero());
  EXPECT_FALSE(Timestamp{}.is_zero());
}

TEST(DurationParse, ReadsAndPrintsGosForm) {
  struct Row {
    std::string_view text;
    int64_t nanos;
    std::string_view printed;
  };
  const Row rows[] = {
      {"0", 0, "0s"},
      {"5s", 5'000'000'000, "5s"},
      {"1h30m", 5'400'000'000'000, "1h30m0s"},
      {"1.5h", 5'400'000'000'000, "1h30m0s"},
      {"90m", 5'400'000'000'000, "1h30m0s"},
      {"-1.5s", -1'500'000'000, "-1.5s"},
      {"+2m", 120'000'000'000, "2m0s"},
      {"100ms", 100'000'000, "100ms"},
      {"1.5us", 1'500, "1.5\xC2\xB5s"},
      {"7\xC2\xB5s", 7'000, "7\xC2\xB5s"},
      {"1ns", 1, "1ns"},
      {".5s", 500'000'000, "500ms"},
      {"2540400h10m10s", 9'145'440'610'000'000'000, "2540400h10m10s"},
      {"-9223372036854775808ns", std::numeric_limits<int64_t>::min(), "-2562047h47m16.854775808s"},
  };
  for (const Row& row : rows) {
    Result<int64_t> nanos = parse_duration(row.text);
    ASSERT_TRUE(nanos.has_value()) << row.text;
    EXPECT_EQ(*nanos, row.nanos) << row.text;
    EXPECT_EQ(print_duration(*nanos), row.printed) << row.text;
  }
}

TEST(DurationParse, WordsErrorsAsGo) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"", R"(time: invalid duration "")"},           {"3", R"(time: missing unit in duration "3")"},
      {"-", R"(time: invalid duration "-")"},         {"s", R"(time: invalid duration "s")"},
      {".", R"(time: invalid duration ".")"},         {"1d", R"(time: unknown unit "d" in duration "1d")"},
      {".s", R"(time: invalid duration ".s")"},       {"9223372036854775808ns", R"(time: invalid duration "9223372036854775808ns")"},
      {"3000000h", R"(time: invalid duration "3000000h")"}, {"1s2", R"(time: missing unit in duration "1s2")"},
  };
  for (const auto& [text, message] : rows) {
    ASSERT_TRUE(parse_duration(text).has_error()) << text;
    EXPECT_EQ(parse_duration(text).error().message, message);
  }
}

TEST(HumanDuration, PrintsAgesAsKubectl) {
  struct Row {
    int64_t seconds;
    std::string_view age, brief;
  };
  constexpr int64_t minute = 60, hour = 3600, day = 86400, year = 365 * day;
  const Row rows[] = {
      {-2, "<invalid>", "<invalid>"}, {-1, "0s", "0s"},       {0, "0s", "0s"},          {59, "59s", "59s"},
      {119, "119s", "1m"},            {120, "2m", "2m"},      {150, "2m30s", "2m"},     {599, "9m59s", "9m"},
      {10 * minute, "10m", "10m"},    {179 * minute, "179m", "2h"}, {3 * hour, "3h", "3h"}, {3 * hour + 61, "3h1m", "3h"},
      {8 * hour - 1, "7h59m", "7h"},  {8 * hour, "8h", "8h"}, {47 * hour, "47h", "1d"}, {48 * hour, "2d", "2d"},
      {4 * day + 3 * hour, "4d3h", "4d"}, {8 * day - 1, "7d23h", "7d"}, {8 * day, "8d", "8d"}, {2 * year - 1, "729d", "1y"},
      {2 * year, "2y", "2y"},         {2 * year + 5 * day, "2y5d", "2y"}, {8 * year, "8y", "8y"}, {20 * year + day, "20y", "20y"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(human_duration(row.seconds), row.age) << row.seconds;
    EXPECT_EQ(short_human_duration(row.seconds), row.brief) << row.seconds;
  }
}

}  // namespace
}  // namespace kring
