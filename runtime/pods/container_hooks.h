// postStart and preStop of a container: exec, httpGet, sleep.
#pragma once

#include "runtime/pods/pod_plan.h"
#include "runtime/pods/services.h"

namespace kring::pods {

enum class HookKind : uint8_t { post_start, pre_stop };

struct HookOrder {
  ObjectPtr pod;
  std::string container;
  std::vector<std::string> addresses;  // of the pod
  int64_t budget_ms = 0;               // Reason::timeout after it
};

// Success too when the container has no such hook.
Task<Result<void>> run_hook(Services& services, HookOrder order, HookKind kind);

}  // namespace kring::pods
