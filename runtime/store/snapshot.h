// Writes a snapshot: everything at one revision, under a temporary name, synced, renamed over the older of the two, the
// directory synced. The bytes are drawn in objects/state.h.
#pragma once

#include <string>
#include <vector>

#include "objects/state.h"
#include "runtime/env/disk.h"

namespace kring::store {

struct SnapshotPlan {
  state::FileHeader header;          // everything but the salt
  Revision ceiling = 0;
  std::vector<ObjectPtr> objects;
  std::string name;                  // snapshot.a or snapshot.b
};

// The bytes written. After an error the file under plan.name is either the old or the new one, whole in both cases.
Task<Result<uint64_t>> write_snapshot(Env& env, std::string directory, SnapshotPlan plan);

}  // namespace kring::store
