// resource.Quantity, table by table against Kubernetes' documented behaviour.
#include "objects/quantity.h"

#include <gtest/gtest.h>

#include <limits>

namespace kring {
namespace {

Quantity q(std::string_view text) {
  Result<Quantity> result = Quantity::parse(text);
  EXPECT_TRUE(result.has_value()) << text;
  return result.has_value() ? *result : Quantity{};
}

TEST(QuantityParse, PrintsTheCanonicalForm) {
  struct Row {
    std::string_view text, canonical;
  };
  const Row rows[] = {
      {"0", "0"},
      {"0n", "0"},
      {"-0", "0"},
      {"0.0Ki", "0"},
      {"00", "0"},
      {".", "0"},
      {"+", "0"},
      {"100m", "100m"},
      {"0.1", "100m"},
      {".1", "100m"},
      {"1.5", "1500m"},
      {"1000m", "1"},
      {"1000", "1k"},
      {"1500", "1500"},
      {"1000k", "1M"},
      {"1000000", "1M"},
      {"1e3", "1e3"},
      {"1000e0", "1e3"},
      {"1E3", "1e3"},
      {"12E6", "12e6"},
      {"1e2", "100"},
      {"1e-3", "1e-3"},
      {"1e-1", "100e-3"},
      {"5.", "5"},
      {"1024", "1024"},
      {"1Ki", "1Ki"},
      {"1024Ki", "1Mi"},
      {"2048Mi", "2Gi"},
      {"1536Mi", "1536Mi"},
      {"1.5Gi", "1536Mi"},
      {"0.5Ki", "512"},
      {"398926419092.569791581324Ki", "408500653150791466579276n"},
      {"9.999999999999999999Gi", "10737418239999999999n"},
      {"79108917979920963000E", "79108917979920963000E"},
      {"0.5Mi", "512Ki"},
      {"1.1Ki", "1126400m"},
      {"0.0001Ki", "102400u"},
      {"1Ei", "1Ei"},
      {"7Ei", "7Ei"},
      {"8Ei", "9223372036854775807"},
      {"16Ei", "9223372036854775807"},
      {"-16Ei", "-9223372036854775807"},
      {"1E", "1E"},
      {"1000E", "1000E"},
      {"100E", "100E"},
      {"9223372036854775807", "9223372036854775807"},
      {"9223372036854775808", "9223372036854775808"},
      {"1e30", "1e30"},
      {"10e30", "10e30"},
      {"0.0000000001", "1n"},
      {"1.0000000001", "1000000001n"},
      {"-0.0000000001", "-1n"},
      {"0.1n", "1n"},
      {"1e-100", "1e-9"},
      {"1u", "1u"},
      {"1n", "1n"},
      {"123456789012345678901234567890", "123456789012345678901234567890"},
      {"1000000000000000000000000000000", "1000000000000E"},
      {"0.000000001Ki", "1024n"},
      {"-1.5Gi", "-1536Mi"},
      {"+1k", "1k"},
      {"Ki", "0"},
  };
  for (const Row& row : rows) EXPECT_EQ(q(row.text).to_string(), row.canonical) << row.text;
}

TEST(QuantityParse, RefusesWithKubernetesWords) {
  constexpr std::string_view format =
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
  constexpr std::string_view suffix = "unable to parse quantity's suffix";
  struct Row {
    std::string_view text, message;
  };
  const Row rows[] = {
      {"", format},      {"abc", format},     {"1x", format},   {"1.2.3", format}, {" 1", format},
      {"1 ", format},    {"1e5.5", format},   {"--1", suffix}, {"1e5_0", format},
      {"1K", suffix},    {"1i", suffix},      {"1e", suffix},   {"1mm", suffix},   {"1KiB", format},
      {"1ee5", suffix},  {"1e-", suffix},     {"1Ki5", suffix}, {"1e99999999999", suffix},
      {"Ei", "unable to parse numeric part of quantity"},
  };
  for (const Row& row : rows) {
    Result<Quantity> result = Quantity::parse(row.text);
    ASSERT_TRUE(result.has_error()) << row.text;
    EXPECT_EQ(result.error().message, row.message) << row.text;
    EXPECT_EQ(result.error().reason, Reason::bad_request);
  }
}

TEST(QuantityParse, KeepsTheTextsThatKubernetesKeeps) {
  struct Row {
    std::string_view text, stored;
  };
  const Row rows[] = {
      {"100m", "100m"}, {"1.500", "1.500"}, {"1.5", "1500m"}, {"1.000", "1"},      {"0.500", "500m"}, {"+5", "+5"},
      {"005", "005"},   {"1E3", "1E3"},     {"1e3", "1e3"},   {"1000e0", "1e3"},   {"9Ki", "9Ki"},    {"8Ki", "8Ki"},
      {"1024Ki", "1Mi"}, {"512Mi", "512Mi"}, {"1.5Gi", "1536Mi"}, {"1000Mi", "1000Mi"}, {"0", "0"},     {"0.0", "0"},
      {"123456789012345678901", "123456789012345678901"},
  };
  for (const Row& row : rows) EXPECT_EQ(*canonical_quantity(row.text), row.stored) << row.text;
  EXPECT_TRUE(canonical_quantity("1x").has_error());
}

TEST(QuantityParse, CanonicalFormsReadBackAsTheSameValue) {
  for (std::string_view text : {"1.1Ki", "3.7Gi", "0.3", "123456789n", "1e17", "5E", "1e25", "-7.25Mi", "999999999999u"}) {
    const Quantity value = q(text);
    EXPECT_EQ(q(value.to_string()), value) << text;
    EXPECT_EQ(q(value.to_string()).to_string(), value.to_string()) << text;
  }
}

TEST(QuantityParse, ReadsJsonNumbersAndTexts) {
  EXPECT_EQ(Quantity::from_json(json::Value{2})->to_string(), "2");
  EXPECT_EQ(Quantity::from_json(json::Value{0.5})->to_string(), "500m");
  EXPECT_EQ(Quantity::from_json(json::Value{" 1Gi "})->to_string(), "1Gi");
  EXPECT_EQ(Quantity::from_json(json::Value{})->to_string(), "0");
  EXPECT_TRUE(Quantity::from_json(json::Value{true}).has_error());
  EXPECT_TRUE(Quantity::from_json(json::Value{"  "}).has_error());
}

TEST(QuantityValue, RoundsAwayFromZeroAndCaps) {
  constexpr int64_t max = std::numeric_limits<int64_t>::max();
  struct Row {
    std::string_view text;
    int64_t value, milli;
  };
  const Row rows[] = {
      {"0", 0, 0},           {"1", 1, 1000},       {"1m", 1, 1},           {"1n", 1, 1},       {"1500m", 2, 1500},
      {"-1500m", -2, -1500}, {"1Gi", 1 << 30, int64_t{1000} << 30},        {"1001u", 1, 2},    {"1e30", max, max},
      {"-1e30", std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::min()},
      {"9223372036854775807", max, max}, {"1E", 1'000'000'000'000'000'000, max}, {"100m", 1, 100},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(q(row.text).value(), row.value) << row.text;
    EXPECT_EQ(q(row.text).milli_value(), row.milli) << row.text;
  }
  EXPECT_EQ(q("1500k").scaled_value(6), 2);
  EXPECT_EQ(q("1").scaled_value(-9), 1'000'000'000);
  EXPECT_DOUBLE_EQ(q("1.5Gi").approximate(), 1.5 * 1024 * 1024 * 1024);
}

TEST(QuantityOrder, ComparesByValueAcrossFormats) {
  const std::string_view rising[] = {"-1e30", "-1Ei", "-1", "-1m", "0", "1n", "1m", "0.5", "1", "1k", "1Ki", "1025",
                                     "1M", "1Mi", "9223372036854775807", "9223372036854775808", "1e30", "1e1000"};
  for (size_t i = 0; i < std::size(rising); ++i) {
    for (size_t j = 0; j < std::size(rising); ++j) {
      EXPECT_EQ(q(rising[i]) <=> q(rising[j]), i <=> j) << rising[i] << " " << rising[j];
    }
  }
  EXPECT_EQ(q("1"), q("1000m"));
  EXPECT_EQ(q("1Ki"), q("1024"));
  EXPECT_EQ(q("1e3"), q("1k"));
}

TEST(QuantitySum, AddsAndSubtractsExactly) {
  struct Row {
    std::string_view a, b, sum, difference;
  };
  const Row rows[] = {
      {"1", "1", "2", "0"},
      {"100m", "1", "1100m", "-900m"},
      {"1Gi", "1Mi", "1025Mi", "1023Mi"},
      {"0", "1Gi", "1Gi", "-1Gi"},
      {"1k", "1Ki", "2024", "-24"},
      {"1Ki", "1k", "2024", "24"},
      {"1n", "1E", "1000000000000000000000000001n", "-999999999999999999999999999n"},
      {"8Ei", "8Ei", "18446744073709551614", "0"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ((q(row.a) + q(row.b)).to_string(), row.sum) << row.a << " + " << row.b;
    EXPECT_EQ((q(row.a) - q(row.b)).to_string(), row.difference) << row.a << " - " << row.b;
  }
}

TEST(QuantitySum, GivesUpDigitsOnlyWhenTheValuesAreTooFarApart) {
  EXPECT_EQ(q("1e1000") + q("1n"), q("1e1000") + q("1u"));
  EXPECT_GT(q("1e1000") + q("1n"), q("1e999"));
  EXPECT_EQ((q("1Gi") * 3).to_string(), "3Gi");
  EXPECT_EQ((q("100m") * 10).to_string(), "1");
  EXPECT_GT(q("123456789012345678901234567890") * std::numeric_limits<int64_t>::max(), q("1e47"));
}

TEST(QuantitySum, MillisAndIntegersAreMadeDirectly) {
  EXPECT_EQ(Quantity::milli(1500).to_string(), "1500m");
  EXPECT_EQ(Quantity::milli(2000).to_string(), "2");
  EXPECT_EQ((Quantity{2048, Quantity::Format::binary_si}).to_string(), "2Ki");
  EXPECT_EQ((Quantity{512, Quantity::Format::binary_si}).to_string(), "512");
  EXPECT_EQ(Quantity{std::numeric_limits<int64_t>::min()}.to_string(), "-9223372036854775808");
  EXPECT_EQ((-q("5")).to_string(), "-5");
}

}  // namespace
}  // namespace kring
