// The API server: an HTTP handler over the registry. Reads who asks, whether they may, and hands the request to the
// handler of its verb; every error becomes a Status.
// Lifetime: everything given to it outlives it, and it outlives the http::Server that calls it.
#pragma once

#include <memory>

#include "runtime/api/context.h"
#include "runtime/http/http.h"

namespace kring::api {

struct ApiServerParts {
  Env& env;
  Registry& registry;
  Authenticator& authenticator;
  Authorizer& authorizer;
  NodeAccess* node = nullptr;
  Reviews* reviews = nullptr;
  ServerOptions options;
};

class ApiServer final : public http::Handler {
 public:
  explicit ApiServer(ApiServerParts parts);
  Task<void> serve(http::Request& request, http::Reply& reply) override;

  // /readyz says ok once everything runs.
  void set_ready(bool ready) { context_.ready = ready; }
  // Watches end at their next event or tick, readiness is withdrawn.
  void stop();
  Context& context() { return context_; }

 private:
  ServerOptions options_;
  Context context_;
};

}  // namespace kring::api
