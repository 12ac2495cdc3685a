// The write path, generic over the table of kinds: decode -> defaults -> admission -> prepare -> validate -> encode ->
// store. HTTP handlers and the in-process client both go through it, so both see the same rules.
// Invariants: what the store holds was checked, defaulted and validated; a write that changes nothing writes nothing; a
// dry run does everything but the store; between reading an object and writing its successor no other write is lost
// (compare-and-swap on its revision).
// Lifetime: Env and Store outlive the Registry. Not copyable.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "objects/json.h"
#include "objects/kinds.h"
#include "objects/object.h"
#include "runtime/api/admission.h"
#include "runtime/api/options.h"
#include "runtime/store/store.h"

namespace kring::api {

// What a request names: pods/web/status in default, in the version the client speaks.
struct Target {
  const Served* served = nullptr;
  std::string ns, name, subresource;

  const Kind& kind() const { return *served->kind; }
};

struct Written {
  ObjectPtr object;                    // of a dry run: not in the store, revision 0 or the current one
  bool created = false;
  std::vector<std::string> warnings;
};

struct Deleted {
  ObjectPtr object;                    // the last state, or the one that waits for its finalizers or its agent
  bool gone = false;
};

enum class PatchKind : uint8_t { json, merge, strategic };

// What an edit makes of the current state, in the hub's shape.
struct Edit {
  json::Value object;
  std::string expected;                // resourceVersion that must be current; empty: whatever is there
  std::string expected_uid;
  std::vector<std::string> warnings;
};
// Called in place, again after each conflict; never across an await.
using Editor = std::function<Result<Edit>(const Object& current, const json::Value& value)>;

class Registry {
 public:
  Registry(Env& env, store::Store& store);
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  Env& env() { return env_; }
  store::Store& store() { return store_; }
  Admission& admission() { return admission_; }

  Result<ObjectPtr> get(const Target& target) const;

  Task<Result<Written>> create(Target target, json::Parsed body, WriteOptions options);
  Task<Result<Written>> update(Target target, json::Parsed body, WriteOptions options);
  Task<Result<Written>> patch(Target target, PatchKind patch_kind, json::Value patch, WriteOptions options);
  Task<Result<Deleted>> remove(Target target, DeleteOptions options,
                               store::Durability durability = store::Durability::durable);

  // The loop under every change of an existing object: read, edit, write until it fits.
  Task<Result<Written>> rewrite(Target target, Editor edit, WriteOptions options);

 private:
  struct Change {
    Bytes bytes;
    bool unchanged = false;
    bool remove = false;               // the last finalizer of a deleted object went away
    bool pinned = false;               // the client named a revision: a conflict is its answer
    std::vector<std::string> warnings;
  };
  Result<Change> change(const Target& target, const Object& current, const Editor& edit);
  Result<Written> dry_run(const Target& target, const Object& current, Change change) const;

  Result<Edit> replace(const Target& target, const json::Parsed& body, Validation validation) const;
  Result<Edit> apply_patch(const Target& target, PatchKind patch_kind, const json::Value& patch,
                           Validation validation, const Object& current) const;
  Task<Result<Written>> create_named(Target target, json::Value object, WriteOptions options);
  Result<void> settle_create(const Target& target, json::Value& object);
  Result<Bytes> finish_create(const Kind& kind, json::Value& object) const;

  Env& env_;
  store::Store& store_;
  Admission admission_;
};

store::Key key_of(const Target& target);
store::Durability durability_of(const WriteOptions& options);

}  // namespace kring::api
