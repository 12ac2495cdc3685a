// Who owns whom, over all objects, and what garbage collection has to do about it: pure.
// Invariants: an object is collected only when it has owners and none of them is left; foreground deletion waits for
// the dependents that block it; an owner that waits for its dependents keeps them only until they are gone.
// Source: kubernetes.io/docs/concepts/architecture/garbage-collection.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "objects/object.h"

namespace kring::controllers {

struct Owner {
  std::string api_version, kind, name, uid;
  bool blocks = false;  // blockOwnerDeletion
  friend bool operator==(const Owner&, const Owner&) = default;
};

// One object as garbage collection sees it.
struct Owned {
  const Kind* kind = nullptr;
  std::string ns, name, uid;
  std::vector<Owner> owners;
  bool deleting = false;
  bool foreground = false;  // waits for its dependents ("foregroundDeletion")
  bool orphan = false;      // lets its dependents go ("orphan")
  friend bool operator==(const Owned&, const Owned&) = default;
};
Owned read_owned(const Object& object);

class Ownership {
 public:
  // Returns the uids that want a look now.
  std::set<std::string> put(Owned object);
  std::set<std::string> erase(const std::string& uid);

  const Owned* find(const std::string& uid) const;
  // In the order of their uids.
  std::vector<const Owned*> dependents(const std::string& uid) const;

 private:
  std::map<std::string, Owned> objects_;
  std::map<std::string, std::set<std::string>> dependents_;  // owner uid -> uids
};

// What to do about one object.
struct Collection {
  enum class What : uint8_t {
    nothing,
    remove,              // no owner is left
    drop_owners,         // some owners are gone: their references go (`owners`)
    release_dependents,  // remove the references that dependents have to it, then its "orphan" finalizer
    remove_dependents,   // delete them, in the foreground where they block
    finish_foreground,   // none is left: its "foregroundDeletion" finalizer goes
  } what = What::nothing;
  std::string propagation;       // for remove
  std::set<std::string> owners;  // uids, for drop_owners
};
// `exists(owner)`: whether the owner is there, for references to objects the graph does not show.
template <class Exists>
Collection collect(const Ownership& graph, const Owned& object, const Exists& exists) {
  if (object.deleting && object.orphan) return {Collection::What::release_dependents, {}, {}};
  if (object.deleting && object.foreground) {
    for (const auto* it : graph.dependents(object.uid)) {
      for (const auto& owner : it->owners)
        if (owner.uid == object.uid && owner.blocks) return {Collection::What::remove_dependents, {}, {}};
    }
    bool any = !graph.dependents(object.uid).empty();
    return {any ? Collection::What::remove_dependents : Collection::What::finish_foreground, {}, {}};
  }
  if (object.deleting || object.owners.empty()) return {};
  std::set<std::string> gone, waiting;
  bool solid = false;
  for (const auto& owner : object.owners) {
    const Owned* known = graph.find(owner.uid);
    if (known == nullptr && !exists(owner)) {
      gone.insert(owner.uid);
    } else if (known != nullptr && known->deleting && known->foreground) {
      waiting.insert(owner.uid);
    } else {
      solid = true;
    }
  }
  if (solid) {
    // An owner that only waits for its dependents to go does not keep one that has another owner.
    gone.merge(waiting);
    if (gone.empty()) return {};
    return {Collection::What::drop_owners, {}, std::move(gone)};
  }
  std::string propagation = !waiting.empty() && !graph.dependents(object.uid).empty() ? "Foreground" : "Background";
  if (object.orphan) propagation = "Orphan";
  if (object.foreground) propagation = "Foreground";
  return {Collection::What::remove, std::move(propagation), {}};
}

}  // namespace kring::controllers
