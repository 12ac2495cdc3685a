// What the patch formats share: a bound on their work, an object that finds its members quickly while it is edited, and
// values in the words of Go's messages.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "objects/json.h"
#include "objects/limits.h"
#include "objects/result.h"

namespace kring::patch {

// Counts elements looked at or moved. An attacker's patch may make each of its operations walk a large document;
// beyond the bound the patch is refused.
class Steps {
 public:
  // Errors: request_entity_too_large.
  Result<void> spend(uint64_t steps);

 private:
  uint64_t left_ = limits::patch_steps_max;
};

// Edits an object that a patch looks up many keys in: small ones by search, large ones through an index. Erased members
// leave at finish(). The object must not be touched otherwise until then; pointers to values are good until the next
// set().
class ObjectEditor {
 public:
  // `lookups` is how many are expected, to choose the way.
  ObjectEditor(json::Object& object, size_t lookups, Steps& steps);
  ObjectEditor(const ObjectEditor&) = delete;
  ObjectEditor& operator=(const ObjectEditor&) = delete;
  ~ObjectEditor() { finish(); }

  Result<json::Value*> find(std::string_view key);  // null when absent
  Result<void> set(std::string_view key, json::Value value);
  Result<void> erase(std::string_view key);
  void finish();

 private:
  static constexpr size_t npos = static_cast<size_t>(-1);
  Result<size_t> position(std::string_view key);
  Result<void> build_index();

  json::Object& object_;
  Steps& steps_;
  bool wants_index_;
  bool indexed_ = false;
  std::map<std::string, size_t, std::less<>> index_;
  std::vector<bool> erased_;
  bool any_erased_ = false;
};

// As fmt's %v prints what encoding/json made of it: map[a:1 b:[x y]], cut after 256 characters.
std::string go_value(const json::Value& value);

}  // namespace kring::patch
