#include "runtime/api/openapi_proto.h"

#include <cstdint>

namespace kring::api {
namespace {

using json::Object;
using json::Value;

// Protobuf's wire format: a key is field << 3 | type; type 0 is a varint, 2 is length-delimited.
void varint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
}
void bytes(std::string& out, uint32_t field, std::string_view data) {
  varint(out, field << 3 | 2);
  varint(out, data.size());
  out.append(data);
}
void text(std::string& out, uint32_t field, std::string_view data) {
  if (!data.empty()) bytes(out, field, data);
}
void flag(std::string& out, uint32_t field, bool value) {
  if (!value) return;
  varint(out, field << 3);
  out += '\1';
}
void texts(std::string& out, uint32_t field, const Value* list) {
  if (list == nullptr || !list->is_array()) return;
  for (const Value& item : list->as_array()) bytes(out, field, item.as_string());
}

// Any { string yaml = 2 }: JSON is YAML.
std::string any(const Value& value) {
  std::string out;
  bytes(out, 2, json::print(value) + "\n");
  return out;
}
// NamedX { string name = 1; X value = 2; }
std::string named(std::string_view name, std::string_view value) {
  std::string out;
  bytes(out, 1, name);
  bytes(out, 2, value);
  return out;
}
void vendor_extensions(std::string& out, uint32_t field, const Object& object) {
  for (const auto& [key, value] : object) {
    if (key.rfind("x-", 0) == 0) bytes(out, field, named(key, any(value)));
  }
}

std::string schema(const Value& value) {
  std::string out;
  text(out, 1, value.string_or("$ref"));
  text(out, 2, value.string_or("format"));
  text(out, 4, value.string_or("description"));
  texts(out, 19, value.find("required"));
  if (const Value* additional = value.find("additionalProperties"); additional != nullptr) {
    std::string item;
    bytes(item, 1, schema(*additional));
    bytes(out, 21, item);
  }
  if (const std::string_view type = value.string_or("type"); !type.empty()) {
    std::string item;
    bytes(item, 1, type);
    bytes(out, 22, item);
  }
  if (const Value* items = value.find("items"); items != nullptr) {
    std::string item;
    bytes(item, 1, schema(*items));
    bytes(out, 23, item);
  }
  if (const Value* properties = value.find("properties"); properties != nullptr) {
    std::string all;
    for (const auto& [name, property] : properties->as_object()) bytes(all, 1, named(name, schema(property)));
    bytes(out, 25, all);
  }
  vendor_extensions(out, 31, value.as_object());
  return out;
}

std::string body_parameter(const Value& value) {
  std::string body;
  text(body, 2, value.string_or("name"));
  text(body, 3, value.string_or("in"));
  flag(body, 4, value.bool_or("required", false));
  bytes(body, 5, schema(*value.find("schema")));
  return body;
}

// Query and path parameters: the same first fields, but a query has allow_empty_value in between.
std::string plain_parameter(const Value& value) {
  const bool query = value.string_or("in") == "query";
  std::string sub;
  flag(sub, 1, value.bool_or("required", false));
  text(sub, 2, value.string_or("in"));
  text(sub, 4, value.string_or("name"));
  text(sub, query ? 6 : 5, value.string_or("type"));
  if (query) flag(sub, 19, value.bool_or("uniqueItems", false));
  std::string out;
  bytes(out, query ? 3 : 4, sub);
  return out;
}

void parameters(std::string& out, uint32_t field, const Value* list) {
  if (list == nullptr) return;
  for (const Value& value : list->as_array()) {
    std::string parameter;
    if (value.string_or("in") == "body") {
      bytes(parameter, 1, body_parameter(value));
    } else {
      bytes(parameter, 2, plain_parameter(value));
    }
    std::string item;
    bytes(item, 1, parameter);
    bytes(out, field, item);
  }
}

std::string responses(const Value& value) {
  std::string out;
  for (const auto& [code, answer] : value.as_object()) {
    std::string response;
    text(response, 1, answer.string_or("description"));
    if (const Value* body = answer.find("schema"); body != nullptr) {
      std::string item;
      bytes(item, 1, schema(*body));
      bytes(response, 2, item);
    }
    std::string item;
    bytes(item, 1, response);
    bytes(out, 1, named(code, item));
  }
  return out;
}

std::string operation(const Value& value) {
  std::string out;
  texts(out, 1, value.find("tags"));
  text(out, 3, value.string_or("description"));
  text(out, 5, value.string_or("operationId"));
  texts(out, 6, value.find("produces"));
  texts(out, 7, value.find("consumes"));
  parameters(out, 8, value.find("parameters"));
  bytes(out, 9, responses(*value.find("responses")));
  vendor_extensions(out, 13, value.as_object());
  return out;
}

std::string path_item(const Value& value) {
  struct Method {
    std::string_view name;
    uint32_t field;
  };
  static constexpr Method methods[] = {{"get", 2}, {"put", 3}, {"post", 4}, {"delete", 5}, {"patch", 8}};
  std::string out;
  for (const Method& method : methods) {
    if (const Value* op = value.find(method.name); op != nullptr) bytes(out, method.field, operation(*op));
  }
  parameters(out, 9, value.find("parameters"));
  return out;
}

}  // namespace

void OpenApiProto::info(std::string_view title, std::string_view version) {
  bytes(document_, 1, "2.0");
  std::string out;
  bytes(out, 1, title);
  bytes(out, 2, version);
  bytes(document_, 2, out);
}

void OpenApiProto::paths(const json::Object& paths) {
  std::string out;
  for (const auto& [path, item] : paths) bytes(out, 2, named(path, path_item(item)));
  bytes(document_, 8, out);
}

void OpenApiProto::definition(std::string_view name, const json::Value& value) {
  bytes(definitions_, 1, named(name, schema(value)));
}

std::string OpenApiProto::finish() {
  bytes(document_, 9, definitions_);
  definitions_.clear();
  return std::move(document_);
}

}  // namespace kring::api
