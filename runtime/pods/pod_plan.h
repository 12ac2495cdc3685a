// What the state machine needs of a pod object, and names and paths that follow from it.
#pragma once

#include <string>
#include <string_view>

#include "runtime/pods/lifecycle.h"

namespace kring {
namespace core {
struct Container;
struct Pod;
}  // namespace core

namespace pods {

// REQUIRES: the pod has metadata and a spec.
PodPlan plan_of(const core::Pod& pod);

// The container or init container of that name; null when there is none. `init` says which.
struct FoundContainer {
  const core::Container* container = nullptr;
  bool init = false;
};
FoundContainer find_container(const core::Pod& pod, std::string_view name);

// "spec.containers{web}", as events point to a container.
std::string field_path(const core::Pod& pod, std::string_view container);

// Where things of a pod lie below the data directory. Everything that is part of a path was checked by the API server;
// safe_name() checks again, for a path is made of it.
struct PodPaths {
  std::string directory;      // D/pods/<uid>
  std::string log_directory;  // D/logs/<ns>_<name>_<uid>

  std::string volume(std::string_view volume) const;
  std::string log_file(std::string_view container, uint32_t attempt) const;
  std::string etc(std::string_view file) const;  // hosts, hostname, resolv.conf
};
PodPaths paths_of(const std::string& data_directory, std::string_view ns, std::string_view name, std::string_view uid);
bool safe_name(std::string_view name);

}  // namespace pods
}  // namespace kring
