#include "objects/convert_tools.h"

namespace kring::convert {

json::Object* object_at(json::Value& value, Path path) {
  json::Value* found = value.at(path);
  return found != nullptr && found->is_object() ? &found->as_object() : nullptr;
}

json::Array* array_at(json::Value& value, Path path) {
  json::Value* found = value.at(path);
  return found != nullptr && found->is_array() ? &found->as_array() : nullptr;
}

void rename(json::Object& object, std::string_view from, std::string_view to) {
  if (!object.contains(from)) return;
  object.erase(to);
  for (json::Member& member : object.members())
    if (member.key == from) member.key = to;
}

void move(json::Object& from, std::string_view from_key, json::Object& to, std::string_view to_key) {
  json::Value* found = from.find(from_key);
  if (found == nullptr) return;
  json::Value moved = std::move(*found);
  from.erase(from_key);
  to.set(to_key, std::move(moved));
}

void default_to(json::Object& object, std::string_view key, json::Value value) {
  if (!object.contains(key)) object.set(key, std::move(value));
}

void nest(json::Object& object, std::string_view key, json::Object nested) {
  if (!nested.empty()) object.set(key, std::move(nested));
}

void set_annotation(json::Value& value, std::string_view key, std::string text) {
  value["metadata"].object("annotations").set(key, std::move(text));
}

bool take_annotation(json::Value& value, std::string_view key, std::string& text) {
  json::Object* annotations = object_at(value, {"metadata", "annotations"});
  json::Value* found = annotations == nullptr ? nullptr : annotations->find(key);
  if (found == nullptr || !found->is_string()) return false;
  text = found->as_string();
  annotations->erase(key);
  if (annotations->empty()) value["metadata"].as_object().erase("annotations");
  return true;
}

}  // namespace kring::convert
