// Words that rules are written in. Paths are text: "spec.containers[0].name".
#pragma once

#include <string>
#include <string_view>

#include "objects/hooks.h"
#include "objects/names.h"

namespace kring::validate {

inline std::string item(const std::string& path, size_t index) { return path + "[" + std::to_string(index) + "]"; }

// Each message of a names:: rule becomes an Invalid cause.
inline void report(const std::string& field, const json::Value& value, const names::Messages& messages,
                   FieldErrors& errors) {
  for (const std::string& message : messages) errors.invalid(field, value, message);
}

// The member is one of the supported texts, when it is there at all.
inline void one_of(const json::Value& object, std::string_view key, const std::string& path,
                   std::span<const std::string_view> supported, FieldErrors& errors) {
  const json::Value* value = object.find(key);
  if (value == nullptr || !value->is_string()) return;
  for (std::string_view text : supported) {
    if (value->as_string() == text) return;
  }
  errors.not_supported(path + "." + std::string{key}, *value, supported);
}

// The member, when it is an integer, is not negative.
inline void not_negative(const json::Value& object, std::string_view key, const std::string& path,
                         FieldErrors& errors) {
  const json::Value* value = object.find(key);
  if (value != nullptr && value->is_int() && value->as_int() < 0)
    errors.invalid(path + "." + std::string{key}, *value, names::not_negative_message);
}

// Calls with every object of an array member and its path.
template <class F>
void each(const json::Value& object, std::string_view key, const std::string& path, F function) {
  const json::Value* list = object.find(key);
  if (list == nullptr || !list->is_array()) return;
  const std::string list_path = path.empty() ? std::string{key} : path + "." + std::string{key};
  size_t index = 0;
  for (const json::Value& value : list->as_array()) function(value, item(list_path, index++));
}

}  // namespace kring::validate
