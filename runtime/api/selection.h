// What an event of the store is for a watcher that sees only a selection.
#pragma once

#include <optional>

#include "runtime/api/filter.h"
#include "runtime/store/store.h"

namespace kring::api {

// An object that enters the selection is added; one that leaves it is deleted, as it was, at the revision at which it
// left. nullopt: nothing that the watcher sees.
std::optional<store::Event> select(const store::Event& event, const Filter& filter);

}  // namespace kring::api
