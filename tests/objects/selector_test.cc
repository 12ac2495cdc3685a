// Label and field selectors: grammar, words of errors, canonical text and matching.
#include <gtest/gtest.h>

#include "objects/fields.h"
#include "objects/labels.h"
#include "objects/quote.h"

namespace kring {
namespace {

using labels::Pair;
using labels::Selector;

TEST(LabelSelectorParse, PrintsTheCanonicalText) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"", ""},
      {"  ", ""},
      {"a=b", "a=b"},
      {"a = b", "a=b"},
      {"a==b", "a==b"},
      {"a!=b", "a!=b"},
      {"a", "a"},
      {"!a", "!a"},
      {"! a", "!a"},
      {"x in (foo,,baz),y,z notin ()", "x in (,baz,foo),y,z notin ()"},
      {"z=1,a=2", "a=2,z=1"},
      {"a in (b)", "a in (b)"},
      {"a in (c, b,b)", "a in (b,c)"},
      {"a in (,b)", "a in (,b)"},
      {"a in (b,)", "a in (,b)"},
      {"a in (,)", "a in ()"},
      {"a in (,,)", "a in ()"},
      {"a>1", "a>1"},
      {"a<10,a>5", "a<10,a>5"},
      {"a=", "a="},
      {"a=,b", "a=,b"},
      {"in in (in,notin)", "in in (in,notin)"},
      {"example.com/a=b", "example.com/a=b"},
      {"a=\tb\n,\rc", "a=b,c"},
  };
  for (const auto& [text, canonical] : rows) {
    Result<Selector> selector = Selector::parse(text);
    ASSERT_TRUE(selector.has_value()) << text << ": " << selector.error().message;
    if (text == "a<10,a>5") continue;  // two requirements on one key have no fixed order
    EXPECT_EQ(selector->to_string(), canonical) << text;
    EXPECT_EQ(Selector::parse(selector->to_string())->to_string(), canonical) << text;
  }
}

TEST(LabelSelectorParse, RefusesWithKubernetesWords) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {",", "found ',', expected: !, identifier, or 'end of string'"},
      {"=", "found '=', expected: !, identifier, or 'end of string'"},
      {"a,", "found '', expected: identifier after ','"},
      {"a=b c", "found 'c', expected: ',' or 'end of string'"},
      {"!", "unable to parse requirement: found '', expected: identifier"},
      {"!a=b", "found '=', expected: ',' or 'end of string'"},
      {"a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"},
      {"a in b", "unable to parse requirement: found 'b' expected: '('"},
      {"a in", "unable to parse requirement: found '' expected: '('"},
      {"a in (b", "unable to parse requirement: found '', expected: ',' or ')'"},
      {"a in (b c)", "unable to parse requirement: found 'c', expected: ',' or ')'"},
      {"a in (", "unable to parse requirement: found '', expected: ',', ')' or identifier"},
      {"a in (b,", "unable to parse requirement: found '', expected: ',', or identifier"},
      {"a=(", "unable to parse requirement: found '(', expected: identifier"},
      {"a>x", "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer"},
      {"a>", "unable to parse requirement: values[0]: Invalid value: \"\": for 'Gt', 'Lt' operators, the value must be an integer"},
      {"a-=b",
       "unable to parse requirement: <nil>: Invalid value: \"a-\": name part must consist of alphanumeric characters, "
       "'-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or "
       "'123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"},
      {"a=b-",
       "unable to parse requirement: values[0][a]: Invalid value: \"b-\": a valid label must be an empty string or "
       "consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. "
       "'MyValue',  or 'my_value',  or '12345', regex used for validation is "
       "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"},
  };
  for (const auto& [text, message] : rows) {
    Result<Selector> selector = Selector::parse(text);
    ASSERT_TRUE(selector.has_error()) << text;
    EXPECT_EQ(selector.error().reason, Reason::bad_request);
    EXPECT_EQ(selector.error().message, message) << text;
  }
}

TEST(LabelSelectorMatch, FollowsTheOperators) {
  const Pair labels[] = {{"app", "web"}, {"tier", ""}, {"count", "7"}};
  const std::pair<std::string_view, bool> rows[] = {
      {"", true},
      {"app=web", true},
      {"app==web", true},
      {"app=db", false},
      {"app!=db", true},
      {"app!=web", false},
      {"none!=x", true},
      {"none=x", false},
      {"none=", false},
      {"tier=", true},
      {"app", true},
      {"none", false},
      {"!none", true},
      {"!app", false},
      {"app in (web,db)", true},
      {"app in (db)", false},
      {"none in (db)", false},
      {"app notin (db)", true},
      {"app notin (web)", false},
      {"none notin (web)", true},
      {"count>6", true},
      {"count>7", false},
      {"count<8", true},
      {"app>1", false},
      {"none<1", false},
      {"app=web,!none,count", true},
      {"app=web,none", false},
  };
  for (const auto& [text, expected] : rows) EXPECT_EQ(Selector::parse(text)->matches(labels), expected) << text;
}

json::Value json_of(std::string_view text) { return json::parse(text)->value; }

TEST(LabelSelectorObject, NullMatchesNothingAndEmptyMatchesEverything) {
  const json::Value labels = json_of(R"({"app":"web"})");
  EXPECT_FALSE(Selector::from_label_selector(nullptr)->matches(&labels));
  EXPECT_TRUE(Selector::from_label_selector(nullptr)->matches_nothing());
  const json::Value empty = json_of("{}");
  EXPECT_TRUE(Selector::from_label_selector(&empty)->matches(&labels));
  EXPECT_TRUE(Selector::from_label_selector(&empty)->matches(static_cast<const json::Value*>(nullptr)));
  EXPECT_TRUE(Selector::from_map(nullptr).empty());
  const json::Value map = json_of(R"({"tier":"x","app":"web"})");
  EXPECT_EQ(Selector::from_map(&map).to_string(), "app=web,tier=x");
  EXPECT_FALSE(Selector::from_map(&map).matches(&labels));
  EXPECT_EQ(Selector::from_map(&map).exact("app"), "web");
  EXPECT_FALSE(Selector::from_map(&map).exact("none").has_value());
}

TEST(LabelSelectorObject, ReadsLabelsAndExpressions) {
  const json::Value selector = json_of(R"({"matchLabels":{"app":"web"},"matchExpressions":[
      {"key":"tier","operator":"In","values":["b","a"]},{"key":"old","operator":"DoesNotExist"},
      {"key":"x","operator":"NotIn","values":["y"]},{"key":"app","operator":"Exists"}]})");
  Result<Selector> parsed = Selector::from_label_selector(&selector);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->to_string(), "app=web,app,!old,tier in (a,b),x notin (y)");
  const json::Value yes = json_of(R"({"app":"web","tier":"b"})"), no = json_of(R"({"app":"web","tier":"b","old":""})");
  EXPECT_TRUE(parsed->matches(&yes));
  EXPECT_FALSE(parsed->matches(&no));
}

TEST(LabelSelectorObject, RefusesWithKubernetesWords) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {R"({"matchExpressions":[{"key":"a","operator":"in"}]})", R"("in" is not a valid label selector operator)"},
      {R"({"matchExpressions":[{"key":"a","operator":"In","values":[]}]})",
       "values: Invalid value: []string{}: for 'in', 'notin' operators, values set can't be empty"},
      {R"({"matchExpressions":[{"key":"a","operator":"Exists","values":["b"]}]})",
       "values: Invalid value: []string{\"b\"}: values set must be empty for exists and does not exist"},
  };
  for (const auto& [text, message] : rows) {
    const json::Value value = json_of(text);
    Result<Selector> selector = Selector::from_label_selector(&value);
    ASSERT_TRUE(selector.has_error()) << text;
    EXPECT_EQ(selector.error().message, message);
  }
}

TEST(FieldSelectorParse, SortsTermsAndUnescapesValues) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"", ""},
      {"a=b", "a=b"},
      {"a==b", "a=b"},
      {"a!=b", "a!=b"},
      {"b=2,a=1", "a=1,b=2"},
      {",a=1,", "a=1"},
      {"a=", "a="},
      {R"(a=x\,y\=z\\)", R"(a=x\,y\=z\\)"},
      {"spec.nodeName=n,status.phase!=Running", "spec.nodeName=n,status.phase!=Running"},
  };
  for (const auto& [text, canonical] : rows) {
    Result<fields::Selector> selector = fields::Selector::parse(text);
    ASSERT_TRUE(selector.has_value()) << text;
    EXPECT_EQ(selector->to_string(), canonical);
  }
  EXPECT_EQ(fields::Selector::parse(R"(a=x\,y\=z\\)")->terms()[0].value, R"(x,y=z\)");
}

TEST(FieldSelectorParse, RefusesWithKubernetesWords) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"a", "invalid selector: 'a'; can't understand 'a'"},
      {"a=1,b", "invalid selector: 'a=1,b'; can't understand 'b'"},
      {"a=b=c", "invalid field selector: unescaped character in value: 61"},
      {R"(a=\x)", R"(invalid field selector: invalid escape sequence: \x)"},
      {R"(a=\)", R"(invalid field selector: invalid escape sequence: \)"},
  };
  for (const auto& [text, message] : rows) {
    Result<fields::Selector> selector = fields::Selector::parse(text);
    ASSERT_TRUE(selector.has_error()) << text;
    EXPECT_EQ(selector.error().message, message);
  }
}

TEST(FieldSelectorMatch, ComparesAndKnowsExactValues) {
  const fields::Selector selector = *fields::Selector::parse("metadata.name=web,status.phase!=Failed");
  auto object = [](std::string_view phase) {
    return [phase](std::string_view field) { return field == "metadata.name" ? std::string_view{"web"} : phase; };
  };
  EXPECT_TRUE(selector.matches_with(object("Running")));
  EXPECT_FALSE(selector.matches_with(object("Failed")));
  EXPECT_EQ(selector.exact("metadata.name"), "web");
  EXPECT_FALSE(selector.exact("status.phase").has_value());
}

TEST(GoQuote, EscapesAsStrconvQuote) {
  EXPECT_EQ(go_quote("a\"b\\c\n\t\x01\x7f"), R"("a\"b\\c\n\t\x01\x7f")");
  EXPECT_EQ(go_quote("\xC3\xA9\xC2\xA0\xFF\xE2\x80\x8B"), "\"\xC3\xA9\\u00a0\\xff\\u200b\"");
  EXPECT_EQ(go_quote("\xF0\x9F\x98\x80\xF3\xA0\x80\x81"), "\"\xF0\x9F\x98\x80\\U000e0001\"");
  const std::string messages[] = {"a", "b", "a"};
  EXPECT_EQ(aggregate(messages), "[a, b]");
  EXPECT_EQ(aggregate(std::span{messages, 1}), "a");
}

}  // namespace
}  // namespace kring
