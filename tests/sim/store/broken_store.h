// Stores and disks that break one promise each: the canaries. A checker that does not catch them checks nothing.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "runtime/store/store.h"

namespace kring::sim {

enum class Break : uint8_t {
  nothing,
  sync,       // the disk acknowledges before it syncs
  list,       // a list leaves out its last object
  watch,      // a watch loses an event now and then
  cas,        // an update takes whatever revision is there
  refuse,     // a write that took effect is answered with an error
  leak,       // a task goes on after its cancellation
  idle,       // something writes while nothing happens
};
std::optional<Break> break_of(std::string_view name);
std::string_view break_names();

// Wraps a store so that it breaks the promise.
std::unique_ptr<store::Store> broken(std::unique_ptr<store::Store> store, Break what);

}  // namespace kring::sim
