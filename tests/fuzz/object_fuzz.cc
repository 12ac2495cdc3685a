// Objects and patches from outside: {"document":...,"patch":...} through every patch format, and any JSON through the
// codec of pods. What they accept must print, read back and stay within the bounds.
#include "objects/check.h"
#include "objects/codec.h"
#include "objects/json.h"
#include "objects/limits.h"
#include "objects/patch.h"
#include "tests/fuzz/targets.h"

namespace kring::fuzz {

namespace {

uint32_t depth_of(const json::Value& value) {
  uint32_t below = 0;
  if (value.is_array()) {
    for (const json::Value& item : value.as_array()) below = std::max(below, depth_of(item));
  } else if (value.is_object()) {
    for (const json::Member& member : value.as_object()) below = std::max(below, depth_of(member.value));
  } else {
    return 0;
  }
  return below + 1;
}

// Keys stay unique and the result is as JSON as the document was.
void check_patched(const json::Value& value) {
  const Result<json::Parsed> again = json::parse(json::print(value));
  KRING_CHECK(again.has_value());
  KRING_CHECK(again->duplicates.empty());
  KRING_CHECK(again->value == value);
  KRING_CHECK(depth_of(value) <= limits::json_depth_max);
}

}  // namespace

void patch(std::string_view input) {
  const Result<json::Parsed> parsed = json::parse(input);
  if (parsed.has_error()) return;
  const json::Value* document = parsed->value.find("document");
  const json::Value* change = parsed->value.find("patch");
  if (document == nullptr || change == nullptr) return;

  json::Value patched = *document;
  if (patch::apply_json(patched, *change).has_value()) check_patched(patched);
  patched = *document;
  if (patch::apply_merge(patched, *change).has_value()) {
    check_patched(patched);
    json::Value twice = patched;
    KRING_CHECK(patch::apply_merge(twice, *change).has_value());
    KRING_CHECK(twice == patched, json::print(patched));
  }
  for (std::string_view table : {"kring.core.Pod", "kring.apps.Deployment", "kring.core.Service"}) {
    patched = *document;
    if (patch::apply_strategic(patched, *change, codec::type_of(table)).has_value()) check_patched(patched);
  }
}

void codec(std::string_view input) {
  Result<json::Parsed> parsed = json::parse(input);
  if (parsed.has_error()) return;
  const codec::TypeInfo& type = codec::type_of("kring.core.Pod");
  codec::Findings findings;
  json::Value value = std::move(parsed->value);
  if (codec::check(type, value, findings).has_error()) return;
  const Result<Bytes> bytes = codec::encode_table(type, value);
  if (bytes.has_error()) return;
  json::Value decoded = codec::decode_table(type, bytes->data);
  json::Value again = decoded;
  codec::Findings none;
  KRING_CHECK(codec::check(type, again, none).has_value(), json::print(decoded));
  KRING_CHECK(none.unknown.empty());
  KRING_CHECK(again == decoded, json::print(decoded));
  const Result<Bytes> second = codec::encode_table(type, again);
  KRING_CHECK(second.has_value());
  KRING_CHECK(codec::decode_table(type, second->data) == decoded, json::print(decoded));
}

}  // namespace kring::fuzz
