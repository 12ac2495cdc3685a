// Goal: the pod state machine does what Kubernetes documents, step by step, without a clock or a process.
// Method: a scripted world performs the actions at once and moves time by hand.
#include "runtime/pods/lifecycle.h"

#include <gtest/gtest.h>

#include "runtime/pods/status.h"

namespace kring::pods {
namespace {

ContainerPlan container(std::string name) {
  ContainerPlan plan;
  plan.name = std::move(name);
  plan.image = "example/" + plan.name + ":1";
  return plan;
}

class World {
 public:
  explicit World(RestartPolicy policy = RestartPolicy::always) {
    plan.uid = "u1";
    plan.ns = "default";
    plan.name = "web";
    plan.restart_policy = policy;
    plan.containers.push_back(container("app"));
  }

  // Decides and performs until nothing more is asked for.
  void settle() {
    for (int round = 0; round < 50; ++round) {
      Decision decision = decide(plan, state, now);
      for (auto& notice : decision.notices) events.push_back(notice.reason + ": " + notice.message);
      wake_at = decision.wake_at;
      if (decision.actions.empty()) return;
      for (const auto& action : decision.actions) perform(action);
    }
    FAIL() << "the machine never rests";
  }

  void perform(const Action& action) {
    using What = Action::What;
    switch (action.what) {
      case What::set_up:
        trace.push_back("set_up");
        return on_set_up(state, set_up_works, now);
      case What::start_container:
        return start(action);
      case What::pre_stop:
        trace.push_back("pre_stop " + action.container);
        return;
      case What::signal:
        trace.push_back("signal " + action.container + " " + std::to_string(action.signal));
        if (obeys) exit(action.container, 143);
        return;
      case What::kill:
        trace.push_back("kill " + action.container);
        return exit(action.container, 137);
      case What::tear_down:
        trace.push_back("tear_down");
        return on_torn_down(state, true, now);
      case What::remove_object:
        trace.push_back("remove_object");
        removed = true;
        state.object_gone = true;
        state.sandbox = PodState::Sandbox::stopping;  // the worker ends here
        return;
    }
  }

  void start(const Action& action) {
    trace.push_back("start " + action.container + "#" + std::to_string(action.attempt));
    if (start_failure) return on_start_failed(state, action.container, *start_failure, now);
    ContainerRecord record{.pod_uid = plan.uid, .name = action.container, .attempt = action.attempt, .running = true};
    record.started_at = wall();
    on_started(state, action.container, record, image_of(action.container), "sha256:1", 15, now);
  }

  std::string image_of(const std::string& name) const {
    for (const auto& it : plan.containers)
      if (it.name == name) return it.image;
    return {};
  }

  void exit(const std::string& name, int code) {
    ContainerRecord record = *state.containers.at(name).current;
    record.running = false;
    record.exit_code = code;
    record.finished_at = wall();
    on_exited(state, record, {}, now);
  }

  void pass(int64_t seconds) {
    now = now + ms_to_ns(seconds * 1000);
    settle();
  }

  Wall wall() const { return Wall{now.ns + 1'700'000'000'000'000'000}; }

  json::Value status(const json::Value& previous = {}) const {
    StatusContext context;
    context.host_addresses = {"192.0.2.1"};
    context.qos_class = "BestEffort";
    context.now = wall();
    context.mono = now;
    return status_of(plan, state, context, previous);
  }
  // "waiting ContainerCreating", "running", "terminated Error 1" of one container.
  std::string state_text(size_t index = 0, std::string_view list = "containerStatuses") const {
    json::Value all = status();
    const json::Value& it = all.find(list)->as_array().at(index).find("state")->as_object().begin()->value;
    std::string text = all.find(list)->as_array().at(index).find("state")->as_object().begin()->key;
    if (!it.string_or("reason").empty()) text += " " + std::string{it.string_or("reason")};
    if (it.find("exitCode") != nullptr) text += " " + std::to_string(it.int_or("exitCode", -1));
    return text;
  }
  std::string condition(std::string_view type) const {
    json::Value all = status();
    for (const auto& it : all.find("conditions")->as_array()) {
      if (it.string_or("type") != type) continue;
      std::string text{it.string_or("status")};
      if (!it.string_or("reason").empty()) text += " " + std::string{it.string_or("reason")};
      if (!it.string_or("message").empty()) text += ": " + std::string{it.string_or("message")};
      return text;
    }
    return "absent";
  }
  std::string phase() const { return std::string{phase_of(plan, state)}; }
  std::vector<std::string> take_trace() { return std::exchange(trace, {}); }

  PodPlan plan;
  PodState state;
  Mono now{1'000'000'000'000};
  std::optional<Mono> wake_at;
  std::vector<std::string> trace, events;
  std::optional<StartFailure> start_failure;
  bool set_up_works = true, obeys = true, removed = false;
};

using Trace = std::vector<std::string>;

TEST(PodLifecycle, StartsTheSandboxThenTheContainersAndIsRunning) {
  World world;
  EXPECT_EQ(world.phase(), "Pending");
  EXPECT_EQ(world.state_text(), "waiting ContainerCreating");
  EXPECT_EQ(world.condition("Ready"), "False ContainersNotReady: containers with unready status: [app]");
  world.settle();
  EXPECT_EQ(world.take_trace(), (Trace{"set_up", "start app#0"}));
  EXPECT_EQ(world.phase(), "Running");
  EXPECT_EQ(world.state_text(), "running");
  EXPECT_EQ(world.condition("Ready"), "True");
  EXPECT_EQ(world.condition("ContainersReady"), "True");
  EXPECT_EQ(world.condition("Initialized"), "True");
  EXPECT_EQ(world.condition("PodReadyToStartContainers"), "True");
}

TEST(PodLifecycle, NeverThatSucceedsIsOverAndTornDown) {
  World world{RestartPolicy::never};
  world.settle();
  world.exit("app", 0);
  world.settle();
  EXPECT_EQ(world.phase(), "Succeeded");
  EXPECT_EQ(world.state_text(), "terminated Completed 0");
  EXPECT_EQ(world.condition("Ready"), "False PodCompleted");
  EXPECT_EQ(world.condition("Initialized"), "True PodCompleted");
  EXPECT_EQ(world.condition("PodReadyToStartContainers"), "False");
  EXPECT_EQ(world.take_trace(), (Trace{"set_up", "start app#0", "tear_down"}));
  world.pass(3600);
  EXPECT_TRUE(world.trace.empty());
}

TEST(PodLifecycle, NeverThatFailsIsFailed) {
  World world{RestartPolicy::never};
  world.settle();
  world.exit("app", 3);
  world.settle();
  EXPECT_EQ(world.phase(), "Failed");
  EXPECT_EQ(world.state_text(), "terminated Error 3");
  EXPECT_EQ(world.condition("Ready"), "False PodFailed");
}

TEST(PodLifecycle, RestartsAtOnceThenAfter10And20SecondsUpTo5Minutes) {
  World world;
  world.settle();
  world.exit("app", 1);
  world.settle();
  EXPECT_EQ(world.state_text(), "running") << "the first restart does not wait";
  const int64_t delays[] = {10, 20, 40, 80, 160, 300, 300};
  uint32_t attempt = 1;
  for (int64_t delay : delays) {
    world.exit("app", 1);
    world.settle();
    EXPECT_EQ(world.state_text(), "terminated Error 1");
    world.pass(2);
    EXPECT_EQ(world.state_text(), "waiting CrashLoopBackOff");
    world.pass(delay - 3);
    EXPECT_EQ(world.state_text(), "waiting CrashLoopBackOff") << delay;
    EXPECT_EQ(world.state.containers.at("app").restarts, attempt);
    world.pass(1);
    EXPECT_EQ(world.state_text(), "running") << delay;
    EXPECT_EQ(world.state.containers.at("app").restarts, ++attempt);
  }
}

TEST(PodLifecycle, BackOffIsWordedAsKubeletDoes) {
  World world;
  world.settle();
  world.exit("app", 1);
  world.settle();
  world.exit("app", 1);
  world.pass(2);
  json::Value status = world.status();
  const json::Value& it = status.find("containerStatuses")->as_array().at(0);
  EXPECT_EQ(it.at({"state", "waiting"})->string_or("message"),
            "back-off 10s restarting failed container=app pod=web_default(u1)");
  EXPECT_EQ(it.at({"lastState", "terminated"})->int_or("exitCode", -1), 1);
  EXPECT_EQ(world.events, (Trace{"BackOff: Back-off restarting failed container app in pod web_default(u1)"}));
  EXPECT_EQ(world.phase(), "Running");
  EXPECT_EQ(go_seconds(80), "1m20s");
  EXPECT_EQ(go_seconds(300), "5m0s");
}

TEST(PodLifecycle, TenQuietMinutesForgetTheBackOff) {
  World world;
  world.settle();
  for (int i = 0; i < 3; ++i) {
    world.exit("app", 1);
    world.pass(300);
  }
  world.pass(700);
  world.exit("app", 1);
  world.settle();
  EXPECT_EQ(world.state_text(), "running");
}

TEST(PodLifecycle, OnFailureRestartsFailuresOnly) {
  World world{RestartPolicy::on_failure};
  world.settle();
  world.exit("app", 1);
  world.settle();
  EXPECT_EQ(world.state_text(), "running");
  EXPECT_EQ(world.state.containers.at("app").restarts, 1U);
  world.exit("app", 0);
  world.settle();
  EXPECT_EQ(world.phase(), "Succeeded");
}

TEST(PodLifecycle, InitContainersRunInOrderBeforeTheOthers) {
  World world;
  world.plan.init_containers = {container("init1"), container("init2")};
  world.settle();
  EXPECT_EQ(world.take_trace(), (Trace{"set_up", "start init1#0"}));
  EXPECT_EQ(world.phase(), "Pending");
  EXPECT_EQ(world.condition("Initialized"),
            "False ContainersNotInitialized: containers with incomplete status: [init1 init2]");
  EXPECT_EQ(world.state_text(), "waiting PodInitializing");
  world.exit("init1", 0);
  world.settle();
  EXPECT_EQ(world.condition("Initialized"),
            "False ContainersNotInitialized: containers with incomplete status: [init2]");
  EXPECT_EQ(world.state_text(0, "initContainerStatuses"), "terminated Completed 0");
  world.exit("init2", 0);
  world.settle();
  EXPECT_EQ(world.take_trace(), (Trace{"start init2#0", "start app#0"}));
  EXPECT_EQ(world.condition("Initialized"), "True");
  EXPECT_EQ(world.phase(), "Running");
}

TEST(PodLifecycle, AFailedInitContainerEndsAPodThatIsNeverRestarted) {
  World world{RestartPolicy::never};
  world.plan.init_containers = {container("init1")};
  world.settle();
  world.exit("init1", 1);
  world.settle();
  EXPECT_EQ(world.phase(), "Failed");
  EXPECT_EQ(world.take_trace(), (Trace{"set_up", "start init1#0", "tear_down"}));
}

TEST(PodLifecycle, AFailedInitContainerIsRetriedWithBackOff) {
  World world;
  world.plan.init_containers = {container("init1")};
  world.settle();
  world.exit("init1", 1);
  world.settle();
  world.exit("init1", 1);
  world.pass(2);
  EXPECT_EQ(world.state_text(0, "initContainerStatuses"), "waiting CrashLoopBackOff");
  EXPECT_EQ(world.phase(), "Pending");
  world.pass(8);
  EXPECT_EQ(world.state_text(0, "initContainerStatuses"), "running");
}

TEST(PodLifecycle, ASidecarStartsFirstRestartsAlwaysAndEndsLast) {
  World world{RestartPolicy::never};
  ContainerPlan sidecar = container("proxy");
  sidecar.sidecar = true;
  world.plan.init_containers = {sidecar, container("init")};
  world.settle();
  EXPECT_EQ(world.take_trace(), (Trace{"set_up", "start proxy#0", "start init#0"}));
  world.exit("proxy", 1);
  world.exit("init", 0);
  world.settle();
  EXPECT_EQ(world.take_trace(), (Trace{"start proxy#1", "start app#0"}));
  world.exit("app", 0);
  world.settle();
  EXPECT_EQ(world.take_trace(), (Trace{"signal proxy 15", "tear_down"}));
  EXPECT_EQ(world.phase(), "Succeeded");
}

TEST(PodLifecycle, DeletionSignalsThenTearsDownThenRemovesTheObject) {
  World world;
  world.settle();
  world.take_trace();
  on_delete(world.state, 30'000, world.now);
  world.settle();
  EXPECT_EQ(world.take_trace(), (Trace{"signal app 15", "tear_down", "remove_object"}));
  EXPECT_EQ(world.events, (Trace{"Killing: Stopping container app"}));
}

TEST(PodLifecycle, AContainerThatIgnoresTheSignalIsKilledAfterItsGrace) {
  World world;
  world.obeys = false;
  world.settle();
  world.take_trace();
  on_delete(world.state, 30'000, world.now);
  world.settle();
  world.pass(29);
  EXPECT_EQ(world.take_trace(), (Trace{"signal app 15"}));
  world.pass(1);
  EXPECT_EQ(world.take_trace(), (Trace{"kill app", "tear_down", "remove_object"}));
}

TEST(PodLifecycle, ALaterDeletionShortensTheGrace) {
  World world;
  world.obeys = false;
  world.settle();
  on_delete(world.state, 30'000, world.now);
  world.settle();
  on_delete(world.state, 0, world.now);
  world.settle();
  EXPECT_TRUE(world.removed);
}

TEST(PodLifecycle, PreStopComesBeforeTheSignalWithinTheGrace) {
  World world;
  world.plan.containers[0].pre_stop = true;
  world.settle();
  world.take_trace();
  on_delete(world.state, 30'000, world.now);
  world.settle();
  EXPECT_EQ(world.take_trace(), (Trace{"pre_stop app"}));
  world.pass(5);
  on_pre_stop_done(world.state, "app", world.now);
  world.settle();
  EXPECT_EQ(world.take_trace(), (Trace{"signal app 15", "tear_down", "remove_object"}));
}

TEST(PodLifecycle, APreStopThatNeverEndsIsCutOffByTheGrace) {
  World world;
  world.plan.containers[0].pre_stop = true;
  world.settle();
  on_delete(world.state, 10'000, world.now);
  world.settle();
  world.pass(11);
  EXPECT_TRUE(world.removed);
}

TEST(PodLifecycle, APodPastItsActiveDeadlineFails) {
  World world;
  world.plan.active_deadline_seconds = 5;
  world.state.active_since = world.now;
  world.settle();
  ASSERT_TRUE(world.wake_at.has_value());
  EXPECT_EQ(*world.wake_at - world.now, ms_to_ns(5'000));
  world.pass(5);
  EXPECT_EQ(world.phase(), "Failed");
  EXPECT_EQ(world.status().string_or("reason"), "DeadlineExceeded");
  EXPECT_EQ(world.status().string_or("message"), "Pod was active on the node longer than the specified deadline");
}

TEST(PodLifecycle, AnImageThatCannotBePulledBacksOff) {
  World world;
  world.start_failure = StartFailure{"ErrImagePull", "no such image"};
  world.settle();
  EXPECT_EQ(world.state_text(), "waiting ErrImagePull");
  world.pass(2);
  EXPECT_EQ(world.state_text(), "waiting ImagePullBackOff");
  json::Value status = world.status();
  EXPECT_EQ(status.find("containerStatuses")->as_array().at(0).at({"state", "waiting"})->string_or("message"),
            "Back-off pulling image \"example/app:1\": ErrImagePull: no such image");
  world.take_trace();
  world.pass(8);
  EXPECT_EQ(world.take_trace(), (Trace{"start app#0"}));
  EXPECT_EQ(world.phase(), "Pending");
  world.start_failure.reset();
  world.pass(20);
  EXPECT_EQ(world.state_text(), "running");
}

TEST(PodLifecycle, AMissingConfigMapIsTriedAgain) {
  World world;
  world.start_failure = StartFailure{"CreateContainerConfigError", "configmap \"c\" not found"};
  world.settle();
  EXPECT_EQ(world.state_text(), "waiting CreateContainerConfigError");
  world.start_failure.reset();
  world.pass(10);
  EXPECT_EQ(world.state_text(), "running");
  EXPECT_EQ(world.state.containers.at("app").restarts, 0U);
}

TEST(PodLifecycle, ASandboxThatCannotBeMadeIsTriedAgainSlower) {
  World world;
  world.set_up_works = false;
  world.settle();
  EXPECT_EQ(*world.wake_at - world.now, ms_to_ns(500));
  world.pass(1);
  EXPECT_EQ(*world.wake_at - world.now, ms_to_ns(1000));
  world.set_up_works = true;
  world.pass(1);
  EXPECT_EQ(world.state_text(), "running");
}

TEST(PodLifecycle, ALostSandboxIsMadeAgainAndCountsAsARestart) {
  World world;
  world.plan.init_containers = {container("init")};
  world.settle();
  world.exit("init", 0);
  world.settle();
  world.take_trace();
  on_lost(world.state, world.now);
  EXPECT_EQ(world.state_text(), "terminated ContainerStatusUnknown 137");
  world.settle();
  EXPECT_EQ(world.take_trace(), (Trace{"set_up", "start init#1"}));
  world.exit("init", 0);
  world.settle();
  EXPECT_EQ(world.take_trace(), (Trace{"start app#1"}));
}

TEST(PodLifecycle, ALostSandboxEndsAPodThatIsNeverRestarted) {
  World world{RestartPolicy::never};
  world.settle();
  on_lost(world.state, world.now);
  world.settle();
  EXPECT_EQ(world.phase(), "Failed");
  EXPECT_EQ(world.state_text(), "terminated ContainerStatusUnknown 137");
}

TEST(PodLifecycle, ANewImageRestartsTheContainerWithoutBackOff) {
  World world{RestartPolicy::never};
  world.settle();
  world.take_trace();
  world.plan.containers[0].image = "example/app:2";
  world.settle();
  EXPECT_EQ(world.take_trace(), Trace{}) << "a second edit may follow";
  world.pass(1);
  EXPECT_EQ(world.take_trace(), (Trace{"signal app 15", "start app#1"}));
  EXPECT_EQ(world.events, (Trace{"Killing: Container app definition changed, will be restarted"}));
  EXPECT_EQ(world.state_text(), "running");
}

TEST(PodLifecycle, AnAdoptedStatusContinuesTheRestartCount) {
  World before;
  before.settle();
  before.exit("app", 1);
  before.settle();
  World after;
  restore(after.plan, after.state, before.status(), after.now);
  EXPECT_EQ(after.state_text(), "terminated ContainerStatusUnknown 137");
  after.settle();
  EXPECT_EQ(after.take_trace(), (Trace{"set_up", "start app#2"}));
}

TEST(PodStatus, KeepsTheTransitionTimeWhileAConditionStays) {
  World world;
  world.settle();
  json::Value first = world.status();
  world.pass(60);
  json::Value second = world.status(first);
  EXPECT_EQ(first, second);
}

TEST(PodStatus, KeepsConditionsOfOthersAndWaitsForReadinessGates) {
  World world;
  world.plan.readiness_gates = {"example.com/up"};
  world.settle();
  EXPECT_EQ(world.condition("Ready"),
            "False ReadinessGatesNotReady: the status of pod readiness gate \"example.com/up\" is not \"True\"");
  json::Value previous = json::parse(R"({"conditions":[{"type":"example.com/up","status":"True"}]})")->value;
  json::Value status = world.status(previous);
  bool kept = false, ready = false;
  for (const auto& it : status.find("conditions")->as_array()) {
    kept |= it.string_or("type") == "example.com/up";
    ready |= it.string_or("type") == "Ready" && it.string_or("status") == "True";
  }
  EXPECT_TRUE(kept);
  EXPECT_TRUE(ready);
}

TEST(PodStatus, NamesWhyAContainerEnded) {
  World world{RestartPolicy::never};
  world.settle();
  ContainerRecord record = *world.state.containers.at("app").current;
  record.running = false;
  record.exit_code = 137;
  record.oom_killed = true;
  on_exited(world.state, record, "out of it", world.now);
  EXPECT_EQ(world.state_text(), "terminated OOMKilled 137");
  json::Value status = world.status();
  const json::Value& it = status.find("containerStatuses")->as_array().at(0);
  EXPECT_EQ(it.at({"state", "terminated"})->string_or("message"), "out of it");
  EXPECT_EQ(it.string_or("containerID"), "kring://u1.app.0");
}

}  // namespace
}  // namespace kring::pods
