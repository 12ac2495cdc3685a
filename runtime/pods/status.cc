#include "runtime/pods/status.h"

#include <algorithm>
#include <array>

#include "runtime/client/timestamps.h"

namespace kring::pods {

namespace {

using client::parse_rfc3339;
using client::rfc3339;

struct View {
  const PodPlan& plan;
  const PodState& state;
  const StatusContext& context;

  const ContainerState& of(const ContainerPlan& container) const {
    static const ContainerState none;
    auto found = state.containers.find(container.name);
    return found == state.containers.end() ? none : found->second;
  }
};

std::string time_or_epoch(Wall time) { return rfc3339(time.ns > 0 ? time : Wall{0}); }

json::Value terminated(const View& view, const ContainerRecord& record, const std::string& message, bool lost) {
  std::string_view reason = "Error";
  if (lost) {
    reason = "ContainerStatusUnknown";
  } else if (!record.start_error.empty()) {
    reason = "StartError";
  } else if (record.oom_killed) {
    reason = "OOMKilled";
  } else if (record.exit_code == 0) {
    reason = "Completed";
  }
  json::Object it;
  it.set("containerID", container_id(view.plan.uid, record.name, record.attempt));
  it.set("exitCode", record.exit_code);
  if (lost) {
    it.set("finishedAt", json::Value{});
  } else {
    it.set("finishedAt", time_or_epoch(record.finished_at));
  }
  if (!message.empty()) it.set("message", message);
  it.set("reason", reason);
  it.set("startedAt",
         lost && record.started_at.ns == 0 ? json::Value{} : json::Value{time_or_epoch(record.started_at)});
  json::Object state;
  state.set("terminated", std::move(it));
  return json::Value{std::move(state)};
}

json::Value waiting(std::string_view reason, std::string_view message) {
  json::Object it;
  if (!message.empty()) it.set("message", message);
  it.set("reason", reason);
  json::Object state;
  state.set("waiting", std::move(it));
  return json::Value{std::move(state)};
}

json::Value failure_state(const View& view, const ContainerPlan& container, const ContainerState& it) {
  const StartFailure& failure = *it.failure;
  bool image = failure.reason == "ErrImagePull";
  if (image && it.backoff_noticed && view.context.mono - it.failed_at >= ms_to_ns(backoff_shown_after_ms))
    return waiting("ImagePullBackOff",
                   "Back-off pulling image \"" + container.image + "\": ErrImagePull: " + failure.message);
  return waiting(failure.reason, failure.message);
}

json::Value back_off_state(const View& view, const ContainerPlan& container, const ContainerState& it) {
  return waiting("CrashLoopBackOff", "back-off " + go_seconds(it.crash_backoff.delay_ms / 1000) +
                                         " restarting failed container=" + container.name +
                                         " pod=" + view.plan.full_name());
}

// The `state` of a container, and its `lastState`.
struct States {
  json::Value state, last;
};

States states_of(const View& view, const ContainerPlan& container, const ContainerState& it, bool init) {
  States out;
  bool again = it.ended() && restarts(view.plan, container, init, it) && !terminal(view.state) &&
               !view.state.delete_deadline && !view.state.failure;
  if (it.running()) {
    json::Object running;
    running.set("startedAt", rfc3339(it.current->started_at));
    json::Object state;
    state.set("running", std::move(running));
    out.state = json::Value{std::move(state)};
  } else if (it.failure && (!it.ended() || again)) {
    out.state = failure_state(view, container, it);
  } else if (again && it.backoff_noticed) {
    out.state = back_off_state(view, container, it);
  } else if (it.ended()) {
    out.state = terminated(view, *it.current, it.message, it.lost);
  } else if (!view.plan.init_containers.empty()) {
    out.state = waiting("PodInitializing", {});
  } else {
    out.state = waiting("ContainerCreating", {});
  }
  bool shows_current = it.running() || out.state.find("terminated") != nullptr;
  if (it.ended() && !shows_current) {
    out.last = terminated(view, *it.current, it.message, it.lost);
  } else if (it.previous) {
    out.last = terminated(view, *it.previous, it.previous_message, it.previous_lost);
  }
  if (out.last.is_null()) out.last = json::Value{json::Object{}};
  return out;
}

bool started(const ContainerPlan& container, const ContainerState& it) {
  return it.running() && (!container.startup_probe || it.startup_result.value_or(false));
}

bool ready(const View& view, const ContainerPlan& container, const ContainerState& it, bool init) {
  if (init && !container.sidecar) return it.ended() && it.current->exit_code == 0 && it.epoch == view.state.epoch;
  return started(container, it) && (!container.readiness_probe || it.readiness_result.value_or(false));
}

json::Value container_status(const View& view, const ContainerPlan& container, bool init) {
  const ContainerState& it = view.of(container);
  States states = states_of(view, container, it, init);
  json::Object out;
  if (it.current) out.set("containerID", container_id(view.plan.uid, container.name, it.current->attempt));
  // What runs is still the old one while a new image waits for it to end; the next life of kring tells by this.
  out.set("image", it.running() && !it.image.empty() ? it.image : container.image);
  out.set("imageID", it.image_id);
  out.set("lastState", std::move(states.last));
  out.set("name", container.name);
  out.set("ready", ready(view, container, it, init));
  out.set("restartCount", static_cast<int64_t>(it.restarts));
  out.set("started", started(container, it));
  out.set("state", std::move(states.state));
  return json::Value{std::move(out)};
}

std::string names_text(const std::vector<std::string>& names) {
  std::string text = "[";
  for (const auto& name : names) text += (text.size() > 1 ? " " : "") + name;
  return text + "]";
}

struct Condition {
  std::string type;
  bool status = false;
  std::string reason, message;
};

Condition initialized_condition(const View& view, std::string_view phase) {
  Condition out{.type = "Initialized", .status = true};
  if (phase == "Succeeded") {
    out.reason = "PodCompleted";
    return out;
  }
  // What ran needed its init containers to be over, whatever a later sandbox has still to repeat.
  bool any_started = std::any_of(view.plan.containers.begin(), view.plan.containers.end(),
                                 [&](const auto& container) { return view.of(container).running(); });
  std::vector<std::string> incomplete;
  for (const auto& container : view.plan.init_containers) {
    const ContainerState& it = view.of(container);
    bool done = container.sidecar ? it.started_once : ready(view, container, it, true);
    if (!done) incomplete.push_back(container.name);
  }
  if (incomplete.empty() || any_started || (terminal(view.state) && initialized(view.plan, view.state))) return out;
  out.status = false;
  out.reason = "ContainersNotInitialized";
  out.message = "containers with incomplete status: " + names_text(incomplete);
  return out;
}

Condition containers_ready_condition(const View& view, std::string_view phase) {
  Condition out{.type = "ContainersReady"};
  if (phase == "Succeeded" || phase == "Failed") {
    out.reason = phase == "Succeeded" ? "PodCompleted" : "PodFailed";
    return out;
  }
  std::vector<std::string> unready;
  for (const auto& container : view.plan.init_containers)
    if (container.sidecar && !ready(view, container, view.of(container), true)) unready.push_back(container.name);
  for (const auto& container : view.plan.containers)
    if (!ready(view, container, view.of(container), false)) unready.push_back(container.name);
  out.status = unready.empty();
  if (out.status) return out;
  out.reason = "ContainersNotReady";
  out.message = "containers with unready status: " + names_text(unready);
  return out;
}

bool condition_true(const json::Value& status, std::string_view type) {
  const json::Value* conditions = status.find("conditions");
  if (conditions == nullptr || !conditions->is_array()) return false;
  return std::any_of(conditions->as_array().begin(), conditions->as_array().end(), [&](const json::Value& it) {
    return it.string_or("type") == type && it.string_or("status") == "True";
  });
}

Condition ready_condition(const View& view, Condition containers_ready, const json::Value& previous) {
  containers_ready.type = "Ready";
  if (!containers_ready.status) return containers_ready;
  std::string missing;
  for (const auto& gate : view.plan.readiness_gates) {
    if (condition_true(previous, gate)) continue;
    if (!missing.empty()) missing += ", ";
    missing += "the status of pod readiness gate \"" + gate + "\" is not \"True\"";
  }
  if (missing.empty()) return containers_ready;
  containers_ready.status = false;
  containers_ready.reason = "ReadinessGatesNotReady";
  containers_ready.message = "[" + missing + "]";
  if (view.plan.readiness_gates.size() == 1) containers_ready.message = missing;
  return containers_ready;
}

json::Value condition_value(const Condition& condition, const json::Value* before, Wall now) {
  std::string_view status = condition.status ? "True" : "False";
  std::string since = rfc3339(now);
  if (before != nullptr && before->string_or("status") == status && !before->string_or("lastTransitionTime").empty())
    since = std::string{before->string_or("lastTransitionTime")};
  json::Object out;
  out.set("lastProbeTime", json::Value{});
  out.set("lastTransitionTime", since);
  if (!condition.message.empty()) out.set("message", condition.message);
  if (!condition.reason.empty()) out.set("reason", condition.reason);
  out.set("status", status);
  out.set("type", condition.type);
  return json::Value{std::move(out)};
}

const json::Value* find_condition(const json::Value& status, std::string_view type) {
  const json::Value* conditions = status.find("conditions");
  if (conditions == nullptr || !conditions->is_array()) return nullptr;
  for (const auto& it : conditions->as_array())
    if (it.string_or("type") == type) return &it;
  return nullptr;
}

json::Array conditions_of(const View& view, std::string_view phase, const json::Value& previous) {
  Condition sandbox{.type = "PodReadyToStartContainers", .status = view.state.sandbox == PodState::Sandbox::ready};
  Condition all_ready = containers_ready_condition(view, phase);
  Condition pod_ready = ready_condition(view, all_ready, previous);
  std::array ours{sandbox, initialized_condition(view, phase), pod_ready, all_ready,
                  Condition{.type = "PodScheduled", .status = true}};
  json::Array out;
  for (const auto& condition : ours)
    out.push_back(condition_value(condition, find_condition(previous, condition.type), view.context.now));
  const json::Value* before = previous.find("conditions");
  if (before == nullptr || !before->is_array()) return out;
  for (const auto& it : before->as_array()) {
    std::string_view type = it.string_or("type");
    bool own =
        std::any_of(ours.begin(), ours.end(), [&](const Condition& condition) { return condition.type == type; });
    if (!own) out.push_back(it);
  }
  return out;
}

json::Array address_list(const std::vector<std::string>& addresses) {
  json::Array out;
  for (const auto& address : addresses) {
    json::Object it;
    it.set("ip", address);
    out.push_back(json::Value{std::move(it)});
  }
  return out;
}

void set_addresses(json::Object& out, const View& view) {
  const auto& host = view.context.host_addresses;
  if (!host.empty()) {
    out.set("hostIP", host.front());
    out.set("hostIPs", address_list(host));
  }
  const auto& own =
      view.context.host_network && view.state.sandbox == PodState::Sandbox::ready ? host : view.state.addresses;
  if (own.empty()) return;
  out.set("podIP", own.front());
  out.set("podIPs", address_list(own));
}

void restore_one(const PodPlan& plan, PodState& state, const json::Value& status, Mono now) {
  std::string name{status.string_or("name")};
  ContainerState& it = state.containers[name];
  int64_t restart_count = status.int_or("restartCount", 0);
  it.restarts = static_cast<uint32_t>(std::max<int64_t>(restart_count, 0));
  it.image = std::string{status.string_or("image")};
  it.image_id = std::string{status.string_or("imageID")};
  const json::Value* running = status.at({"state", "running"});
  const json::Value* ended = status.at({"state", "terminated"});
  const json::Value* last = status.at({"lastState", "terminated"});
  const json::Value* shown = ended != nullptr ? ended : last;
  if (running == nullptr && shown == nullptr) return;
  ContainerRecord record{.pod_uid = plan.uid, .name = name, .attempt = it.restarts};
  record.exit_code = 137;
  if (running != nullptr) {
    record.started_at = parse_rfc3339(running->string_or("startedAt"));
    it.lost = true;
    it.message = "The container could not be located when the pod was terminated";
  } else {
    record.started_at = parse_rfc3339(shown->string_or("startedAt"));
    record.finished_at = parse_rfc3339(shown->string_or("finishedAt"));
    record.exit_code = static_cast<int32_t>(shown->int_or("exitCode", 137));
    record.oom_killed = shown->string_or("reason") == "OOMKilled";
    it.lost = shown->string_or("reason") == "ContainerStatusUnknown";
    it.message = std::string{shown->string_or("message")};
    if (shown->string_or("reason") == "StartError") record.start_error = it.message;
  }
  it.ended_at = now;
  it.current = std::move(record);
}

}  // namespace

std::string container_id(std::string_view uid, std::string_view name, uint32_t attempt) {
  std::string id{"kring://"};
  id.append(uid).append(".").append(name).append(".").append(std::to_string(attempt));
  return id;
}

json::Value status_of(const PodPlan& plan, const PodState& state, const StatusContext& context,
                      const json::Value& previous) {
  View view{plan, state, context};
  std::string_view phase = phase_of(plan, state);
  json::Object out;
  out.set("conditions", conditions_of(view, phase, previous));
  json::Array statuses, init_statuses;
  for (const auto& container : plan.containers) statuses.push_back(container_status(view, container, false));
  for (const auto& container : plan.init_containers) init_statuses.push_back(container_status(view, container, true));
  if (!statuses.empty()) out.set("containerStatuses", std::move(statuses));
  set_addresses(out, view);
  if (!init_statuses.empty()) out.set("initContainerStatuses", std::move(init_statuses));
  if (state.failure) out.set("message", state.failure->message);
  out.set("phase", phase);
  if (state.failure) out.set("reason", state.failure->reason);
  out.set("qosClass", context.qos_class);
  if (state.start_time.ns > 0) out.set("startTime", rfc3339(state.start_time));
  return json::Value{std::move(out)};
}

void restore(const PodPlan& plan, PodState& state, const json::Value& status, Mono now) {
  state.start_time = parse_rfc3339(status.string_or("startTime"));
  std::string_view phase = status.string_or("phase");
  if (phase == "Succeeded" || phase == "Failed") state.terminal_phase = std::string{phase};
  if (phase == "Failed" && !status.string_or("reason").empty())
    state.failure = PodFailure{std::string{status.string_or("reason")}, std::string{status.string_or("message")}};
  for (std::string_view list : {"initContainerStatuses", "containerStatuses"}) {
    const json::Value* statuses = status.find(list);
    if (statuses == nullptr || !statuses->is_array()) continue;
    for (const auto& it : statuses->as_array()) restore_one(plan, state, it, now);
  }
}

}  // namespace kring::pods
