#include <algorithm>
#include <functional>

#include "objects/codec.h"
#include "objects/schema/core_generated.h"
#include "runtime/client/flat.h"
#include "runtime/client/timestamps.h"
#include "runtime/pods/pod_worker.h"
#include "runtime/pods/status.h"

namespace kring::pods {

namespace {

constexpr int64_t remove_retry_ms = 1'000;
constexpr int64_t status_retry_ms = 1'000;

// What the agent owns of a status; the rest of it stays as it is.
constexpr std::string_view owned_fields[] = {"conditions",
                                             "containerStatuses",
                                             "hostIP",
                                             "hostIPs",
                                             "initContainerStatuses",
                                             "message",
                                             "phase",
                                             "podIP",
                                             "podIPs",
                                             "reason",
                                             "qosClass",
                                             "startTime"};

bool has_limits(const core::Pod& pod) {
  for (const auto* volume : items(pod.spec()->volumes()))
    if (volume->empty_dir() != nullptr && volume->empty_dir()->size_limit() != nullptr &&
        view(volume->empty_dir()->medium()) != "Memory")
      return true;
  return false;
}

}  // namespace

PodWorker::PodWorker(Services& services, ObjectPtr pod, std::optional<PodRecord> adopted)
    : services_(services),
      pod_(std::move(pod)),
      plan_(plan_of(*pod_->as<core::Pod>())),
      wake_(services.env),
      starts_(services.env, "pod starts " + plan_.name),
      operations_(services.env, "pod " + plan_.name) {
  read_object();
  Wall wall = services_.env.clock.wall();
  restore(plan_, state_, api_status_, now());
  if (state_.start_time.ns == 0) state_.start_time = wall;
  state_.active_since = Mono{now().ns - std::max<int64_t>(0, wall.ns - state_.start_time.ns)};
  if (adopted) adopt(std::move(*adopted));
  if (has_limits(*pod_->as<core::Pod>())) check_limits_at_ = now();
  note_deletion();
}

void PodWorker::read_object() {
  json::Value value = codec::to_value(*pod_);
  json::Value* status = value.find("status");
  api_status_ = status == nullptr ? json::Value{json::Object{}} : std::move(*status);
  value.as_object().erase("status");
  if (json::Value* metadata = value.find("metadata"); metadata != nullptr && metadata->is_object())
    for (std::string_view field : {"resourceVersion", "managedFields"}) metadata->as_object().erase(field);
  wish_hash_ = std::hash<std::string>{}(json::print(value));
}

void PodWorker::update(ObjectPtr pod) {
  size_t before = wish_hash_;
  pod_ = std::move(pod);
  plan_ = plan_of(*pod_->as<core::Pod>());
  read_object();
  // Our own words on its status come back here too: they change nothing.
  if (wish_hash_ != before) {
    retry_configuration();
    // Labels and annotations may be in a volume.
    if (state_.sandbox == PodState::Sandbox::ready && !items(pod_->as<core::Pod>()->spec()->volumes()).empty())
      refresh_wanted_ = true;
  }
  note_deletion();
  wake_.notify();
}

void PodWorker::object_gone() {
  state_.object_gone = true;
  constexpr int64_t orphan_grace_ms = 1'000;
  starts_.cancel();
  on_delete(state_, orphan_grace_ms, now());
  wake_.notify();
}

void PodWorker::note_deletion() {
  if (!pod_->deleting()) return;
  const auto* metadata = pod_->as<core::Pod>()->metadata();
  int64_t grace = metadata->deletion_grace_period_seconds().value_or(plan_.grace_seconds);
  starts_.cancel();
  on_delete(state_, std::clamp<int64_t>(grace, 0, 365 * 86400) * 1000, now());
}

void PodWorker::source_changed(const ObjectKey& key) {
  const auto& pod = *pod_->as<core::Pod>();
  if (volume_references(pod).contains(key)) refresh_wanted_ = true;
  retry_configuration();
  wake_.notify();
}

void PodWorker::retry_configuration() {
  for (auto& [name, it] : state_.containers)
    if (it.failure && it.failure->reason == "CreateContainerConfigError")
      it.failed_at = Mono{now().ns - ms_to_ns(config_retry_ms)};
  if (state_.setup_retry_at) state_.setup_retry_at = now();
}

void PodWorker::exited(const ContainerRecord& record) {
  auto found = state_.containers.find(record.name);
  if (found != state_.containers.end() && found->second.running() && found->second.current->attempt == record.attempt) {
    operations_.spawn("exit " + record.name, &PodWorker::exit_task, std::ref(*this), record);
  } else if (found != state_.containers.end() && found->second.starting) {
    early_exits_[record.name] = record;
  }
}

void PodWorker::lost() {
  services_.env.log.warn("pod sandbox lost", {{"pod", plan_.full_name()}});
  services_.events.normal(client::reference_to(*pod_), "SandboxChanged",
                          "Pod sandbox changed, it will be killed and re-created.");
  on_lost(state_, now());
  wake_.notify();
}

Task<Result<void>> PodWorker::pod_worker_loop() {
  auto ran = co_await rejoin_network();
  if (!ran.has_error()) ran = co_await run();
  starts_.cancel();
  operations_.cancel();
  auto starts_joined = co_await shielded(services_.env, starts_.join());
  auto operations_joined = co_await shielded(services_.env, operations_.join());
  for (const auto* joined : {&starts_joined, &operations_joined})
    if (failed(*joined)) services_.env.log.error("pod operation failed", {{"error", joined->error()}});
  finished_ = true;
  co_return ran;
}

// An adopted pod has its link already; asking for it again tells its addresses.
Task<Result<void>> PodWorker::rejoin_network() {
  bool host_network = pod_->as<core::Pod>()->spec()->host_network().value_or(false);
  if (services_.network == nullptr || host_network || state_.sandbox != PodState::Sandbox::ready)
    co_return Result<void>{};
  PodNetwork::Pod link{plan_.uid, plan_.ns, plan_.name, keeper_pid_};
  auto addresses = co_await services_.network->attach(std::move(link));
  if (addresses.has_error() && addresses.error().reason == Reason::canceled) co_return addresses.error();
  if (failed(addresses))
    services_.env.log.warn("pod network not joined again", {{"pod", plan_.full_name()}, {"error", addresses.error()}});
  if (addresses.has_value()) state_.addresses = std::move(*addresses);
  co_return Result<void>{};
}

Task<Result<void>> PodWorker::run() {
  while (true) {
    Decision decision = decide(plan_, state_, now());
    begin_chores(now());
    // A final phase must be on the medium before the sandbox, which remembers the exit codes, goes.
    bool ending = terminal(state_) && !state_.object_gone;
    std::optional<Mono> wake_at = decision.wake_at;
    if (ending) {
      auto written = co_await write_status();
      if (written.has_error() && written.error().reason == Reason::canceled) co_return written;
      if (written.has_error() && !state_.delete_deadline) postpone_end(decision);
    }
    bool remove = perform(decision);
    auto written = co_await write_status();
    if (written.has_error() && written.error().reason == Reason::canceled) co_return written;
    if (failed(written)) {
      Mono again = now() + ms_to_ns(status_retry_ms);
      if (!wake_at || again < *wake_at) wake_at = again;
    }
    if (remove) {
      auto removed = co_await remove_object();
      if (!removed.has_error()) co_return removed;
      if (removed.error().reason == Reason::canceled) co_return removed;
      services_.env.log.warn("pod not removed, trying again", {{"pod", plan_.full_name()}, {"error", removed.error()}});
      wake_at = now() + ms_to_ns(remove_retry_ms);
    }
    auto waited = co_await wait(wake_at);
    if (waited.has_error()) co_return waited;
  }
}

Task<Result<void>> PodWorker::wait(std::optional<Mono> wake_at) {
  bool chores = state_.sandbox == PodState::Sandbox::ready && !terminal(state_);
  for (const auto& at : {refresh_at_, check_limits_at_})
    if (chores && at && (!wake_at || *at < *wake_at)) wake_at = at;
  Result<void> woken;
  if (wake_at) {
    woken = co_await wake_.wait_until(*wake_at);
    if (woken.has_error() && woken.error().reason == Reason::timeout) co_return Result<void>{};
  } else {
    woken = co_await wake_.wait();
  }
  co_return woken;
}

// Work beside the life of the containers: volumes that follow their objects, size limits.
void PodWorker::begin_chores(Mono at) {
  if (state_.sandbox != PodState::Sandbox::ready || terminal(state_)) return;
  // What is under way sets its next time itself.
  if (refresh_at_ && at >= *refresh_at_) {
    refresh_at_.reset();
    refresh_wanted_ = true;
  }
  if (refresh_wanted_ && !refreshing_) {
    refresh_wanted_ = false;
    refreshing_ = true;
    operations_.spawn("refresh volumes", &PodWorker::refresh_task, std::ref(*this));
  }
  if (check_limits_at_ && at >= *check_limits_at_) {
    check_limits_at_.reset();
    operations_.spawn("check limits", &PodWorker::limit_task, std::ref(*this));
  }
}

// While the phase cannot be stored, the sandbox that remembers how the pod ended stays.
void PodWorker::postpone_end(Decision& decision) {
  size_t before = decision.actions.size();
  std::erase_if(decision.actions, [](const Action& it) { return it.what == Action::What::tear_down; });
  if (decision.actions.size() != before) on_torn_down(state_, false, now());
}

bool PodWorker::perform(const Decision& decision) {
  using What = Action::What;
  for (const auto& notice : decision.notices) {
    client::Reference about =
        notice.container.empty() ? client::reference_to(*pod_) : container_reference(*pod_, notice.container);
    if (notice.warning) {
      services_.events.warning(std::move(about), notice.reason, notice.message);
    } else {
      services_.events.normal(std::move(about), notice.reason, notice.message);
    }
  }
  bool remove = false;
  for (const auto& action : decision.actions) {
    switch (action.what) {
      case What::set_up:
        starts_.spawn("set up", &PodWorker::set_up_task, std::ref(*this));
        break;
      case What::start_container:
        starts_.spawn("start " + action.container, &PodWorker::start_task, std::ref(*this), action.container,
                      action.attempt);
        break;
      case What::pre_stop:
        operations_.spawn("preStop " + action.container, &PodWorker::pre_stop_task, std::ref(*this), action.container,
                          action.budget_ms);
        break;
      case What::signal:
        operations_.spawn("signal " + action.container, &PodWorker::signal_task, std::ref(*this), action.container,
                          action.signal);
        break;
      case What::kill:
        operations_.spawn("kill " + action.container, &PodWorker::kill_task, std::ref(*this), action.container);
        break;
      case What::tear_down:
        operations_.spawn("tear down", &PodWorker::tear_down_task, std::ref(*this));
        break;
      case What::remove_object:
        remove = true;
        break;
    }
  }
  return remove;
}

Task<Result<void>> PodWorker::write_status() {
  if (state_.object_gone) co_return Result<void>{};
  StatusContext context;
  context.host_addresses = services_.node.addresses;
  context.host_network = pod_->as<core::Pod>()->spec()->host_network().value_or(false);
  context.qos_class = qos_class(*pod_->as<core::Pod>());
  context.now = services_.env.clock.wall();
  context.mono = now();
  json::Value status = status_of(plan_, state_, context, api_status_);
  if (status == written_status_) co_return Result<void>{};
  // What was final before this kring started was written in full by the one before.
  bool known_final =
      written_status_.is_null() && terminal(state_) && api_status_.string_or("phase") == state_.terminal_phase;
  if (known_final) co_return Result<void>{};
  std::string uid = plan_.uid;
  auto edit = [&status, &uid](json::Value& object) {
    const json::Value* metadata = object.find("metadata");
    if (metadata == nullptr || metadata->string_or("uid") != uid) return false;
    json::Object& target = object.object("status");
    for (std::string_view field : owned_fields) {
      const json::Value* value = status.find(field);
      if (value == nullptr) {
        target.erase(field);
      } else {
        target.set(field, *value);
      }
    }
    return true;
  };
  client::WriteOptions options{.recomputable = !terminal(state_)};
  client::ObjectName name{plan_.ns, plan_.name};
  auto written = co_await client::edit(services_.client, kinds::pod(), std::move(name), "status", options, edit);
  if (written.has_error() && written.error().reason == Reason::not_found) co_return Result<void>{};
  if (written.has_error()) {
    if (failed(written))
      services_.env.log.warn("pod status not written", {{"pod", plan_.full_name()}, {"error", written.error()}});
    co_return written.error();
  }
  written_status_ = std::move(status);
  co_return Result<void>{};
}

Task<Result<void>> PodWorker::remove_object() {
  // A set-up that failed or was cut short left something behind.
  if (leftovers_) {
    auto cleaned = co_await tear_down();
    if (cleaned.has_error()) co_return cleaned;
  }
  Result<void> logs;
  bool safe = safe_name(plan_.uid) && safe_name(plan_.ns) && safe_name(plan_.name);
  if (safe) logs = co_await services_.files.remove_tree(paths().log_directory);
  if (failed(logs)) services_.env.log.warn("logs not removed", {{"pod", plan_.full_name()}, {"error", logs.error()}});
  if (state_.object_gone) co_return Result<void>{};
  client::ObjectName name{plan_.ns, plan_.name};
  client::DeleteOptions options;
  options.grace_seconds = 0;
  options.uid = plan_.uid;
  auto removed = co_await services_.client.remove(kinds::pod(), std::move(name), std::move(options));
  if (!removed.has_error()) co_return removed;
  // Gone already, or another pod of that name by now: this one is gone too.
  if (removed.error().reason == Reason::not_found || removed.error().reason == Reason::conflict)
    co_return Result<void>{};
  co_return removed;
}

PodPaths PodWorker::paths() const {
  return paths_of(services_.options.data_directory, plan_.ns, plan_.name, plan_.uid);
}

StartOrder PodWorker::order_of(const std::string& container, uint32_t attempt) const {
  StartOrder order;
  order.pod = pod_;
  order.container = container;
  order.attempt = attempt;
  for (const auto* list : {&plan_.containers, &plan_.init_containers})
    for (const auto& it : *list)
      if (it.name == container) order.pull_policy = it.pull_policy;
  order.addresses = state_.addresses;
  if (pod_->as<core::Pod>()->spec()->host_network().value_or(false)) order.addresses = services_.node.addresses;
  return order;
}

void PodWorker::fail(std::string reason, std::string message) {
  if (state_.failure) return;
  services_.events.warning(client::reference_to(*pod_), reason, message);
  state_.failure = PodFailure{std::move(reason), std::move(message)};
}

void PodWorker::adopt(PodRecord record) {
  state_.sandbox = PodState::Sandbox::ready;
  state_.epoch = 1;
  keeper_pid_ = record.keeper_pid;
  // Older attempts first, so that the latest ends up as `current`.
  std::sort(record.containers.begin(), record.containers.end(),
            [](const auto& a, const auto& b) { return a.attempt < b.attempt; });
  for (const auto& it : record.containers) adopt_container(it);
  const json::Value* addresses = api_status_.find("podIPs");
  bool host_network = pod_->as<core::Pod>()->spec()->host_network().value_or(false);
  if (addresses == nullptr || !addresses->is_array() || host_network) return;
  for (const auto& it : addresses->as_array()) state_.addresses.emplace_back(it.string_or("ip"));
}

void PodWorker::adopt_container(const ContainerRecord& record) {
  ContainerState& it = state_.containers[record.name];
  bool known = it.current && it.current->attempt == record.attempt;
  std::string message = known && !it.lost ? it.message : std::string{};
  if (it.current && !known) {
    it.previous = it.current;
    it.previous_message = it.message;
    it.previous_lost = it.lost;
  }
  it.current = record;
  it.restarts = record.attempt;
  it.epoch = state_.epoch;
  it.lost = false;
  it.started_once = record.running || record.start_error.empty();
  it.message = record.start_error.empty() ? record.termination_message : record.start_error;
  if (it.message.empty()) it.message = std::move(message);
  it.ended_at = now();
}

}  // namespace kring::pods
