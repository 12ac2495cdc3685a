// What every cluster has from its first start on: namespaces, priority classes, roles, the API's own service.
// Invariant: idempotent; what a person changed or removed since is left alone where Kubernetes leaves it alone.
#pragma once

#include <string>

#include "runtime/client/client.h"

namespace kring::api {

struct BootstrapOptions {
  std::string service_address;      // of default/kubernetes, the first of the service CIDR; empty: no such service
  std::string advertise_address;    // where the API listens, an IP address
  uint16_t port = 6443;
};

Task<Result<void>> bootstrap(client::Client& client, BootstrapOptions options);

}  // namespace kring::api
