#include "runtime/api/watch_frames.h"

namespace kring::api {

std::string frame_text(std::string_view type, std::string_view object) {
  std::string out;
  out.reserve(type.size() + object.size() + 24);
  out += "{\"type\":\"";
  out += type;
  out += "\",\"object\":";
  out += object;
  out += "}\n";
  return out;
}

Result<Frame> WatchFrames::frame(std::string_view type, const ObjectPtr& object, const Shape& shape) {
  Entry& entry = entries_[object->revision() % entries_max];
  // Ages in the rows of a Table depend on the moment.
  const bool cacheable = shape.accepted.as == As::object;
  const bool hit = cacheable && entry.object == object && entry.served == shape.served && entry.type == type;
  if (hit) return entry.text;
  KRING_TRY(const std::string text, render_event_object(*object, shape, false));
  Frame frame = std::make_shared<const std::string>(frame_text(type, text));
  if (cacheable) entry = Entry{object, shape.served, type, frame};
  return frame;
}

}  // namespace kring::api
