// Words that table cells are written in.
#pragma once

#include <string>

#include "objects/columns.h"

namespace kring::columns {

inline constexpr Column name_column{"Name", "string", "name", "Name of the object"};
inline constexpr Column age_column{"Age", "string", "", "Time since the object was created"};
inline constexpr std::string_view none = "<none>";

// The value at a path as text; the fallback when it is absent or empty.
std::string text_at(const json::Value& object, std::initializer_list<std::string_view> path,
                    std::string_view fallback = {});
int64_t int_at(const json::Value& object, std::initializer_list<std::string_view> path, int64_t fallback = 0);
bool bool_at(const json::Value& object, std::initializer_list<std::string_view> path, bool fallback = false);
// The array at a path; an empty one when it is absent.
const json::Array& array_at(const json::Value& object, std::initializer_list<std::string_view> path);
const json::Object& object_at(const json::Value& object, std::initializer_list<std::string_view> path);
size_t count_at(const json::Value& object, std::initializer_list<std::string_view> path);  // of an array or object

std::string name_of(const json::Value& object);
// "5m", "<unknown>" when the time is absent.
std::string age_of(const json::Value& object, int64_t now_ms);
std::string age_since(std::string_view time, int64_t now_ms);
std::string joined(const json::Array& texts, std::string_view separator = ",");
// "a=1,b=2" sorted by key; "<none>" when empty.
std::string labels_text(const json::Object& labels);
// A metav1.LabelSelector as text: "app=web,tier in (a,b)".
std::string selector_text(const json::Value* selector);
// Names and images of a pod template's containers, joined.
std::string container_names(const json::Value& pod_spec);
std::string container_images(const json::Value& pod_spec);
// The object of an array whose member has that text; null when there is none.
const json::Value* find_by(const json::Array& items, std::string_view key, std::string_view wanted);

}  // namespace kring::columns
