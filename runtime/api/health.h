// /healthz, /livez and /readyz with their checks. Source: kube-apiserver's health endpoints (verbose form, excludes).
#pragma once

#include <string_view>

#include "runtime/api/context.h"

namespace kring::api {

bool is_health_path(std::string_view path);
http::Response health(Context& context, const http::Request& request);

}  // namespace kring::api
