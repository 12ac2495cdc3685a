#include "runtime/controllers/controllers.h"

#include "runtime/controllers/event_ttl.h"
#include "runtime/controllers/garbage_collector.h"
#include "runtime/controllers/namespace_lifecycle.h"
#include "runtime/controllers/pod_gc.h"
#include "runtime/controllers/root_ca.h"
#include "runtime/controllers/service_accounts.h"

namespace kring::controllers {

Controllers::Controllers(Env& env, client::Client& client, Options options)
    : namespaces_(env, client, kinds::ns()),
      namespace_lifecycle_(std::make_unique<NamespaceLifecycle>(env, client, namespaces_)),
      service_accounts_(std::make_unique<ServiceAccounts>(env, client, namespaces_)),
      root_ca_(std::make_unique<RootCa>(env, client, namespaces_, options.root_ca_pem)),
      garbage_collector_(std::make_unique<GarbageCollector>(env, client)),
      pod_gc_(std::make_unique<PodGc>(env, client, options.terminated_pods_max)),
      event_ttl_(std::make_unique<EventTtl>(env, client, options.event_lifetime_seconds, options.events_max)),
      tasks_(env, "controllers") {}

Controllers::~Controllers() = default;

Task<Result<void>> Controllers::controllers_loop() {
  tasks_.spawn("namespaces", &client::Informer::informer_loop, std::ref(namespaces_));
  tasks_.spawn("namespace lifecycle", &NamespaceLifecycle::namespace_lifecycle_loop, std::ref(*namespace_lifecycle_));
  tasks_.spawn("service accounts", &ServiceAccounts::service_accounts_loop, std::ref(*service_accounts_));
  tasks_.spawn("root certificate", &RootCa::root_ca_loop, std::ref(*root_ca_));
  tasks_.spawn("garbage collector", &GarbageCollector::garbage_collector_loop, std::ref(*garbage_collector_));
  tasks_.spawn("pod garbage", &PodGc::pod_gc_loop, std::ref(*pod_gc_));
  tasks_.spawn("old events", &EventTtl::event_ttl_loop, std::ref(*event_ttl_));
  co_return co_await tasks_.join();
}

}  // namespace kring::controllers
