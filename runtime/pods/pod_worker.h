// One pod on this node: feeds the state machine, performs its actions, writes the status.
// Invariants: only the worker's own tasks touch its state; a status is written when it differs from the last one
// written; a phase that is final is written durably before the sandbox goes, everything else is recomputable.
// Lifetime: Services outlive it; it outlives its loop. Not copyable (tasks hold `this`).
#pragma once

#include <map>
#include <optional>
#include <string>

#include "objects/json.h"
#include "runtime/pods/container_start.h"
#include "runtime/pods/lifecycle.h"
#include "runtime/pods/services.h"
#include "runtime/tasks/signal.h"
#include "runtime/tasks/task_group.h"

namespace kring::pods {

class PodWorker {
 public:
  // `adopted`: what a keeper that outlived the last kring says.
  PodWorker(Services& services, ObjectPtr pod, std::optional<PodRecord> adopted);
  PodWorker(const PodWorker&) = delete;
  PodWorker& operator=(const PodWorker&) = delete;

  // What the agent hears. All return at once.
  void update(ObjectPtr pod);
  void object_gone();
  void source_changed(const ObjectKey& key);
  void exited(const ContainerRecord& record);
  void lost();

  const ObjectPtr& pod() const { return pod_; }
  const PodPlan& plan() const { return plan_; }
  const PodState& state() const { return state_; }
  bool finished() const { return finished_; }
  bool gone() const { return state_.object_gone; }

  // Until the pod is gone, or cancelled (then the pod goes on without kring).
  Task<Result<void>> pod_worker_loop();

 private:
  Task<Result<void>> run();
  Task<Result<void>> rejoin_network();
  bool perform(const Decision& decision);  // true: the object is to be removed now
  void postpone_end(Decision& decision);
  void begin_chores(Mono now);
  Task<Result<void>> wait(std::optional<Mono> wake_at);
  Task<Result<void>> write_status();
  Task<Result<void>> remove_object();

  // Operations: each ends with on_*() and a wake-up, and never with an error.
  Task<Result<void>> set_up_task();
  Task<Result<void>> start_task(std::string container, uint32_t attempt);
  Task<Result<void>> pre_stop_task(std::string container, int64_t budget_ms);
  Task<Result<void>> signal_task(std::string container, int32_t signal);
  Task<Result<void>> kill_task(std::string container);
  Task<Result<void>> exit_task(ContainerRecord record);
  Task<Result<void>> tear_down_task();
  Task<Result<void>> tear_down();
  Task<Result<void>> forget_task(std::string container, uint32_t attempt);
  Task<Result<void>> refresh_task();
  Task<Result<void>> refresh_volumes();
  Task<Result<void>> limit_task();

  Task<Result<void>> set_up();
  Task<Result<void>> start_sandbox();
  Task<Result<Tokens>> make_tokens();
  Task<Result<void>> prepare_volumes();
  Result<void> write_etc_files();
  void adopt(PodRecord record);
  void adopt_container(const ContainerRecord& record);
  void forget_old(const std::string& container, uint32_t attempt);
  void retry_configuration();
  void note_deletion();
  void fail(std::string reason, std::string message);
  StartOrder order_of(const std::string& container, uint32_t attempt) const;
  PodPaths paths() const;
  Mono now() const { return services_.env.clock.now(); }

  Services& services_;
  ObjectPtr pod_;
  PodPlan plan_;
  PodState state_;
  void read_object();
  json::Value api_status_;      // as the API server has it
  size_t wish_hash_ = 0;        // of the object without its status: what people change
  json::Value written_status_;  // as last written by this worker
  Signal wake_;
  TaskGroup starts_, operations_;
  std::map<std::string, ContainerRecord> early_exits_;  // heard of before the start was
  bool refresh_wanted_ = false, refreshing_ = false;
  std::optional<Mono> refresh_at_, check_limits_at_;
  int32_t keeper_pid_ = 0;  // of an adopted pod
  bool leftovers_ = true;   // of a set-up that failed, or of an earlier life of kring, there may be some
  bool finished_ = false;
};

}  // namespace kring::pods
