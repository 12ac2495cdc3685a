#include "objects/patch.h"
#include "objects/patch_tools.h"

namespace kring::patch {

namespace {

// What a patch adds has no nulls: they only mean deletion. Items of arrays are values, so a null there stays.
void prune_nulls(json::Value& value) {
  if (value.is_object()) {
    std::erase_if(value.as_object().members(), [](const json::Member& member) { return member.value.is_null(); });
    for (json::Member& member : value.as_object()) prune_nulls(member.value);
  } else if (value.is_array()) {
    for (json::Value& item : value.as_array()) prune_nulls(item);
  }
}

Result<void> merge(json::Object& document, json::Object& patch, Steps& steps) {
  ObjectEditor editor{document, patch.size(), steps};
  for (json::Member& change : patch) {
    if (change.value.is_null()) {
      KRING_TRY_VOID(editor.erase(change.key));
      continue;
    }
    KRING_TRY(json::Value* current, editor.find(change.key));
    if (current != nullptr && current->is_object() && change.value.is_object()) {
      KRING_TRY_VOID(merge(current->as_object(), change.value.as_object(), steps));
      continue;
    }
    // An array that replaces an object is taken as it is, everything else without its nulls; as evanphx does.
    if (current == nullptr || current->is_null() || !current->is_object()) prune_nulls(change.value);
    if (current != nullptr) {
      *current = std::move(change.value);
    } else {
      KRING_TRY_VOID(editor.set(change.key, std::move(change.value)));
    }
  }
  return {};
}

}  // namespace

Result<void> apply_merge(json::Value& document, json::Value patch) {
  if (!patch.is_object()) return Error{Reason::bad_request, "Invalid JSON Patch"};
  if (!document.is_object()) return Error{Reason::bad_request, "Invalid JSON Document"};
  Steps steps;
  return merge(document.as_object(), patch.as_object(), steps);
}

}  // namespace kring::patch
