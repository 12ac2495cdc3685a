// Pods that nobody will clean up: too many finished ones, those of a node that is gone, those that were deleted before
// they had a node.
// Source: kube-controller-manager's pod garbage collector.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "objects/object.h"
#include "runtime/client/client.h"

namespace kring::controllers {

struct PodGarbage {
  ObjectPtr pod;
  bool node_gone = false;  // its phase becomes Failed first
};
// Pure. `gone_nodes` are names of nodes that have been missing for long enough.
std::vector<PodGarbage> find_pod_garbage(const std::vector<ObjectPtr>& pods, const std::set<std::string>& gone_nodes,
                                         size_t terminated_max);

class PodGc {
 public:
  PodGc(Env& env, client::Client& client, size_t terminated_max);
  Task<Result<void>> pod_gc_loop();

 private:
  Task<Result<void>> sweep();
  Task<Result<void>> remove(PodGarbage garbage);

  Env& env_;
  client::Client& client_;
  size_t terminated_max_;
  std::map<std::string, Mono> missing_since_;  // nodes that pods name and that do not exist
};

}  // namespace kring::controllers
