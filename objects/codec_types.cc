// The descriptors that the codec and everything else generic walks, built once from the binary schema.
#include <flatbuffers/reflection_generated.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>
#include <unordered_map>

#include "objects/check.h"
#include "objects/codec.h"
#include "objects/codec_read.h"
#include "objects/limits.h"

extern "C" {
extern const uint8_t kring_schema_begin[];
extern const uint8_t kring_schema_end[];
}

namespace kring::codec {

namespace {

uint16_t number(std::string_view digits) {
  uint16_t value = 0;
  for (char c : digits) value = static_cast<uint16_t>(value * 10 + (c - '0'));
  return value;
}

uint32_t hash_of(std::string_view name) {
  uint32_t hash = static_cast<uint32_t>(name.size());
  for (char c : name) hash = hash * 31 + static_cast<uint8_t>(c);
  return hash ^ hash >> 15;
}

// The field's name in lowerCamelCase, without the underscore that keeps it apart from a keyword.
void append_camel(std::string& out, std::string_view snake) {
  bool upper = false;
  for (char c : snake) {
    if (c == '_') {
      upper = true;
      continue;
    }
    out += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    upper = false;
  }
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
  std::string_view keep(std::string_view text);
  std::string_view doc_of(const flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>* lines);
  std::span<const std::string_view> split(std::string_view list);
  // True for the tables that are entries of a map.
  bool name_type(TypeInfo& type, const reflection::Object& object);
  void fill_type(TypeInfo& type, const reflection::Object& object);
  void set_attribute(FieldInfo& info, std::string_view name, std::string_view value);
  FieldInfo make_field(const reflection::Field& field);
  void set_type(FieldInfo& info, const reflection::Type& type, std::string_view format);
  void set_map_type(FieldInfo& info, const reflection::Object& entry);
  void add_hash(TypeInfo& type);

  const reflection::Schema* schema_;
  std::vector<bool> map_entries_;               // by the index of the object
  std::vector<std::unique_ptr<char[]>> texts_;  // chunks that made-up texts lie in, one after the other
  std::span<char> text_room_;
  std::deque<std::vector<std::string_view>> lists_;
  std::deque<std::vector<FieldInfo>> fields_;
  std::deque<std::vector<const FieldInfo*>> printed_;
  std::deque<std::vector<uint8_t>> hashes_;
  std::vector<TypeInfo> types_;  // by the index of the object in the schema; map entries and IntOrString too
  std::vector<const TypeInfo*> all_;
  std::unordered_map<std::string_view, const TypeInfo*> by_table_;
  std::unordered_map<std::string_view, const TypeInfo*> by_gvk_;
};

// A vtable begins with two sizes of two bytes each; then every field has its two bytes.
constexpr uint16_t first_slot = 4;
constexpr std::string_view int_or_string_table = "kring.meta.IntOrString";

Registry::Registry() : schema_(reflection::GetSchema(kring_schema_begin)) {
  const auto& objects = *schema_->objects();
  types_.resize(objects.size());
  map_entries_.resize(objects.size());
  all_.reserve(objects.size());
  by_table_.reserve(objects.size());
  by_gvk_.reserve(objects.size() / 2);
  for (uint32_t i = 0; i < objects.size(); ++i) map_entries_[i] = name_type(types_[i], *objects[i]);
  for (uint32_t i = 0; i < objects.size(); ++i) {
    const reflection::Object& object = *objects[i];
    if (map_entries_[i] || types_[i].table == int_or_string_table) continue;
    fill_type(types_[i], object);
    all_.push_back(&types_[i]);
    by_table_[types_[i].table] = &types_[i];
    for (std::string_view gvk : types_[i].gvks) {
      const bool first = by_gvk_.emplace(gvk, &types_[i]).second;
      KRING_CHECK(first, "two tables claim one group, version and kind");
    }
  }
}

std::string_view Registry::keep(std::string_view text) {
  constexpr size_t chunk_bytes = 16 * limits::KiB;
  if (text.size() > text_room_.size()) {
    const size_t size = std::max(chunk_bytes, text.size());
    text_room_ = {texts_.emplace_back(std::make_unique_for_overwrite<char[]>(size)).get(), size};
  }
  const std::string_view kept{text_room_.data(), text.copy(text_room_.data(), text.size())};
  text_room_ = text_room_.subspan(text.size());
  return kept;
}

std::string_view Registry::doc_of(const flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>* lines) {
  if (lines == nullptr || lines->size() == 0) return {};
  auto trimmed = [](std::string_view line) { return line.substr(std::min(line.size(), line.find_first_not_of(' '))); };
  if (lines->size() == 1) return trimmed(view(lines->Get(0)));
  std::string text;
  for (const auto* line : *lines) {
    const std::string_view part = trimmed(view(line));
    if (!text.empty()) text += ' ';
    text += part;
  }
  return keep(text);
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

bool Registry::name_type(TypeInfo& type, const reflection::Object& object) {
  type.table = view(object.name());
  type.name = type.table.substr(type.table.rfind('.') + 1);
  type.doc = doc_of(object.documentation());
  bool map_entry = false;
  std::string gvks;
  if (object.attributes() != nullptr) {
    for (const auto* attribute : *object.attributes()) {
      const std::string_view name = view(attribute->key()), value = view(attribute->value());
      if (name == "openapi") type.openapi = value;
      if (name == "gvk" || name == "also") gvks.append(gvks.empty() ? "" : ",").append(value);
      if (name == "map_entry") map_entry = true;
    }
  }
  if (!gvks.empty()) type.gvks = split(keep(gvks));
  // "io.k8s.api.core.v1.PodSpec" is v1.PodSpec to a Go programmer.
  const size_t name_dot = type.openapi.rfind('.');
  const size_t version_dot = name_dot == type.openapi.npos ? name_dot : type.openapi.rfind('.', name_dot - 1);
  type.go_name = version_dot == type.openapi.npos ? type.name : type.openapi.substr(version_dot + 1);
  return map_entry;
}

void Registry::fill_type(TypeInfo& type, const reflection::Object& object) {
  auto& fields = fields_.emplace_back();
  fields.reserve(object.fields()->size());
  for (const auto* field : *object.fields()) fields.push_back(make_field(*field));
  // They come in the order of their schema names, which is nearly that of their JSON names.
  auto by_name = [](const FieldInfo& a, const FieldInfo& b) { return a.name < b.name; };
  if (!std::is_sorted(fields.begin(), fields.end(), by_name)) std::sort(fields.begin(), fields.end(), by_name);

  auto& printed = printed_.emplace_back(fields.size());
  for (const FieldInfo& field : fields) {
    printed[(field.slot - first_slot) / 2u] = &field;
    type.has_always |= field.always;
  }
  type.fields = fields;
  type.printed = printed;
  add_hash(type);
}

void Registry::set_attribute(FieldInfo& info, std::string_view name, std::string_view value) {
  if (name == "proto") {
    info.proto = number(value);
  } else if (name == "mandatory") {
    info.required = true;
  } else if (name == "list_type") {
    info.list_type = value;
  } else if (name == "list_keys") {
    info.list_map_keys = split(value);
  } else if (name == "patch") {
    info.patch_strategy = value;
  } else if (name == "merge_key") {
    info.patch_merge_key = value;
  } else if (name == "inline") {
    info.inline_proto = number(value);
  } else if (name == "map_type") {
    info.map_type = value;
  } else if (name == "default") {
    info.default_json = value;
  } else if (name == "always") {
    info.always = true;
  }
}

FieldInfo Registry::make_field(const reflection::Field& field) {
  FieldInfo info;
  std::string_view json, format;
  if (field.attributes() != nullptr) {
    for (const auto* attribute : *field.attributes()) {
      const std::string_view name = view(attribute->key()), value = view(attribute->value());
      if (name == "json") {
        json = value;
      } else if (name == "format") {
        format = value;
      } else {
        set_attribute(info, name, value);
      }
    }
  }
  std::string printed{"\""};
  if (json.empty()) {
    append_camel(printed, view(field.name()));
  } else {
    printed += json;
  }
  info.printed_name = keep(printed.append("\":"));
  info.name = info.printed_name.substr(1, info.printed_name.size() - 3);
  info.slot = field.offset();
  info.doc = doc_of(field.documentation());
  set_type(info, *field.type(), format);
  return info;
}

void Registry::set_type(FieldInfo& info, const reflection::Type& type, std::string_view format) {
  reflection::BaseType base = type.base_type();
  if (base == reflection::Vector && type.element() != reflection::UByte) {
    info.list = true;
    base = type.element();
  }
  switch (base) {
    case reflection::Bool:
      info.type = FieldType::boolean;
      return;
    case reflection::Int:
      info.type = FieldType::int32;
      return;
    case reflection::Long:
      info.type = FieldType::int64;
      return;
    case reflection::Double:
      info.type = FieldType::float64;
      return;
    case reflection::Vector:
      info.type = FieldType::bytes;
      return;
    case reflection::String:
      info.type = format == "quantity"     ? FieldType::quantity
                  : format == "time"       ? FieldType::time
                  : format == "micro_time" ? FieldType::micro_time
                  : format == "duration"   ? FieldType::duration
                  : format == "json"       ? FieldType::raw_json
                                           : FieldType::string;
      return;
    case reflection::Obj: {
      const auto index = static_cast<uint32_t>(type.index());
      if (map_entries_[index]) return set_map_type(info, *schema_->objects()->Get(index));
      info.message = &types_[index];
      info.type = info.message->table == int_or_string_table ? FieldType::int_or_string : FieldType::message;
      return;
    }
    default:
      KRING_CHECK(false, "a field of the schema has a type that the codec does not know");
  }
}

// A list of entries is one JSON object; what the entries hold says which kind of map it is.
void Registry::set_map_type(FieldInfo& info, const reflection::Object& entry) {
  KRING_CHECK(info.list, "a map is a list of entries");
  info.list = false;
  const auto* value = entry.fields()->LookupByKey("value");
  const auto* key = entry.fields()->LookupByKey("key");
  KRING_CHECK(
      value != nullptr && key != nullptr && key->offset() == read::slot_key && value->offset() == read::slot_value,
      "a map entry is a key and a value");
  const auto* format = value->attributes() == nullptr ? nullptr : value->attributes()->LookupByKey("format");
  FieldInfo held;
  set_type(held, *value->type(), format == nullptr ? std::string_view{} : view(format->value()));
  info.message = held.message;
  if (held.type == FieldType::time) info.format = "time";
  switch (held.type) {
    case FieldType::string:
      info.type = held.list ? FieldType::map_string_list : FieldType::map_string;
      return;
    case FieldType::time:
      info.type = FieldType::map_string;
      return;
    case FieldType::quantity:
      info.type = FieldType::map_quantity;
      return;
    case FieldType::bytes:
      info.type = FieldType::map_bytes;
      return;
    case FieldType::message:
      info.type = FieldType::map_message;
      return;
    default:
      KRING_CHECK(false, "a map of the schema holds what the codec does not know");
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
