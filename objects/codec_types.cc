// The descriptors that the codec and everything else generic walks, built once from the binary schema.
#include <flatbuffers/reflection_generated.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <unordered_map>

#include "objects/check.h"
#include "objects/codec.h"

extern "C" {
extern const uint8_t kring_schema_begin[];
extern const uint8_t kring_schema_end[];
}

namespace kring::codec {

namespace {

using Attributes = flatbuffers::Vector<flatbuffers::Offset<reflection::KeyValue>>;

std::string_view attribute(const Attributes* attributes, const char* key) {
  if (attributes == nullptr) return {};
  const auto* found = attributes->LookupByKey(key);
  return found == nullptr ? std::string_view{} : view(found->value());
}

bool has_attribute(const Attributes* attributes, const char* key) {
  return attributes != nullptr && attributes->LookupByKey(key) != nullptr;
}

uint16_t number_attribute(const Attributes* attributes, const char* key) {
  uint16_t number = 0;
  for (char c : attribute(attributes, key)) number = static_cast<uint16_t>(number * 10 + (c - '0'));
  return number;
}

uint32_t hash_of(std::string_view name) {
  uint32_t hash = static_cast<uint32_t>(name.size());
  for (char c : name) hash = hash * 31 + static_cast<uint8_t>(c);
  return hash ^ hash >> 15;
}

// "podIP" is what the attribute says, else the field's name in lowerCamelCase without the underscore that keeps it
// apart from a keyword.
std::string json_name_of(const reflection::Field& field) {
  const std::string_view given = attribute(field.attributes(), "json");
  if (!given.empty()) return std::string{given};
  std::string name;
  bool upper = false;
  for (char c : view(field.name())) {
    if (c == '_') {
      upper = true;
      continue;
    }
    name += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    upper = false;
  }
  return name;
}

class Registry {
 public:
  Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  const TypeInfo* find_table(std::string_view table) const {
    auto found = by_table_.find(table);
    return found == by_table_.end() ? nullptr : found->second;
  }
  const TypeInfo* find_gvk(std::string_view gvk) const {
    auto found = by_gvk_.find(gvk);
    return found == by_gvk_.end() ? nullptr : found->second;
  }
  std::span<const TypeInfo* const> all() const { return all_; }

 private:
  std::string_view keep(std::string text) { return texts_.emplace_back(std::move(text)); }
  std::string_view doc_of(const flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>* lines);
  std::span<const std::string_view> split(std::string_view list);
  void name_type(TypeInfo& type, const reflection::Object& object);
  void fill_type(TypeInfo& type, const reflection::Object& object);
  FieldInfo make_field(const reflection::Field& field);
  void set_type(FieldInfo& info, const reflection::Field& field);
  void set_map_type(FieldInfo& info, const reflection::Object& entry);
  void add_hash(TypeInfo& type);

  const reflection::Schema* schema_;
  std::deque<std::string> texts_;
  std::deque<std::vector<std::string_view>> lists_;
  std::deque<std::vector<FieldInfo>> fields_;
  std::deque<std::vector<const FieldInfo*>> printed_;
  std::deque<std::vector<uint8_t>> hashes_;
  std::vector<TypeInfo> types_;  // by the index of the object in the schema; map entries and IntOrString too
  std::vector<const TypeInfo*> all_;
  std::unordered_map<std::string_view, const TypeInfo*> by_table_;
  std::unordered_map<std::string_view, const TypeInfo*> by_gvk_;
};

constexpr std::string_view int_or_string_table = "kring.meta.IntOrString";

Registry::Registry() : schema_(reflection::GetSchema(kring_schema_begin)) {
  const auto& objects = *schema_->objects();
  types_.resize(objects.size());
  for (uint32_t i = 0; i < objects.size(); ++i) name_type(types_[i], *objects[i]);
  for (uint32_t i = 0; i < objects.size(); ++i) {
    const reflection::Object& object = *objects[i];
    if (has_attribute(object.attributes(), "map_entry") || types_[i].table == int_or_string_table) continue;
    fill_type(types_[i], object);
    all_.push_back(&types_[i]);
    by_table_[types_[i].table] = &types_[i];
    for (std::string_view gvk : types_[i].gvks) {
      const bool first = by_gvk_.emplace(gvk, &types_[i]).second;
      KRING_CHECK(first, "two tables claim one group, version and kind");
    }
  }
}

std::string_view Registry::doc_of(const flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>* lines) {
  if (lines == nullptr) return {};
  std::string text;
  for (const auto* line : *lines) {
    std::string_view part = view(line);
    while (!part.empty() && part.front() == ' ') part.remove_prefix(1);
    if (!text.empty()) text += ' ';
    text += part;
  }
  return keep(std::move(text));
}

std::span<const std::string_view> Registry::split(std::string_view list) {
  if (list.empty()) return {};
  auto& parts = lists_.emplace_back();
  while (true) {
    const size_t comma = list.find(',');
    parts.push_back(list.substr(0, comma));
    if (comma == list.npos) return parts;
    list.remove_prefix(comma + 1);
  }
}

void Registry::name_type(TypeInfo& type, const reflection::Object& object) {
  type.table = view(object.name());
  type.name = type.table.substr(type.table.rfind('.') + 1);
  type.openapi = attribute(object.attributes(), "openapi");
  type.gvks = split(attribute(object.attributes(), "gvk"));
  type.doc = doc_of(object.documentation());
  // "io.k8s.api.core.v1.PodSpec" is v1.PodSpec to a Go programmer.
  const size_t name_dot = type.openapi.rfind('.');
  const size_t version_dot = name_dot == type.openapi.npos ? name_dot : type.openapi.rfind('.', name_dot - 1);
  type.go_name = version_dot == type.openapi.npos ? type.name : type.openapi.substr(version_dot + 1);
}

void Registry::fill_type(TypeInfo& type, const reflection::Object& object) {
  std::vector<std::pair<uint16_t, FieldInfo>> declared;
  for (const auto* field : *object.fields()) declared.emplace_back(field->id(), make_field(*field));
  std::sort(declared.begin(), declared.end(), [](auto& a, auto& b) { return a.second.name < b.second.name; });

  auto& fields = fields_.emplace_back();
  fields.reserve(declared.size());
  for (auto& [id, info] : declared) fields.push_back(info);
  auto& printed = printed_.emplace_back(fields.size());
  for (size_t i = 0; i < declared.size(); ++i) printed[declared[i].first] = &fields[i];
  type.fields = fields;
  type.printed = printed;
  for (const FieldInfo& field : fields) type.has_always |= field.always;
  add_hash(type);
}

FieldInfo Registry::make_field(const reflection::Field& field) {
  const Attributes* attributes = field.attributes();
  FieldInfo info;
  const std::string_view printed = keep('"' + json_name_of(field) + "\":");
  info.printed_name = printed;
  info.name = printed.substr(1, printed.size() - 3);
  info.slot = field.offset();
  info.required = has_attribute(attributes, "mandatory");
  info.always = has_attribute(attributes, "always");
  info.patch_strategy = attribute(attributes, "patch");
  info.patch_merge_key = attribute(attributes, "merge_key");
  info.list_type = attribute(attributes, "list_type");
  info.list_map_keys = split(attribute(attributes, "list_keys"));
  info.map_type = attribute(attributes, "map_type");
  info.default_json = attribute(attributes, "default");
  info.doc = doc_of(field.documentation());
  info.proto = number_attribute(attributes, "proto");
  info.inline_proto = number_attribute(attributes, "inline");
  set_type(info, field);
  return info;
}

void Registry::set_type(FieldInfo& info, const reflection::Field& field) {
  const reflection::Type& type = *field.type();
  const std::string_view format = attribute(field.attributes(), "format");
  reflection::BaseType base = type.base_type();
  if (base == reflection::Vector && type.element() != reflection::UByte) {
    info.list = true;
    base = type.element();
  }
  switch (base) {
    case reflection::Bool: info.type = FieldType::boolean; return;
    case reflection::Int: info.type = FieldType::int32; return;
    case reflection::Long: info.type = FieldType::int64; return;
    case reflection::Double: info.type = FieldType::float64; return;
    case reflection::Vector: info.type = FieldType::bytes; return;
    case reflection::String:
      info.type = format == "quantity"     ? FieldType::quantity
                  : format == "time"       ? FieldType::time
                  : format == "micro_time" ? FieldType::micro_time
                  : format == "duration"   ? FieldType::duration
                  : format == "json"       ? FieldType::raw_json
                                           : FieldType::string;
      return;
    case reflection::Obj: {
      const auto& object = *schema_->objects()->Get(static_cast<uint32_t>(type.index()));
      if (has_attribute(object.attributes(), "map_entry")) return set_map_type(info, object);
      info.message = &types_[static_cast<size_t>(type.index())];
      info.type = info.message->table == int_or_string_table ? FieldType::int_or_string : FieldType::message;
      return;
    }
    default: KRING_CHECK(false, "a field of the schema has a type that the codec does not know");
  }
}

// A list of entries is one JSON object; what the entries hold says which kind of map it is.
void Registry::set_map_type(FieldInfo& info, const reflection::Object& entry) {
  KRING_CHECK(info.list, "a map is a list of entries");
  info.list = false;
  const auto* value = entry.fields()->LookupByKey("value");
  const auto* key = entry.fields()->LookupByKey("key");
  KRING_CHECK(value != nullptr && key != nullptr && key->offset() == 4 && value->offset() == 6,
              "a map entry is a key and a value");
  FieldInfo held;
  set_type(held, *value);
  info.message = held.message;
  if (held.type == FieldType::time) info.format = "time";
  switch (held.type) {
    case FieldType::string: info.type = held.list ? FieldType::map_string_list : FieldType::map_string; return;
    case FieldType::time: info.type = FieldType::map_string; return;
    case FieldType::quantity: info.type = FieldType::map_quantity; return;
    case FieldType::bytes: info.type = FieldType::map_bytes; return;
    case FieldType::message: info.type = FieldType::map_message; return;
    default: KRING_CHECK(false, "a map of the schema holds what the codec does not know");
  }
}

void Registry::add_hash(TypeInfo& type) {
  size_t size = 4;
  while (size < type.fields.size() * 2) size *= 2;
  KRING_CHECK(type.fields.size() < 255, "the hash keeps an index in a byte");
  auto& hash = hashes_.emplace_back(size, uint8_t{0});
  for (size_t i = 0; i < type.fields.size(); ++i) {
    size_t at = hash_of(type.fields[i].name) & (size - 1);
    while (hash[at] != 0) at = (at + 1) & (size - 1);
    hash[at] = static_cast<uint8_t>(i + 1);
  }
  type.hash = hash;
}

const Registry& registry() {
  static const Registry instance;
  return instance;
}

}  // namespace

const FieldInfo* TypeInfo::find(std::string_view json_name) const {
  if (hash.empty()) return nullptr;
  const size_t mask = hash.size() - 1;
  for (size_t at = hash_of(json_name) & mask; hash[at] != 0; at = (at + 1) & mask) {
    const FieldInfo& field = fields[hash[at] - 1u];
    if (field.name == json_name) return &field;
  }
  return nullptr;
}

const TypeInfo& type_of(std::string_view table) {
  const TypeInfo* type = registry().find_table(table);
  KRING_CHECK(type != nullptr, std::string{"no such table: "}.append(table));
  return *type;
}

const TypeInfo& type_of(const Kind& kind) {
  static const std::vector<const TypeInfo*> by_index = [] {
    std::vector<const TypeInfo*> types;
    for (const Kind& each : all_kinds()) types.push_back(&type_of(each.table));
    return types;
  }();
  return *by_index[kind.index];
}

std::span<const TypeInfo* const> all_types() { return registry().all(); }

const TypeInfo* find_type(std::string_view api_version, std::string_view kind) {
  std::string gvk{api_version.find('/') == api_version.npos ? "/" : ""};
  gvk.append(api_version).append("/").append(kind);
  return registry().find_gvk(gvk);
}

}  // namespace kring::codec
