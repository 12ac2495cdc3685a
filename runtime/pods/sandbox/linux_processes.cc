#include "runtime/pods/linux_processes.h"

#include <signal.h>

#include <algorithm>
#include <deque>
#include <map>

#include "runtime/env/running_task.h"
#include "runtime/env/waiter.h"
#include "runtime/pods/cgroup/cgroups.h"
#include "runtime/pods/mounts/host.h"
#include "runtime/pods/sandbox/container_spec.h"
#include "runtime/pods/sandbox/keeper_pool.h"
#include "runtime/pods/sandbox/pod_state.h"
#include "runtime/tasks/signal.h"
#include "runtime/tasks/task_group.h"

namespace kring::pods {

namespace {

using cgroup::Cgroups;
using keeper::Type;
using sandbox::KeeperId;
using sandbox::PodState;

constexpr int64_t request_timeout_ms = 10'000;
constexpr int64_t pod_start_timeout_ms = 30'000;
constexpr int64_t kill_timeout_ms = 20'000;
constexpr size_t entries_per_slice = 256;

std::vector<uint8_t> target_body(const std::string& name, uint32_t attempt, int32_t signal) {
  std::vector<uint8_t> body(512);
  body.resize(keeper::encode(keeper::Target{name, attempt, signal}, body));
  return body;
}

Error no_pod(std::string_view uid) { return {Reason::not_found, "pod " + std::string{uid} + " is not known"}; }
Error no_container(std::string_view name) {
  return {Reason::not_found, "container " + std::string{name} + " is not running"};
}

class LinuxProcesses final : public Processes, private sandbox::KeeperListener {
 public:
  LinuxProcesses(Env& env, LinuxProcessesOptions options, sys::Fd program)
      : env_(env),
        options_(std::move(options)),
        cgroups_(Cgroups::detect(options_.cgroup_prefix)),
        program_(std::move(program)),
        arrived_(env),
        pool_(env, *this) {}

  Task<Result<std::vector<PodRecord>>> adopt() override;
  Task<Result<PodRecord>> start_pod(PodConfig config) override;
  Task<Result<ContainerRecord>> start_container(ContainerConfig config) override;
  Task<Result<void>> signal_container(std::string pod_uid, std::string name, int32_t signal) override;
  Task<Result<void>> kill_container(std::string pod_uid, std::string name) override;
  Task<Result<void>> remove_container(std::string pod_uid, std::string name, uint32_t attempt) override;
  Task<Result<void>> remove_pod(std::string pod_uid) override;
  Task<Result<ProcessEvent>> next_event() override;
  Task<Result<ExecResult>> exec(ExecConfig config, int64_t timeout_ms, size_t output_bytes_max) override;
  Result<PodUsage> usage(std::string_view pod_uid) const override;

 private:
  void container_exited(KeeperId keeper, const keeper::Record& record) override;
  void keeper_lost(KeeperId keeper) override;

  Task<Result<void>> launch_keeper(PodState& pod, std::vector<uint8_t> spec);
  Task<Result<void>> take_over(std::string uid);
  Task<bool> greet(std::shared_ptr<PodState> pod);
  Task<Result<void>> end_keeper(std::shared_ptr<PodState> pod);
  Task<Result<void>> tear_down(std::string pod_uid);
  Task<Result<void>> remove_group(std::string group);
  Task<Result<void>> remove_directory(std::string path);
  std::shared_ptr<PodState> find(std::string_view uid) const;
  void push_exit(const PodState& pod, const ContainerRecord& record);
  std::string pods_directory() const { return options_.data_dir + "/pods"; }

  Env& env_;
  const LinuxProcessesOptions options_;
  Cgroups cgroups_;
  const sys::Fd program_;
  std::map<std::string, std::shared_ptr<PodState>, std::less<>> pods_;
  std::map<KeeperId, std::string> by_keeper_;
  std::deque<ProcessEvent> events_;  // bounded by the containers there are
  Signal arrived_;
  sandbox::FilterCache filters_;
  sandbox::KeeperPool pool_;
};

std::shared_ptr<PodState> LinuxProcesses::find(std::string_view uid) const {
  const auto found = pods_.find(uid);
  return found == pods_.end() ? nullptr : found->second;
}

void LinuxProcesses::push_exit(const PodState& pod, const ContainerRecord& record) {
  ProcessEvent event{.what = ProcessEvent::What::container_exited, .pod_uid = pod.uid, .container = record};
  events_.push_back(std::move(event));
  arrived_.notify();
}

void LinuxProcesses::container_exited(KeeperId id, const keeper::Record& record) {
  const auto owner = by_keeper_.find(id);
  const auto pod = owner == by_keeper_.end() ? nullptr : find(owner->second);
  if (pod == nullptr) return;
  pod->update(record);
  if (!pod->removing) push_exit(*pod, pod->describe(record));
  pod->changed.notify();
}

void LinuxProcesses::keeper_lost(KeeperId id) {
  const auto owner = by_keeper_.find(id);
  const auto pod = owner == by_keeper_.end() ? nullptr : find(owner->second);
  if (owner != by_keeper_.end()) by_keeper_.erase(owner);
  if (pod == nullptr) return;
  pod->keeper = 0;
  pod->keeper_pid = 0;
  pod->changed.notify();
  if (pod->removing || pod->starting) return;
  env_.log.error("pod lost its keeper", {{"pod", pod->ns + "/" + pod->name}, {"uid", pod->uid}});
  // Nothing may go on that nobody watches any more.
  cgroups_.kill(pod->group);
  pod->end_all(env_.clock.wall());
  events_.push_back({.what = ProcessEvent::What::pod_lost, .pod_uid = pod->uid, .container = {}});
  arrived_.notify();
}

// --- pods -----------------------------------------------------------------------------------------------------------

Task<Result<std::vector<PodRecord>>> LinuxProcesses::adopt() {
  KRING_CO_TRY(const std::vector<std::string> uids, mounts::list_directories(pods_directory()));
  for (const auto& uid : uids) {
    if (!keeper::safe_component(uid) || find(uid) != nullptr) continue;
    auto taken = co_await take_over(uid);
    if (!failed(taken)) continue;
    env_.log.warn("pod not adopted", {{"uid", uid}, {"err", taken.error()}});
  }
  std::vector<PodRecord> records;
  for (const auto& [uid, pod] : pods_) records.push_back(pod->record());
  co_return records;
}

Task<Result<void>> LinuxProcesses::take_over(std::string uid) {
  auto loaded = PodState::load(env_, pods_directory(), uid);
  if (loaded.has_error()) {
    if (loaded.error().reason == Reason::not_found) co_return Result<void>{};  // only the agent's directory
    co_return std::move(loaded).error();
  }
  const std::shared_ptr<PodState> pod = std::move(*loaded);
  pods_[uid] = pod;
  auto connected = sandbox::connect_keeper(pod->state_directory);
  bool alive = false;
  if (connected.has_value()) {
    pod->keeper_pid = connected->pid;
    KRING_CO_TRY(pod->keeper, pool_.add(std::move(*connected)));
    by_keeper_[pod->keeper] = uid;
    pod->starting = true;  // its loss is told below, once
    alive = co_await greet(pod);
    pod->starting = false;
  }
  if (!alive) {
    if (pod->keeper != 0) {
      pool_.kill(pod->keeper);
      pool_.drop(pod->keeper);
      by_keeper_.erase(pod->keeper);
    }
    pod->keeper = 0;
    pod->keeper_pid = 0;
    cgroups_.kill(pod->group);
    pod->load_records();
    pod->end_all(env_.clock.wall());
    events_.push_back({.what = ProcessEvent::What::pod_lost, .pod_uid = uid, .container = {}});
  }
  for (const auto& record : pod->ended()) push_exit(*pod, record);
  arrived_.notify();
  co_return Result<void>{};
}

// Asks for the state of everything in the pod; again while a container that the last kring asked for is still being
// started, because only that kring would be told how it went. One that never comes to its exec is killed.
Task<bool> LinuxProcesses::greet(std::shared_ptr<PodState> pod) {
  const Mono deadline = env_.clock.now() + ms_to_ns(request_timeout_ms);
  while (true) {
    const auto greeted = co_await pool_.request(pod->keeper, Type::hello, {}, request_timeout_ms);
    if (greeted.has_error()) co_return false;
    bool settled = true;
    for (const auto& bytes : greeted->records) {
      keeper::Record record;
      if (!keeper::decode(bytes, record)) continue;
      pod->update(record);
      settled = settled && record.phase != keeper::Phase::starting;
    }
    if (settled) co_return true;
    if (env_.clock.now() >= deadline) cgroups_.kill(pod->group);
    const auto slept = co_await env_.clock.sleep_ms(20);
    if (slept.has_error()) co_return false;
  }
}

Task<Result<PodRecord>> LinuxProcesses::start_pod(PodConfig config) {
  if (co_await cancelled()) co_return canceled_error();
  if (!keeper::safe_component(config.uid)) co_return Error{Reason::invalid, "invalid pod uid \"" + config.uid + "\""};
  if (find(config.uid) != nullptr) co_return Error{Reason::already_exists, "pod " + config.uid + " was started before"};
  const std::string group = Cgroups::pod_group(config.qos_class, config.uid);
  auto pod = std::make_shared<PodState>(env_, pods_directory(), config, group);
  pod->starting = true;
  pods_[config.uid] = pod;
  if (!config.limits.pids_max) config.limits.pids_max = options_.pids_per_pod_max;
  Result<void> started;
  auto keepers = cgroups_.make_keepers();
  auto spec = keepers.has_error() ? Result<std::vector<uint8_t>>{keepers.error()}
                                  : sandbox::make_pod_spec(config, pod->state_directory, group, *keepers);
  if (spec.has_value()) started = pod->save(*spec);
  if (spec.has_value() && started.has_value()) started = cgroups_.make_pod(group, config.limits);
  if (spec.has_error()) started = spec.error();
  if (started.has_value()) started = co_await launch_keeper(*pod, std::move(*spec));
  pod->starting = false;
  if (started.has_error()) {
    auto undone = co_await shielded(env_, tear_down(config.uid));
    if (failed(undone))
      env_.log.warn("pod not removed after a failed start", {{"uid", config.uid}, {"err", undone.error()}});
    co_return std::move(started).error();
  }
  co_return pod->record();
}

Task<Result<void>> LinuxProcesses::launch_keeper(PodState& pod, std::vector<uint8_t> spec) {
  KRING_CO_TRY(const sys::Fd memory, sandbox::sealed_memory("kring-pod", spec, false));
  KRING_CO_TRY(sandbox::KeeperProcess process,
               sandbox::start_keeper(program_.get(), "kring: " + pod.ns + "/" + pod.name, memory.get()));
  pod.keeper_pid = process.pid;
  KRING_CO_TRY(pod.keeper, pool_.add(std::move(process)));
  by_keeper_[pod.keeper] = pod.uid;
  auto greeted = co_await pool_.request(pod.keeper, Type::hello, {}, pod_start_timeout_ms);
  if (greeted.has_error()) co_return std::move(greeted).error();
  co_return Result<void>{};
}

Task<Result<void>> LinuxProcesses::remove_pod(std::string pod_uid) {
  if (!keeper::safe_component(pod_uid)) co_return Error{Reason::invalid, "invalid pod uid \"" + pod_uid + "\""};
  if (find(pod_uid) == nullptr) co_return Result<void>{};
  co_return co_await shielded(env_, tear_down(std::move(pod_uid)));
}

// Every step can be repeated: a pod is forgotten only when all of them succeeded.
Task<Result<void>> LinuxProcesses::tear_down(std::string pod_uid) {
  const auto pod = find(pod_uid);
  if (pod == nullptr) co_return Result<void>{};
  pod->removing = true;
  cgroups_.kill(pod->group);
  auto ended = co_await end_keeper(pod);
  if (failed(ended)) env_.log.warn("keeper killed", {{"uid", pod_uid}, {"err", ended.error()}});
  KRING_CO_TRY_VOID(co_await remove_group(pod->group));
  KRING_CO_TRY_VOID(mounts::unmount_below(pods_directory() + "/" + pod_uid));
  KRING_CO_TRY_VOID(co_await remove_directory(pod->state_directory));
  std::erase_if(events_, [&](const ProcessEvent& event) { return event.pod_uid == pod_uid; });
  pods_.erase(pod_uid);
  co_return Result<void>{};
}

Task<Result<void>> LinuxProcesses::end_keeper(std::shared_ptr<PodState> pod) {
  const KeeperId id = pod->keeper;
  if (id == 0) co_return Result<void>{};
  // Without cgroups the first process of each container takes the others with it.
  for (const auto& name : pod->running()) {
    auto sent = co_await pool_.request(id, Type::signal, target_body(name, 0, SIGKILL), request_timeout_ms);
    if (failed(sent)) env_.log.debug("container not signalled", {{"container", name}, {"err", sent.error()}});
  }
  const Mono deadline = env_.clock.now() + ms_to_ns(kill_timeout_ms);
  Result<void> woken;
  while (woken.has_value() && pod->keeper != 0 && !pod->running().empty()) {
    woken = co_await pod->changed.wait_until(deadline);
  }
  Result<void> result;
  if (pod->keeper != 0) {
    auto stopped = co_await pool_.request(id, Type::stop, {}, request_timeout_ms);
    if (stopped.has_error()) result = std::move(stopped).error();
  }
  // Its answer and its end arrive in either order; either way it is gone now, or made to go.
  pool_.kill(id);
  woken = Result<void>{};
  while (woken.has_value() && pod->keeper != 0) woken = co_await pod->changed.wait_until(deadline);
  if (pod->keeper != 0) co_return Error{Reason::timeout, "the keeper does not end"};
  co_return result;
}

Task<Result<void>> LinuxProcesses::remove_group(std::string group) {
  const Mono deadline = env_.clock.now() + ms_to_ns(kill_timeout_ms);
  int64_t pause_ms = 1;
  while (!cgroups_.remove(group)) {
    if (env_.clock.now() >= deadline) co_return Error{Reason::timeout, "cgroup " + group + " cannot be removed"};
    cgroups_.kill(group);
    KRING_CO_TRY_VOID(co_await env_.clock.sleep_ms(pause_ms));
    pause_ms = std::min<int64_t>(pause_ms * 2, 100);
  }
  co_return Result<void>{};
}

Task<Result<void>> LinuxProcesses::remove_directory(std::string path) {
  mounts::TreeRemover remover{std::move(path)};
  while (!remover.step(entries_per_slice)) {
    const TaskMark self;
    co_await asio::post(env_.loop.get_executor(), use_task);  // others' turn
    self.resume();
  }
  co_return remover.result();
}

Result<PodUsage> LinuxProcesses::usage(std::string_view pod_uid) const {
  const auto pod = find(pod_uid);
  if (pod == nullptr) return no_pod(pod_uid);
  return cgroups_.usage(pod->group);
}

// --- containers -----------------------------------------------------------------------------------------------------

Task<Result<ContainerRecord>> LinuxProcesses::start_container(ContainerConfig config) {
  if (co_await cancelled()) co_return canceled_error();
  const auto pod = find(config.pod_uid);
  if (pod == nullptr || pod->removing) co_return no_pod(config.pod_uid);
  if (pod->keeper == 0) co_return Error{Reason::service_unavailable, "the pod's keeper is gone"};
  if (!keeper::safe_component(config.name)) {
    co_return Error{Reason::invalid, "invalid container name \"" + config.name + "\""};
  }
  if (pod->knows(config.name, config.attempt)) {
    co_return Error{Reason::already_exists, "the attempt was made before"};
  }
  const std::string group = Cgroups::container_group(pod->group, config.name, config.attempt);
  const auto devices = config.security.privileged ? cgroup::Devices::all : cgroup::Devices::standard;
  KRING_CO_TRY(cgroup::Membership membership, cgroups_.make_container(group, config.limits, devices));
  const sandbox::ContainerPlan plan{.config = config,
                                    .hostname = pod->hostname,
                                    .hidden_directory = options_.data_dir,
                                    .membership = std::move(membership),
                                    .shown_hierarchies = cgroups_.shown(),
                                    .cgroup_v2 = cgroups_.unified(),
                                    .filters = filters_};
  auto spec = sandbox::make_container_spec(plan);
  if (spec.has_error()) {
    cgroups_.remove(group);
    co_return std::move(spec).error();
  }
  pod->expect(config);
  auto reply = co_await pool_.request_with(pod->keeper, Type::start, std::move(*spec), 0);
  if (reply.has_error() && reply.error().reason == Reason::canceled) {
    // Nobody will look after it: it must not run. Its end is told as an event.
    cgroups_.kill(group);
    co_return std::move(reply).error();
  }
  keeper::Record record;
  if (reply.has_value() && !keeper::decode(reply->body, record)) {
    reply = Error{Reason::corrupt, "malformed answer of the keeper"};
  }
  if (reply.has_error()) {
    pod->forget(config.name, config.attempt);
    cgroups_.remove(group);
    co_return std::move(reply).error();
  }
  pod->update(record);
  co_return pod->describe(record);
}

Task<Result<void>> LinuxProcesses::signal_container(std::string pod_uid, std::string name, int32_t signal) {
  const auto pod = find(pod_uid);
  if (pod == nullptr) co_return no_pod(pod_uid);
  if (!pod->is_running(name)) co_return no_container(name);
  auto reply = co_await pool_.request(pod->keeper, Type::signal, target_body(name, 0, signal), request_timeout_ms);
  // It may have ended meanwhile: then there is nothing left to signal.
  if (reply.has_error() && !pod->is_running(name)) co_return no_container(name);
  if (reply.has_error()) co_return std::move(reply).error();
  co_return Result<void>{};
}

Task<Result<void>> LinuxProcesses::kill_container(std::string pod_uid, std::string name) {
  const auto pod = find(pod_uid);
  if (pod == nullptr) co_return no_pod(pod_uid);
  const auto attempt = pod->running_attempt(name);
  if (!attempt) co_return no_container(name);
  cgroups_.kill(Cgroups::container_group(pod->group, name, *attempt));
  auto sent = co_await signal_container(pod_uid, name, SIGKILL);
  if (sent.has_error() && sent.error().reason == Reason::not_found) co_return Result<void>{};
  co_return sent;
}

Task<Result<void>> LinuxProcesses::remove_container(std::string pod_uid, std::string name, uint32_t attempt) {
  const auto pod = find(pod_uid);
  if (pod == nullptr || !pod->knows(name, attempt)) co_return Result<void>{};
  if (pod->running_attempt(name) == attempt) {
    co_return Error{Reason::conflict, "container " + name + " is still running"};
  }
  if (pod->keeper != 0) {
    auto removed = co_await pool_.request(pod->keeper, Type::remove, target_body(name, attempt, 0), request_timeout_ms);
    if (removed.has_error() && pod->keeper != 0 && !pod->removing) co_return std::move(removed).error();
  }
  KRING_CO_TRY_VOID(co_await remove_group(Cgroups::container_group(pod->group, name, attempt)));
  KRING_CO_TRY_VOID(co_await remove_directory(pod->container_directory(name, attempt)));
  pod->forget(name, attempt);
  co_return Result<void>{};
}

Task<Result<ProcessEvent>> LinuxProcesses::next_event() {
  while (events_.empty()) KRING_CO_TRY_VOID(co_await arrived_.wait());
  ProcessEvent event = std::move(events_.front());
  events_.pop_front();
  co_return event;
}

Task<Result<ExecResult>> LinuxProcesses::exec(ExecConfig config, int64_t timeout_ms, size_t output_bytes_max) {
  if (co_await cancelled()) co_return canceled_error();
  const auto pod = find(config.pod_uid);
  if (pod == nullptr) co_return no_pod(config.pod_uid);
  if (!pod->is_running(config.container)) co_return no_container(config.container);
  KRING_CO_TRY(sys::Fd spec, sandbox::make_exec_spec(config));
  sandbox::Output output{.pipe = {}, .text = {}, .bytes_max = output_bytes_max};
  auto reply = co_await pool_.exec(pod->keeper, std::move(spec), output, timeout_ms);
  if (reply.has_error() && reply.error().reason == Reason::timeout) {
    co_return Error{Reason::timeout, "command timed out after " + std::to_string(timeout_ms) + " ms"};
  }
  if (reply.has_error()) co_return std::move(reply).error();
  keeper::Decoder decoder{reply->body, {}};
  ExecResult result{.output = std::move(output.text)};
  decoder.number(result.exit_code);
  if (!decoder.done()) co_return Error{Reason::corrupt, "malformed answer of the keeper"};
  co_return result;
}

}  // namespace

Result<std::unique_ptr<Processes>> make_linux_processes(Env& env, LinuxProcessesOptions options) {
  if (!options.data_dir.starts_with('/')) return Error{Reason::invalid, "the data directory must be absolute"};
  if (!keeper::safe_component(options.cgroup_prefix)) return Error{Reason::invalid, "invalid cgroup prefix"};
  KRING_TRY_VOID(mounts::make_directories(options.data_dir + "/pods"));
  KRING_TRY(sys::Fd program, sandbox::keeper_program());
  return std::unique_ptr<Processes>{std::make_unique<LinuxProcesses>(env, std::move(options), std::move(program))};
}

std::vector<std::string> missing_controllers() { return Cgroups::detect("kring").missing(); }

}  // namespace kring::pods
