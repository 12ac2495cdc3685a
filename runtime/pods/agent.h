// The node agent: takes the pods that are bound to this node and keeps them as they should be.
// Invariants: pods outlive the agent (kill -9 and upgrades included): what runs is adopted, restart counts go on, exits
// that happened meanwhile are reported; what runs or lies on the disk without an object is removed; one worker a pod.
// Lifetime: everything in AgentParts outlives the agent; the agent outlives its loop. Not copyable.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "runtime/client/informer.h"
#include "runtime/pods/logs.h"
#include "runtime/pods/node_status.h"
#include "runtime/pods/pod_worker.h"
#include "runtime/pods/services.h"

namespace kring::pods {

struct AgentParts {
  Env& env;
  client::Client& client;
  Processes& processes;
  images::Images& images;
  Host& host;
  HostFiles& files;
  AgentOptions options;
  PodNetwork* network = nullptr;
  TokenIssuer* tokens = nullptr;
  HookCaller* hooks = nullptr;
};

class Agent {
 public:
  explicit Agent(AgentParts parts);
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // Runs everything of the node: pods, node status, events. Until cancelled; pods go on.
  Task<Result<void>> agent_loop();

  // Errors before output.begin() are for the client, in kubelet's words.
  Task<Result<void>> stream_log(LogQuery query, LogOutput& output);

  size_t pods() const { return workers_.size(); }

 private:
  Task<Result<void>> start();
  Task<Result<void>> remove_orphans_task();
  Task<Result<void>> remove_orphan_folders();
  Task<Result<void>> process_events_loop();
  Task<Result<void>> reap_loop();
  Task<Result<void>> worker_loop(std::string uid);
  void on_pod(const store::Event& event);
  void on_source(const store::Event& event);
  PodWorker* find_worker(const LogQuery& query);

  client::EventRecorder events_;
  Services services_;
  NodeStatus node_status_;
  client::Informer pods_, config_maps_, secrets_;
  std::map<std::string, PodRecord> adopted_;                   // not yet matched with an object
  std::map<std::string, std::unique_ptr<PodWorker>> workers_;  // by uid
  Signal reap_;
  TaskGroup tasks_;
};

}  // namespace kring::pods
