// Watch events as lines of JSON, made once per event and form and shared by all watchers that want the same.
// Invariant: a frame belongs to one immutable object and revision; the cache holds the objects it knows, so that an
// address is never mistaken for another's. It is small: watchers of one event run one after another.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "runtime/api/represent.h"
#include "runtime/store/store.h"

namespace kring::api {

using Frame = std::shared_ptr<const std::string>;

class WatchFrames {
 public:
  // {"type":"ADDED","object":{...}}\n
  Result<Frame> frame(std::string_view type, const ObjectPtr& object, const Shape& shape);

 private:
  struct Entry {
    ObjectPtr object;
    const Served* served = nullptr;
    std::string_view type;
    Frame text;
  };
  static constexpr size_t entries_max = 64;
  std::array<Entry, entries_max> entries_;
};

std::string frame_text(std::string_view type, std::string_view object);

}  // namespace kring::api
