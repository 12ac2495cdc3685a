#include <algorithm>

#include "runtime/client/timestamps.h"
#include "runtime/scheduler/read.h"
#include "runtime/scheduler/scheduler.h"

namespace kring::scheduler {

namespace {

constexpr std::string_view own_name = "default-scheduler";
constexpr int64_t retry_ms_min = 1'000;
constexpr int64_t retry_ms_max = 60'000;

// What of a pod decides about other pods: where it is and whether it is over.
bool frees_room(const store::Event& event) {
  if (event.type == store::Event::Type::deleted) return true;
  return event.previous != nullptr && over(*event.object) && !over(*event.previous);
}

}  // namespace

Scheduler::Scheduler(Env& env, client::Client& client)
    : env_(env),
      client_(client),
      events_(env, client, std::string{own_name}),
      pods_(env, client, kinds::pod()),
      nodes_(env, client, kinds::node()),
      changed_(env),
      tasks_(env, "scheduler") {
  pods_.on_event([this](const store::Event& event) { on_pod(event); });
  nodes_.on_event([this](const store::Event& event) { on_node(event); });
}

Task<Result<void>> Scheduler::scheduler_loop() {
  tasks_.spawn("scheduler events", &client::EventRecorder::events_loop, std::ref(events_));
  tasks_.spawn("scheduler pods", &client::Informer::informer_loop, std::ref(pods_));
  tasks_.spawn("scheduler nodes", &client::Informer::informer_loop, std::ref(nodes_));
  tasks_.spawn("scheduler queue", &Scheduler::queue_loop, std::ref(*this));
  co_return co_await tasks_.join();
}

void Scheduler::on_pod(const store::Event& event) {
  std::string uid{event.object->uid()};
  bool gone = event.type == store::Event::Type::deleted;
  if (gone || !node_of(*event.object).empty()) assumed_.erase(uid);
  if (frees_room(event)) retry_all();
  bool mine = !gone && node_of(*event.object).empty() && !over(*event.object) && !event.object->deleting() &&
              scheduler_of(*event.object) == own_name && !assumed_.contains(uid);
  if (!mine) {
    waiting_.erase(uid);
    return;
  }
  auto [it, fresh] = waiting_.try_emplace(uid);
  Waiting& waiting = it->second;
  PodInfo info = read_pod(*event.object);
  std::string gate = gate_of(*event.object);
  // Our own word on its status is no reason to try again.
  bool changed = fresh || !(waiting.info == info) || waiting.gate != gate;
  waiting.pod = event.object;
  waiting.info = std::move(info);
  waiting.gate = std::move(gate);
  if (!changed) return;
  it->second.retry_at = {};
  changed_.notify();
}

void Scheduler::on_node(const store::Event& event) {
  if (event.type != store::Event::Type::modified) return retry_all();
  // A heartbeat helps nobody.
  NodeInfo now = read_node(*event.object), then = read_node(*event.previous);
  bool same = now.taints == then.taints && now.unschedulable == then.unschedulable && now.labels == then.labels &&
              now.allocatable == then.allocatable;
  if (!same) retry_all();
}

void Scheduler::retry_all() {
  for (auto& [uid, it] : waiting_) it.retry_at = {};
  if (!waiting_.empty()) changed_.notify();
}

std::vector<NodeInfo> Scheduler::snapshot() const {
  std::vector<NodeInfo> out;
  std::map<std::string, size_t> index;
  for (const auto& [name, node] : nodes_.all()) {
    index[name.name] = out.size();
    out.push_back(read_node(*node));
  }
  for (const auto& [name, pod] : pods_.all()) {
    if (over(*pod)) continue;
    std::string node = node_of(*pod);
    if (auto assumed = assumed_.find(std::string{pod->uid()}); node.empty() && assumed != assumed_.end())
      node = assumed->second;
    auto found = index.find(node);
    if (found != index.end()) out[found->second].pods.push_back(read_pod(*pod));
  }
  return out;
}

std::string Scheduler::next(std::optional<Mono>& look_at) const {
  const Waiting* best = nullptr;
  Mono now = env_.clock.now();
  for (const auto& [uid, it] : waiting_) {
    if (it.retry_at > now) {
      if (!look_at || it.retry_at < *look_at) look_at = it.retry_at;
      continue;
    }
    if (best == nullptr || before(it.info, best->info)) best = &it;
  }
  return best == nullptr ? std::string{} : best->info.uid;
}

Task<Result<void>> Scheduler::queue_loop() {
  for (client::Informer* informer : {&nodes_, &pods_}) {
    auto synced = co_await informer->wait_synced();
    if (synced.has_error()) co_return synced;
  }
  while (true) {
    std::optional<Mono> look_at;
    std::string uid = next(look_at);
    Result<void> done;
    if (!uid.empty()) {
      done = co_await try_one(std::move(uid));
      if (failed(done)) env_.log.warn("scheduling failed", {{"error", done.error()}});
    } else if (look_at) {
      done = co_await changed_.wait_until(*look_at);
    } else {
      done = co_await changed_.wait();
    }
    if (done.has_error() && done.error().reason == Reason::canceled) co_return done;
  }
}

Task<Result<void>> Scheduler::try_one(std::string uid) {
  Waiting& waiting = waiting_.at(uid);
  ObjectPtr pod = waiting.pod;
  waiting.delay_ms = waiting.delay_ms == 0 ? retry_ms_min : std::min(2 * waiting.delay_ms, retry_ms_max);
  waiting.retry_at = env_.clock.now() + ms_to_ns(waiting.delay_ms);
  if (!waiting.gate.empty()) {
    waiting.retry_at = Mono{INT64_MAX};  // until somebody removes the gate
    co_return co_await refuse(std::move(pod), "SchedulingGated",
                              "Scheduling is blocked due to non-empty scheduling gates", {});
  }
  PodInfo info = waiting.info;
  Decision decision = decide(info, snapshot());
  if (!decision.node.empty()) co_return co_await bind(std::move(pod), std::move(decision.node));
  // Nothing helps but a change, which ends the wait; the clock is only for what the watch does not show.
  waiting.retry_at = env_.clock.now() + ms_to_ns(std::max(waiting.delay_ms, retry_ms_max));
  events_.warning(client::reference_to(*pod), "FailedScheduling", decision.message);
  auto refused = co_await refuse(pod, "Unschedulable", decision.message, decision.nominated);
  if (refused.has_error()) co_return refused;
  co_return co_await preempt(std::move(pod), std::move(decision));
}

Task<Result<void>> Scheduler::bind(ObjectPtr pod, std::string node) {
  std::string uid{pod->uid()};
  client::ObjectName name{std::string{pod->ns()}, std::string{pod->name()}};
  assumed_[uid] = node;
  auto bound = co_await client_.bind(std::move(name), node);
  if (bound.has_error()) {
    assumed_.erase(uid);
    co_return bound;
  }
  waiting_.erase(uid);
  events_.normal(client::reference_to(*pod), "Scheduled",
                 "Successfully assigned " + std::string{pod->ns()} + "/" + std::string{pod->name()} + " to " + node);
  co_return bound;
}

Task<Result<void>> Scheduler::refuse(ObjectPtr pod, std::string reason, std::string message, std::string nominated) {
  std::string now = client::rfc3339(env_.clock.wall());
  std::string uid{pod->uid()};
  auto edit = [&](json::Value& object) {
    const json::Value* found_uid = object.at({"metadata", "uid"});
    if (found_uid == nullptr || !found_uid->is_string() || found_uid->as_string() != uid) return false;
    json::Value& status = object["status"];
    json::Array& conditions = status.array("conditions");
    auto found = std::find_if(conditions.begin(), conditions.end(),
                              [](const json::Value& it) { return it.string_or("type") == "PodScheduled"; });
    bool known = found != conditions.end();
    bool same = known && found->string_or("status") == "False" && found->string_or("reason") == reason &&
                found->string_or("message") == message && status.string_or("nominatedNodeName") == nominated;
    if (same) return false;
    json::Object condition;
    condition.set("type", "PodScheduled");
    condition.set("status", "False");
    condition.set("reason", reason);
    condition.set("message", message);
    bool stays = known && found->string_or("status") == "False";
    condition.set("lastTransitionTime", stays ? std::string{found->string_or("lastTransitionTime")} : now);
    if (known) conditions.erase(found);
    conditions.push_back(json::Value{std::move(condition)});
    if (!nominated.empty()) status["nominatedNodeName"] = nominated;
    return true;
  };
  client::ObjectName name{std::string{pod->ns()}, std::string{pod->name()}};
  auto edited = co_await client::edit(client_, kinds::pod(), std::move(name), "status",
                                      client::WriteOptions{.recomputable = true}, edit);
  if (edited.has_error() && edited.error().reason != Reason::not_found) co_return edited.error();
  co_return Result<void>{};
}

Task<Result<void>> Scheduler::preempt(ObjectPtr pod, Decision decision) {
  for (const auto& victim : decision.victims) {
    ObjectPtr object = pods_.get(victim.ns, victim.name);
    // One that is going already makes room by itself.
    if (object == nullptr || object->uid() != victim.uid || object->deleting()) continue;
    events_.normal(client::reference_to(*object), "Preempted",
                   "Preempted by pod " + std::string{pod->uid()} + " on node " + decision.nominated);
    client::DeleteOptions options;
    options.uid = victim.uid;
    client::ObjectName name{victim.ns, victim.name};
    auto removed = co_await client_.remove(kinds::pod(), std::move(name), std::move(options));
    if (failed(removed) && removed.error().reason != Reason::not_found) co_return removed;
  }
  co_return Result<void>{};
}

}  // namespace kring::scheduler
