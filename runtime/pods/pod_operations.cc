// What a pod worker does at the state machine's word.
#include "objects/schema/core_generated.h"
#include "runtime/client/flat.h"
#include "runtime/pods/log_tail.h"
#include "runtime/pods/pod_worker.h"
#include "runtime/pods/sysctls.h"

namespace kring::pods {

namespace {

constexpr size_t fallback_message_bytes = 2048;
constexpr size_t fallback_message_lines = 80;
constexpr int64_t limits_every_ms = 60'000;
constexpr int64_t refresh_retry_ms = 30'000;

std::map<std::string, std::string> sysctls_of(const core::Pod& pod) {
  std::map<std::string, std::string> out;
  if (pod.spec()->security_context() == nullptr) return out;
  for (const auto* it : items(pod.spec()->security_context()->sysctls())) out[text(it->name())] = text(it->value());
  return out;
}

}  // namespace

Task<Result<void>> PodWorker::set_up_task() {
  auto done = co_await set_up();
  if (failed(done) && !state_.failure)
    services_.env.log.warn("pod not set up", {{"pod", plan_.full_name()}, {"error", done.error()}});
  on_set_up(state_, !done.has_error(), now());
  wake_.notify();
  co_return Result<void>{};
}

Task<Result<void>> PodWorker::set_up() {
  if (!safe_name(plan_.uid) || !safe_name(plan_.ns) || !safe_name(plan_.name)) {
    fail("InvalidName", "the pod's name cannot be part of a path");
    co_return Error{Reason::invalid, "the pod's name cannot be part of a path"};
  }
  if (std::string forbidden = forbidden_sysctl(sysctls_of(*pod_->as<core::Pod>())); !forbidden.empty()) {
    fail("SysctlForbidden", "forbidden sysctl: \"" + forbidden + "\" not allowlisted");
    co_return Error{Reason::forbidden, "forbidden sysctl"};
  }
  leftovers_ = true;
  auto volumes = co_await prepare_volumes();
  if (volumes.has_error()) co_return volumes;
  auto sandbox = co_await start_sandbox();
  if (failed(sandbox))
    services_.events.warning(client::reference_to(*pod_), "FailedCreatePodSandBox",
                             "Failed to create pod sandbox: " + sandbox.error().message);
  co_return sandbox;
}

Task<Result<Tokens>> PodWorker::make_tokens() {
  Tokens out;
  std::vector<TokenWish> wishes = token_wishes(*pod_->as<core::Pod>());
  refresh_at_.reset();
  if (services_.tokens == nullptr) co_return out;
  for (const auto& wish : wishes) {
    TokenIssuer::Request request{plan_.ns,      text(pod_->as<core::Pod>()->spec()->service_account_name()),
                                 plan_.name,    plan_.uid,
                                 wish.audience, wish.expiration_seconds};
    auto token = co_await services_.tokens->issue(std::move(request));
    if (token.has_error()) co_return token.error();
    out[{wish.volume, wish.path}] = std::move(*token);
    // kubelet renews at four fifths of a token's life.
    Mono again = now() + ms_to_ns(wish.expiration_seconds * 800);
    if (!refresh_at_ || again < *refresh_at_) refresh_at_ = again;
  }
  co_return out;
}

Task<Result<void>> PodWorker::prepare_volumes() {
  ObjectPtr pod = pod_;
  KRING_CO_TRY_VOID(services_.files.make_directories(paths().directory + "/volumes", 0755));
  KRING_CO_TRY_VOID(services_.files.make_directories(paths().log_directory, 0755));
  auto sources = co_await fetch_sources(services_, plan_.ns, volume_references(*pod->as<core::Pod>()));
  if (sources.has_error()) co_return sources.error();
  auto tokens = co_await make_tokens();
  if (failed(tokens))
    services_.events.warning(client::reference_to(*pod), "FailedMount",
                             "failed to fetch token: " + tokens.error().message);
  if (tokens.has_error()) co_return tokens.error();
  Volumes volumes{services_.files, paths()};
  auto errors = volumes.set_up(*pod->as<core::Pod>(), *sources, services_.facts(state_.addresses), *tokens);
  for (const auto& it : errors) services_.events.warning(client::reference_to(*pod), "FailedMount", it.message);
  if (!errors.empty()) co_return Error{Reason::unknown, errors.front().message};
  co_return Result<void>{};
}

Result<void> PodWorker::write_etc_files() {
  const core::Pod& pod = *pod_->as<core::Pod>();
  const AgentOptions& options = services_.options;
  KRING_TRY(std::string hostname, make_hostname(pod, services_.node.hostname, options.cluster_domain));
  auto resolv = services_.host.read_text("/etc/resolv.conf");
  auto hosts = services_.host.read_text("/etc/hosts");
  DnsSettings dns{options.cluster_dns, options.cluster_domain, resolv.has_value() ? *resolv : std::string{}};
  PodPaths at = paths();
  KRING_TRY_VOID(services_.files.make_directories(at.directory + "/etc", 0755));
  std::string hosts_text =
      make_hosts(pod, state_.addresses, hostname, options.cluster_domain, hosts.has_value() ? *hosts : std::string{});
  KRING_TRY_VOID(services_.files.write_text(at.etc("hosts"), hosts_text, 0644));
  KRING_TRY_VOID(services_.files.write_text(at.etc("hostname"), hostname + "\n", 0644));
  return services_.files.write_text(at.etc("resolv.conf"), make_resolv_conf(pod, dns), 0644);
}

Task<Result<void>> PodWorker::start_sandbox() {
  const core::PodSpec& spec = *pod_->as<core::Pod>()->spec();
  auto hostname = make_hostname(*pod_->as<core::Pod>(), services_.node.hostname, services_.options.cluster_domain);
  if (hostname.has_error()) co_return hostname.error();
  PodConfig config;
  config.uid = plan_.uid;
  config.ns = plan_.ns;
  config.name = plan_.name;
  config.host_network = spec.host_network().value_or(false);
  config.host_pid = spec.host_pid().value_or(false);
  config.host_ipc = spec.host_ipc().value_or(false);
  config.share_process_namespace = spec.share_process_namespace().value_or(false);
  config.hostname = config.host_network ? std::string{} : *hostname;
  config.qos_class = qos_class(*pod_->as<core::Pod>());
  config.limits = pod_limits(*pod_->as<core::Pod>());
  config.sysctls = sysctls_of(*pod_->as<core::Pod>());
  config.directory = paths().directory;
  config.log_directory = paths().log_directory;
  bool own_network = !config.host_network;
  KRING_CO_TRY_VOID(write_etc_files());
  auto started = co_await services_.processes.start_pod(std::move(config));
  if (started.has_error() && started.error().reason != Reason::already_exists) co_return started.error();
  if (!own_network || services_.network == nullptr) co_return Result<void>{};
  PodNetwork::Pod link{plan_.uid, plan_.ns, plan_.name, started.has_value() ? started->keeper_pid : 0};
  auto addresses = co_await services_.network->attach(std::move(link));
  if (addresses.has_error()) co_return addresses.error();
  state_.addresses = std::move(*addresses);
  co_return write_etc_files();
}

Task<Result<void>> PodWorker::start_task(std::string container, uint32_t attempt) {
  auto result = co_await start_container(services_, order_of(container, attempt));
  if (result.has_error()) {
    on_start_failed(state_, container, {"CreateContainerError", result.error().message}, now());
  } else if (auto* failure = std::get_if<StartFailure>(&*result)) {
    on_start_failed(state_, container, std::move(*failure), now());
  } else {
    auto& started = std::get<Started>(*result);
    bool post_start_failed = started.post_start_failed;
    on_started(state_, container, std::move(started.record), std::move(started.image), std::move(started.image_id),
               started.stop_signal, now());
    if (post_start_failed) state_.containers[container].stop_reason = "FailedPostStartHook";
    forget_old(container, attempt);
  }
  wake_.notify();
  auto early = early_exits_.extract(container);
  if (!early.empty()) exited(early.mapped());
  co_return Result<void>{};
}

// Two attempts are kept, with their logs: the latest and the one before it.
void PodWorker::forget_old(const std::string& container, uint32_t attempt) {
  if (attempt < 2) return;
  operations_.spawn("forget " + container, &PodWorker::forget_task, std::ref(*this), container, attempt - 2);
}

Task<Result<void>> PodWorker::forget_task(std::string container, uint32_t attempt) {
  auto removed = co_await services_.processes.remove_container(plan_.uid, container, attempt);
  if (failed(removed)) services_.env.log.debug("old container not removed", {{"error", removed.error()}});
  std::string log = std::to_string(attempt) + ".log";
  std::string folder = paths().log_directory + "/" + container;
  auto names = services_.files.list(folder);
  if (names.has_error()) co_return Result<void>{};
  for (const auto& name : *names) {
    if (name != log && !name.starts_with(log + ".")) continue;
    auto gone = co_await services_.files.remove_tree(folder + "/" + name);
    if (gone.has_error()) co_return Result<void>{};
  }
  co_return Result<void>{};
}

Task<Result<void>> PodWorker::pre_stop_task(std::string container, int64_t budget_ms) {
  auto done = co_await run_pre_stop(services_, order_of(container, 0), budget_ms);
  static_cast<void>(done);  // a failure was told in an event; the stop goes on
  on_pre_stop_done(state_, container, now());
  wake_.notify();
  co_return Result<void>{};
}

Task<Result<void>> PodWorker::signal_task(std::string container, int32_t signal) {
  auto sent = co_await services_.processes.signal_container(plan_.uid, container, signal);
  if (failed(sent))
    services_.env.log.warn("signal not sent",
                           {{"pod", plan_.full_name()}, {"container", container}, {"error", sent.error()}});
  co_return Result<void>{};
}

Task<Result<void>> PodWorker::kill_task(std::string container) {
  auto killed = co_await services_.processes.kill_container(plan_.uid, container);
  if (failed(killed))
    services_.env.log.warn("kill failed",
                           {{"pod", plan_.full_name()}, {"container", container}, {"error", killed.error()}});
  co_return Result<void>{};
}

Task<Result<void>> PodWorker::exit_task(ContainerRecord record) {
  std::string message = record.termination_message;
  bool from_log = false;
  for (const auto* list : {&plan_.containers, &plan_.init_containers})
    for (const auto& it : *list) from_log |= it.name == record.name && it.log_as_message;
  if (message.empty() && from_log && record.exit_code != 0) {
    std::string path = paths().log_file(record.name, record.attempt);
    auto tail = co_await log_tail(services_.env, std::move(path), fallback_message_lines, fallback_message_bytes);
    if (tail.has_value()) message = std::move(*tail);
  }
  on_exited(state_, record, std::move(message), now());
  wake_.notify();
  co_return Result<void>{};
}

// Idempotent.
Task<Result<void>> PodWorker::tear_down() {
  auto removed = co_await services_.processes.remove_pod(plan_.uid);
  if (removed.has_error()) {
    if (failed(removed))
      services_.events.warning(client::reference_to(*pod_), "FailedKillPod",
                               "error killing pod: " + removed.error().message);
    co_return removed;
  }
  if (services_.network != nullptr) {
    auto detached = co_await services_.network->detach(plan_.uid);
    if (failed(detached)) services_.env.log.warn("pod network not removed", {{"error", detached.error()}});
  }
  Volumes{services_.files, paths()}.unmount();
  auto files = co_await services_.files.remove_tree(paths().directory);
  if (failed(files))
    services_.env.log.warn("pod directory not removed", {{"pod", plan_.full_name()}, {"error", files.error()}});
  if (!files.has_error()) leftovers_ = false;
  co_return files;
}

Task<Result<void>> PodWorker::tear_down_task() {
  auto done = co_await tear_down();
  on_torn_down(state_, !done.has_error(), now());
  wake_.notify();
  co_return Result<void>{};
}

Task<Result<void>> PodWorker::refresh_volumes() {
  ObjectPtr pod = pod_;
  auto sources = co_await fetch_sources(services_, plan_.ns, volume_references(*pod->as<core::Pod>()));
  if (sources.has_error()) co_return sources.error();
  auto tokens = co_await make_tokens();
  if (tokens.has_error()) co_return tokens.error();
  if (state_.sandbox != PodState::Sandbox::ready) co_return Result<void>{};
  Volumes volumes{services_.files, paths()};
  auto errors = volumes.refresh(*pod->as<core::Pod>(), *sources, services_.facts(state_.addresses), *tokens);
  for (const auto& it : errors) services_.events.warning(client::reference_to(*pod), "FailedMount", it.message);
  co_return Result<void>{};
}

Task<Result<void>> PodWorker::refresh_task() {
  auto done = co_await refresh_volumes();
  if (failed(done))
    services_.env.log.warn("volumes not refreshed", {{"pod", plan_.full_name()}, {"error", done.error()}});
  if (done.has_error()) refresh_at_ = now() + ms_to_ns(refresh_retry_ms);
  refreshing_ = false;
  wake_.notify();
  co_return Result<void>{};
}

Task<Result<void>> PodWorker::limit_task() {
  Volumes volumes{services_.files, paths()};
  auto over = co_await volumes.over_limit(pod_);
  check_limits_at_ = now() + ms_to_ns(limits_every_ms);
  if (over.has_value() && !over->empty() && !terminal(state_)) {
    std::string limit;
    for (const auto* volume : items(pod_->as<core::Pod>()->spec()->volumes()))
      if (view(volume->name()) == *over) limit = text(volume->empty_dir()->size_limit());
    fail("Evicted", "Usage of EmptyDir volume \"" + *over + "\" exceeds the limit \"" + limit + "\". ");
  }
  wake_.notify();
  co_return Result<void>{};
}

}  // namespace kring::pods
