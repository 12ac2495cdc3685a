// The services that handlers share; made by ApiServer, living as long as it.
#pragma once

#include <string>

#include "objects/json.h"
#include "runtime/api/auth.h"
#include "runtime/api/list.h"
#include "runtime/api/metrics.h"
#include "runtime/api/node_access.h"
#include "runtime/api/registry.h"
#include "runtime/api/reviews.h"
#include "runtime/api/watch_frames.h"

namespace kring::api {

struct ServerOptions {
  std::string version = KRING_VERSION;   // of kring
  // Where clients reach the server, for kubectl cluster-info: "10.0.0.2:6443".
  std::string advertise_address;
};

struct Context {
  Env& env;
  Registry& registry;
  Authenticator& authenticator;
  Authorizer& authorizer;
  NodeAccess* node;          // null: no node agent (tests, a server alone)
  Reviews* reviews;          // null: reviews are not served
  const ServerOptions& options;
  Lists lists;
  WatchFrames frames;
  Metrics metrics;
  bool ready = false;        // /readyz: set by node when everything runs
  bool stopping = false;

  store::Store& store() { return registry.store(); }
};

}  // namespace kring::api
