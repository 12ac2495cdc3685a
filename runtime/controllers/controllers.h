// The controllers of this release, as one thing to run: namespaces, service accounts, the root certificate, garbage
// collection, finished pods, old events. Each lives in its own file and meets the others only through the API.
// Lifetime: Env and client outlive it; it outlives its loop. Not copyable.
#pragma once

#include <memory>
#include <string>

#include "runtime/client/client.h"
#include "runtime/client/informer.h"
#include "runtime/tasks/task_group.h"

namespace kring::controllers {

struct Options {
  std::string root_ca_pem;  // of the certificate that the API's own is signed by; empty: not published
  int64_t event_lifetime_seconds = 3600;
  size_t events_max = 1000;             // some 2 MiB; the oldest go first
  size_t terminated_pods_max = 12'500;  // as kube-controller-manager
};

class NamespaceLifecycle;
class ServiceAccounts;
class RootCa;
class GarbageCollector;
class PodGc;
class EventTtl;

class Controllers {
 public:
  Controllers(Env& env, client::Client& client, Options options);
  ~Controllers();
  Controllers(const Controllers&) = delete;
  Controllers& operator=(const Controllers&) = delete;

  // Runs until cancelled.
  Task<Result<void>> controllers_loop();

 private:
  // One watch of namespaces for all that follow them.
  client::Informer namespaces_;
  std::unique_ptr<NamespaceLifecycle> namespace_lifecycle_;
  std::unique_ptr<ServiceAccounts> service_accounts_;
  std::unique_ptr<RootCa> root_ca_;
  std::unique_ptr<GarbageCollector> garbage_collector_;
  std::unique_ptr<PodGc> pod_gc_;
  std::unique_ptr<EventTtl> event_ttl_;
  TaskGroup tasks_;
};

}  // namespace kring::controllers
