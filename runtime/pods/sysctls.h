// Which kernel settings a pod may have: those that are its namespaces' own and cannot hurt others. The list is exact,
// names and values are plain text, so nothing can be smuggled into another file (security checklist S12).
// Source: kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster.
#pragma once

#include <map>
#include <string>

namespace kring::pods {

// The first setting that is not allowed, or empty.
std::string forbidden_sysctl(const std::map<std::string, std::string>& sysctls);

}  // namespace kring::pods
