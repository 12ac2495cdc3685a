#include "objects/schema/core_generated.h"
#include "runtime/pods/agent.h"

namespace kring::pods {

namespace {

client::ListOptions pods_of_node(const std::string& node) {
  client::ListOptions options;
  options.field_selector = "spec.nodeName=" + node;
  return options;
}

}  // namespace

Agent::Agent(AgentParts parts)
    : events_(parts.env, parts.client, "kubelet", parts.options.node_name),
      services_{parts.env, parts.client,  parts.processes, parts.images, parts.host,  parts.files,
                events_,   parts.options, parts.network,   parts.tokens, parts.hooks, {}},
      node_status_(services_),
      pods_(parts.env, parts.client, kinds::pod(), pods_of_node(parts.options.node_name)),
      config_maps_(parts.env, parts.client, kinds::config_map()),
      secrets_(parts.env, parts.client, kinds::secret()),
      reap_(parts.env),
      tasks_(parts.env, "node agent") {
  pods_.on_event([this](const store::Event& event) { on_pod(event); });
  config_maps_.on_event([this](const store::Event& event) { on_source(event); });
  secrets_.on_event([this](const store::Event& event) { on_source(event); });
}

Task<Result<void>> Agent::agent_loop() {
  auto started = co_await start();
  if (started.has_error()) co_return started;
  auto joined = co_await tasks_.join();
  workers_.clear();
  co_return joined;
}

Task<Result<void>> Agent::start() {
  node_status_.learn();
  auto adopted = co_await services_.processes.adopt();
  if (adopted.has_error()) co_return adopted.error();
  for (auto& record : *adopted) adopted_.emplace(record.uid, std::move(record));
  services_.env.log.info("pods adopted", {{"pods", adopted_.size()}});
  tasks_.spawn("events", &client::EventRecorder::events_loop, std::ref(events_));
  tasks_.spawn("node status", &NodeStatus::node_status_loop, std::ref(node_status_));
  tasks_.spawn("pods", &client::Informer::informer_loop, std::ref(pods_));
  tasks_.spawn("config maps", &client::Informer::informer_loop, std::ref(config_maps_));
  tasks_.spawn("secrets", &client::Informer::informer_loop, std::ref(secrets_));
  tasks_.spawn("process events", &Agent::process_events_loop, std::ref(*this));
  tasks_.spawn("reaper", &Agent::reap_loop, std::ref(*this));
  tasks_.spawn("orphans", &Agent::remove_orphans_task, std::ref(*this));
  co_return Result<void>{};
}

void Agent::on_pod(const store::Event& event) {
  std::string uid{event.object->uid()};
  auto found = workers_.find(uid);
  if (event.type == store::Event::Type::deleted) {
    if (found == workers_.end()) return;
    if (found->second->finished()) {
      workers_.erase(found);
    } else {
      found->second->object_gone();
    }
    return;
  }
  if (found != workers_.end()) return found->second->update(event.object);
  if (event.object->as<core::Pod>()->spec() == nullptr) return;
  std::optional<PodRecord> record;
  if (auto it = adopted_.extract(uid); !it.empty()) record = std::move(it.mapped());
  workers_.emplace(uid, std::make_unique<PodWorker>(services_, event.object, std::move(record)));
  tasks_.spawn("pod " + std::string{event.object->name()}, &Agent::worker_loop, std::ref(*this), uid);
}

Task<Result<void>> Agent::worker_loop(std::string uid) {
  PodWorker& worker = *workers_.at(uid);
  auto ran = co_await worker.pod_worker_loop();
  reap_.notify();
  co_return ran;
}

Task<Result<void>> Agent::reap_loop() {
  while (true) {
    auto woken = co_await reap_.wait();
    if (woken.has_error()) co_return woken;
    std::erase_if(workers_, [](const auto& it) { return it.second->finished() && it.second->gone(); });
  }
}

void Agent::on_source(const store::Event& event) {
  ObjectKey key{&event.object->kind(), std::string{event.object->name()}};
  for (auto& [uid, worker] : workers_)
    if (worker->plan().ns == event.object->ns()) worker->source_changed(key);
}

Task<Result<void>> Agent::process_events_loop() {
  while (true) {
    auto event = co_await services_.processes.next_event();
    if (event.has_error() && event.error().reason == Reason::canceled) co_return event.error();
    if (event.has_error()) {
      services_.env.log.error("process events failed", {{"error", event.error()}});
      auto slept = co_await services_.env.clock.sleep_ms(1'000);
      if (slept.has_error()) co_return slept;
      continue;
    }
    auto found = workers_.find(event->pod_uid);
    if (found == workers_.end()) continue;
    if (event->what == ProcessEvent::What::pod_lost) {
      found->second->lost();
    } else {
      found->second->exited(event->container);
    }
  }
}

// What runs without an object was deleted while kring was away.
Task<Result<void>> Agent::remove_orphans_task() {
  auto synced = co_await pods_.wait_synced();
  if (synced.has_error()) co_return synced;
  auto orphans = std::move(adopted_);
  adopted_.clear();
  for (const auto& [uid, record] : orphans) {
    services_.env.log.info("removing a pod that has no object", {{"pod", record.ns + "/" + record.name}});
    auto removed = co_await services_.processes.remove_pod(uid);
    if (removed.has_error() && removed.error().reason == Reason::canceled) co_return removed;
    if (failed(removed)) services_.env.log.warn("orphan not removed", {{"error", removed.error()}});
  }
  co_return co_await remove_orphan_folders();
}

Task<Result<void>> Agent::remove_orphan_folders() {
  struct Folder {
    std::string path;
    bool logs;
  };
  std::vector<Folder> gone;
  const std::string& data = services_.options.data_directory;
  for (bool logs : {false, true}) {
    std::string base = data + (logs ? "/logs" : "/pods");
    auto names = services_.files.list(base);
    if (names.has_error()) continue;
    for (const auto& name : *names) {
      // "<uid>", or "<ns>_<name>_<uid>"
      std::string uid = logs ? name.substr(name.rfind('_') + 1) : name;
      if (!workers_.contains(uid)) gone.push_back({base + "/" + name, logs});
    }
  }
  for (const auto& folder : gone) {
    if (!folder.logs) {
      PodPaths paths;
      paths.directory = folder.path;
      Volumes{services_.files, paths}.unmount();
    }
    auto removed = co_await services_.files.remove_tree(folder.path);
    if (removed.has_error() && removed.error().reason == Reason::canceled) co_return removed;
    if (failed(removed))
      services_.env.log.warn("folder not removed", {{"path", folder.path}, {"error", removed.error()}});
  }
  co_return Result<void>{};
}

PodWorker* Agent::find_worker(const LogQuery& query) {
  if (!query.pod_uid.empty()) {
    auto found = workers_.find(query.pod_uid);
    return found == workers_.end() ? nullptr : found->second.get();
  }
  for (auto& [uid, worker] : workers_)
    if (worker->plan().ns == query.ns && worker->plan().name == query.pod && !worker->gone()) return worker.get();
  return nullptr;
}

Task<Result<void>> Agent::stream_log(LogQuery query, LogOutput& output) {
  PodWorker* worker = find_worker(query);
  if (worker == nullptr) co_return Error{Reason::not_found, "pods \"" + query.pod + "\" not found"};
  auto container = choose_container(*worker->pod()->as<core::Pod>(), query.container);
  if (container.has_error()) co_return container.error();
  const auto& containers = worker->state().containers;
  auto state = containers.find(*container);
  auto attempt =
      choose_attempt(worker->plan(), *container, state == containers.end() ? nullptr : &state->second, query.previous);
  if (attempt.has_error()) co_return attempt.error();
  std::string uid = worker->plan().uid;
  std::string name = *container;
  PodPaths paths = paths_of(services_.options.data_directory, worker->plan().ns, worker->plan().name, uid);
  std::string path = paths.log_file(name, *attempt);
  // The worker may be gone by the time this is asked.
  auto ended = [this, uid, name, attempt = *attempt] {
    auto found = workers_.find(uid);
    if (found == workers_.end() || found->second->finished()) return true;
    auto it = found->second->state().containers.find(name);
    if (it == found->second->state().containers.end()) return true;
    return !it->second.running() || it->second.current->attempt != attempt;
  };
  co_return co_await kring::pods::stream_log(services_.env, std::move(path), std::move(query), ended, output);
}

}  // namespace kring::pods
