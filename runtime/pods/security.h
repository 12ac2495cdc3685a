// The security context of a container: its own over the pod's over the node's defaults.
// Source: kubernetes.io/docs/tasks/configure-pod-container/security-context; unlike Kubernetes, which leaves it off
// unless asked, the runtime's default seccomp profile is the default here (security checklist S13).
#pragma once

#include "objects/result.h"
#include "runtime/env/processes.h"

namespace kring {
namespace core {
struct Container;
struct Pod;
}  // namespace core

namespace pods {

// `seccomp_directory` holds localhost profiles. Errors are messages of CreateContainerConfigError.
Result<SecurityConfig> make_security(const core::Pod& pod, const core::Container& container,
                                     const std::string& image_user, const std::string& seccomp_directory);

}  // namespace pods
}  // namespace kring
