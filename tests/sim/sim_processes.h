// The world of pods in simulation: containers run scripted programs on simulated time and outlive "kring" as real ones
// do. What ended while nobody listened is told to the next life, again and again until it is acknowledged.
// Checked here, as bugs of the agent: one attempt of a container at a time, attempts only grow, nothing starts in a pod
// that was not started.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "runtime/env/processes.h"
#include "runtime/tasks/signal.h"
#include "tests/sim/sim_schedule.h"

namespace kring::sim {

// What a program does; chosen by the first argument of a container.
struct Program {
  int64_t runs_ms = -1;  // -1: until it is told to stop
  int32_t exit_code = 0;
  bool ignores_signals = false;
  bool out_of_memory = false;
  std::string start_error;  // never runs
  std::string message;      // its termination message
};

class SimProcesses final : public Processes {
 public:
  // `schedule` gives operations their time. Outlives every life of the program under test.
  SimProcesses(Env& env, Schedule& schedule);

  std::map<std::string, Program> programs;  // others run for ever
  int64_t exec_exit_code = 0;
  std::vector<std::string> executed;        // "uid/container: args", by exec()
  uint64_t start_failures_per_million = 0;  // start_pod and start_container fail by themselves

  // A new life begins: what was told and not acknowledged is told again.
  void restart();
  // The keeper of a pod dies, and everything in it.
  void lose_pod(const std::string& uid);
  // The machine restarts: nothing runs any more.
  void reboot();

  size_t pods() const { return pods_.size(); }
  size_t running(const std::string& uid) const;
  size_t starts = 0;

  Task<Result<std::vector<PodRecord>>> adopt() override;
  Task<Result<PodRecord>> start_pod(PodConfig config) override;
  Task<Result<ContainerRecord>> start_container(ContainerConfig config) override;
  Task<Result<void>> signal_container(std::string pod_uid, std::string name, int32_t signal) override;
  Task<Result<void>> kill_container(std::string pod_uid, std::string name) override;
  Task<Result<void>> remove_container(std::string pod_uid, std::string name, uint32_t attempt) override;
  Task<Result<void>> remove_pod(std::string pod_uid) override;
  Task<Result<ProcessEvent>> next_event() override;
  Task<Result<ExecResult>> exec(ExecConfig config, int64_t timeout_ms, size_t output_bytes_max) override;
  Result<PodUsage> usage(std::string_view pod_uid) const override;

 private:
  struct Container {
    ContainerRecord record;
    Program program;
    std::optional<Mono> ends_at;
    int32_t ends_with = 0;
    bool told = false;
  };
  struct Pod {
    PodConfig config;
    int32_t keeper_pid = 0;
    std::map<std::string, std::vector<Container>> containers;  // attempts, oldest first
  };
  void settle();
  void end(Container& container, int32_t exit_code);
  std::optional<Mono> next_end() const;
  Container* latest(const std::string& uid, const std::string& name);
  PodRecord record_of(const Pod& pod) const;
  Task<Result<void>> take_time();

  Env& env_;
  Schedule& schedule_;
  std::map<std::string, Pod> pods_;
  std::deque<ProcessEvent> events_;
  Signal changed_;
  int32_t next_pid_ = 1000;
};

}  // namespace kring::sim
