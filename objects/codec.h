// JSON <-> FlatBuffer by reflection over the schemas, and what else walks them.
// Values are in a served version's shape only at the edges (decode/print take a Served); everything stored is the hub.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "objects/json.h"
#include "objects/kinds.h"
#include "objects/object.h"

namespace kring::codec {

// One field of a type, as the schema's attributes describe it.
enum class FieldType : uint8_t {
  boolean, int32, int64, float64, string, bytes /* base64 in JSON */, quantity, time, micro_time, duration,
  int_or_string, raw_json, message, map_string, map_quantity, map_bytes, map_message, map_string_list /* [string] */
};
struct TypeInfo;
struct FieldInfo {
  std::string_view name;       // JSON name
  FieldType type;
  bool list = false;           // an array of `type`
  bool required = false;
  const TypeInfo* message = nullptr;          // for message, map_message
  std::string_view patch_strategy;            // "", "merge", "replace", "retainKeys", "merge,retainKeys"
  std::string_view patch_merge_key;           // "name"
  std::string_view list_type;                 // "", "atomic", "set", "map"
  std::span<const std::string_view> list_map_keys;
  std::string_view map_type;                  // "", "atomic", "granular"
  std::string_view default_json;              // schema default as JSON text, or empty
  std::string_view format;                    // OpenAPI format where it is not implied
  std::string_view doc;                       // one sentence
  uint16_t proto = 0;
};
struct TypeInfo {
  std::string_view table;      // "kring.core.PodSpec"
  std::string_view openapi;    // "io.k8s.api.core.v1.PodSpec"
  std::string_view doc;
  std::span<const FieldInfo> fields;  // sorted by JSON name
  const FieldInfo* find(std::string_view json_name) const;
};
// The type of a table; REQUIRES: it is in the schema. all_types() is every table, for OpenAPI.
const TypeInfo& type_of(std::string_view table);
std::span<const TypeInfo* const> all_types();

// What strict field validation has to say, in Kubernetes' words: `unknown field "spec.foo"`.
struct Findings {
  std::vector<std::string> unknown;
};

// Checks a value against its type and brings it to canonical form in place: JSON types (errors worded as Kubernetes:
// `Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal string into Go struct field ...`), base64,
// quantities and times; removes unknown fields (their paths go to `findings`) and nulls.
Result<void> check(const TypeInfo& type, json::Value& value, Findings& findings);

// A checked hub value as stored bytes. metadata.resourceVersion is left out. REQUIRES: check() passed.
Result<Bytes> encode(const Kind& kind, const json::Value& value);
// Any table (not only kinds): the same for tests and tools.
Result<Bytes> encode_table(const TypeInfo& type, const json::Value& value);
json::Value decode_table(const TypeInfo& type, std::span<const uint8_t> bytes);

// The whole object as a value in the hub's shape, with apiVersion, kind and metadata.resourceVersion.
json::Value to_value(const Object& object);
// Compact JSON, straight from the bytes; the same content as to_value.
void print_to(std::string& out, const Kind& kind, std::span<const uint8_t> bytes, Revision revision);

// Structure, offsets and UTF-8 of untrusted bytes (a log, a snapshot).
bool verify(const Kind& kind, std::span<const uint8_t> bytes);

}  // namespace kring::codec
