#include "runtime/pods/lifecycle.h"

#include <algorithm>

#include "objects/check.h"

namespace kring::pods {

namespace {

constexpr int64_t setup_retry_ms_min = 500;
constexpr int64_t setup_retry_ms_max = 120'000;
constexpr int64_t kill_again_ms = 10'000;

// One round of decide(): collects what is to be done.
struct Round {
  const PodPlan& plan;
  PodState& state;
  Mono now;
  Decision decision;

  ContainerState& of(const ContainerPlan& container) { return state.containers[container.name]; }
  void wake(Mono at) {
    if (!decision.wake_at || at < *decision.wake_at) decision.wake_at = at;
  }
  void act(Action::What what, std::string_view container = {}) {
    decision.actions.push_back(Action{.what = what, .container = std::string{container}});
  }
  void notice(bool warning, std::string_view reason, std::string message, std::string_view container = {}) {
    decision.notices.push_back(Notice{warning, std::string{reason}, std::move(message), std::string{container}});
  }
};

bool image_failure(const StartFailure& failure) { return failure.reason == "ErrImagePull"; }

// Sets off the stop of a running container and drives it on: preStop, SIGTERM, SIGKILL.
void drive_stop(Round& round, const ContainerPlan& container, Mono deadline) {
  using Stop = ContainerState::Stop;
  ContainerState& state = round.of(container);
  if (!state.running()) return;
  if (state.stop == Stop::none) {
    state.stop_deadline = deadline;
    std::string why = state.stop_reason.empty() ? "Stopping container " + container.name : state.stop_reason;
    round.notice(false, "Killing", std::move(why), container.name);
    if (container.pre_stop && deadline > round.now) {
      state.stop = Stop::pre_stop;
      round.act(Action::What::pre_stop, container.name);
      round.decision.actions.back().budget_ms = (deadline - round.now) / 1'000'000;
    } else {
      state.stop = Stop::pre_stop_done;
    }
  }
  if (deadline < state.stop_deadline) state.stop_deadline = deadline;
  if (state.stop == Stop::pre_stop_done) {
    state.stop = Stop::signalled;
    round.act(Action::What::signal, container.name);
    round.decision.actions.back().signal = state.stop_signal;
  }
  bool again = state.stop == Stop::killed && round.now - state.killed_at >= ms_to_ns(kill_again_ms);
  if (again || (state.stop != Stop::killed && round.now >= state.stop_deadline)) {
    state.stop = Stop::killed;
    state.killed_at = round.now;
    round.act(Action::What::kill, container.name);
  }
  round.wake(state.stop == Stop::killed ? state.killed_at + ms_to_ns(kill_again_ms) : state.stop_deadline);
}

// Stops everything: containers at once, then sidecars in reverse order of their start. True when nothing runs.
bool drive_stop_all(Round& round, Mono deadline) {
  bool busy = false;
  auto stop = [&](const ContainerPlan& container) {
    ContainerState& state = round.of(container);
    if (state.starting) busy = true;
    if (!state.running()) return;
    busy = true;
    drive_stop(round, container, deadline);
  };
  for (const auto& container : round.plan.containers) stop(container);
  for (const auto& container : round.plan.init_containers)
    if (!container.sidecar) stop(container);
  for (auto sidecar = round.plan.init_containers.rbegin(); sidecar != round.plan.init_containers.rend(); ++sidecar) {
    if (busy) break;
    if (sidecar->sidecar) stop(*sidecar);
  }
  return !busy;
}

// An ended container waits out its back-off; true when it may start now.
bool crash_delay_over(Round& round, const ContainerPlan& container, ContainerState& state) {
  if (!state.ended() || state.restart_after_stop) return true;
  if (state.crash_backoff.waiting(state.ended_at, round.now)) {
    Mono shown = state.ended_at + ms_to_ns(backoff_shown_after_ms);
    if (round.now < shown) {
      round.wake(shown);
      return false;
    }
    if (!state.backoff_noticed) {
      state.backoff_noticed = true;
      round.notice(true, "BackOff",
                   "Back-off restarting failed container " + container.name + " in pod " + round.plan.full_name(),
                   container.name);
    }
    round.wake(state.crash_backoff.until(state.ended_at));
    return false;
  }
  return true;
}

// A start that failed is tried again later; true when it may be now.
bool start_delay_over(Round& round, const ContainerPlan& container, ContainerState& state) {
  if (!state.failure) return true;
  if (!image_failure(*state.failure)) {
    Mono again = state.failed_at + ms_to_ns(config_retry_ms);
    if (round.now >= again) return true;
    round.wake(again);
    return false;
  }
  Mono until = state.start_backoff.until(state.failed_at);
  if (round.now >= until) return true;
  Mono shown = state.failed_at + ms_to_ns(backoff_shown_after_ms);
  if (round.now >= shown && !state.backoff_noticed) {
    state.backoff_noticed = true;
    round.notice(false, "BackOff", "Back-off pulling image \"" + container.image + "\"", container.name);
    round.notice(true, "Failed", "Error: ImagePullBackOff", container.name);
  }
  round.wake(round.now < shown ? shown : until);
  return false;
}

void start(Round& round, const ContainerPlan& container) {
  ContainerState& state = round.of(container);
  KRING_CHECK(!state.running() && !state.starting);
  if (!start_delay_over(round, container, state) || !crash_delay_over(round, container, state)) return;
  if (state.ended() && !state.restart_after_stop && !state.failure) state.crash_backoff.next(state.ended_at, round.now);
  state.starting = true;
  state.backoff_noticed = false;
  round.act(Action::What::start_container, container.name);
  round.decision.actions.back().attempt = state.current ? state.current->attempt + 1 : state.restarts;
}

bool init_done(const PodState& state, const ContainerPlan& container) {
  auto found = state.containers.find(container.name);
  if (found == state.containers.end()) return false;
  const ContainerState& it = found->second;
  if (it.epoch != state.epoch) return false;
  if (container.sidecar) return it.started_once;
  return it.ended() && it.current->exit_code == 0 && it.current->start_error.empty() && !it.lost;
}

// Brings the init containers forward; true when all are over.
bool drive_init(Round& round) {
  for (const auto& container : round.plan.init_containers) {
    ContainerState& state = round.of(container);
    bool done = init_done(round.state, container);
    if (done && !container.sidecar) continue;
    bool may_start = !state.running() && !state.starting;
    if (may_start && state.ended() && state.epoch == round.state.epoch && !restarts(round.plan, container, true, state))
      return false;
    if (may_start) start(round, container);
    if (!done) return false;
  }
  return true;
}

// A definition that changed under a running container: it is stopped and starts again whatever the policy.
void drive_changes(Round& round, const ContainerPlan& container) {
  ContainerState& state = round.of(container);
  if (!state.running()) return;
  bool changed = state.stop == ContainerState::Stop::none && !state.image.empty() && state.image != container.image;
  if (!changed) state.changed_at.reset();
  if (changed && !state.changed_at) state.changed_at = round.now;
  if (changed && round.now < *state.changed_at + ms_to_ns(change_settle_ms)) {
    round.wake(*state.changed_at + ms_to_ns(change_settle_ms));
  } else if (changed) {
    state.restart_after_stop = true;
    state.stop_reason = "Container " + container.name + " definition changed, will be restarted";
  }
  if (state.stop != ContainerState::Stop::none || !state.stop_reason.empty())
    drive_stop(round, container, round.now + ms_to_ns(round.plan.grace_seconds * 1000));
}

bool past_deadline(const PodPlan& plan, const PodState& state, Mono now) {
  return plan.active_deadline_seconds && state.active_since &&
         now - *state.active_since >= ms_to_ns(*plan.active_deadline_seconds * 1000);
}

void end_pod(Round& round) {
  Mono deadline = round.state.delete_deadline ? *round.state.delete_deadline
                                              : round.now + ms_to_ns(round.plan.grace_seconds * 1000);
  if (!drive_stop_all(round, deadline)) return;
  PodState& state = round.state;
  if (state.sandbox == PodState::Sandbox::starting) return;  // its end is reported, then it is torn down
  if (state.terminal_phase.empty()) state.terminal_phase = std::string{phase_of(round.plan, state)};
  if (state.terminal_phase != "Succeeded") state.terminal_phase = "Failed";
  if (state.sandbox == PodState::Sandbox::ready) {
    if (state.setup_retry_at && round.now < *state.setup_retry_at) return round.wake(*state.setup_retry_at);
    state.sandbox = PodState::Sandbox::stopping;
    round.act(Action::What::tear_down);
  } else if (state.sandbox == PodState::Sandbox::none && state.delete_deadline) {
    round.act(Action::What::remove_object);
  }
}

// True when the pod has nothing left to run: its phase stays.
bool over(const PodPlan& plan, PodState& state) {
  std::string_view phase = phase_of(plan, state);
  if (phase != "Succeeded" && phase != "Failed") return false;
  state.terminal_phase = std::string{phase};
  return true;
}

void set_up(Round& round) {
  PodState& state = round.state;
  if (state.sandbox != PodState::Sandbox::none) return;
  if (state.setup_retry_at && round.now < *state.setup_retry_at) return round.wake(*state.setup_retry_at);
  state.sandbox = PodState::Sandbox::starting;
  ++state.epoch;
  round.act(Action::What::set_up);
}

}  // namespace

std::string PodPlan::full_name() const { return name + "_" + ns + "(" + uid + ")"; }

std::string go_seconds(int64_t seconds) {
  std::string text;
  if (seconds >= 3600) text += std::to_string(seconds / 3600) + "h";
  if (seconds >= 60) text += std::to_string(seconds / 60 % 60) + "m";
  return text + std::to_string(seconds % 60) + "s";
}

bool Backoff::waiting(Mono event, Mono now) const {
  if (delay_ms == 0 || event - updated > ms_to_ns(2 * backoff_ms_max)) return false;
  return now - event < ms_to_ns(delay_ms);
}

void Backoff::next(Mono event, Mono now) {
  bool fresh = delay_ms == 0 || event - updated > ms_to_ns(2 * backoff_ms_max);
  delay_ms = fresh ? backoff_ms_min : std::min(2 * delay_ms, backoff_ms_max);
  updated = now;
}

bool terminal(const PodState& state) { return !state.terminal_phase.empty(); }

bool restarts(const PodPlan& plan, const ContainerPlan& container, bool init, const ContainerState& state) {
  if (!state.ended() || state.restart_after_stop || container.sidecar) return true;
  bool succeeded = state.current->exit_code == 0;
  switch (plan.restart_policy) {
    case RestartPolicy::always:
      return !init || !succeeded;
    case RestartPolicy::on_failure:
      return !succeeded;
    case RestartPolicy::never:
      return false;
  }
  return false;
}

bool initialized(const PodPlan& plan, const PodState& state) {
  return std::all_of(plan.init_containers.begin(), plan.init_containers.end(),
                     [&](const ContainerPlan& container) { return init_done(state, container); });
}

std::string_view phase_of(const PodPlan& plan, const PodState& state) {
  if (!state.terminal_phase.empty()) return state.terminal_phase;
  bool ending = state.delete_deadline || state.failure;
  size_t pending_init = 0, failed_init = 0, running = 0, stopped = 0, succeeded = 0, waiting = 0;
  for (const auto& container : plan.init_containers) {
    if (init_done(state, container)) continue;
    auto found = state.containers.find(container.name);
    bool failed = found != state.containers.end() && !container.sidecar && found->second.ended() &&
                  found->second.current->exit_code != 0;
    ++(failed ? failed_init : pending_init);
  }
  for (const auto& container : plan.containers) {
    auto found = state.containers.find(container.name);
    if (found == state.containers.end() || !found->second.current) {
      ++waiting;
    } else if (found->second.running()) {
      ++running;
    } else {
      ++stopped;
      if (found->second.current->exit_code == 0) ++succeeded;
    }
  }
  // Init containers of an earlier sandbox do not matter to a pod that ran and is not to run again.
  bool all_over = stopped == plan.containers.size();
  if (failed_init > 0 && plan.restart_policy == RestartPolicy::never) return "Failed";
  bool again = all_over && std::any_of(plan.containers.begin(), plan.containers.end(), [&](const auto& container) {
                 return restarts(plan, container, false, state.containers.at(container.name));
               });
  if (all_over && (ending || !again)) return stopped == succeeded ? "Succeeded" : "Failed";
  if (pending_init + failed_init > 0 && running == 0 && stopped == 0) return "Pending";
  if (waiting > 0) return "Pending";
  return "Running";
}

Decision decide(const PodPlan& plan, PodState& state, Mono now) {
  Round round{plan, state, now, {}};
  if (state.sandbox == PodState::Sandbox::stopping) return std::move(round.decision);
  if (!state.failure && !terminal(state) && !state.delete_deadline && past_deadline(plan, state, now)) {
    state.failure = PodFailure{"DeadlineExceeded", "Pod was active on the node longer than the specified deadline"};
    round.notice(false, "DeadlineExceeded", state.failure->message);
  }
  if (state.delete_deadline || state.failure || terminal(state) || over(plan, state)) {
    end_pod(round);
    if (state.failure && terminal(state)) state.terminal_phase = "Failed";
    return std::move(round.decision);
  }
  if (plan.active_deadline_seconds && state.active_since)
    round.wake(*state.active_since + ms_to_ns(*plan.active_deadline_seconds * 1000));
  if (state.sandbox != PodState::Sandbox::ready) {
    set_up(round);
    return std::move(round.decision);
  }
  for (const auto& container : plan.init_containers)
    if (container.sidecar) drive_changes(round, container);
  if (!drive_init(round)) return std::move(round.decision);
  for (const auto& container : plan.containers) {
    drive_changes(round, container);
    ContainerState& it = round.of(container);
    if (it.running() || it.starting) continue;
    if (it.ended() && !restarts(plan, container, false, it)) continue;
    start(round, container);
  }
  return std::move(round.decision);
}

void on_set_up(PodState& state, bool ok, Mono now) {
  KRING_CHECK(state.sandbox == PodState::Sandbox::starting);
  if (ok) {
    state.sandbox = PodState::Sandbox::ready;
    state.setup_backoff = {};
    state.setup_retry_at.reset();
    return;
  }
  state.sandbox = PodState::Sandbox::none;
  int64_t& delay = state.setup_backoff.delay_ms;
  delay = delay == 0 ? setup_retry_ms_min : std::min(2 * delay, setup_retry_ms_max);
  state.setup_retry_at = now + ms_to_ns(delay);
}

namespace {

void shift(ContainerState& it) {
  it.previous = std::move(it.current);
  it.previous_message = std::move(it.message);
  it.previous_lost = it.lost;
  it.message.clear();
  it.lost = false;
}

void end(ContainerState& it, Mono now) {
  it.ended_at = now;
  it.stop = ContainerState::Stop::none;
  it.stop_reason.clear();
  it.startup_result.reset();
  it.readiness_result.reset();
}

}  // namespace

void on_started(PodState& state, std::string_view container, ContainerRecord record, std::string image,
                std::string image_id, int32_t stop_signal, Mono now) {
  ContainerState& it = state.containers[std::string{container}];
  if (it.current) shift(it);
  it.restarts = record.attempt;
  it.starting = false;
  it.failure.reset();
  it.start_backoff = {};
  it.restart_after_stop = false;
  it.epoch = state.epoch;
  it.image = std::move(image);
  it.image_id = std::move(image_id);
  it.stop_signal = stop_signal;
  it.started_once = record.running;
  if (!record.running) it.message = record.start_error.empty() ? record.termination_message : record.start_error;
  it.current = std::move(record);
  if (!it.current->running) end(it, now);
}

void on_start_failed(PodState& state, std::string_view container, StartFailure failure, Mono now) {
  ContainerState& it = state.containers[std::string{container}];
  it.starting = false;
  it.failed_at = now;
  if (image_failure(failure)) it.start_backoff.next(now, now);
  it.failure = std::move(failure);
}

void on_exited(PodState& state, const ContainerRecord& record, std::string message, Mono now) {
  auto found = state.containers.find(record.name);
  if (found == state.containers.end()) return;
  ContainerState& it = found->second;
  if (!it.running() || it.current->attempt != record.attempt) return;
  it.current = record;
  it.current->running = false;
  it.message = std::move(message);
  end(it, now);
}

void on_pre_stop_done(PodState& state, std::string_view container, Mono now) {
  auto found = state.containers.find(std::string{container});
  if (found == state.containers.end() || found->second.stop != ContainerState::Stop::pre_stop) return;
  found->second.stop = ContainerState::Stop::pre_stop_done;
  Mono least = now + ms_to_ns(grace_after_pre_stop_ms);
  if (found->second.stop_deadline < least) found->second.stop_deadline = least;
}

void on_lost(PodState& state, Mono now) {
  for (auto& [name, it] : state.containers) {
    it.started_once = false;
    if (!it.running()) continue;
    it.current->running = false;
    it.current->exit_code = 137;
    it.lost = true;
    it.message = "The container could not be located when the pod was terminated";
    end(it, now);
  }
  // A set-up or tear-down in flight reports its own end.
  if (state.sandbox == PodState::Sandbox::ready) state.sandbox = PodState::Sandbox::none;
}

void on_torn_down(PodState& state, bool ok, Mono now) {
  KRING_CHECK(state.sandbox == PodState::Sandbox::stopping);
  state.sandbox = ok ? PodState::Sandbox::none : PodState::Sandbox::ready;
  state.setup_retry_at.reset();
  if (!ok) state.setup_retry_at = now + ms_to_ns(1000);
}

void on_delete(PodState& state, int64_t grace_ms, Mono now) {
  Mono deadline = now + ms_to_ns(grace_ms);
  if (!state.delete_deadline || deadline < *state.delete_deadline) state.delete_deadline = deadline;
}

}  // namespace kring::pods
