#include "runtime/controllers/ownership.h"

#include <utility>

#include "objects/kinds.h"
#include "objects/schema/meta_generated.h"
#include "runtime/client/flat.h"

namespace kring::controllers {

Owned read_owned(const Object& object) {
  Owned out;
  out.kind = &object.kind();
  out.ns = std::string{object.ns()};
  out.name = std::string{object.name()};
  out.uid = std::string{object.uid()};
  out.deleting = object.deleting();
  if (object.meta() == nullptr) return out;
  for (const auto* it : items(object.meta()->owner_references()))
    out.owners.push_back({text(it->api_version()), text(it->kind()), text(it->name()), text(it->uid()),
                          it->block_owner_deletion().value_or(false)});
  for (const auto* it : items(object.meta()->finalizers())) {
    if (view(it) == "foregroundDeletion") out.foreground = true;
    if (view(it) == "orphan") out.orphan = true;
  }
  return out;
}

std::set<std::string> Ownership::put(Owned object) {
  std::set<std::string> look;
  std::string uid = object.uid;
  if (auto before = objects_.find(uid); before != objects_.end()) {
    if (before->second == object) return look;  // what changed does not matter here
    for (const auto& owner : before->second.owners) {
      dependents_[owner.uid].erase(uid);
      look.insert(owner.uid);  // it may have waited for this dependent
    }
  }
  if (!object.owners.empty() || object.deleting) look.insert(uid);
  for (const auto& owner : object.owners) {
    dependents_[owner.uid].insert(uid);
    const Owned* known = find(owner.uid);
    if (known != nullptr && known->deleting) look.insert(owner.uid);
  }
  if (object.deleting && object.foreground)
    for (const auto& dependent : dependents_[uid]) look.insert(dependent);
  objects_[uid] = std::move(object);
  return look;
}

std::set<std::string> Ownership::erase(const std::string& uid) {
  std::set<std::string> look;
  auto found = objects_.find(uid);
  if (found == objects_.end()) return look;
  for (const auto& owner : found->second.owners) {
    auto it = dependents_.find(owner.uid);
    if (it == dependents_.end()) continue;
    it->second.erase(uid);
    if (it->second.empty()) dependents_.erase(it);
    look.insert(owner.uid);
  }
  objects_.erase(found);
  if (auto it = dependents_.find(uid); it != dependents_.end()) look.insert(it->second.begin(), it->second.end());
  return look;
}

const Owned* Ownership::find(const std::string& uid) const {
  auto found = objects_.find(uid);
  return found == objects_.end() ? nullptr : &found->second;
}

std::vector<const Owned*> Ownership::dependents(const std::string& uid) const {
  std::vector<const Owned*> out;
  auto found = dependents_.find(uid);
  if (found == dependents_.end()) return out;
  for (const auto& it : found->second)
    if (const Owned* object = find(it)) out.push_back(object);
  return out;
}

}  // namespace kring::controllers
