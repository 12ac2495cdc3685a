// Small words that defaults are written in.
#pragma once

#include <string_view>

#include "objects/json.h"

namespace kring::defaults {

// Sets a member that is absent or null. REQUIRES: value is an object.
inline void set(json::Value& value, std::string_view key, json::Value fallback) {
  json::Value& member = value[key];
  if (member.is_null()) member = std::move(fallback);
}

// Calls with the member when it is an object.
template <class F>
void with(json::Value& value, std::string_view key, F function) {
  if (json::Value* member = value.find(key); member != nullptr && member->is_object()) function(*member);
}

// Calls with every object of the member when it is an array.
template <class F>
void each(json::Value& value, std::string_view key, F function) {
  json::Value* member = value.find(key);
  if (member == nullptr || !member->is_array()) return;
  for (json::Value& item : member->as_array()) {
    if (item.is_object()) function(item);
  }
}

}  // namespace kring::defaults
