// A whole small cluster in simulation: store, API, scheduler, controllers and node agent over simulated disk, clock,
// processes, images and files. One life after another on the same world.
#pragma once

#include <memory>
#include <string>

#include "runtime/api/registry.h"
#include "runtime/client/client.h"
#include "runtime/pods/agent.h"
#include "runtime/scheduler/scheduler.h"
#include "runtime/store/store.h"
#include "tests/sim/sim_host.h"
#include "tests/sim/sim_images.h"
#include "tests/sim/sim_processes.h"
#include "tests/sim/sim_world.h"

namespace kring::test {

class Cluster {
 public:
  explicit Cluster(uint64_t seed = 1);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  void start();
  void kill();       // kill -9; start() begins the next life
  void cut_power();  // everything that ran is gone too

  // Applies YAML-free JSON text.
  Result<ObjectPtr> create(const Kind& kind, std::string_view json_text);
  json::Value get(const Kind& kind, const std::string& ns, const std::string& name);  // null: not there
  Result<void> remove(const Kind& kind, const std::string& ns, const std::string& name,
                      client::DeleteOptions options = {});
  Result<ObjectPtr> patch(const Kind& kind, const std::string& ns, const std::string& name, std::string_view merge,
                          std::string subresource = {});
  bool until(const std::function<bool()>& done);
  void pass_seconds(int64_t seconds) { world.advance(ms_to_ns(seconds * 1000)); }

  // Of a pod in "default".
  Result<ObjectPtr> run_pod(const std::string& name, const std::string& image, const std::string& policy = "Always");
  std::string phase(const std::string& pod);
  std::string waiting(const std::string& pod);  // reason of the first container's waiting state
  int64_t restarts(const std::string& pod);
  bool ready(const std::string& pod);
  // "Reason: message (xN)" of events about an object, oldest first.
  std::vector<std::string> events(const std::string& object);
  bool has_event(const std::string& object, const std::string& text);

  sim::SimWorld world;
  sim::SimProcesses processes;
  sim::SimImages images;
  sim::SimHost host;
  sim::SimHostFiles files;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<api::Registry> registry;
  std::unique_ptr<client::Client> client;
  std::unique_ptr<pods::Agent> agent;
  std::unique_ptr<scheduler::Scheduler> scheduler;
  bool with_scheduler = true, with_agent = true;

 private:
  void open();
  void close();
  class Tokens;
  struct Rest;
  std::unique_ptr<Rest> rest_;
};

}  // namespace kring::test
