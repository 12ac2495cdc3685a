// JSON <-> FlatBuffer by reflection over the schemas, and what else walks them.
// Values are in a served version's shape only at the edges (decode/print take a Served); everything stored is the hub.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "objects/json.h"
#include "objects/kinds.h"
#include "objects/object.h"

namespace kring::codec {

// One field of a type, as the schema's attributes describe it.
enum class FieldType : uint8_t {
  boolean,
  int32,
  int64,
  float64,
  string,
  bytes /* base64 in JSON */,
  quantity,
  time,
  micro_time,
  duration,
  int_or_string,
  raw_json,
  message,
  map_string,
  map_quantity,
  map_bytes,
  map_message,
  map_string_list /* [string] */
};
struct TypeInfo;
struct FieldInfo {
  std::string_view name;  // JSON name
  FieldType type;
  bool list = false;  // an array of `type`
  bool required = false;
  const TypeInfo* message = nullptr;  // for message, map_message
  std::string_view patch_strategy;    // "", "merge", "replace", "retainKeys", "merge,retainKeys"
  std::string_view patch_merge_key;   // "name"
  std::string_view list_type;         // "", "atomic", "set", "map"
  std::span<const std::string_view> list_map_keys;
  std::string_view map_type;      // "", "atomic", "granular"
  std::string_view default_json;  // schema default as JSON text, or empty
  std::string_view format;        // "time" for maps of times; else empty, the type says it
  std::string_view doc;           // one sentence
  uint16_t proto = 0;             // number in Kubernetes' protobuf, 0: none
  uint16_t inline_proto = 0;      // number of the message the field sits in there, 0: the table itself
  bool always = false;            // check() adds an empty one where it is absent
  // For the codec itself: where a table's vtable keeps the field, and the name as printed: `"nodeName":`.
  uint16_t slot = 0;
  std::string_view printed_name;
};
struct TypeInfo {
  std::string_view table;    // "kring.core.PodSpec"
  std::string_view openapi;  // "io.k8s.api.core.v1.PodSpec"
  std::string_view name;     // "PodSpec"
  std::string_view go_name;  // "v1.PodSpec", for error messages
  std::string_view doc;
  std::span<const std::string_view> gvks;  // "/v1/Pod", "apps/v1/Deployment": what bodies of this type call themselves
  std::span<const FieldInfo> fields;       // sorted by JSON name
  std::span<const FieldInfo* const> printed;  // the same in the order of the schema, which is the order of printing
  std::span<const uint8_t> hash;              // open addressing over the JSON names: index + 1, 0 is free
  bool has_always = false;
  const FieldInfo* find(std::string_view json_name) const;
};
// The type of a table; REQUIRES: it is in the schema. all_types() is every table, for OpenAPI.
const TypeInfo& type_of(std::string_view table);
const TypeInfo& type_of(const Kind& kind);
std::span<const TypeInfo* const> all_types();
// The type that bodies with this apiVersion and kind have, among all tables, not only those with a row in kinds
// (ListOptions, Status, AdmissionReview, kinds of versions that are not served). Null when there is none.
const TypeInfo* find_type(std::string_view api_version, std::string_view kind);

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
// Any table (not only kinds), for bodies that are not stored and for tests: every field is kept, apiVersion, kind and
// metadata.resourceVersion too. REQUIRES: check() passed; the bytes are verified.
Result<Bytes> encode_table(const TypeInfo& type, const json::Value& value);
json::Value decode_table(const TypeInfo& type, std::span<const uint8_t> bytes);

// The whole object as a value in the hub's shape, with apiVersion, kind and metadata.resourceVersion.
json::Value to_value(const Object& object);
// Compact JSON, straight from the bytes; the same content as to_value.
void print_to(std::string& out, const Kind& kind, std::span<const uint8_t> bytes, Revision revision);
void print_table_to(std::string& out, const TypeInfo& type, std::span<const uint8_t> bytes);

// Structure, offsets and UTF-8 of untrusted bytes (a log, a snapshot).
bool verify(const Kind& kind, std::span<const uint8_t> bytes);
bool verify_table(const TypeInfo& type, std::span<const uint8_t> bytes);

}  // namespace kring::codec
