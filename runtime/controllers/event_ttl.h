// Events live an hour after they were last seen, and so many at the most: they are kept in memory.
#pragma once

#include "objects/object.h"
#include "runtime/client/client.h"

namespace kring::controllers {

// When something last happened to an event.
Wall last_seen(const Object& event);

class EventTtl {
 public:
  EventTtl(Env& env, client::Client& client, int64_t lifetime_seconds, size_t events_max);
  Task<Result<void>> event_ttl_loop();

 private:
  Task<Result<void>> sweep();

  Env& env_;
  client::Client& client_;
  int64_t lifetime_ns_;
  size_t events_max_;
};

}  // namespace kring::controllers
