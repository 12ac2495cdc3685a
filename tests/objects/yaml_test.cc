// YAML as sigs.k8s.io/yaml reads and prints it: scalars, structure, anchors and merges, errors, bombs, and texts that
// must come back as they went.
#include "objects/yaml.h"

#include <gtest/gtest.h>

#include <random>

#include "objects/limits.h"

namespace kring::yaml {
namespace {

std::string json_of(std::string_view text) {
  Result<json::Parsed> parsed = parse(text);
  return parsed.has_error() ? "error: " + parsed.error().message : json::print(parsed->value);
}

TEST(YamlParse, ResolvesPlainScalarsAsYaml11) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"yes", "true"},       {"Yes", "true"},      {"YES", "true"},     {"y", "true"},       {"on", "true"},
      {"true", "true"},      {"no", "false"},      {"n", "false"},      {"off", "false"},    {"False", "false"},
      {"yEs", "\"yEs\""},    {"~", "null"},        {"null", "null"},    {"Null", "null"},    {"nULL", "\"nULL\""},
      {"", "null"},          {"0", "0"},           {"42", "42"},        {"-42", "-42"},      {"+42", "42"},
      {"1_000", "1000"},     {"0x1F", "31"},       {"-0x1f", "-31"},    {"0o14", "12"},      {"014", "12"},
      {"08", "8"},           {"0b101", "5"},       {"-0b101", "-5"},    {"0x", "\"0x\""},    {"1.5", "1.5"},
      {".5", "0.5"},         {"1.", "1"},          {"+.5", "0.5"},      {"-1.5e3", "-1500"}, {"12e03", "12000"},
      {"1e3", "1000"},       {"1e", "\"1e\""},     {".", "\".\""},      {"-", "error: yaml: block sequence entries are not allowed in this context"},
      {"1e999", "\"1e999\""}, {"0.1e1", "1"},      {"1:30", "\"1:30\""}, {"1.2.3", "\"1.2.3\""}, {"_1", "\"_1\""},
      {"9223372036854775807", "9223372036854775807"},   {"-9223372036854775808", "-9223372036854775808"},
      {"9223372036854775808", "9223372036854775808"},   {"99999999999999999999", "100000000000000000000"},
      {"2024-01-02", "\"2024-01-02\""}, {"2024-01-02T03:04:05Z", "\"2024-01-02T03:04:05Z\""},
      {"'yes'", "\"yes\""},  {"\"1\"", "\"1\""},   {"|\n  1\n", "\"1\\n\""}, {">\n  a\n  b\n", "\"a b\\n\""},
      {".inf", "error: json: unsupported value: .inf"}, {".nan", "error: json: unsupported value: .nan"},
  };
  for (const auto& [text, expected] : rows) {
    const std::string got = json_of(text == "-" ? "a: -" : text);
    EXPECT_EQ(got, expected) << text;
  }
}

TEST(YamlParse, HonoursTags) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"!!str 1", "\"1\""},
      {"!!str yes", "\"yes\""},
      {"!!int '7'", "7"},
      {"!!float 7", "7"},
      {"!!bool 'yes'", "true"},
      {"!!null ''", "null"},
      {"!!binary Zm9v", "\"foo\""},
      {"!!timestamp 2024-01-02", "\"2024-01-02\""},
      {"!custom 1", "\"1\""},
      {"!!int abc", "error: yaml: cannot decode !!str `abc` as a !!int"},
      {"!!binary '!'", "error: yaml: !!binary value contains invalid base64 data"},
  };
  for (const auto& [text, expected] : rows) EXPECT_EQ(json_of(text), expected) << text;
}

TEST(YamlParse, ReadsStructure) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"a: 1\nb:\n- x\n- w: 2\n  y: 3\n", R"({"a":1,"b":["x",{"w":2,"true":3}]})"},
      {"{a: [1, 2], b: {}}", R"({"a":[1,2],"b":{}})"},
      {R"({"a":"\u00e9","b":[true,null,1.5]})", "{\"a\":\"\xC3\xA9\",\"b\":[true,null,1.5]}"},
      {"# only a comment\n", "null"},
      {"---\n---\na: 1\n", "null"},
      {"--- # first\na: 1\n---\nb: [\n", R"({"a":1})"},
      {"a:\n  - |\n    line\n     more\n  - b\n", R"({"a":["line\n more\n","b"]})"},
      {"1: a\ntrue: b\n1.5: c\n1234567.5: d\n", R"({"1":"a","true":"b","1.5":"c","1.2345675e+06":"d"})"},
      {"? long\n: 1\n", R"({"long":1})"},
      {"a: \xE2\x98\x83\n", "{\"a\":\"\xE2\x98\x83\"}"},
      {"a: 'it''s'\n", R"({"a":"it's"})"},
  };
  for (const auto& [text, expected] : rows) EXPECT_EQ(json_of(text), expected) << text;
}

TEST(YamlParse, ExpandsAnchorsAndMergeKeys) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"a: &x {p: 1}\nb: *x\n", R"({"a":{"p":1},"b":{"p":1}})"},
      {"a: &x 5\nb: [*x, *x]\n", R"({"a":5,"b":[5,5]})"},
      {"base: &b {p: 1, q: 2}\nc:\n  <<: *b\n  q: 3\n", R"({"base":{"p":1,"q":2},"c":{"q":3,"p":1}})"},
      {"- &a {p: 1}\n- &b {p: 2, r: 3}\n- <<: [*a, *b]\n  s: 4\n", R"([{"p":1},{"p":2,"r":3},{"s":4,"p":1,"r":3}])"},
      {"a: {<<: {p: 1}}\n", R"({"a":{"p":1}})"},
      {"a: {'<<': 1}\n", R"({"a":{"<<":1}})"},
      {"a: &x 1\nb: &x 2\nc: *x\n", R"({"a":1,"b":2,"c":2})"},
      {"a: *none\n", "error: yaml: unknown anchor 'none' referenced"},
      {"a: &x [*x]\n", "error: yaml: anchor 'x' value contains itself"},
      {"a: &x {<<: *x}\n", "error: yaml: anchor 'x' value contains itself"},
      {"<<: 1\n", "error: yaml: map merge requires map or sequence of maps as the value"},
      {"<<: [1]\n", "error: yaml: map merge requires map or sequence of maps as the value"},
      {"? [a]\n: 1\n", "error: yaml: invalid map key: [\"a\"]"},
      {"~: 1\n", "error: yaml: unsupported map key of type: null"},
  };
  for (const auto& [text, expected] : rows) EXPECT_EQ(json_of(text), expected) << text;
}

TEST(YamlParse, WordsErrorsWithTheirLine) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"a: b: c\n", "error: yaml: mapping values are not allowed in this context"},
      {"x: 1\na: b: c\n", "error: yaml: line 2: mapping values are not allowed in this context"},
      {"a:\n\t- b\n", "error: yaml: line 2: found character that cannot start any token"},
      {"a: [1, 2\n", "error: yaml: line 1: did not find expected ',' or ']'"},
      {"a: 'x\n", "error: yaml: line 2: found unexpected end of stream"},
      {"a: 1\n  b: 2\n", "error: yaml: line 2: mapping values are not allowed in this context"},
      {"a: \x01\n", "error: yaml: control characters are not allowed"},
      {"a: \xFF\n", "error: yaml: invalid leading UTF-8 octet"},
      {"%YAML 9.9\n--- a\n", "error: yaml: found incompatible YAML document"},
  };
  for (const auto& [text, expected] : rows) EXPECT_EQ(json_of(text), expected) << text;
}

TEST(YamlParse, KeepsTheLastOfDuplicateKeysAndReportsTheirPath) {
  Result<json::Parsed> parsed = parse("spec:\n  containers:\n  - name: a\n    name: b\nkind: x\nkind: z\n");
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->duplicates, (std::vector<std::string>{"spec.containers[0].name", "kind"}));
  EXPECT_EQ(json::print(parsed->value), R"({"spec":{"containers":[{"name":"b"}]},"kind":"z"})");

  std::string large;
  for (int i = 0; i < 1000; ++i) large += "k" + std::to_string(i) + ": " + std::to_string(i) + "\n";
  parsed = parse(large + "k7: again\n");
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->duplicates, std::vector<std::string>{"k7"});
  EXPECT_EQ(parsed->value.as_object().size(), 1000u);
  EXPECT_EQ(parsed->value.string_or("k7"), "again");
}

TEST(YamlParse, ReadsAllDocumentsThatAreNotEmpty) {
  Result<std::vector<json::Parsed>> documents = parse_all("---\n# nothing\n---\na: 1\n---\n---\n- b\n...\n");
  ASSERT_TRUE(documents.has_value());
  ASSERT_EQ(documents->size(), 2u);
  EXPECT_EQ(json::print((*documents)[0].value), R"({"a":1})");
  EXPECT_EQ(json::print((*documents)[1].value), R"(["b"])");
  EXPECT_TRUE(parse_all("a: 1\n---\nb: [\n").has_error());
  EXPECT_TRUE(parse_all("")->empty());
}

TEST(YamlParse, BombsAreRefusedEarly) {
  // security-checklist A3: alias expansion is capped, depth is 100, values are counted.
  std::string laughs = "a: &a [x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c <= 'i'; ++c) {
    const std::string before{static_cast<char>(c - 1)}, name{c};
    laughs += name + ": &" + name + " [";
    for (int i = 0; i < 9; ++i) laughs += (i > 0 ? ",*" : "*") + before;
    laughs += "]\n";
  }
  Result<json::Parsed> parsed = parse(laughs);
  ASSERT_TRUE(parsed.has_error());
  EXPECT_EQ(parsed.error().message, "yaml: document contains excessive aliasing");

  std::string merges = "a: &a {x: 1}\n";
  for (int i = 0; i < 300; ++i) merges += "m" + std::to_string(i) + ": {<<: [" + std::string("*a,") + "*a]}\n";
  EXPECT_TRUE(parse(merges).has_value());

  const std::string flow = std::string(1000, '[') + std::string(1000, ']');
  EXPECT_EQ(json_of(flow), "error: yaml: exceeded max depth");
  EXPECT_EQ(json_of(std::string(3'000'000, '[')), "error: yaml: exceeded max depth");
  EXPECT_EQ(json_of(std::string(100'000, '{')), "error: yaml: exceeded max depth");
  std::string block;
  for (size_t i = 0; i < 150; ++i) block += std::string(i, ' ') + "a:\n";
  EXPECT_EQ(json_of(block), "error: yaml: exceeded max depth");
  EXPECT_EQ(json_of("- - - " + std::string(500, '-')).substr(0, 6), "[[[\"--");

  std::string many;
  for (uint32_t i = 0; i <= limits::yaml_values_max; ++i) many += "- 1\n";
  parsed = parse(many);
  ASSERT_TRUE(parsed.has_error());
  EXPECT_EQ(parsed.error().reason, Reason::request_entity_too_large);
  EXPECT_TRUE(parse("[1,2]", {.values_max = 2}).has_error());

  // libyaml looks through all directives for every new one.
  std::string directives;
  for (int i = 0; i < 200'000; ++i) directives += "%TAG !a" + std::to_string(i) + "! x\n";
  EXPECT_EQ(json_of(directives + "--- a\n"), "error: yaml: too many %TAG directives");
  EXPECT_EQ(json_of("%TAG !a! x\n--- a\n"), "\"a\"");
  EXPECT_EQ(json_of(std::string_view{"\xFF\xFE" "a\0", 4}), "error: yaml: invalid leading UTF-8 octet");
}

TEST(YamlPrint, LooksAsKubernetesPrints) {
  const json::Value value = json::parse(R"({"kind":"Pod","apiVersion":"v1","metadata":{"name":"web","labels":{},
      "annotations":{"a/b":"line 1\nline 2\n","c":"no end\nhere","yes":"on"},"creationTimestamp":"2024-01-02T03:04:05Z"},
      "spec":{"containers":[{"name":"a","args":["-x","--y=1","1","true",""],"ports":[{"containerPort":80}]}],
      "list":[[1,2],[]],"ratio":0.5,"n":null}})")->value;
  EXPECT_EQ(yaml::print(value), R"(apiVersion: v1
kind: Pod
metadata:
  annotations:
    a/b: |
      line 1
      line 2
    c: |-
      no end
      here
    "yes": "on"
  creationTimestamp: "2024-01-02T03:04:05Z"
  labels: {}
  name: web
spec:
  containers:
  - args:
    - -x
    - --y=1
    - "1"
    - "true"
    - ""
    name: a
    ports:
    - containerPort: 80
  list:
  - - 1
    - 2
  - []
  "n": null
  ratio: 0.5
)");
}

TEST(YamlPrint, EveryTextReadsBackAsItself) {
  std::vector<std::string> texts = {
      "", " ", "a", " a", "a ", "-", "- a", "-a", "?", "? a", ":", ":a", "a:", "a: b", "a #b", "#a", "a#b", "'", "\"",
      "a'b", "[", "]", "{a}", "&a", "*a", "!a", "|", ">", "%a", "@a", "`a", "---", "--- a", "...", "....", "~", "null",
      "y", "No", "0x1f", "1_0", ".5", "1e3", ".inf", "<<", "12:30", "2024-01-02", "2024-1-2 3:4:5", "0o7", "\t", "a\tb",
      "\n", "a\n", "a\n\n", "\na", "a\nb", "a\n b", " a\nb", "a \nb", "a\n\nb\n", "a\r\nb", "\r", "\x01", "\x7f",
      "\xC2\x85", "\xE2\x80\xA8", "\xEF\xBB\xBF", "\xC3\xA9", "\xF0\x9F\x98\x80", "\\", "\\n", "a\\", ",", "a,b",
      "a: b\nc", "- a\n- b", "a\n---\nb", "a\n...\n", std::string("a\0b", 3), std::string(2000, 'k'), "a\n\t\nb", "=",
  };
  std::mt19937 random{7};
  const std::string_view alphabet[] = {"a", " ", "\n", ":", "-", "#", "'", "\"", "\\", "1", ".", "\t", "\xC3\xA9", "{", "]", ","};
  for (int i = 0; i < 5'000; ++i) {
    std::string text;
    for (size_t length = random() % 8; length > 0; --length) text += alphabet[random() % std::size(alphabet)];
    texts.push_back(std::move(text));
  }
  for (const std::string& text : texts) {
    const json::Value value = json::Object{{text, json::Array{text, json::Object{{"k", text}}}}};
    const std::string printed = yaml::print(value);
    Result<json::Parsed> parsed = parse(printed);
    ASSERT_TRUE(parsed.has_value()) << printed << parsed.error().message;
    ASSERT_EQ(parsed->value, value) << printed;
    ASSERT_EQ(parse(yaml::print(text))->value, json::Value{text}) << yaml::print(text);
  }
}

}  // namespace
}  // namespace kring::yaml
