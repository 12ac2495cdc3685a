// Everything that is not a resource: health, version, metrics, discovery, OpenAPI, and 404 for the rest.
#pragma once

#include "runtime/api/context.h"

namespace kring::api {

Task<Result<http::Response>> serve_page(Context& context, const http::Request& request);

}  // namespace kring::api
