// Starting one container: image, environment, configuration, mounts, process, postStart hook. Also the hooks.
// The result goes to the state machine; events are recorded here, in kubelet's words.
#pragma once

#include <variant>

#include "runtime/pods/lifecycle.h"
#include "runtime/pods/services.h"

namespace kring::pods {

struct Started {
  ContainerRecord record;
  std::string image, image_id;
  int32_t stop_signal = 15;
  bool post_start_failed = false;  // the container is to be stopped again
};
using StartResult = std::variant<Started, StartFailure>;

struct StartOrder {
  ObjectPtr pod;
  std::string container;
  uint32_t attempt = 0;
  PullPolicy pull_policy = PullPolicy::if_not_present;
  std::vector<std::string> addresses;  // of the pod
};

// Reason::canceled when the pod is to end: then nothing was started.
Task<Result<StartResult>> start_container(Services& services, StartOrder order);

// Runs the preStop hook of a container within the budget; a failure is an event, nothing more.
Task<Result<void>> run_pre_stop(Services& services, StartOrder order, int64_t budget_ms);

// ConfigMaps and Secrets of a namespace. Errors other than not_found are returned.
Task<Result<Sources>> fetch_sources(Services& services, std::string ns, std::set<ObjectKey> keys);

// What the event of a container is about.
client::Reference container_reference(const Object& pod, std::string_view container);

// "SIGUSR1" -> 10; "10" -> 10; 0 when it is none.
int32_t signal_number(std::string_view name);

}  // namespace kring::pods
