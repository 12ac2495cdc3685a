// Environment, command and arguments of a container as Kubernetes and its image define them, and what the downward API
// says of a pod. Pure: objects that are referred to are fetched before (references_of) and handed in.
// Source: kubernetes.io/docs/tasks/inject-data-application, API reference EnvVarSource and ObjectFieldSelector.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "objects/object.h"
#include "objects/result.h"
#include "runtime/pods/resources.h"

namespace kring::pods {

// ConfigMaps and Secrets by kind and name, in the pod's namespace; null: there is none.
using ObjectKey = std::pair<const Kind*, std::string>;
using Sources = std::map<ObjectKey, ObjectPtr>;

// What a pod's downward API can tell beyond its object.
struct DownwardFacts {
  std::string node_name;
  std::vector<std::string> host_addresses, pod_addresses;
  NodeCapacity allocatable;
};

// The objects that the environment of a container reads.
std::set<ObjectKey> references_of(const core::Container& container);

// "metadata.labels['app']", "status.podIP", ... ; errors: not a supported path.
Result<std::string> field_value(const core::Pod& pod, std::string_view path, const DownwardFacts& facts);

// $(NAME) by the value of NAME, $$ by $; what is not known stays as written.
std::string expand(std::string_view text, const std::map<std::string, std::string>& values);

// The variables that tell of services: those of the pod's namespace when it wants links, and always the API's own.
std::map<std::string, std::string> service_environment(const core::Pod& pod, const std::vector<ObjectPtr>& services);

struct Environment {
  std::vector<std::string> list;              // "NAME=value", in order, names once
  std::map<std::string, std::string> values;  // for expansion
};
// `image_env` comes first and is overridden; `service_env` are the variables of services. Errors become the message of
// CreateContainerConfigError: `configmap "x" not found`.
Result<Environment> make_environment(const core::Pod& pod, const core::Container& container, const Sources& sources,
                                     const DownwardFacts& facts, const std::vector<std::string>& image_env,
                                     const std::map<std::string, std::string>& service_env);

// What runs: the container's command replaces the image's entrypoint (and then the image's command does not count), its
// args replace the image's command.
std::vector<std::string> make_arguments(const core::Container& container, const std::vector<std::string>& entrypoint,
                                        const std::vector<std::string>& command,
                                        const std::map<std::string, std::string>& values);

}  // namespace kring::pods
