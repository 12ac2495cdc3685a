// The JSON reader and printer, table by table: what Go's encoding/json and sigs.k8s.io/json accept, say and print.
#include "objects/json.h"

#include <gtest/gtest.h>

#include <limits>

namespace kring::json {
namespace {

Value parsed(std::string_view text) {
  Result<Parsed> result = parse(text);
  EXPECT_TRUE(result.has_value()) << text << ": " << (result.has_error() ? result.error().message : "");
  return result.has_value() ? std::move(result->value) : Value{};
}

std::string error_of(std::string_view text, const ParseOptions& options = {}) {
  Result<Parsed> result = parse(text, options);
  return result.has_error() ? result.error().message : "no error";
}

TEST(JsonParse, WordsSyntaxErrorsAsGo) {
  struct Row {
    std::string_view text, message;
  };
  constexpr std::string_view end = "unexpected end of JSON input";
  const Row rows[] = {
      {"", end},
      {"  ", end},
      {"{", end},
      {"[1", end},
      {"\"a", end},
      {"\"a\\", end},
      {"\"\\u12", end},
      {"tru", end},
      {"-", end},
      {"1.", end},
      {"1e+", end},
      {"{\"a\"", end},
      {"{\"a\":", end},
      {"{\"a\":1,}", "invalid character '}' looking for beginning of object key string"},
      {"{,}", "invalid character ',' looking for beginning of object key string"},
      {"{a:1}", "invalid character 'a' looking for beginning of object key string"},
      {"{\"a\" 1}", "invalid character '1' after object key"},
      {"{\"a\":1 2}", "invalid character '2' after object key:value pair"},
      {"[1 2]", "invalid character '2' after array element"},
      {"[1,]", "invalid character ']' looking for beginning of value"},
      {"hello", "invalid character 'h' looking for beginning of value"},
      {"'a'", R"(invalid character '\'' looking for beginning of value)"},
      {"{} {}", "invalid character '{' after top-level value"},
      {"1\"", R"(invalid character '"' after top-level value)"},
      {"01", "invalid character '1' after top-level value"},
      {"-a", "invalid character 'a' in numeric literal"},
      {"1.x", "invalid character 'x' after decimal point in numeric literal"},
      {"1ex", "invalid character 'x' in exponent of numeric literal"},
      {"tRue", "invalid character 'R' in literal true (expecting 'r')"},
      {"nul1", "invalid character '1' in literal null (expecting 'l')"},
      {"faLse", "invalid character 'L' in literal false (expecting 'l')"},
      {"\"a\nb\"", R"(invalid character '\n' in string literal)"},
      {std::string_view{"\"a\0b\"", 5}, R"(invalid character '\x00' in string literal)"},
      {R"("\q")", "invalid character 'q' in string escape code"},
      {R"("\u12g4")", "invalid character 'g' in \\u hexadecimal character escape"},
      {"\xEF\xBB\xBF{}", "invalid character '\xC3\xAF' looking for beginning of value"},
      {"\x7f", R"(invalid character '\x7f' looking for beginning of value)"},
      {"1e999", "json: cannot unmarshal number 1e999 into Go value of type float64"},
  };
  for (const Row& row : rows) EXPECT_EQ(error_of(row.text), row.message) << row.text;
}

TEST(JsonParse, KeepsIntegersExactAndEverythingElseAsDouble) {
  EXPECT_EQ(parsed("9223372036854775807").as_int(), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(parsed("-9223372036854775808").as_int(), std::numeric_limits<int64_t>::min());
  EXPECT_TRUE(parsed("-0").is_int());
  EXPECT_EQ(parsed("9223372036854775808").type(), Type::number);
  EXPECT_EQ(parsed("9223372036854775808").as_double(), 9223372036854775808.0);
  EXPECT_EQ(parsed("1.5").as_double(), 1.5);
  EXPECT_EQ(parsed("1.0").type(), Type::number);
  EXPECT_EQ(parsed("1e3").as_double(), 1000);
  EXPECT_EQ(parsed("1e-999").as_double(), 0);
  EXPECT_EQ(parsed("2.2250738585072014e-308").as_double(), 2.2250738585072014e-308);
}

TEST(JsonParse, ReadsEscapesAndRepairsInvalidUnicode) {
  struct Row {
    std::string_view text, value;
  };
  const Row rows[] = {
      {R"("a\"\\\/\b\f\n\r\t")", "a\"\\/\b\f\n\r\t"},
      {R"("\u00e9\u20ac")", "\xC3\xA9\xE2\x82\xAC"},
      {R"("\ud83d\ude00")", "\xF0\x9F\x98\x80"},
      {R"("\ud83dx")", "\xEF\xBF\xBDx"},
      {R"("\ud83d\u0041")", "\xEF\xBF\xBD\x41"},
      {R"("\ud83d\ud83d\ude00")", "\xEF\xBF\xBD\xF0\x9F\x98\x80"},
      {R"("\udc00")", "\xEF\xBF\xBD"},
      {"\"\xF0\x9F\x98\x80\"", "\xF0\x9F\x98\x80"},
      {"\"a\xFF\x62\"", "a\xEF\xBF\xBD\x62"},
      {"\"\xC0\x80\"", "\xEF\xBF\xBD\xEF\xBF\xBD"},
      {"\"\xED\xA0\x80\"", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
      {"\"\xE2\x82\"", "\xEF\xBF\xBD\xEF\xBF\xBD"},
      {"\"0123456789abcdef0123456789\\n\"", "0123456789abcdef0123456789\n"},
  };
  for (const Row& row : rows) EXPECT_EQ(parsed(row.text).as_string(), row.value) << row.text;
  EXPECT_EQ(parsed(R"("a\u0000b")").as_string(), std::string("a\0b", 3));
}

TEST(JsonParse, KeepsTheLastOfDuplicateKeysAndReportsTheirPath) {
  Result<Parsed> result = parse(
      R"({"spec":{"a":1,"containers":[{"name":"x","image":"i","name":"y"}],"a":2},"kind":"Pod","kind":"Pod","kind":"P"})");
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->duplicates, (std::vector<std::string>{"spec.containers[0].name", "spec.a", "kind"}));
  EXPECT_EQ(print(result->value), R"({"spec":{"a":2,"containers":[{"name":"y","image":"i"}]},"kind":"P"})");
}

TEST(JsonParse, FindsDuplicatesInLargeObjectsToo) {
  std::string text = "{";
  for (int i = 0; i < 1000; ++i) text += "\"key" + std::to_string(i) + "\":" + std::to_string(i) + ",";
  text += R"("key7":"seven","key500":"x","key500":"y"})";
  Result<Parsed> result = parse(text);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->duplicates, (std::vector<std::string>{"key7", "key500"}));
  EXPECT_EQ(result->value.as_object().size(), 1000u);
  EXPECT_EQ(result->value.as_object().members()[7].value, Value{"seven"});
  EXPECT_EQ(result->value.as_object().members()[500].value, Value{"y"});
  EXPECT_EQ(result->value.as_object().members()[999].key, "key999");
}

TEST(JsonParse, RefusesTooDeepAndTooManyValues) {
  // security-checklist A3: depth 100, a bound on values, duplicate keys do not cost memory.
  const std::string deep = std::string(101, '[') + std::string(101, ']');
  EXPECT_EQ(error_of(deep), "exceeded max depth");
  EXPECT_TRUE(parse(deep.substr(1, 200)).has_value());
  EXPECT_EQ(error_of(std::string(1'000'000, '[')), "exceeded max depth");
  EXPECT_EQ(error_of(std::string(1'000'000, '{')), "invalid character '{' looking for beginning of object key string");

  Result<Parsed> many = parse("[1,2,3,4]", {.values_max = 4});
  ASSERT_TRUE(many.has_error());
  EXPECT_EQ(many.error().reason, Reason::request_entity_too_large);
  EXPECT_TRUE(parse("[1,2,3]", {.values_max = 4}).has_value());

  std::string repeats = "{\"a\":1";
  for (int i = 0; i < 5000; ++i) repeats += ",\"k" + std::to_string(i) + "\":1,\"k" + std::to_string(i) + "\":1";
  Result<Parsed> result = parse(repeats + "}");
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->duplicates.size(), 100u);
}

TEST(JsonPrint, PrintsNumbersAsGo) {
  struct Row {
    double value;
    std::string_view text;
  };
  const Row rows[] = {
      {0, "0"},           {1, "1"},       {-1.5, "-1.5"},  {0.1, "0.1"},      {1e20, "100000000000000000000"},
      {1e21, "1e+21"},    {1e-6, "0.000001"}, {1e-7, "1e-7"}, {1.5e-9, "1.5e-9"}, {1e-10, "1e-10"},
      {1e100, "1e+100"}, {1e-100, "1e-100"}, {9223372036854775808.0, "9223372036854775808"},
      {123456789.125, "123456789.125"},
  };
  for (const Row& row : rows) EXPECT_EQ(print(Value{row.value}), row.text);
  EXPECT_EQ(print(Value{std::numeric_limits<int64_t>::min()}), "-9223372036854775808");
  EXPECT_EQ(print(Value{std::numeric_limits<double>::infinity()}), "null");
}

TEST(JsonPrint, EscapesWhatJsonDemandsAndRepairsInvalidUnicode) {
  EXPECT_EQ(print(Value{std::string_view{"\"\\\b\f\n\r\t\x01\x1f\x7f</&\0", 14}}),
            "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\x7f</&\\u0000\"");
  EXPECT_EQ(print(Value{"\xE2\x80\xA8\xE2\x80\xA9\xC3\xA9"}), "\"\\u2028\\u2029\xC3\xA9\"");
  EXPECT_EQ(print(Value{"a\xFFz"}), "\"a\xEF\xBF\xBDz\"");
  std::string quoted = "x";
  print_string_to(quoted, "plain and long enough for words");
  print_string_to(quoted, "q\"");
  EXPECT_EQ(quoted, "x\"plain and long enough for words\"\"q\\\"\"");
}

TEST(JsonPrint, SortedFormIsGosMarshalOfMaps) {
  const Value value = parsed(R"({"b":[{"y":1,"x":null}],"a":"<&>","\u00e9":true,"Z":{}})");
  EXPECT_EQ(print_sorted(value),
            "{\"Z\":{},\"a\":\"\\u003c\\u0026\\u003e\",\"b\":[{\"x\":null,\"y\":1}],\"\xC3\xA9\":true}");
}

TEST(JsonPrint, PrettyFormIndentsAndKeepsEmptyOnesShort) {
  EXPECT_EQ(print_pretty(parsed(R"({"a":[1,{"b":{}}],"c":[]})")),
            "{\n  \"a\": [\n    1,\n    {\n      \"b\": {}\n    }\n  ],\n  \"c\": []\n}");
}

TEST(JsonPrint, LongTextsCrossTheBlocksOfTheWriter) {
  Array items;
  std::string expected = "[";
  for (int i = 0; i < 3000; ++i) {
    items.emplace_back(std::string(static_cast<size_t>(i % 97), 'x'));
    expected += (i > 0 ? ",\"" : "\"") + std::string(static_cast<size_t>(i % 97), 'x') + "\"";
  }
  items.emplace_back(std::string(20'000, 'y'));
  expected += ",\"" + std::string(20'000, 'y') + "\"]";
  EXPECT_EQ(print(Value{std::move(items)}), expected);
}

TEST(JsonValue, EqualityIgnoresMemberOrderAndTheKindOfNumber) {
  EXPECT_EQ(parsed(R"({"a":1,"b":[1,2]})"), parsed(R"({"b":[1.0,2],"a":1})"));
  EXPECT_FALSE(parsed(R"({"a":1})") == parsed(R"({"a":1,"b":2})"));
  EXPECT_FALSE(parsed(R"({"a":1})") == parsed(R"({"b":1})"));
  EXPECT_FALSE(parsed("[1,2]") == parsed("[2,1]"));
  EXPECT_FALSE(parsed("0") == parsed("false"));
  EXPECT_FALSE(parsed("9007199254740993") == parsed("9007199254740992"));
  Object a, b;
  for (int i = 0; i < 100; ++i) a.append("k" + std::to_string(i), i);
  for (int i = 99; i >= 0; --i) b.append("k" + std::to_string(i), i);
  EXPECT_EQ(Value{a}, Value{b});
  b.set("k50", 51);
  EXPECT_FALSE(Value{a} == Value{b});
}

TEST(JsonValue, WalksAndEditsOptionalStructure) {
  Value value = parsed(R"({"metadata":{"name":"web","generation":3,"flag":true},"spec":null})");
  EXPECT_EQ(value.at({"metadata", "name"})->as_string(), "web");
  EXPECT_EQ(value.at({"metadata", "none", "deeper"}), nullptr);
  EXPECT_EQ(value.find("metadata")->string_or("name"), "web");
  EXPECT_EQ(value.find("metadata")->string_or("generation", "-"), "-");
  EXPECT_EQ(value.find("metadata")->int_or("generation", 0), 3);
  EXPECT_TRUE(value.find("metadata")->bool_or("flag", false));
  value.object("spec").set("replicas", 2);
  value["status"]["conditions"] = Array{};
  value.array("items").emplace_back(1);
  EXPECT_TRUE(value.as_object().erase("metadata"));
  EXPECT_FALSE(value.as_object().erase("metadata"));
  EXPECT_EQ(print(value), R"({"spec":{"replicas":2},"status":{"conditions":[]},"items":[1]})");
}

}  // namespace
}  // namespace kring::json
