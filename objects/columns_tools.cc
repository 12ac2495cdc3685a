#include "objects/columns_tools.h"

#include <algorithm>
#include <vector>

#include "objects/time.h"

namespace kring::columns {

using json::Array;
using json::Object;
using json::Value;

std::string text_at(const Value& object, std::initializer_list<std::string_view> path, std::string_view fallback) {
  const Value* value = object.at(path);
  if (value == nullptr || value->is_null()) return std::string{fallback};
  if (value->is_string()) return value->as_string().empty() ? std::string{fallback} : value->as_string();
  return json::print(*value);
}

int64_t int_at(const Value& object, std::initializer_list<std::string_view> path, int64_t fallback) {
  const Value* value = object.at(path);
  return value != nullptr && value->is_int() ? value->as_int() : fallback;
}

bool bool_at(const Value& object, std::initializer_list<std::string_view> path, bool fallback) {
  const Value* value = object.at(path);
  return value != nullptr && value->is_bool() ? value->as_bool() : fallback;
}

const Array& array_at(const Value& object, std::initializer_list<std::string_view> path) {
  static const Array empty;
  const Value* value = object.at(path);
  return value != nullptr && value->is_array() ? value->as_array() : empty;
}

const Object& object_at(const Value& object, std::initializer_list<std::string_view> path) {
  static const Object empty;
  const Value* value = object.at(path);
  return value != nullptr && value->is_object() ? value->as_object() : empty;
}

size_t count_at(const Value& object, std::initializer_list<std::string_view> path) {
  const Value* value = object.at(path);
  if (value == nullptr) return 0;
  return value->is_array() ? value->as_array().size() : value->is_object() ? value->as_object().size() : 0;
}

std::string name_of(const Value& object) { return text_at(object, {"metadata", "name"}); }

std::string age_since(std::string_view time, int64_t now_ms) {
  if (time.empty()) return "<unknown>";
  const auto parsed = parse_time(time);
  if (parsed.has_error()) return "<unknown>";
  return human_duration(now_ms / 1000 - parsed->seconds);
}

std::string age_of(const Value& object, int64_t now_ms) {
  return age_since(text_at(object, {"metadata", "creationTimestamp"}), now_ms);
}

std::string joined(const Array& texts, std::string_view separator) {
  std::string out;
  for (const Value& text : texts) {
    if (!text.is_string()) continue;
    if (!out.empty()) out += separator;
    out += text.as_string();
  }
  return out;
}

std::string labels_text(const Object& labels) {
  if (labels.empty()) return std::string{none};
  std::vector<std::string> parts;
  for (const auto& [key, value] : labels) parts.push_back(key + "=" + (value.is_string() ? value.as_string() : ""));
  std::sort(parts.begin(), parts.end());
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : ",") + part;
  return out;
}

std::string selector_text(const Value* selector) {
  if (selector == nullptr || !selector->is_object()) return std::string{none};
  std::vector<std::string> parts;
  if (const Value* labels = selector->find("matchLabels"); labels != nullptr && labels->is_object()) {
    for (const auto& [key, value] : labels->as_object())
      parts.push_back(key + "=" + (value.is_string() ? value.as_string() : ""));
  }
  if (const Value* expressions = selector->find("matchExpressions");
      expressions != nullptr && expressions->is_array()) {
    for (const Value& expression : expressions->as_array()) {
      const std::string key{expression.string_or("key")};
      const std::string_view op = expression.string_or("operator");
      const Value* values = expression.find("values");
      const std::string list = values != nullptr && values->is_array() ? joined(values->as_array()) : "";
      if (op == "In") parts.push_back(key + " in (" + list + ")");
      if (op == "NotIn") parts.push_back(key + " notin (" + list + ")");
      if (op == "Exists") parts.push_back(key);
      if (op == "DoesNotExist") parts.push_back("!" + key);
    }
  }
  if (parts.empty()) return std::string{none};
  std::sort(parts.begin(), parts.end());
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : ",") + part;
  return out;
}

namespace {
std::string of_containers(const Value& pod_spec, std::string_view key) {
  std::string out;
  for (const Value& container : array_at(pod_spec, {"containers"})) {
    if (!out.empty()) out += ',';
    out += container.string_or(key);
  }
  return out;
}
}  // namespace

std::string container_names(const Value& pod_spec) { return of_containers(pod_spec, "name"); }
std::string container_images(const Value& pod_spec) { return of_containers(pod_spec, "image"); }

const Value* find_by(const Array& items, std::string_view key, std::string_view wanted) {
  for (const Value& item : items) {
    if (item.string_or(key) == wanted) return &item;
  }
  return nullptr;
}

}  // namespace kring::columns
