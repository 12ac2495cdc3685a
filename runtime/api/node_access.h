// What the API server asks of the node agent for subresources that are not objects; pods/ implements it, node wires it.
#pragma once

#include <optional>
#include <string>

#include "runtime/http/http.h"

namespace kring::api {

// Query of pods/{name}/log. Source: PodLogOptions.
struct LogQuery {
  std::string ns, pod, pod_uid, container;
  bool follow = false, previous = false, timestamps = false;
  std::optional<int64_t> tail_lines, limit_bytes, since_seconds;
  std::optional<Wall> since_time;
  std::string stream;   // "All", "Stdout", "Stderr"
};

class NodeAccess {
 public:
  virtual ~NodeAccess() = default;
  // Streams the log as text/plain, or returns an error before anything was sent (the caller answers with a Status).
  virtual Task<Result<void>> stream_log(LogQuery query, http::Reply& reply) = 0;
};

}  // namespace kring::api
