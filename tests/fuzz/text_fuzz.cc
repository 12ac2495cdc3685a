// Texts in, values out: JSON, YAML, quantities, times and selectors. What parses must print as something that parses to
// the same value.
#include "objects/base64.h"
#include "objects/check.h"
#include "objects/fields.h"
#include "objects/json.h"
#include "objects/labels.h"
#include "objects/limits.h"
#include "objects/names.h"
#include "objects/quantity.h"
#include "objects/time.h"
#include "objects/utf8.h"
#include "objects/yaml.h"
#include "tests/fuzz/targets.h"

namespace kring::fuzz {

namespace {

// Depth and strings of what a parser made.
void check_value(const json::Value& value, uint32_t depth = 0) {
  KRING_CHECK(depth <= limits::json_depth_max);
  if (value.is_string()) KRING_CHECK(utf8::valid(value.as_string()));
  if (value.is_array()) {
    for (const json::Value& item : value.as_array()) check_value(item, depth + 1);
  } else if (value.is_object()) {
    for (const json::Member& member : value.as_object()) {
      KRING_CHECK(utf8::valid(member.key));
      check_value(member.value, depth + 1);
    }
  }
}

void check_reads_back(const std::string& text, const json::Value& value) {
  const Result<json::Parsed> again = json::parse(text);
  KRING_CHECK(again.has_value(), text);
  KRING_CHECK(again->duplicates.empty());
  KRING_CHECK(again->value == value, text);
}

}  // namespace

void json(std::string_view input) {
  const Result<json::Parsed> parsed = json::parse(input);
  if (parsed.has_error()) {
    KRING_CHECK(!parsed.error().message.empty());
    return;
  }
  check_value(parsed->value);
  check_reads_back(json::print(parsed->value), parsed->value);
  check_reads_back(json::print_sorted(parsed->value), parsed->value);
  check_reads_back(json::print_pretty(parsed->value), parsed->value);
}

void yaml(std::string_view input) {
  const Result<json::Parsed> parsed = yaml::parse(input);
  const Result<std::vector<json::Parsed>> all = yaml::parse_all(input);
  if (parsed.has_error()) {
    KRING_CHECK(all.has_error());
    return;
  }
  check_value(parsed->value);
  const std::string printed = yaml::print(parsed->value);
  const Result<json::Parsed> again = yaml::parse(printed);
  KRING_CHECK(again.has_value(), printed);
  KRING_CHECK(again->value == parsed->value, printed);
}

void quantity(std::string_view input) {
  const Result<Quantity> parsed = Quantity::parse(input);
  const Result<std::string> canonical = canonical_quantity(input);
  KRING_CHECK(parsed.has_error() == canonical.has_error());
  if (parsed.has_error()) return;
  const Result<Quantity> again = Quantity::parse(parsed->to_string());
  KRING_CHECK(again.has_value(), parsed->to_string());
  KRING_CHECK(*again == *parsed, parsed->to_string());
  KRING_CHECK(again->to_string() == parsed->to_string());
  KRING_CHECK(*Quantity::parse(*canonical) == *parsed, *canonical);
  KRING_CHECK(*canonical_quantity(*canonical) == *canonical, *canonical);
  KRING_CHECK((*parsed - *parsed).is_zero());
  KRING_CHECK(*parsed + Quantity{} == *parsed);
  KRING_CHECK((-*parsed).sign() == -parsed->sign());
  KRING_CHECK((parsed->value() > 0) == (parsed->sign() > 0));
  KRING_CHECK(parsed->milli_value() / 1000 <= parsed->value() || parsed->sign() < 0);
}

void time(std::string_view input) {
  if (const Result<Timestamp> parsed = parse_time(input); parsed.has_value()) {
    const Timestamp whole{parsed->seconds, 0};
    KRING_CHECK(parsed->nanos >= 0 && parsed->nanos < 1'000'000'000);
    const Result<Timestamp> again = parse_time(print_time(*parsed));
    // An offset may lead out of the years that have four digits.
    KRING_CHECK(again.has_error() || *again == whole, print_time(*parsed));
  }
  if (const Result<Timestamp> parsed = parse_micro_time(input); parsed.has_value()) {
    const Result<Timestamp> again = parse_micro_time(print_micro_time(*parsed));
    KRING_CHECK(again.has_error() || *again == *parsed);
  }
  if (const Result<int64_t> parsed = parse_duration(input); parsed.has_value()) {
    KRING_CHECK(*parse_duration(print_duration(*parsed)) == *parsed, print_duration(*parsed));
  }
  if (const Result<std::string> decoded = base64_decode_text(input); decoded.has_value()) {
    KRING_CHECK(*base64_decode_text(base64_encode(*decoded)) == *decoded);
  }
}

void selector(std::string_view input) {
  if (const Result<labels::Selector> parsed = labels::Selector::parse(input); parsed.has_value()) {
    const std::string text = parsed->to_string();
    const Result<labels::Selector> again = labels::Selector::parse(text);
    KRING_CHECK(again.has_value(), text);
    KRING_CHECK(again->to_string() == text, text);
    const labels::Pair pairs[] = {{"app", "web"}, {"a", ""}};
    KRING_CHECK(again->matches(pairs) == parsed->matches(pairs));
  }
  if (const Result<fields::Selector> parsed = fields::Selector::parse(input); parsed.has_value()) {
    const Result<fields::Selector> again = fields::Selector::parse(parsed->to_string());
    KRING_CHECK(again.has_value(), parsed->to_string());
    KRING_CHECK(again->to_string() == parsed->to_string());
  }
  KRING_CHECK(names::dns1123_label(input).empty() == names::is_dns1123_label(input));
  KRING_CHECK(names::dns1123_subdomain(input).empty() == names::is_dns1123_subdomain(input));
  KRING_CHECK(!names::is_dns1035_label(input) || names::is_dns1123_label(input));
  KRING_CHECK(!names::label_value(input).empty() || input.size() <= 63);
  KRING_CHECK(!names::qualified_name(input).empty() || input.size() <= 253 + 1 + 63);
}

}  // namespace kring::fuzz
