// From bytes to a value that can be edited.
#include "objects/base64.h"
#include "objects/check.h"
#include "objects/codec.h"
#include "objects/codec_read.h"

namespace kring::codec {

namespace {

using read::Table;

json::Value element(const FieldInfo& field, const uint8_t* at);

json::Object message(const TypeInfo& type, const uint8_t* bytes);

json::Value text_value(const uint8_t* at) { return json::Value{read::text(at)}; }

json::Value bytes_value(const uint8_t* vector) {
  return base64_encode(std::span{read::elements(vector), read::length(vector)});
}

// The text was written by print_to or is verified, so it parses.
json::Value raw_value(const uint8_t* at) {
  auto parsed = json::parse(read::text(at));
  return parsed.has_error() ? json::Value{} : std::move(parsed->value);
}

json::Value int_or_string(const uint8_t* bytes) {
  const Table table{bytes};
  if (const uint8_t* text = table.pointer(read::slot_text)) return text_value(text);
  const uint8_t* number = table.field(read::slot_number);
  return number == nullptr ? 0 : read::scalar<int32_t>(number);
}

json::Array list(const FieldInfo& field, const uint8_t* vector) {
  json::Array made;
  const uint32_t count = read::length(vector);
  made.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    switch (field.type) {
      case FieldType::int32:
        made.emplace_back(read::scalar<int32_t>(read::elements(vector) + 4 * size_t{i}));
        break;
      case FieldType::int64:
        made.emplace_back(read::scalar<int64_t>(read::elements(vector) + 8 * size_t{i}));
        break;
      case FieldType::float64:
        made.emplace_back(read::scalar<double>(read::elements(vector) + 8 * size_t{i}));
        break;
      default:
        made.push_back(element(field, read::element(vector, i)));
    }
  }
  return made;
}

json::Value map_value(const FieldInfo& field, const uint8_t* held) {
  switch (field.type) {
    case FieldType::map_bytes:
      return bytes_value(held);
    case FieldType::map_message:
      return message(*field.message, held);
    case FieldType::map_string_list: {
      FieldInfo strings;
      strings.type = FieldType::string;
      return list(strings, held);
    }
    default:
      return text_value(held);
  }
}

json::Object map(const FieldInfo& field, const uint8_t* vector) {
  json::Object made;
  const uint32_t count = read::length(vector);
  made.members().reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    const Table entry{read::element(vector, i)};
    made.append(std::string{read::text(entry.pointer(read::slot_key))},
                map_value(field, entry.pointer(read::slot_value)));
  }
  return made;
}

json::Value element(const FieldInfo& field, const uint8_t* at) {
  switch (field.type) {
    case FieldType::raw_json:
      return raw_value(at);
    case FieldType::bytes:
      return bytes_value(at);
    case FieldType::int_or_string:
      return int_or_string(at);
    case FieldType::message:
      return message(*field.message, at);
    case FieldType::map_string:
    case FieldType::map_quantity:
    case FieldType::map_bytes:
    case FieldType::map_message:
    case FieldType::map_string_list:
      return map(field, at);
    default:
      return text_value(at);
  }
}

json::Value value_of(const FieldInfo& field, const uint8_t* at) {
  if (field.list) return list(field, read::follow(at));
  switch (field.type) {
    case FieldType::boolean:
      return *at != 0;
    case FieldType::int32:
      return read::scalar<int32_t>(at);
    case FieldType::int64:
      return read::scalar<int64_t>(at);
    case FieldType::float64:
      return read::scalar<double>(at);
    default:
      return element(field, read::follow(at));
  }
}

void add_fields(json::Object& made, const TypeInfo& type, const Table& table) {
  for (const FieldInfo* field : type.printed)
    if (const uint8_t* at = table.field(field->slot)) made.append(std::string{field->name}, value_of(*field, at));
}

json::Object message(const TypeInfo& type, const uint8_t* bytes) {
  json::Object made;
  add_fields(made, type, Table{bytes});
  return made;
}

// The same members in the same order as print_to gives.
json::Object metadata(const TypeInfo& type, const uint8_t* bytes, Revision revision) {
  json::Object made;
  for (const FieldInfo* field : type.printed) {
    if (field->name == "resourceVersion") {
      if (revision != 0) made.append("resourceVersion", std::to_string(revision));
      continue;
    }
    const uint8_t* at = bytes == nullptr ? nullptr : Table{bytes}.field(field->slot);
    if (at != nullptr) made.append(std::string{field->name}, value_of(*field, at));
  }
  return made;
}

}  // namespace

json::Value to_value(const Object& object) {
  const Kind& kind = object.kind();
  const Table table{read::root(object.bytes().data())};
  json::Object made;
  std::string api_version{kind.group};
  if (!kind.group.empty()) api_version += '/';
  made.append("apiVersion", api_version.append(kind.version));
  made.append("kind", kind.kind);
  for (const FieldInfo* field : type_of(kind).printed) {
    const uint8_t* at = table.field(field->slot);
    if (field->name == "metadata") {
      if (at != nullptr || object.revision() != 0)
        made.append("metadata",
                    metadata(*field->message, at == nullptr ? nullptr : read::follow(at), object.revision()));
    } else if (at != nullptr) {
      made.append(std::string{field->name}, value_of(*field, at));
    }
  }
  return made;
}

json::Value decode_table(const TypeInfo& type, std::span<const uint8_t> bytes) {
  return message(type, read::root(bytes.data()));
}

}  // namespace kring::codec
