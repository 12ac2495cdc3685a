#include "runtime/api/filter.h"

#include "objects/codec.h"
#include "objects/hooks.h"
#include "objects/schema/meta_generated.h"
#include "runtime/api/status.h"

namespace kring::api {
namespace {

// False: the kind does not offer the field.
bool field_value(const Object& object, std::string_view path, std::string& value) {
  if (path == "metadata.name") {
    value = object.name();
    return true;
  }
  if (path == "metadata.namespace") {
    value = object.ns();
    return object.kind().namespaced;
  }
  const Hooks* hooks = hooks_of(object.kind());
  return hooks != nullptr && hooks->select_field != nullptr && hooks->select_field(object, path, value);
}

// Whether the kind offers a field, asked of an object that has none.
bool selectable_field(const Kind& kind, std::string_view path) {
  const Hooks* hooks = hooks_of(kind);
  if (hooks == nullptr || hooks->select_field == nullptr) return false;
  auto bytes = codec::encode(kind, json::Value{json::Object{}});
  if (bytes.has_error()) return false;
  const Object empty{kind, std::move(*bytes), 0};
  std::string value;
  return hooks->select_field(empty, path, value);
}

}  // namespace

std::optional<std::string_view> label_of(const Object& object, std::string_view key) {
  const meta::ObjectMeta* meta = object.meta();
  if (meta == nullptr || meta->labels() == nullptr) return std::nullopt;
  for (const meta::KeyValue* label : *meta->labels()) {
    if (view(label->key()) == key) return view(label->value());
  }
  return std::nullopt;
}

Result<Filter> Filter::make(const Kind& kind, std::string_view labels, std::string_view fields) {
  Filter filter;
  KRING_TRY(filter.labels_, labels::Selector::parse(labels));
  KRING_TRY(filter.fields_, fields::Selector::parse(fields));
  for (const fields::Term& term : filter.fields_.terms()) {
    if (term.field == "metadata.name" || (term.field == "metadata.namespace" && kind.namespaced)) continue;
    if (!selectable_field(kind, term.field)) {
      return bad_request("Unable to find \"" + std::string{kind.group} + '/' + std::string{kind.version} +
                         ", Resource=" + std::string{kind.plural} + "\" that match label selector \"" +
                         std::string{labels} + "\", field selector \"" + std::string{fields} +
                         "\": field label not supported: " + term.field);
    }
  }
  return filter;
}

bool Filter::matches(const Object& object) const {
  if (!labels_.empty()) {
    const auto find = [&](std::string_view key) { return label_of(object, key); };
    if (!labels_.matches_with(find)) return false;
  }
  if (fields_.empty()) return true;
  return fields_.matches_with([&](const std::string& field) {
    std::string value;
    field_value(object, field, value);
    return value;
  });
}

}  // namespace kring::api
