#include "runtime/pods/container_start.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "objects/schema/core_generated.h"
#include "runtime/client/flat.h"
#include "runtime/pods/container_hooks.h"
#include "runtime/pods/image_step.h"
#include "runtime/pods/security.h"
#include "runtime/tasks/task_group.h"

namespace kring::pods {

namespace {

constexpr std::string_view default_path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
// A postStart hook has no time limit in Kubernetes; one that never ends would hold the container for ever.
constexpr int64_t post_start_ms_max = 10 * 60'000;

StartFailure config_error(Services& services, const StartOrder& order, std::string message) {
  services.events.warning(container_reference(*order.pod, order.container), "Failed", "Error: " + message);
  return {"CreateContainerConfigError", std::move(message)};
}

bool mounts_at(const ContainerConfig& config, std::string_view path) {
  return std::any_of(config.mounts.begin(), config.mounts.end(),
                     [&](const PodMount& mount) { return mount.container_path == path; });
}

// The files that kring keeps for the pod, unless the container mounts something of its own there.
void add_etc_mounts(ContainerConfig& config, const PodPaths& paths) {
  for (std::string_view file : {"hosts", "hostname", "resolv.conf"}) {
    std::string at = "/etc/" + std::string{file};
    if (mounts_at(config, at)) continue;
    config.mounts.push_back({.host_path = paths.etc(file), .container_path = at});
  }
}

void add_default_env(std::vector<std::string>& env, const std::string& hostname) {
  auto has = [&](std::string_view name) {
    return std::any_of(env.begin(), env.end(), [&](const auto& it) { return it.starts_with(name); });
  };
  if (!has("PATH=")) env.insert(env.begin(), std::string{default_path});
  if (!has("HOSTNAME=")) env.push_back("HOSTNAME=" + hostname);
}

// kubelet's addTerminationMessage default.
std::string message_path(const core::Container& container) {
  std::string path = text(container.termination_message_path());
  return path.empty() ? "/dev/termination-log" : path;
}

Result<ContainerConfig> make_config(Services& services, const StartOrder& order, const images::Image& image,
                                    const Sources& sources, const std::vector<ObjectPtr>& known_services) {
  const core::Pod& pod = *order.pod->as<core::Pod>();
  const core::Container& container = *find_container(pod, order.container).container;
  PodPaths paths = paths_of(services.options.data_directory, order.pod->ns(), order.pod->name(), order.pod->uid());
  ContainerConfig out;
  out.pod_uid = std::string{order.pod->uid()};
  out.name = order.container;
  out.attempt = order.attempt;
  out.layers = image.layers;
  out.host_root = image.host_root;
  KRING_TRY(Environment environment, make_environment(pod, container, sources, services.facts(order.addresses),
                                                      image.config.env, service_environment(pod, known_services)));
  out.args = make_arguments(container, image.config.entrypoint, image.config.command, environment.values);
  if (out.args.empty()) return Error{Reason::invalid, "no command specified"};
  out.env = std::move(environment.list);
  KRING_TRY(std::string hostname, make_hostname(pod, services.node.hostname, services.options.cluster_domain));
  add_default_env(out.env, hostname);
  out.working_directory = text(container.working_dir());
  if (out.working_directory.empty()) out.working_directory = image.config.working_directory;
  KRING_TRY(out.security,
            make_security(pod, container, image.config.user, services.options.data_directory + "/seccomp"));
  out.limits = container_limits(container);
  out.oom_score_adjust = oom_score_adjust(pod, container, services.node.memory_capacity_bytes);
  Volumes volumes{services.files, paths};
  KRING_TRY(out.mounts, volumes.mounts_of(pod, container, environment.values));
  add_etc_mounts(out, paths);
  out.log_path = paths.log_file(order.container, order.attempt);
  out.log_bytes_max = services.options.log_bytes_max;
  out.log_files_max = services.options.log_files_max;
  out.termination_message_path = message_path(container);
  out.terminal = container.tty().value_or(false);
  out.standard_input = container.stdin().value_or(false);
  KRING_TRY_VOID(services.files.make_directories(paths.log_directory + "/" + order.container, 0755));
  return out;
}

int32_t stop_signal(const core::Container& container, const images::Image& image) {
  int32_t wanted = container.lifecycle() != nullptr ? signal_number(view(container.lifecycle()->stop_signal())) : 0;
  if (wanted == 0) wanted = signal_number(image.config.stop_signal);
  return wanted == 0 ? 15 : wanted;
}

Task<Result<void>> post_start(Services& services, StartOrder order) {
  HookOrder hook{order.pod, order.container, order.addresses, post_start_ms_max};
  auto done = co_await run_hook(services, std::move(hook), HookKind::post_start);
  if (failed(done)) {
    services.events.warning(container_reference(*order.pod, order.container), "FailedPostStartHook",
                            "PostStartHook failed");
    services.env.log.info("postStart hook failed", {{"pod", order.pod->name()}, {"error", done.error()}});
  }
  co_return done;
}

Task<Result<StartResult>> create_and_start(Services& services, StartOrder order, ContainerConfig config) {
  client::Reference about = container_reference(*order.pod, order.container);
  services.events.normal(about, "Created", "Created container: " + order.container);
  auto record = co_await services.processes.start_container(std::move(config));
  if (record.has_error()) {
    if (record.error().reason == Reason::canceled) co_return record.error();
    services.events.warning(about, "Failed", "Error: " + record.error().message);
    co_return StartResult{StartFailure{"CreateContainerError", record.error().message}};
  }
  Started started;
  if (record->start_error.empty()) {
    services.events.normal(about, "Started", "Started container " + order.container);
  } else {
    services.events.warning(about, "Failed", "Error: " + record->start_error);
    record->running = false;
    if (record->exit_code == 0) record->exit_code = 128;
    if (record->finished_at.ns == 0) record->finished_at = services.env.clock.wall();
  }
  started.record = std::move(*record);
  co_return StartResult{std::move(started)};
}

using SharedResult = std::shared_ptr<std::optional<Result<StartResult>>>;
Task<Result<void>> create_into(Services& services, StartOrder order, ContainerConfig config, SharedResult out) {
  *out = co_await create_and_start(services, std::move(order), std::move(config));
  co_return Result<void>{};
}

// Cancelled or not, what was started must be known: this part is not cut short.
Task<Result<StartResult>> create_to_the_end(Services& services, StartOrder order, ContainerConfig config) {
  if (co_await cancelled()) co_return Error{Reason::canceled, "canceled"};
  auto out = std::make_shared<std::optional<Result<StartResult>>>();
  auto ended = co_await shielded(services.env, create_into(services, std::move(order), std::move(config), out));
  if (!out->has_value()) co_return ended.has_error() ? ended.error() : Error{Reason::canceled, "canceled"};
  co_return std::move(**out);
}

}  // namespace

client::Reference container_reference(const Object& pod, std::string_view container) {
  client::Reference out = client::reference_to(pod);
  out.field_path = field_path(*pod.as<core::Pod>(), container);
  return out;
}

Task<Result<Sources>> fetch_sources(Services& services, std::string ns, std::set<ObjectKey> keys) {
  Sources out;
  for (const auto& key : keys) {
    client::ObjectName name{ns, key.second};
    auto object = co_await services.client.get(*key.first, std::move(name));
    if (object.has_error() && object.error().reason != Reason::not_found) co_return object.error();
    out[key] = object.has_error() ? nullptr : *object;
  }
  co_return out;
}

Task<Result<StartResult>> start_container(Services& services, StartOrder order) {
  const auto* container = find_container(*order.pod->as<core::Pod>(), order.container).container;
  if (container == nullptr) co_return StartResult{StartFailure{"CreateContainerError", "no such container"}};
  ImageOrder wish{order.pod, order.container, text(container->image()), order.pull_policy};
  auto ensured = co_await ensure_image(services, std::move(wish));
  if (ensured.has_error()) co_return ensured.error();
  if (auto* failure = std::get_if<StartFailure>(&*ensured)) co_return StartResult{std::move(*failure)};
  images::Image image = std::get<images::Image>(std::move(*ensured));
  auto sources = co_await fetch_sources(services, std::string{order.pod->ns()}, references_of(*container));
  if (sources.has_error() && sources.error().reason == Reason::canceled) co_return sources.error();
  if (sources.has_error()) co_return StartResult{config_error(services, order, sources.error().message)};
  auto known_services = co_await services.client.list(kinds::service(), {});
  if (known_services.has_error()) co_return known_services.error();
  auto config = make_config(services, order, image, *sources, known_services->objects);
  if (config.has_error()) co_return StartResult{config_error(services, order, config.error().message)};
  auto result = co_await create_to_the_end(services, order, std::move(*config));
  if (result.has_error()) co_return result;
  auto* started = std::get_if<Started>(&*result);
  if (started == nullptr) co_return result;
  started->image = text(container->image());
  started->image_id = image.repo_digests.empty() ? image.id : image.repo_digests.front();
  started->stop_signal = stop_signal(*container, image);
  if (started->record.running) {
    auto hooked = co_await post_start(services, order);
    started->post_start_failed = failed(hooked);
  }
  co_return result;
}

Task<Result<void>> run_pre_stop(Services& services, StartOrder order, int64_t budget_ms) {
  HookOrder hook{order.pod, order.container, order.addresses, budget_ms};
  auto done = co_await run_hook(services, std::move(hook), HookKind::pre_stop);
  if (failed(done)) {
    services.events.warning(container_reference(*order.pod, order.container), "FailedPreStopHook",
                            "PreStopHook failed");
    services.env.log.info("preStop hook failed", {{"pod", order.pod->name()}, {"error", done.error()}});
  }
  co_return done;
}

int32_t signal_number(std::string_view name) {
  int32_t number = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error == std::errc{} && end == name.data() + name.size()) return number > 0 && number <= 64 ? number : 0;
  if (name.starts_with("SIG")) name.remove_prefix(3);
  static constexpr std::array<std::string_view, 32> names{
      "",     "HUP",  "INT",  "QUIT", "ILL",    "TRAP",   "ABRT",  "BUS",  "FPE",  "KILL", "USR1",
      "SEGV", "USR2", "PIPE", "ALRM", "TERM",   "STKFLT", "CHLD",  "CONT", "STOP", "TSTP", "TTIN",
      "TTOU", "URG",  "XCPU", "XFSZ", "VTALRM", "PROF",   "WINCH", "IO",   "PWR",  "SYS"};
  for (size_t i = 1; i < names.size(); ++i)
    if (names[i] == name) return static_cast<int32_t>(i);
  if (name.starts_with("RTMIN") || name.starts_with("RTMAX")) {
    int32_t base = name.starts_with("RTMIN") ? 34 : 64;
    std::string_view rest = name.substr(5);
    if (rest.empty()) return base;
    int32_t offset = 0;
    std::from_chars(rest.data() + 1, rest.data() + rest.size(), offset);
    int32_t result = rest[0] == '+' ? base + offset : base - offset;
    return result >= 34 && result <= 64 ? result : 0;
  }
  return 0;
}

}  // namespace kring::pods
