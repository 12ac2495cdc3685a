// What the server serves, told to clients: /api, /apis, /apis/<group>, /api/v1, /apis/<group>/<version>, and the
// aggregated form of all of it in two documents. Everything is made from the table of kinds.
// Source: Kubernetes API discovery (apidiscovery.k8s.io/v2 and v2beta1, meta/v1 APIGroupList, APIResourceList).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "objects/json.h"

namespace kring::api {

struct DiscoveryDocument {
  std::string content_type;
  std::string body;
};

// True for paths that discovery may answer: /api, /apis and group or version roots.
bool is_discovery_path(std::string_view path);

// The document at a path ("/apis/apps/v1", with or without a slash at the end) for what `accept` asks; nullopt when no
// such group or version is served.
std::optional<DiscoveryDocument> discovery(std::string_view path, std::string_view accept);

}  // namespace kring::api
