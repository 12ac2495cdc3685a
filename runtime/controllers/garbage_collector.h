// Deletes what has lost its owners, and makes foreground and orphan deletion true.
#pragma once

#include <memory>
#include <vector>

#include "runtime/client/informer.h"
#include "runtime/controllers/ownership.h"
#include "runtime/controllers/work_queue.h"
#include "runtime/tasks/task_group.h"

namespace kring::controllers {

class GarbageCollector {
 public:
  GarbageCollector(Env& env, client::Client& client);
  Task<Result<void>> garbage_collector_loop();

 private:
  Task<Result<void>> work_loop();
  Task<Result<void>> reconcile(std::string uid);
  Task<Result<std::set<std::string>>> find_existing(Owned object);
  Task<Result<void>> remove(Owned object, std::string propagation);
  Task<Result<void>> drop_owners(Owned object, std::set<std::string> uids);
  Task<Result<void>> drop_finalizer(Owned object, std::string finalizer);
  Task<Result<void>> release_dependents(Owned object);
  Task<Result<void>> remove_dependents(Owned object);
  void on_event(const store::Event& event);

  Env& env_;
  client::Client& client_;
  std::vector<std::unique_ptr<client::Informer>> informers_;
  Ownership graph_;
  WorkQueue<> queue_;
  TaskGroup tasks_;
};

}  // namespace kring::controllers
