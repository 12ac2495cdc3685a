// Every namespace has a ServiceAccount "default", made again when somebody deletes it.
#pragma once

#include "runtime/client/informer.h"
#include "runtime/controllers/work_queue.h"
#include "runtime/tasks/task_group.h"

namespace kring::controllers {

// A namespace that takes new objects.
bool active(const Object& ns);

class ServiceAccounts {
 public:
  ServiceAccounts(Env& env, client::Client& client, client::Informer& namespaces);
  Task<Result<void>> service_accounts_loop();

 private:
  Task<Result<void>> work_loop();
  Task<Result<void>> reconcile(std::string ns);

  Env& env_;
  client::Client& client_;
  client::Informer& namespaces_;
  client::Informer accounts_;
  WorkQueue<> queue_;
  TaskGroup tasks_;
};

}  // namespace kring::controllers
