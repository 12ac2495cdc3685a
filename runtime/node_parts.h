// The parts of a node that act on the cluster through the client: images, processes, the node agent, the scheduler and
// the controllers; and the adapters by which siblings meet (logs for the API, tokens for volumes).
// Lifetime: what is passed to open() outlives it; its loops end before it dies.
#pragma once

#include <memory>
#include <string>

#include "runtime/api/node_access.h"
#include "runtime/api/tokens.h"
#include "runtime/client/client.h"
#include "runtime/env/host.h"
#include "runtime/node.h"
#include "runtime/store/store.h"
#include "runtime/tasks/task_group.h"

namespace kring {

struct NodePartsOptions {
  NodeConfig config;
  std::string ca_pem;        // for kube-root-ca.crt
};

class NodeParts {
 public:
  static Task<Result<std::unique_ptr<NodeParts>>> open(Env& env, client::Client& client, Host& host,
                                                       api::Tokens& tokens, store::Store& store,
                                                       NodePartsOptions options);
  virtual ~NodeParts() = default;
  virtual api::NodeAccess& access() = 0;
  virtual void spawn_loops(TaskGroup& group) = 0;
};

}  // namespace kring
