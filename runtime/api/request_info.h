// What a request asks for, read from its method and path: /api/v1/namespaces/{ns}/pods/{name}/{subresource}, with the
// legacy /watch/ prefix. Authorisation, metrics and routing work on it.
// Source: k8s.io/apiserver's request info (verbs and path grammar of the REST API).
#pragma once

#include <string>
#include <string_view>

#include "runtime/http/http.h"

namespace kring::api {

struct RequestInfo {
  bool resource_request = false;     // false: `path` says all
  std::string path;
  std::string verb;                  // create get list watch update patch delete deletecollection; or "get", ...
  std::string group, version;        // "apps", "v1"
  std::string ns, resource, name, subresource;
  std::string rest;                  // below the subresource: proxy paths
};

RequestInfo request_info(const http::Request& request);

}  // namespace kring::api
