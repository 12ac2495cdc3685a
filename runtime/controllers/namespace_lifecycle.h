// A namespace that was deleted: everything in it goes, then its finalizer, and with that the namespace.
// Invariants: the finalizer goes only when nothing is left; what is left, and why, is in the namespace's conditions.
// Source: kube-controller-manager's namespace controller; condition reasons and messages as it words them.
#pragma once

#include <map>
#include <string>

#include "objects/json.h"
#include "runtime/client/informer.h"
#include "runtime/controllers/work_queue.h"
#include "runtime/tasks/task_group.h"

namespace kring::controllers {

// What a look at a namespace found.
struct NamespaceContent {
  std::map<std::string, size_t> remaining;   // resource -> how many objects
  std::map<std::string, size_t> finalizers;  // finalizer -> how many remaining objects carry it
  std::string delete_error;                  // "" or what went wrong deleting
};

// The conditions of a terminating namespace. Pure; transition times are kept where the status stays.
json::Array namespace_conditions(const NamespaceContent& content, const json::Value* before, Wall now);

class NamespaceLifecycle {
 public:
  NamespaceLifecycle(Env& env, client::Client& client, client::Informer& namespaces);
  Task<Result<void>> namespace_lifecycle_loop();

 private:
  Task<Result<bool>> reconcile(std::string name);  // true: the namespace is done with
  Task<Result<NamespaceContent>> empty(std::string name);
  Task<Result<void>> empty_kind(const Kind& kind, std::string name, NamespaceContent& content);
  Task<Result<void>> report(std::string name, NamespaceContent content);
  Task<Result<void>> finalize(std::string name);

  Env& env_;
  client::Client& client_;
  client::Informer& namespaces_;
  WorkQueue<> queue_;
};

}  // namespace kring::controllers
