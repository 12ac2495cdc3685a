// The life of one pod as a pure state machine: what is wanted (PodPlan) and what is known (PodState) give actions now
// and the time to look again. The worker (pod_worker.cc) performs the actions and reports what came of them through
// the on_*() functions; nothing here waits, and nothing here reads a clock.
// Invariants: at most one operation a container is in flight; a container's attempt number equals its restart count and
// only grows; once terminal() says so the pod never starts anything again.
// Source: Kubernetes' pod lifecycle (kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle), KEP-753 for sidecars,
// client-go's flowcontrol.Backoff for the restart delays.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/env/processes.h"

namespace kring::pods {

enum class RestartPolicy : uint8_t { always, on_failure, never };
enum class PullPolicy : uint8_t { always, if_not_present, never };

struct ContainerPlan {
  std::string name, image;
  PullPolicy pull_policy = PullPolicy::if_not_present;
  bool sidecar = false;  // an init container with restartPolicy Always
  bool pre_stop = false;
  // Probes are the next layer's business: without a result from it these stay false and a running container is ready.
  bool startup_probe = false, readiness_probe = false;
  bool log_as_message = false;  // terminationMessagePolicy FallbackToLogsOnError
};

struct PodPlan {
  std::string uid, ns, name;
  RestartPolicy restart_policy = RestartPolicy::always;
  std::vector<ContainerPlan> init_containers, containers;
  std::optional<int64_t> active_deadline_seconds;
  int64_t grace_seconds = 30;
  std::vector<std::string> readiness_gates;

  std::string full_name() const;  // "name_ns(uid)", as messages name a pod
};

// The delays of client-go's flowcontrol.Backoff: 10 s doubling to 5 min, forgotten after 10 quiet minutes.
struct Backoff {
  int64_t delay_ms = 0;  // 0: never backed off
  Mono updated;

  bool waiting(Mono event, Mono now) const;
  Mono until(Mono event) const { return event + ms_to_ns(delay_ms); }
  void next(Mono event, Mono now);
};

// Why a container could not be started: what `waiting` of its status says.
struct StartFailure {
  std::string reason;  // "ErrImagePull", "CreateContainerConfigError", ...
  std::string message;
};

struct ContainerState {
  enum class Stop : uint8_t { none, pre_stop, pre_stop_done, signalled, killed };

  std::optional<ContainerRecord> current, previous;  // the latest attempt and the one before
  uint32_t epoch = 0;                                // of the sandbox that `current` ran in
  bool lost = false;                                 // `current` ended unseen: nobody knows its exit code
  std::string message;  // what terminated.message says of `current`; previous' in previous_message
  std::string previous_message;
  bool previous_lost = false;
  Mono ended_at;  // when the end of `current` was heard of
  uint32_t restarts = 0;
  bool starting = false;  // a start is in flight
  Backoff crash_backoff, start_backoff;
  std::optional<StartFailure> failure;
  Mono failed_at;
  bool backoff_noticed = false;  // the BackOff event of this wait was sent
  std::string image, image_id;   // what `current` was started from
  int32_t stop_signal = 15;

  Stop stop = Stop::none;
  Mono stop_deadline, killed_at;
  std::string stop_reason;          // why, when it is not the end of the pod
  std::optional<Mono> changed_at;   // its image in the plan became another one
  bool restart_after_stop = false;  // whatever the restart policy says (its definition changed)

  // The seam for probes: results by the prober, empty while there is none.
  std::optional<bool> startup_result, readiness_result;
  bool started_once = false;  // in this epoch; for sidecars

  bool running() const { return current && current->running; }
  bool ended() const { return current && !current->running; }
};

// Why the node ended the pod by itself: phase Failed with this reason.
struct PodFailure {
  std::string reason, message;  // "DeadlineExceeded", "Evicted", ...
};

struct PodState {
  enum class Sandbox : uint8_t { none, starting, ready, stopping };

  Sandbox sandbox = Sandbox::none;
  uint32_t epoch = 0;  // counts sandboxes; init containers run once in each
  Backoff setup_backoff;
  std::optional<Mono> setup_retry_at;
  std::map<std::string, ContainerState> containers;
  std::optional<Mono> delete_deadline;  // the pod is being deleted; SIGKILL at this time
  bool object_gone = false;             // deleted by force: nothing is left to write to
  std::optional<PodFailure> failure;
  std::optional<Mono> active_since;
  Wall start_time;
  std::string terminal_phase;  // "Succeeded" or "Failed" once the pod is over
  std::vector<std::string> addresses;
};

struct Action {
  enum class What : uint8_t {
    set_up,           // volumes, files, sandbox, network
    start_container,  // image, configuration, start
    pre_stop,         // within `budget_ms`
    signal,
    kill,
    tear_down,      // sandbox and mounts away; logs stay
    remove_object,  // tell the API server that the pod is gone
  } what;
  std::string container;
  uint32_t attempt = 0;
  int32_t signal = 0;
  int64_t budget_ms = 0;
};

// An event that the machine itself gives rise to.
struct Notice {
  bool warning = false;
  std::string reason, message, container;
};

struct Decision {
  std::vector<Action> actions;
  std::vector<Notice> notices;
  std::optional<Mono> wake_at;
};

// What to do now. Marks in `state` what it asked for, so that asking again at once gives nothing new.
Decision decide(const PodPlan& plan, PodState& state, Mono now);

// What came of actions, and what happened by itself.
void on_set_up(PodState& state, bool ok, Mono now);
void on_started(PodState& state, std::string_view container, ContainerRecord record, std::string image,
                std::string image_id, int32_t stop_signal, Mono now);
void on_start_failed(PodState& state, std::string_view container, StartFailure failure, Mono now);
void on_exited(PodState& state, const ContainerRecord& record, std::string message, Mono now);
void on_pre_stop_done(PodState& state, std::string_view container, Mono now);
void on_lost(PodState& state, Mono now);
void on_torn_down(PodState& state, bool ok, Mono now);
// The pod is to end within `grace_ms`; a later call only shortens it.
void on_delete(PodState& state, int64_t grace_ms, Mono now);

// Whether init containers are over and sidecars were started, in this sandbox.
bool initialized(const PodPlan& plan, const PodState& state);
// "Pending", "Running", "Succeeded", "Failed".
std::string_view phase_of(const PodPlan& plan, const PodState& state);
bool terminal(const PodState& state);
// Whether an ended container is to run again.
bool restarts(const PodPlan& plan, const ContainerPlan& container, bool init, const ContainerState& state);

// 10 -> "10s", 80 -> "1m20s", 300 -> "5m0s": time.Duration.String() of whole seconds.
std::string go_seconds(int64_t seconds);

// How long a fresh end or failure is shown as such before the status says back-off.
inline constexpr int64_t backoff_shown_after_ms = 1'000;
inline constexpr int64_t backoff_ms_min = 10'000;
inline constexpr int64_t backoff_ms_max = 300'000;
// A container whose preStop hook used up the grace period still gets this long after SIGTERM.
inline constexpr int64_t grace_after_pre_stop_ms = 2'000;
// A changed definition is acted on this much later: several edits in a row are one restart, and whoever edits can still
// write the status of the revision it read.
inline constexpr int64_t change_settle_ms = 1'000;
// A configuration that failed is tried again this often (a missing ConfigMap may appear).
inline constexpr int64_t config_retry_ms = 10'000;

}  // namespace kring::pods
