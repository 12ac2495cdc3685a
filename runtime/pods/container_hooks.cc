#include "runtime/pods/container_hooks.h"

#include <charconv>

#include "objects/schema/core_generated.h"
#include "runtime/client/flat.h"
#include "runtime/tasks/task_group.h"

namespace kring::pods {

namespace {

constexpr size_t output_bytes_max = 4096;

// A port by number or by its name in the container; 0 when there is none.
uint16_t port_of(const core::Container& container, const meta::IntOrString* port) {
  if (port == nullptr) return 0;
  if (port->number()) return static_cast<uint16_t>(*port->number());
  for (const auto* it : items(container.ports()))
    if (view(it->name()) == view(port->text())) return static_cast<uint16_t>(it->container_port().value_or(0));
  std::string_view digits = view(port->text());
  uint16_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

Task<Result<void>> run_exec(Services& services, HookOrder order, const core::ExecAction& action) {
  ExecConfig config;
  config.pod_uid = std::string{order.pod->uid()};
  config.container = order.container;
  config.args = texts(action.command());
  std::string command;
  for (const auto& it : config.args) command += (command.empty() ? "" : " ") + it;
  auto result = co_await services.processes.exec(std::move(config), order.budget_ms, output_bytes_max);
  if (result.has_error()) co_return result.error();
  if (result->exit_code == 0) co_return Result<void>{};
  co_return Error{Reason::internal_error, "Exec lifecycle hook ([" + command + "]) failed: command exited with " +
                                              std::to_string(result->exit_code) + ", output: " + result->output};
}

Task<Result<void>> run_http(Services& services, HookOrder order, const core::HTTPGetAction& action,
                            const core::Container& container) {
  if (services.hooks == nullptr) co_return Error{Reason::service_unavailable, "http hooks need the pod network"};
  HookCaller::Request request;
  request.scheme = view(action.scheme()) == "HTTPS" ? "https" : "http";
  request.host = text(action.host());
  if (request.host.empty() && !order.addresses.empty()) request.host = order.addresses.front();
  if (request.host.empty()) co_return Error{Reason::service_unavailable, "the pod has no address"};
  request.port = port_of(container, action.port());
  request.path = text(action.path());
  for (const auto* it : items(action.http_headers())) request.headers.emplace_back(text(it->name()), text(it->value()));
  request.timeout_ms = order.budget_ms;
  co_return co_await services.hooks->get(std::move(request));
}

}  // namespace

Task<Result<void>> run_hook(Services& services, HookOrder order, HookKind kind) {
  ObjectPtr pod = order.pod;  // keeps the accessors valid across awaits
  const auto* container = find_container(*pod->as<core::Pod>(), order.container).container;
  if (container == nullptr || container->lifecycle() == nullptr) co_return Result<void>{};
  const auto* handler =
      kind == HookKind::post_start ? container->lifecycle()->post_start() : container->lifecycle()->pre_stop();
  if (handler == nullptr) co_return Result<void>{};
  int64_t budget_ms = order.budget_ms;
  if (handler->exec() != nullptr)
    co_return co_await with_deadline(services.env, budget_ms, run_exec(services, std::move(order), *handler->exec()));
  if (handler->http_get() != nullptr)
    co_return co_await with_deadline(services.env, budget_ms,
                                     run_http(services, std::move(order), *handler->http_get(), *container));
  if (handler->sleep() != nullptr) {
    int64_t ms = std::min(handler->sleep()->seconds().value_or(0), budget_ms / 1000) * 1000;
    co_return co_await services.env.clock.sleep_ms(ms);
  }
  co_return Error{Reason::invalid, "invalid handler: it has no action"};
}

}  // namespace kring::pods
