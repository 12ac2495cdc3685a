// apiextensions.k8s.io/v1beta1: one schema, one set of subresources and one list of columns could serve all versions.
#include "objects/convert.h"
#include "objects/convert_tools.h"

namespace kring::convert {

namespace {

// What a definition may say once for all its versions, and what a version calls it.
struct Shared {
  std::string_view once, each;
};
constexpr Shared shared_parts[] = {{"validation", "schema"},
                                   {"subresources", "subresources"},
                                   {"additionalPrinterColumns", "additionalPrinterColumns"},
                                   {"selectableFields", "selectableFields"}};

template <class Visit>
void each_version(json::Object& spec, Visit visit) {
  json::Value* versions = spec.find("versions");
  if (versions == nullptr || !versions->is_array()) return;
  for (json::Value& version : versions->as_array())
    if (version.is_object()) visit(version.as_object());
}

void rename_columns(json::Object& owner, std::string_view from, std::string_view to) {
  json::Value* columns = owner.find("additionalPrinterColumns");
  if (columns == nullptr || !columns->is_array()) return;
  for (json::Value& column : columns->as_array())
    if (column.is_object()) rename(column.as_object(), from, to);
}

void conversion_in(json::Object& spec) {
  json::Value* conversion = spec.find("conversion");
  if (conversion == nullptr || !conversion->is_object()) return;
  json::Object webhook;
  move(conversion->as_object(), "webhookClientConfig", webhook, "clientConfig");
  move(conversion->as_object(), "conversionReviewVersions", webhook, "conversionReviewVersions");
  if (conversion->string_or("strategy") == "Webhook")
    default_to(webhook, "conversionReviewVersions", json::Array{json::Value{"v1beta1"}});
  nest(conversion->as_object(), "webhook", std::move(webhook));
}

void conversion_out(json::Object& spec) {
  json::Value* conversion = spec.find("conversion");
  json::Value* found = conversion == nullptr ? nullptr : conversion->find("webhook");
  if (found == nullptr || !found->is_object()) return;
  json::Object webhook = std::move(found->as_object());
  conversion->as_object().erase("webhook");
  move(webhook, "clientConfig", conversion->as_object(), "webhookClientConfig");
  move(webhook, "conversionReviewVersions", conversion->as_object(), "conversionReviewVersions");
}

// Says once what every version says alike.
void hoist(json::Object& spec, const Shared& part) {
  const json::Value* common = nullptr;
  bool alike = true;
  each_version(spec, [&](json::Object& version) {
    const json::Value* own = version.find(part.each);
    if (common == nullptr) common = own;
    alike = alike && own != nullptr && *own == *common;
  });
  if (!alike || common == nullptr) return;
  json::Value copy = *common;
  each_version(spec, [&](json::Object& version) { version.erase(part.each); });
  spec.set(part.once, std::move(copy));
}

}  // namespace

void in_resource_definition(json::Value& value) {
  json::Object* found = object_at(value, {"spec"});
  if (found == nullptr) return;
  json::Object& spec = *found;
  default_to(spec, "preserveUnknownFields", true);
  if (const json::Value* name = spec.find("version"); name != nullptr) {
    const json::Value* versions = spec.find("versions");
    if (versions == nullptr || !versions->is_array() || versions->as_array().empty()) {
      json::Object only{{"name", *name}, {"served", true}, {"storage", true}};
      spec.set("versions", json::Array{json::Value{std::move(only)}});
    }
    spec.erase("version");
  }
  for (const Shared& part : shared_parts) {
    const json::Value* once = spec.find(part.once);
    if (once == nullptr) continue;
    const json::Value copy = *once;
    spec.erase(part.once);
    each_version(spec, [&](json::Object& version) { default_to(version, part.each, copy); });
  }
  each_version(spec, [](json::Object& version) { rename_columns(version, "JSONPath", "jsonPath"); });
  conversion_in(spec);
}

void out_resource_definition(json::Value& value) {
  json::Object* found = object_at(value, {"spec"});
  if (found == nullptr) return;
  json::Object& spec = *found;
  each_version(spec, [](json::Object& version) { rename_columns(version, "jsonPath", "JSONPath"); });
  for (const Shared& part : shared_parts) hoist(spec, part);
  if (const json::Array* versions = array_at(value, {"spec", "versions"}); versions != nullptr && !versions->empty())
    if (const json::Value* name = versions->front().find("name")) spec.set("version", json::Value{*name});
  conversion_out(spec);
}

}  // namespace kring::convert
