#include "tests/sim/sim_processes.h"

#include <algorithm>

#include "objects/check.h"

namespace kring::sim {

namespace {

constexpr int32_t signal_kill = 9;

Error not_found(const std::string& what) { return Error{Reason::not_found, what + " not found"}; }

}  // namespace

SimProcesses::SimProcesses(Env& env, Schedule& schedule) : env_(env), schedule_(schedule), changed_(env) {}

void SimProcesses::restart() {
  events_.clear();
  for (auto& [uid, pod] : pods_)
    for (auto& [name, attempts] : pod.containers)
      for (auto& container : attempts) container.told = false;
}

void SimProcesses::lose_pod(const std::string& uid) {
  if (pods_.erase(uid) == 0) return;
  ProcessEvent event;
  event.what = ProcessEvent::What::pod_lost;
  event.pod_uid = uid;
  events_.push_back(std::move(event));
  changed_.notify();
}

void SimProcesses::reboot() {
  pods_.clear();
  events_.clear();
}

size_t SimProcesses::running(const std::string& uid) const {
  size_t count = 0;
  auto found = pods_.find(uid);
  if (found == pods_.end()) return 0;
  for (const auto& [name, attempts] : found->second.containers)
    for (const auto& container : attempts)
      if (container.record.running && (!container.ends_at || *container.ends_at > env_.clock.now())) ++count;
  return count;
}

Task<Result<void>> SimProcesses::take_time() {
  co_await schedule_.operation(static_cast<int64_t>(schedule_.dice().between(10'000, 3'000'000)));
  co_return Result<void>{};
}

void SimProcesses::end(Container& container, int32_t exit_code) {
  container.record.running = false;
  container.record.exit_code = exit_code;
  container.record.signal = exit_code > 128 ? exit_code - 128 : 0;
  container.record.oom_killed = container.program.out_of_memory && exit_code == 137;
  container.record.finished_at = env_.clock.wall();
  container.record.termination_message = container.program.message;
  container.ends_at.reset();
}

// Brings what time did up to now, and tells it.
void SimProcesses::settle() {
  Mono now = env_.clock.now();
  for (auto& [uid, pod] : pods_) {
    for (auto& [name, attempts] : pod.containers) {
      for (auto& container : attempts) {
        if (container.record.running && container.ends_at && *container.ends_at <= now)
          end(container, container.ends_with);
        if (container.record.running || container.told || !container.record.start_error.empty()) continue;
        container.told = true;
        ProcessEvent event;
        event.what = ProcessEvent::What::container_exited;
        event.pod_uid = uid;
        event.container = container.record;
        events_.push_back(std::move(event));
      }
    }
  }
}

std::optional<Mono> SimProcesses::next_end() const {
  std::optional<Mono> out;
  for (const auto& [uid, pod] : pods_)
    for (const auto& [name, attempts] : pod.containers)
      for (const auto& container : attempts)
        if (container.ends_at && (!out || *container.ends_at < *out)) out = container.ends_at;
  return out;
}

PodRecord SimProcesses::record_of(const Pod& pod) const {
  PodRecord out{pod.config.uid, pod.config.ns, pod.config.name, pod.keeper_pid, {}};
  for (const auto& [name, attempts] : pod.containers) {
    size_t first = attempts.size() > 2 ? attempts.size() - 2 : 0;
    for (size_t i = first; i < attempts.size(); ++i) out.containers.push_back(attempts[i].record);
  }
  return out;
}

SimProcesses::Container* SimProcesses::latest(const std::string& uid, const std::string& name) {
  auto pod = pods_.find(uid);
  if (pod == pods_.end()) return nullptr;
  auto attempts = pod->second.containers.find(name);
  return attempts == pod->second.containers.end() || attempts->second.empty() ? nullptr : &attempts->second.back();
}

Task<Result<std::vector<PodRecord>>> SimProcesses::adopt() {
  KRING_CO_TRY_VOID(co_await take_time());
  settle();
  std::vector<PodRecord> out;
  for (const auto& [uid, pod] : pods_) out.push_back(record_of(pod));
  co_return out;
}

Task<Result<PodRecord>> SimProcesses::start_pod(PodConfig config) {
  KRING_CO_TRY_VOID(co_await take_time());
  if (schedule_.dice().chance(start_failures_per_million)) co_return Error{Reason::io, "no namespaces today"};
  auto found = pods_.find(config.uid);
  if (found != pods_.end()) co_return Error{Reason::already_exists, "pod runs already"};
  Pod pod;
  pod.config = std::move(config);
  pod.keeper_pid = ++next_pid_;
  PodRecord out = record_of(pod);
  std::string uid = pod.config.uid;
  pods_.emplace(std::move(uid), std::move(pod));
  co_return out;
}

Task<Result<ContainerRecord>> SimProcesses::start_container(ContainerConfig config) {
  KRING_CO_TRY_VOID(co_await take_time());
  if (schedule_.dice().chance(start_failures_per_million)) co_return Error{Reason::io, "no overlay today"};
  auto pod = pods_.find(config.pod_uid);
  if (pod == pods_.end()) co_return not_found("pod " + config.pod_uid);
  settle();
  auto& attempts = pod->second.containers[config.name];
  if (!attempts.empty()) {
    KRING_CHECK(!attempts.back().record.running, "two attempts of a container at a time");
    KRING_CHECK(attempts.back().record.attempt < config.attempt, "attempts only grow");
  }
  KRING_CHECK(!config.args.empty());
  Container container;
  if (auto program = programs.find(config.args[0]); program != programs.end()) container.program = program->second;
  ContainerRecord& record = container.record;
  record.pod_uid = config.pod_uid;
  record.name = config.name;
  record.attempt = config.attempt;
  record.start_error = container.program.start_error;
  record.running = record.start_error.empty();
  record.pid = ++next_pid_;
  record.started_at = env_.clock.wall();
  if (record.running && container.program.runs_ms >= 0) {
    container.ends_at = env_.clock.now() + ms_to_ns(container.program.runs_ms);
    container.ends_with = container.program.exit_code;
  }
  if (!record.running) record.exit_code = 128;
  ContainerRecord out = record;
  attempts.push_back(std::move(container));
  ++starts;
  changed_.notify();
  co_return out;
}

Task<Result<void>> SimProcesses::signal_container(std::string pod_uid, std::string name, int32_t signal) {
  KRING_CO_TRY_VOID(co_await take_time());
  settle();
  Container* container = latest(pod_uid, name);
  if (container == nullptr) co_return not_found("container " + name);
  if (!container->record.running) co_return Result<void>{};
  if (container->program.ignores_signals && signal != signal_kill) co_return Result<void>{};
  end(*container, 128 + signal);
  changed_.notify();
  co_return Result<void>{};
}

Task<Result<void>> SimProcesses::kill_container(std::string pod_uid, std::string name) {
  co_return co_await signal_container(std::move(pod_uid), std::move(name), signal_kill);
}

Task<Result<void>> SimProcesses::remove_container(std::string pod_uid, std::string name, uint32_t attempt) {
  KRING_CO_TRY_VOID(co_await take_time());
  auto pod = pods_.find(pod_uid);
  if (pod == pods_.end()) co_return Result<void>{};
  std::erase_if(pod->second.containers[name], [&](const Container& it) {
    KRING_CHECK(it.record.attempt != attempt || !it.record.running, "only what ended is forgotten");
    return it.record.attempt == attempt;
  });
  co_return Result<void>{};
}

Task<Result<void>> SimProcesses::remove_pod(std::string pod_uid) {
  KRING_CO_TRY_VOID(co_await take_time());
  pods_.erase(pod_uid);
  std::erase_if(events_, [&](const ProcessEvent& it) { return it.pod_uid == pod_uid; });
  co_return Result<void>{};
}

Task<Result<ProcessEvent>> SimProcesses::next_event() {
  while (true) {
    settle();
    if (!events_.empty()) {
      ProcessEvent event = std::move(events_.front());
      events_.pop_front();
      co_return event;
    }
    std::optional<Mono> end = next_end();
    Result<void> woken;
    if (end) {
      woken = co_await changed_.wait_until(*end);
    } else {
      woken = co_await changed_.wait();
    }
    if (woken.has_error() && woken.error().reason != Reason::timeout) co_return woken.error();
  }
}

Task<Result<ExecResult>> SimProcesses::exec(ExecConfig config, int64_t timeout_ms, size_t output_bytes_max) {
  KRING_MAYBE(timeout_ms > 0 && output_bytes_max > 0);
  KRING_CO_TRY_VOID(co_await take_time());
  std::string line = config.pod_uid + "/" + config.container + ":";
  for (const auto& it : config.args) line += " " + it;
  executed.push_back(std::move(line));
  ExecResult out;
  out.exit_code = static_cast<int32_t>(exec_exit_code);
  co_return out;
}

Result<PodUsage> SimProcesses::usage(std::string_view pod_uid) const {
  if (!pods_.contains(std::string{pod_uid})) return not_found("pod " + std::string{pod_uid});
  return PodUsage{};
}

}  // namespace kring::sim
