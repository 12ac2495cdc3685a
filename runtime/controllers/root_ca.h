// Every namespace has a ConfigMap kube-root-ca.crt with the certificate that pods check the API server by.
// Source: KEP-1205 (bound service account tokens).
#pragma once

#include "runtime/client/informer.h"
#include "runtime/controllers/work_queue.h"
#include "runtime/tasks/task_group.h"

namespace kring::controllers {

class RootCa {
 public:
  RootCa(Env& env, client::Client& client, client::Informer& namespaces, std::string pem);
  Task<Result<void>> root_ca_loop();

 private:
  Task<Result<void>> work_loop();
  Task<Result<void>> reconcile(std::string ns);
  Task<Result<void>> make(std::string ns);

  Env& env_;
  client::Client& client_;
  client::Informer& namespaces_;
  client::Informer config_maps_;
  std::string pem_;
  WorkQueue<> queue_;
  TaskGroup tasks_;
};

}  // namespace kring::controllers
