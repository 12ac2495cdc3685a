// The objects of the store, ordered by kind, namespace and name.
// A kind's objects are sorted runs of pointers: 16 bytes an object, a list is a copy of a range, an insertion moves at
// most one run. The key of an object is what its own metadata says; no second copy is kept.
// Invariants: runs are not empty and hold at most run_objects_max; all keys are unique and ascend through the runs.
#pragma once

#include <string_view>
#include <vector>

#include "objects/kinds.h"
#include "objects/object.h"

namespace kring::store {

class ObjectMap {
 public:
  ObjectPtr find(const Kind& kind, std::string_view ns, std::string_view name) const;
  // Inserts or replaces; returns what was there.
  ObjectPtr put(ObjectPtr object);
  ObjectPtr remove(const Kind& kind, std::string_view ns, std::string_view name);

  // By namespace, then name; `ns` empty: all.
  std::vector<ObjectPtr> list(const Kind& kind, std::string_view ns) const;
  // Everything, by kind.
  std::vector<ObjectPtr> all() const;
  size_t count(const Kind& kind) const;
  size_t size() const { return size_; }

 private:
  static constexpr size_t run_objects_max = 256;
  using Run = std::vector<ObjectPtr>;
  struct Table {
    std::vector<Run> runs;
    size_t size = 0;
  };
  struct Place {
    size_t run = 0;       // may be runs.size() only when the table is empty
    size_t index = 0;     // may be the run's size: after its last object
    bool found = false;
  };
  // The first object that is not before the key.
  static Place lower_bound(const Table& table, std::string_view ns, std::string_view name);
  const Table* table_of(const Kind& kind) const;

  std::vector<Table> tables_;  // by Kind::index
  size_t size_ = 0;
};

}  // namespace kring::store
