#include "runtime/pods/pod_plan.h"

#include <algorithm>

#include "objects/check.h"
#include "objects/schema/core_generated.h"
#include "runtime/client/flat.h"

namespace kring::pods {

namespace {

ContainerPlan container_plan(const core::Container& container, bool init) {
  ContainerPlan out;
  out.name = text(container.name());
  out.image = text(container.image());
  std::string_view policy = view(container.image_pull_policy());
  if (policy == "Always") out.pull_policy = PullPolicy::always;
  if (policy == "Never") out.pull_policy = PullPolicy::never;
  out.sidecar = init && view(container.restart_policy()) == "Always";
  out.pre_stop = container.lifecycle() != nullptr && container.lifecycle()->pre_stop() != nullptr;
  out.log_as_message = view(container.termination_message_policy()) == "FallbackToLogsOnError";
  return out;
}

RestartPolicy restart_policy(std::string_view text) {
  if (text == "Never") return RestartPolicy::never;
  if (text == "OnFailure") return RestartPolicy::on_failure;
  return RestartPolicy::always;
}

}  // namespace

PodPlan plan_of(const core::Pod& pod) {
  KRING_CHECK(pod.metadata() != nullptr && pod.spec() != nullptr);
  const core::PodSpec& spec = *pod.spec();
  PodPlan out;
  out.uid = text(pod.metadata()->uid());
  out.ns = text(pod.metadata()->namespace_());
  out.name = text(pod.metadata()->name());
  out.restart_policy = restart_policy(view(spec.restart_policy()));
  for (const auto* it : items(spec.init_containers())) out.init_containers.push_back(container_plan(*it, true));
  for (const auto* it : items(spec.containers())) out.containers.push_back(container_plan(*it, false));
  if (spec.active_deadline_seconds()) out.active_deadline_seconds = *spec.active_deadline_seconds();
  // Beyond a year nothing waits: the sum with the clock must not overflow.
  constexpr int64_t year_seconds = 365 * 86400;
  out.grace_seconds = std::clamp<int64_t>(spec.termination_grace_period_seconds().value_or(30), 0, year_seconds);
  if (out.active_deadline_seconds && *out.active_deadline_seconds > year_seconds) out.active_deadline_seconds.reset();
  for (const auto* gate : items(spec.readiness_gates())) out.readiness_gates.push_back(text(gate->condition_type()));
  return out;
}

FoundContainer find_container(const core::Pod& pod, std::string_view name) {
  if (pod.spec() == nullptr) return {};
  for (const auto* it : items(pod.spec()->containers()))
    if (view(it->name()) == name) return {it, false};
  for (const auto* it : items(pod.spec()->init_containers()))
    if (view(it->name()) == name) return {it, true};
  return {};
}

std::string field_path(const core::Pod& pod, std::string_view container) {
  bool init = find_container(pod, container).init;
  return std::string{init ? "spec.initContainers{" : "spec.containers{"} + std::string{container} + "}";
}

bool safe_name(std::string_view name) {
  if (name.empty() || name.size() > 253 || name == "." || name == "..") return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
  });
}

std::string PodPaths::volume(std::string_view volume) const { return directory + "/volumes/" + std::string{volume}; }
std::string PodPaths::log_file(std::string_view container, uint32_t attempt) const {
  return log_directory + "/" + std::string{container} + "/" + std::to_string(attempt) + ".log";
}
std::string PodPaths::etc(std::string_view file) const { return directory + "/etc/" + std::string{file}; }

PodPaths paths_of(const std::string& data_directory, std::string_view ns, std::string_view name, std::string_view uid) {
  PodPaths out;
  out.directory = data_directory + "/pods/" + std::string{uid};
  out.log_directory = data_directory + "/logs/" + std::string{ns} + "_" + std::string{name} + "_" + std::string{uid};
  return out;
}

}  // namespace kring::pods
