#include "runtime/api/selection.h"

#include <memory>

namespace kring::api {

std::optional<store::Event> select(const store::Event& event, const Filter& filter) {
  using Type = store::Event::Type;
  if (filter.everything()) return event;
  const bool before = event.previous != nullptr && filter.matches(*event.previous);
  if (event.type == Type::deleted) {
    // Without the state before, the last state says what the watcher knew.
    const bool seen = event.previous == nullptr ? filter.matches(*event.object) : before;
    return seen ? std::optional{event} : std::nullopt;
  }
  const bool now = filter.matches(*event.object);
  if (!now && !before) return std::nullopt;
  store::Event out = event;
  if (now && !before) out.type = Type::added;
  if (!now) {
    out.type = Type::deleted;
    out.object = std::make_shared<Object>(event.object->kind(), event.previous->shared_bytes(),
                                          event.object->revision());
  }
  return out;
}

}  // namespace kring::api
