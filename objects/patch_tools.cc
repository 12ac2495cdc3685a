#include "objects/patch_tools.h"

#include <algorithm>

namespace kring::patch {

namespace {

// An index pays for itself in a large object from about as many lookups as one of them costs to put into it.
constexpr size_t searched_members_max = 64;
constexpr size_t index_cost = 16;

constexpr size_t go_value_bytes_max = 256;

void append_go_value(std::string& out, const json::Value& value) {
  if (out.size() > go_value_bytes_max) return;
  switch (value.type()) {
    case json::Type::null: out += "<nil>"; break;
    case json::Type::string: out.append(value.as_string(), 0, go_value_bytes_max); break;
    case json::Type::array: {
      out.push_back('[');
      for (size_t i = 0; i < value.as_array().size() && out.size() <= go_value_bytes_max; ++i) {
        if (i > 0) out.push_back(' ');
        append_go_value(out, value.as_array()[i]);
      }
      out.push_back(']');
      break;
    }
    case json::Type::object: {
      std::vector<const json::Member*> members;
      for (const json::Member& member : value.as_object()) members.push_back(&member);
      std::sort(members.begin(), members.end(), [](const auto* a, const auto* b) { return a->key < b->key; });
      out += "map[";
      for (size_t i = 0; i < members.size() && out.size() <= go_value_bytes_max; ++i) {
        if (i > 0) out.push_back(' ');
        out += members[i]->key + ":";
        append_go_value(out, members[i]->value);
      }
      out.push_back(']');
      break;
    }
    default: out += json::print(value); break;
  }
}

}  // namespace

Result<void> Steps::spend(uint64_t steps) {
  if (steps > left_) return Error{Reason::request_entity_too_large, "the patch takes more work than the server allows"};
  left_ -= steps;
  return {};
}

ObjectEditor::ObjectEditor(json::Object& object, size_t lookups, Steps& steps)
    : object_(object),
      steps_(steps),
      wants_index_(object.size() > searched_members_max && lookups > index_cost) {}

Result<void> ObjectEditor::build_index() {
  KRING_TRY_VOID(steps_.spend(index_cost * object_.size()));
  for (size_t i = 0; i < object_.size(); ++i) index_.emplace(object_.members()[i].key, i);
  indexed_ = true;
  return {};
}

Result<size_t> ObjectEditor::position(std::string_view key) {
  if (wants_index_) {
    if (!indexed_) KRING_TRY_VOID(build_index());
    KRING_TRY_VOID(steps_.spend(index_cost));
    const auto found = index_.find(key);
    return found == index_.end() ? npos : found->second;
  }
  KRING_TRY_VOID(steps_.spend(object_.size() + 1));
  for (size_t i = 0; i < object_.size(); ++i) {
    const bool gone = any_erased_ && i < erased_.size() && erased_[i];
    if (!gone && object_.members()[i].key == key) return i;
  }
  return npos;
}

Result<json::Value*> ObjectEditor::find(std::string_view key) {
  KRING_TRY(const size_t at, position(key));
  return at == npos ? nullptr : &object_.members()[at].value;
}

Result<void> ObjectEditor::set(std::string_view key, json::Value value) {
  KRING_TRY(const size_t at, position(key));
  if (at != npos) {
    object_.members()[at].value = std::move(value);
    return {};
  }
  if (indexed_) index_.emplace(key, object_.size());
  object_.append(std::string{key}, std::move(value));
  return {};
}

Result<void> ObjectEditor::erase(std::string_view key) {
  KRING_TRY(const size_t at, position(key));
  if (at == npos) return {};
  erased_.resize(object_.size());
  erased_[at] = true;
  any_erased_ = true;
  if (indexed_) index_.erase(index_.find(key));
  return {};
}

void ObjectEditor::finish() {
  if (!any_erased_) return;
  std::vector<json::Member>& members = object_.members();
  size_t kept = 0;
  for (size_t i = 0; i < members.size(); ++i) {
    if (i < erased_.size() && erased_[i]) continue;
    if (kept != i) members[kept] = std::move(members[i]);
    ++kept;
  }
  members.resize(kept);
  erased_.clear();
  any_erased_ = false;
}

std::string go_value(const json::Value& value) {
  std::string out;
  append_go_value(out, value);
  if (out.size() > go_value_bytes_max) out = out.substr(0, go_value_bytes_max) + "...";
  return out;
}

}  // namespace kring::patch
