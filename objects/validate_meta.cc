#include "objects/validate_meta.h"

#include <algorithm>

#include "objects/validate_tools.h"

namespace kring {
namespace {

using json::Value;
using validate::report;

constexpr size_t annotations_bytes_max = 256 * 1024;
constexpr std::string_view standard_finalizers[] = {"kubernetes", "orphan", "foregroundDeletion"};

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return text;
}

void annotations(const Value& meta, FieldErrors& errors) {
  const Value* map = meta.find("annotations");
  if (map == nullptr || !map->is_object()) return;
  size_t bytes = 0;
  for (const auto& [key, value] : map->as_object()) {
    report("metadata.annotations", Value{key}, names::qualified_name(lower(key)), errors);
    bytes += key.size() + (value.is_string() ? value.as_string().size() : 0);
  }
  if (bytes > annotations_bytes_max)
    errors.too_long("metadata.annotations", "may not be more than " + std::to_string(annotations_bytes_max) + " bytes");
}

void owners(const Value& meta, FieldErrors& errors) {
  std::string controller;
  validate::each(meta, "ownerReferences", "metadata", [&](const Value& owner, const std::string& path) {
    for (const char* field : {"apiVersion", "kind", "name", "uid"}) {
      if (owner.string_or(field).empty())
        errors.invalid(path + "." + field, Value{owner.string_or(field)},
                       std::string_view{field} == "apiVersion" ? "version must not be empty" : "must not be empty");
    }
    if (!owner.bool_or("controller", false)) return;
    const std::string name = std::string{owner.string_or("kind")} + "/" + std::string{owner.string_or("name")};
    if (!controller.empty())
      errors.invalid("metadata.ownerReferences", *meta.find("ownerReferences"),
                     "Only one reference can have Controller set to true. Found \"true\" in references for " +
                         controller + " and " + name);
    controller = name;
  });
}

void finalizers(const Value& meta, FieldErrors& errors) {
  const Value* list = meta.find("finalizers");
  if (list == nullptr || !list->is_array()) return;
  size_t index = 0;
  for (const Value& finalizer : list->as_array()) {
    const std::string path = validate::item("metadata.finalizers", index++);
    if (!finalizer.is_string()) continue;
    const std::string& name = finalizer.as_string();
    report(path, finalizer, names::qualified_name(name), errors);
    const bool standard = std::find(std::begin(standard_finalizers), std::end(standard_finalizers), name) !=
                          std::end(standard_finalizers);
    if (name.find('/') == std::string::npos && !standard)
      errors.invalid(path, finalizer, "name is neither a standard finalizer name nor is it fully qualified");
  }
  const auto has = [&](std::string_view name) {
    return std::any_of(list->as_array().begin(), list->as_array().end(),
                       [&](const Value& f) { return f.is_string() && f.as_string() == name; });
  };
  if (has("orphan") && has("foregroundDeletion"))
    errors.invalid("metadata.finalizers", *list, "finalizers orphan and foregroundDeletion cannot be both set");
}

// Names of new finalizers, as Go prints a []string.
std::string added_finalizers(const Value& meta, const Value& old) {
  const Value* now = meta.find("finalizers");
  const Value* before = old.find("finalizers");
  if (now == nullptr || !now->is_array()) return {};
  std::string added;
  for (const Value& finalizer : now->as_array()) {
    const bool known =
        before != nullptr && before->is_array() &&
        std::find(before->as_array().begin(), before->as_array().end(), finalizer) != before->as_array().end();
    if (!known) added += (added.empty() ? "" : ", ") + json::print(finalizer);
  }
  return added;
}

void common(const Value& meta, FieldErrors& errors) {
  if (const Value* labels = meta.find("labels")) validate_labels(*labels, "metadata.labels", errors);
  annotations(meta, errors);
  owners(meta, errors);
  finalizers(meta, errors);
}

}  // namespace

names::Rule name_rule(const Kind& kind) {
  if (kind.group.empty() && kind.kind == "Namespace") return names::name_is_dns_label;
  if (kind.group.empty() && kind.kind == "Service") return names::name_is_dns1035_label;
  if (kind.group == "rbac.authorization.k8s.io") return names::name_is_path_segment;
  return names::name_is_dns_subdomain;
}

void validate_labels(const Value& labels, const std::string& path, FieldErrors& errors) {
  if (!labels.is_object()) return;
  for (const auto& [key, value] : labels.as_object()) {
    report(path, Value{key}, names::qualified_name(key), errors);
    if (value.is_string()) report(path, value, names::label_value(value.as_string()), errors);
  }
}

void validate_meta_create(const Kind& kind, const Value& object, FieldErrors& errors) {
  static const Value none{json::Object{}};
  const Value* found = object.find("metadata");
  const Value& meta = found == nullptr ? none : *found;
  const names::Rule rule = name_rule(kind);
  if (const std::string_view prefix = meta.string_or("generateName"); !prefix.empty())
    report("metadata.generateName", Value{prefix}, rule(prefix, true), errors);
  if (const std::string_view name = meta.string_or("name"); name.empty()) {
    errors.required("metadata.name", "name or generateName is required");
  } else {
    report("metadata.name", Value{name}, rule(name, false), errors);
  }
  const std::string_view ns = meta.string_or("namespace");
  if (kind.namespaced) {
    if (ns.empty()) {
      errors.required("metadata.namespace");
    } else {
      report("metadata.namespace", Value{ns}, names::dns1123_label(ns), errors);
    }
  } else if (!ns.empty()) {
    errors.forbidden("metadata.namespace", "not allowed on this type");
  }
  common(meta, errors);
}

void validate_meta_update(const Kind&, const Value& object, const Value& old, FieldErrors& errors) {
  static const Value none{json::Object{}};
  const Value& meta = object.find("metadata") == nullptr ? none : *object.find("metadata");
  const Value& before = old.find("metadata") == nullptr ? none : *old.find("metadata");
  for (const char* field : {"name", "namespace", "uid", "creationTimestamp"}) {
    if (meta.string_or(field) != before.string_or(field))
      errors.invalid("metadata." + std::string{field}, Value{meta.string_or(field)}, names::immutable_message);
  }
  if (meta.int_or("generation", 0) < before.int_or("generation", 0))
    errors.invalid("metadata.generation", *before.find("generation"), "must not be decremented");
  if (!before.string_or("deletionTimestamp").empty()) {
    if (const std::string added = added_finalizers(meta, before); !added.empty())
      errors.forbidden("metadata.finalizers",
                       "no new finalizers can be added if the object is being deleted, found new finalizers []string{" +
                           added + "}");
  }
  common(meta, errors);
}

}  // namespace kring
