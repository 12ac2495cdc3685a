#include "runtime/api/openapi_schema.h"

#include <map>

namespace kring::api {
namespace {

using codec::FieldInfo;
using codec::FieldType;
using json::Array;
using json::Object;
using json::Value;

constexpr std::string_view meta_prefix = "io.k8s.apimachinery.pkg.apis.meta.v1.";
constexpr std::string_view quantity_name = "io.k8s.apimachinery.pkg.api.resource.Quantity";
constexpr std::string_view int_or_string_name = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";

Value typed(std::string_view type, std::string_view format = {}) {
  Object schema;
  schema.append("type", type);
  if (!format.empty()) schema.append("format", format);
  return schema;
}

// The schema of one value of a field, without its list or map around it.
Value element(const FieldInfo& field, Dialect dialect) {
  const std::string meta{meta_prefix};
  switch (field.type) {
    case FieldType::boolean:
      return typed("boolean");
    case FieldType::int32:
      return typed("integer", "int32");
    case FieldType::int64:
      return typed("integer", "int64");
    case FieldType::float64:
      return typed("number", "double");
    case FieldType::string:
    case FieldType::map_string:
    case FieldType::map_string_list:
      return field.format.empty() ? typed("string") : typed("string", field.format);
    case FieldType::bytes:
    case FieldType::map_bytes:
      return typed("string", "byte");
    case FieldType::quantity:
    case FieldType::map_quantity:
      return reference(quantity_name, dialect);
    case FieldType::time:
      return reference(meta + "Time", dialect);
    case FieldType::micro_time:
      return reference(meta + "MicroTime", dialect);
    case FieldType::duration:
      return reference(meta + "Duration", dialect);
    case FieldType::int_or_string:
      return reference(int_or_string_name, dialect);
    case FieldType::raw_json:
      return typed("object");
    case FieldType::message:
    case FieldType::map_message:
      return reference(field.message->openapi, dialect);
  }
  return typed("object");
}

bool is_map(FieldType type) {
  return type == FieldType::map_string || type == FieldType::map_quantity || type == FieldType::map_bytes ||
         type == FieldType::map_message || type == FieldType::map_string_list;
}

Value array_of(Value items) {
  Object schema;
  schema.append("type", "array");
  schema.append("items", std::move(items));
  return schema;
}

void add_extensions(const FieldInfo& field, Object& schema) {
  if (!field.list_map_keys.empty()) {
    Array keys;
    for (std::string_view key : field.list_map_keys) keys.emplace_back(key);
    schema.append("x-kubernetes-list-map-keys", std::move(keys));
  }
  if (!field.list_type.empty()) schema.append("x-kubernetes-list-type", field.list_type);
  if (!field.map_type.empty()) schema.append("x-kubernetes-map-type", field.map_type);
  if (!field.patch_merge_key.empty()) schema.append("x-kubernetes-patch-merge-key", field.patch_merge_key);
  if (!field.patch_strategy.empty()) schema.append("x-kubernetes-patch-strategy", field.patch_strategy);
}

Value property(const FieldInfo& field, Dialect dialect) {
  Value schema = element(field, dialect);
  if (field.type == FieldType::map_string_list) schema = array_of(std::move(schema));
  if (is_map(field.type)) {
    Object map;
    map.append("type", "object");
    map.append("additionalProperties", std::move(schema));
    schema = std::move(map);
  }
  if (field.list) schema = array_of(std::move(schema));
  Object& object = schema.as_object();
  // OpenAPI 3.0 ignores what stands beside a $ref: wrap it so that the description counts.
  if (dialect == Dialect::v3 && object.contains("$ref")) {
    Object wrapped;
    wrapped.append("allOf", Array{Value{std::move(object)}});
    object = std::move(wrapped);
  }
  if (!field.doc.empty()) object.append("description", field.doc);
  add_extensions(field, object);
  return schema;
}

// Every group-version-kind whose body has this table's shape.
const std::multimap<std::string_view, const Served*>& served_by_table() {
  static const auto* map = [] {
    auto* made = new std::multimap<std::string_view, const Served*>;
    for (const Served& served : all_served()) made->emplace(served.table, &served);
    return made;
  }();
  return *map;
}

Value group_version_kind(std::string_view group, std::string_view version, std::string_view kind) {
  Object gvk;
  gvk.append("group", group);
  gvk.append("kind", kind);
  gvk.append("version", version);
  return gvk;
}

}  // namespace

Value reference(std::string_view name, Dialect dialect) {
  Object schema;
  schema.append("$ref", (dialect == Dialect::v2 ? "#/definitions/" : "#/components/schemas/") + std::string{name});
  return schema;
}

std::string definition_name(const Served& served) { return std::string{codec::type_of(served.table).openapi}; }
std::string list_definition_name(const Served& served) { return definition_name(served) + "List"; }

Value openapi_definition(const codec::TypeInfo& type, Dialect dialect) {
  Object schema;
  if (!type.doc.empty()) schema.append("description", type.doc);
  Array required;
  Object properties;
  for (const FieldInfo& field : type.fields) {
    if (field.required) required.emplace_back(field.name);
    properties.append(std::string{field.name}, property(field, dialect));
  }
  if (!required.empty()) schema.append("required", std::move(required));
  schema.append("type", "object");
  Array kinds;
  const auto [first, last] = served_by_table().equal_range(type.table);
  for (auto it = first; it != last; ++it) {
    const Served& served = *it->second;
    kinds.push_back(group_version_kind(served.group, served.version, served.kind_name));
  }
  if (!kinds.empty()) {
    // Tables without these two fields still carry them on the wire.
    for (std::string_view name : {"apiVersion", "kind"}) {
      if (!properties.contains(name)) properties.append(std::string{name}, typed("string"));
    }
  }
  if (!properties.empty()) schema.append("properties", std::move(properties));
  if (!kinds.empty()) schema.append("x-kubernetes-group-version-kind", std::move(kinds));
  return schema;
}

Value list_definition(const Served& served, Dialect dialect) {
  Object properties;
  properties.append("apiVersion", typed("string"));
  properties.append("items", array_of(reference(definition_name(served), dialect)));
  properties.append("kind", typed("string"));
  properties.append("metadata", reference(std::string{meta_prefix} + "ListMeta", dialect));
  Object schema;
  schema.append("description", "A list of " + std::string{served.kind_name} + " objects.");
  schema.append("required", Array{Value{"items"}});
  schema.append("type", "object");
  schema.append("properties", std::move(properties));
  schema.append("x-kubernetes-group-version-kind",
                Array{group_version_kind(served.group, served.version, std::string{served.kind_name} + "List")});
  return schema;
}

std::vector<std::pair<std::string, Value>> leaf_definitions(Dialect dialect) {
  const std::string meta{meta_prefix};
  const auto described = [](Value schema, std::string_view text) {
    schema.as_object().append("description", text);
    return schema;
  };
  Value int_or_string = typed("string", "int-or-string");
  if (dialect == Dialect::v3) {
    Object either;
    either.append("format", "int-or-string");
    either.append("oneOf", Array{typed("integer"), typed("string")});
    int_or_string = std::move(either);
  }
  return {
      {std::string{quantity_name},
       described(typed("string"), "A fixed-point number with a unit, such as 500m or 64Mi.")},
      {std::string{int_or_string_name}, described(std::move(int_or_string), "A whole number or a text.")},
      {meta + "Time", described(typed("string", "date-time"), "A point in time in RFC 3339.")},
      {meta + "MicroTime", described(typed("string", "date-time"), "A point in time in RFC 3339 with microseconds.")},
      {meta + "Duration", described(typed("string"), "A span of time such as 1h30m.")},
  };
}

void collect_types(const codec::TypeInfo& type, std::set<const codec::TypeInfo*>& types) {
  if (!types.insert(&type).second) return;
  for (const FieldInfo& field : type.fields) {
    if (field.message != nullptr) collect_types(*field.message, types);
  }
}

}  // namespace kring::api
