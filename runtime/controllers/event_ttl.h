// Events live an hour after they were last seen.
#pragma once

#include "objects/object.h"
#include "runtime/client/client.h"

namespace kring::controllers {

// When something last happened to an event.
Wall last_seen(const Object& event);

class EventTtl {
 public:
  EventTtl(Env& env, client::Client& client, int64_t lifetime_seconds);
  Task<Result<void>> event_ttl_loop();

 private:
  Task<Result<void>> sweep();

  Env& env_;
  client::Client& client_;
  int64_t lifetime_ns_;
};

}  // namespace kring::controllers
