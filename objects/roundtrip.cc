#include "objects/roundtrip.h"

#include "objects/codec.h"
#include "objects/json.h"
#include "objects/kinds.h"

namespace kring {

namespace {

Error differs(std::string what) { return Error{Reason::corrupt, std::move(what)}; }

Result<void> compare(const json::Value& got, const json::Value& want, const std::string& path);

Result<void> compare_objects(const json::Object& got, const json::Object& want, const std::string& path) {
  for (const auto& [key, value] : want.members()) {
    const json::Value* found = got.find(key);
    if (found == nullptr) return differs("lost " + path + "." + key);
    KRING_TRY_VOID(compare(*found, value, path + "." + key));
  }
  for (const auto& [key, value] : got.members())
    if (!want.contains(key)) return differs("invented " + path + "." + key);
  return {};
}

Result<void> compare(const json::Value& got, const json::Value& want, const std::string& path) {
  if (got.is_object() && want.is_object()) return compare_objects(got.as_object(), want.as_object(), path);
  if (got.is_array() && want.is_array() && got.as_array().size() == want.as_array().size()) {
    for (size_t i = 0; i < got.as_array().size(); ++i)
      KRING_TRY_VOID(compare(got.as_array()[i], want.as_array()[i], path + "[" + std::to_string(i) + "]"));
    return {};
  }
  if (got == want) return {};
  return differs("changed " + path + " from " + json::print(want) + " to " + json::print(got));
}

Result<json::Value> parse(std::string_view text) {
  KRING_TRY(json::Parsed parsed, json::parse(text));
  return std::move(parsed.value);
}

// Every field of the version's own table, printed and decoded.
Result<void> through_table(const codec::TypeInfo& type, const json::Value& checked, const json::Value& want) {
  KRING_TRY(const Bytes bytes, codec::encode_table(type, checked));
  if (!codec::verify_table(type, bytes.data)) return differs("the encoded bytes do not verify");
  KRING_TRY_VOID(compare(codec::decode_table(type, bytes.data), want, ""));
  std::string printed;
  codec::print_table_to(printed, type, bytes.data);
  KRING_TRY(const json::Value reparsed, parse(printed));
  return compare(reparsed, want, "");
}

// The stored shape, and back to the version that was asked for.
Result<void> through_store(const Served& served, json::Value value, json::Value want) {
  if (served.to_hub != nullptr) KRING_TRY_VOID(served.to_hub(value));
  const Kind& kind = *served.kind;
  codec::Findings findings;
  KRING_TRY_VOID(codec::check(codec::type_of(kind), value, findings));
  if (!findings.unknown.empty()) return differs("stored shape: " + findings.unknown.front());

  KRING_TRY(const Bytes bytes, codec::encode(kind, value));
  if (!codec::verify(kind, bytes.data)) return differs("the stored bytes do not verify");
  const Object object{kind, bytes, 0};
  KRING_TRY(json::Value back, parse(object.json()));
  KRING_TRY_VOID(compare(codec::to_value(object), back, ""));
  if (served.from_hub != nullptr) KRING_TRY_VOID(served.from_hub(back));
  if (json::Value* metadata = want.find("metadata"); metadata != nullptr && metadata->is_object())
    metadata->as_object().erase("resourceVersion");
  return compare(back, want, "");
}

}  // namespace

Result<std::string> roundtrip(std::string_view input, std::string_view expected) {
  KRING_TRY(json::Value value, parse(input));
  KRING_TRY(const json::Value want, parse(expected));
  if (!value.is_object()) return differs("not an object");
  const std::string api_version{value.string_or("apiVersion")}, kind{value.string_or("kind")};
  const Served* served = find_served(api_version, kind);
  const codec::TypeInfo* type =
      served != nullptr ? &codec::type_of(served->table) : codec::find_type(api_version, kind);
  if (type == nullptr) return Error{Reason::not_found, "no schema for " + api_version + " " + kind};

  codec::Findings findings;
  KRING_TRY_VOID(codec::check(*type, value, findings));
  KRING_TRY_VOID(through_table(*type, value, want));
  if (served != nullptr && served->kind->stored) KRING_TRY_VOID(through_store(*served, std::move(value), want));
  return api_version + " " + kind;
}

}  // namespace kring
