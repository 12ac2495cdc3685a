// Reading the logs of containers: whole or the end of it, since a time, following what is written, over rotations.
// Invariants: a follower misses no line while fewer files are rotated away between two looks than are kept; what is
// sent is whole lines, unless a byte limit cuts; reading holds one block in memory, never a file.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "objects/object.h"
#include "runtime/env/disk.h"
#include "runtime/env/env.h"
#include "runtime/pods/cri_log.h"
#include "runtime/pods/lifecycle.h"

namespace kring::core {
struct Pod;
}

namespace kring::pods {

// Query of pods/{name}/log, as PodLogOptions has it.
struct LogQuery {
  std::string ns, pod, pod_uid, container;
  bool follow = false, previous = false, timestamps = false;
  std::optional<int64_t> tail_lines, limit_bytes, since_seconds;
  std::optional<Wall> since_time;
  std::string stream;  // "All", "Stdout", "Stderr"
};

// Where a log goes: begin() once nothing can fail any more, then pieces.
class LogOutput {
 public:
  virtual ~LogOutput() = default;
  virtual Task<Result<void>> begin() = 0;
  virtual Task<Result<void>> write(std::string_view data) = 0;  // valid until it returns
};

// The container that a query means; errors are bad_request in the API's words (`a container name must be specified for
// pod web, choose one of: [a b]`).
Result<std::string> choose_container(const core::Pod& pod, std::string_view wanted);

// Which attempt's file to read; errors are bad_request in kubelet's words (`container "a" in pod "web" is waiting to
// start: ContainerCreating`). `state` null: nothing is known of the container.
Result<uint32_t> choose_attempt(const PodPlan& plan, std::string_view container, const ContainerState* state,
                                bool previous);

// Streams one attempt's log. `ended` tells whether its container still writes; asked before each last look.
Task<Result<void>> stream_log(Env& env, std::string path, LogQuery query, std::function<bool()> ended,
                              LogOutput& output);

}  // namespace kring::pods
