// The API inside the process: client::Client over the registry, with the same admission, defaults and validation as a
// request over HTTP, and no authentication (the caller is kring itself).
// Lifetime: the registry outlives the client and its watches.
#pragma once

#include <memory>

#include "runtime/api/registry.h"
#include "runtime/client/client.h"

namespace kring::api {

std::unique_ptr<client::Client> make_local_client(Registry& registry);

}  // namespace kring::api
