#include "objects/validate_meta.h"

#include <algorithm>
#include <set>

#include "objects/quote.h"
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

// The group and version of an owner; both empty when the text is no apiVersion.
std::pair<std::string_view, std::string_view> group_version(std::string_view api_version) {
  const size_t slash = api_version.find('/');
  if (slash == std::string_view::npos) return {{}, api_version};
  if (api_version.find('/', slash + 1) != std::string_view::npos) return {};
  return {api_version.substr(0, slash), api_version.substr(slash + 1)};
}

// Paths name the list, not the item, as Kubernetes' do.
void owner_reference(const Value& owner, FieldErrors& errors) {
  const std::string path = "metadata.ownerReferences";
  const auto [group, version] = group_version(owner.string_or("apiVersion"));
  if (version.empty()) {
    errors.invalid(path + ".apiVersion", Value{owner.string_or("apiVersion")}, "version must not be empty");
  }
  for (const std::string field : {"kind", "name", "uid"}) {
    if (owner.string_or(field).empty()) errors.invalid(path + "." + field, Value{""}, field + " must not be empty");
  }
  if (group.empty() && version == "v1" && owner.string_or("kind") == "Event") {
    errors.invalid(path, owner, "/v1, Kind=Event is disallowed from being an owner");
  }
}

void owners(const Value& meta, FieldErrors& errors) {
  const Value* list = meta.find("ownerReferences");
  if (list == nullptr || !list->is_array()) return;
  std::string controller;
  for (const Value& owner : list->as_array()) {
    owner_reference(owner, errors);
    if (!owner.bool_or("controller", false)) continue;
    const std::string name = std::string{owner.string_or("kind")} + "/" + std::string{owner.string_or("name")};
    if (!controller.empty()) {
      errors.invalid("metadata.ownerReferences", *list,
                     "Only one reference can have Controller set to true. Found \"true\" in references for " +
                         controller + " and " + name);
    } else {
      controller = name;
    }
  }
}

void finalizers(const Value& meta, FieldErrors& errors) {
  const Value* list = meta.find("finalizers");
  if (list == nullptr || !list->is_array()) return;
  bool orphan = false, foreground = false;
  for (const Value& finalizer : list->as_array()) {
    if (!finalizer.is_string()) continue;
    report("metadata.finalizers", finalizer, names::qualified_name(finalizer.as_string()), errors);
    orphan |= finalizer.as_string() == "orphan";
    foreground |= finalizer.as_string() == "foregroundDeletion";
  }
  if (orphan && foreground) {
    errors.invalid("metadata.finalizers", *list,
                   "finalizer orphan and foregroundDeletion cannot be both set");
  }
  size_t index = 0;
  for (const Value& finalizer : list->as_array()) {
    const std::string path = validate::item("metadata.finalizers", index++);
    if (!finalizer.is_string() || finalizer.as_string().find('/') != std::string::npos) continue;
    const bool standard = std::find(std::begin(standard_finalizers), std::end(standard_finalizers),
                                    finalizer.as_string()) != std::end(standard_finalizers);
    if (!standard) {
      errors.invalid(path, finalizer, "name is neither a standard finalizer name nor is it fully qualified");
    }
  }
}

// Names of new finalizers, sorted, as Go prints a []string.
std::string added_finalizers(const Value& meta, const Value& old) {
  std::set<std::string_view> added;
  auto each_name = [](const Value& from, auto function) {
    const Value* list = from.find("finalizers");
    if (list == nullptr || !list->is_array()) return;
    for (const Value& finalizer : list->as_array()) {
      if (finalizer.is_string()) function(std::string_view{finalizer.as_string()});
    }
  };
  each_name(meta, [&](std::string_view name) { added.insert(name); });
  each_name(old, [&](std::string_view name) { added.erase(name); });
  std::vector<std::string> quoted;
  for (std::string_view name : added) quoted.push_back(go_quote(name));
  return join(quoted, ", ");
}

void common(const Value& meta, FieldErrors& errors) {
  validate::not_negative(meta, "generation", "metadata", errors);
  if (const Value* labels = meta.find("labels")) validate_labels(*labels, "metadata.labels", errors);
  annotations(meta, errors);
  owners(meta, errors);
  finalizers(meta, errors);
}

}  // namespace

names::Rule name_rule(const Kind& kind) {
  if (kind.group.empty() && kind.kind == "Namespace") return names::name_is_dns_label;
  if (kind.group.empty() && kind.kind == "Service") return names::name_is_dns1035_label;
  // Roles, API services and signing requests may be called anything that fits a URL.
  if (kind.group == "rbac.authorization.k8s.io" || kind.group == "certificates.k8s.io" ||
      kind.group == "apiregistration.k8s.io") {
    return names::name_is_path_segment;
  }
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
    errors.invalid("metadata.generation", Value{meta.int_or("generation", 0)}, "must not be decremented");
  if (!before.string_or("deletionTimestamp").empty()) {
    if (const std::string added = added_finalizers(meta, before); !added.empty())
      errors.forbidden("metadata.finalizers",
                       "no new finalizers can be added if the object is being deleted, found new finalizers []string{" +
                           added + "}");
  }
  common(meta, errors);
}

}  // namespace kring
