// Steps that conversions between versions are made of. All work on checked values and leave absent things absent.
#pragma once

#include <string>
#include <string_view>

#include "objects/json.h"

namespace kring::convert {

using Path = std::initializer_list<std::string_view>;

// The object at a path, or null when there is none or it is something else.
json::Object* object_at(json::Value& value, Path path);
json::Array* array_at(json::Value& value, Path path);

// Gives a member another name, in its place. A member that already has that name is replaced.
void rename(json::Object& object, std::string_view from, std::string_view to);
// Takes a member out of one object and puts it into another, if it is there. REQUIRES: neither is inside the other.
void move(json::Object& from, std::string_view from_key, json::Object& to, std::string_view to_key);
void default_to(json::Object& object, std::string_view key, json::Value value);
// Puts a nested object under `key` unless it is empty.
void nest(json::Object& object, std::string_view key, json::Object nested);

// What an old version has no field for travels in an annotation, as it does in Kubernetes.
void set_annotation(json::Value& value, std::string_view key, std::string text);
// Removes the annotation and returns whether it was there; an annotations object that becomes empty goes too.
bool take_annotation(json::Value& value, std::string_view key, std::string& text);

}  // namespace kring::convert
