// Binds pods that have no node yet. Watches pods and nodes, decides, binds; a pod that fits nowhere says why in its
// PodScheduled condition and an event, and is tried again when something changed that could help, and with back-off.
// Invariants: one pod at a time, most important first; what was just bound counts as used before the watch says so.
// Lifetime: the client outlives it; it outlives its loop. Not copyable.
#pragma once

#include <map>
#include <string>

#include "runtime/client/client.h"
#include "runtime/client/events.h"
#include "runtime/client/informer.h"
#include "runtime/scheduler/decide.h"
#include "runtime/tasks/signal.h"
#include "runtime/tasks/task_group.h"

namespace kring::scheduler {

class Scheduler {
 public:
  Scheduler(Env& env, client::Client& client);
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // Runs until cancelled.
  Task<Result<void>> scheduler_loop();

 private:
  struct Waiting {
    ObjectPtr pod;
    PodInfo info;
    std::string gate;
    int64_t delay_ms = 0;  // after the next failure
    Mono retry_at;         // 0: at once
  };

  Task<Result<void>> queue_loop();
  Task<Result<void>> try_one(std::string uid);
  Task<Result<void>> bind(ObjectPtr pod, std::string node);
  Task<Result<void>> refuse(ObjectPtr pod, std::string reason, std::string message, std::string nominated);
  Task<Result<void>> preempt(ObjectPtr pod, Decision decision);
  void on_pod(const store::Event& event);
  void on_node(const store::Event& event);
  void retry_all();
  std::vector<NodeInfo> snapshot() const;
  // The uid of the pod to try now, or when to look again.
  std::string next(std::optional<Mono>& look_at) const;

  Env& env_;
  client::Client& client_;
  client::EventRecorder events_;
  client::Informer pods_, nodes_;
  std::map<std::string, Waiting> waiting_;      // by uid
  std::map<std::string, std::string> assumed_;  // uid -> node, bound but not yet seen so
  Signal changed_;
  TaskGroup tasks_;
};

}  // namespace kring::scheduler
