// What kring knows of one pod and its containers, and where it finds it again after a restart.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/env/processes.h"
#include "runtime/pods/keeper/spec.h"
#include "runtime/tasks/signal.h"

namespace kring::sandbox {

class PodState {
 public:
  PodState(Env& env, const std::string& pods_directory, const PodConfig& config, std::string cgroup);

  // From the files of an earlier kring. not_found when there are none, corrupt when they cannot be read.
  static Result<std::shared_ptr<PodState>> load(Env& env, const std::string& pods_directory, const std::string& uid);
  // Writes what load() reads. `spec` is the encoded PodSpec.
  Result<void> save(const std::vector<uint8_t>& spec) const;
  // Reads the records that a dead keeper left.
  void load_records();

  // Takes over what the keeper says about a container. An attempt that ended stays ended: its end may be heard of
  // before the answer that it started is looked at.
  void update(const keeper::Record& said);
  // What the keeper says, in the agent's words.
  ContainerRecord describe(const keeper::Record& said) const;
  // An attempt that is about to be started.
  void expect(const ContainerConfig& config);
  void forget(const std::string& container, uint32_t attempt);
  // Everything that ran has ended, nobody saw how: SIGKILL.
  void end_all(Wall now);

  PodRecord record() const;
  std::vector<ContainerRecord> ended() const;  // without those that never ran
  std::vector<std::string> running() const;
  bool knows(const std::string& container, uint32_t attempt) const {
    return containers_.contains({container, attempt});
  }
  bool is_running(const std::string& container) const { return running_attempt(container).has_value(); }
  std::optional<uint32_t> running_attempt(const std::string& container) const;
  std::string container_directory(const std::string& container, uint32_t attempt) const;

  std::string uid, ns, name, hostname, group, state_directory;
  uint64_t keeper = 0;      // of the pool; 0: gone
  int32_t keeper_pid = 0;
  bool starting = false, removing = false;
  Signal changed;           // a container ended, or the keeper

 private:
  struct Container {
    ContainerRecord record;
    bool active = false;    // starting or running
    bool ended = false;
  };
  std::string termination_message(const std::string& container, uint32_t attempt) const;

  std::map<std::pair<std::string, uint32_t>, Container> containers_;
};

}  // namespace kring::sandbox
