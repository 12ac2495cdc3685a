// How controllers, the scheduler and the node agent talk to the API: the verbs of Kubernetes with typed objects. One
// interface; api/local_client implements it in the process (same admission, defaults and validation as over HTTP), a
// remote API server can be another implementation: nothing above may assume which.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "objects/json.h"
#include "objects/kinds.h"
#include "objects/object.h"
#include "runtime/env/env.h"
#include "runtime/store/store.h"

namespace kring::client {

struct ObjectName {
  std::string ns, name;
  friend auto operator<=>(const ObjectName&, const ObjectName&) = default;
};

struct ListOptions {
  std::string ns;               // empty: all
  std::string label_selector;   // as in the API
  std::string field_selector;
};
struct List {
  Revision revision = 0;
  std::vector<ObjectPtr> objects;
};

struct WriteOptions {
  // State that kring writes by itself and can recompute (its heartbeats, leases, events, derived status): kept in
  // memory, stored with the next snapshot. A remote implementation ignores it.
  bool recomputable = false;
};

struct DeleteOptions {
  std::optional<int64_t> grace_seconds;
  std::string uid;                      // precondition; empty: none
  std::optional<Revision> revision;     // precondition
  std::string propagation;              // "", "Background", "Foreground", "Orphan"
};

enum class PatchType : uint8_t { json, merge, strategic };

class Watch {
 public:
  virtual ~Watch() = default;
  virtual Task<Result<store::Event>> next() = 0;  // expired: list again
};

class Client {
 public:
  virtual ~Client() = default;
  virtual Task<Result<ObjectPtr>> get(const Kind& kind, ObjectName name) = 0;
  virtual Task<Result<List>> list(const Kind& kind, ListOptions options) = 0;
  virtual Task<Result<std::unique_ptr<Watch>>> watch(const Kind& kind, ListOptions options, Revision since) = 0;
  // `object` in the hub's shape; metadata.name or generateName set.
  virtual Task<Result<ObjectPtr>> create(const Kind& kind, std::string ns, json::Value object,
                                         WriteOptions options) = 0;
  // A whole object; metadata.resourceVersion, when set, must be current. `subresource` "" or "status", ...
  virtual Task<Result<ObjectPtr>> update(const Kind& kind, ObjectName name, json::Value object,
                                         std::string subresource, WriteOptions options) = 0;
  virtual Task<Result<ObjectPtr>> patch(const Kind& kind, ObjectName name, PatchType type, json::Value patch,
                                        std::string subresource, WriteOptions options) = 0;
  virtual Task<Result<void>> remove(const Kind& kind, ObjectName name, DeleteOptions options) = 0;
  // POST pods/{name}/binding.
  virtual Task<Result<void>> bind(ObjectName pod, std::string node) = 0;
};

// Reads, edits and writes until it fits: `edit` changes the value (hub shape) and returns false to leave it. Retries on
// conflict. `edit` is called in place and never across an await.
Task<Result<ObjectPtr>> edit(Client& client, const Kind& kind, ObjectName name, std::string subresource,
                             WriteOptions options, std::function<bool(json::Value&)> edit);

}  // namespace kring::client
