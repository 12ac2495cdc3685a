#include "runtime/api/bootstrap.h"

#include "runtime/api/rbac.h"

namespace kring::api {
namespace {

constexpr int64_t https_port = 443;

json::Value named(std::string_view api_version, std::string_view kind, std::string_view name) {
  json::Object meta;
  meta.append("name", name);
  json::Object out;
  out.append("apiVersion", api_version);
  out.append("kind", kind);
  out.append("metadata", std::move(meta));
  return out;
}

// Creates what is not there yet.
Task<Result<void>> ensure(client::Client& client, const Kind& kind, std::string ns, json::Value object) {
  client::ObjectName name{ns, std::string{object.find("metadata")->string_or("name")}};
  auto found = co_await client.get(kind, std::move(name));
  if (found.has_value()) co_return Result<void>{};
  if (found.error().reason != Reason::not_found) co_return std::move(found).error();
  auto made = co_await client.create(kind, std::move(ns), std::move(object), client::WriteOptions{});
  if (made.has_error() && made.error().reason != Reason::already_exists) co_return std::move(made).error();
  co_return Result<void>{};
}

json::Value priority_class(std::string_view name, int64_t value, std::string_view description) {
  json::Value object = named("scheduling.k8s.io/v1", "PriorityClass", name);
  object.as_object().set("value", value);
  object.as_object().set("description", description);
  return object;
}

json::Value api_labels() {
  json::Object labels;
  labels.append("component", "apiserver");
  labels.append("provider", "kubernetes");
  return labels;
}

json::Value api_service(const BootstrapOptions& options) {
  json::Object port;
  port.append("name", "https");
  port.append("protocol", "TCP");
  port.append("port", https_port);
  port.append("targetPort", int64_t{options.port});
  json::Object spec;
  spec.append("type", "ClusterIP");
  spec.append("clusterIP", options.service_address);
  spec.append("clusterIPs", json::Array{options.service_address});
  spec.append("sessionAffinity", "None");
  spec.append("ports", json::Array{std::move(port)});
  json::Value service = named("v1", "Service", "kubernetes");
  service.object("metadata").set("labels", api_labels());
  service.as_object().set("spec", std::move(spec));
  return service;
}

json::Value api_endpoints(const BootstrapOptions& options) {
  json::Object address;
  address.append("ip", options.advertise_address);
  json::Object port;
  port.append("name", "https");
  port.append("port", int64_t{options.port});
  port.append("protocol", "TCP");
  json::Object subset;
  subset.append("addresses", json::Array{std::move(address)});
  subset.append("ports", json::Array{std::move(port)});
  json::Value endpoints = named("v1", "Endpoints", "kubernetes");
  json::Object labels;
  labels.append("endpointslice.kubernetes.io/skip-mirror", "true");
  endpoints.object("metadata").set("labels", std::move(labels));
  endpoints.as_object().set("subsets", json::Array{std::move(subset)});
  return endpoints;
}

json::Value api_endpoint_slice(const BootstrapOptions& options) {
  json::Object conditions;
  conditions.append("ready", true);
  json::Object endpoint;
  endpoint.append("addresses", json::Array{options.advertise_address});
  endpoint.append("conditions", std::move(conditions));
  json::Object port;
  port.append("name", "https");
  port.append("port", int64_t{options.port});
  port.append("protocol", "TCP");
  json::Value slice = named("discovery.k8s.io/v1", "EndpointSlice", "kubernetes");
  json::Object labels;
  labels.append("kubernetes.io/service-name", "kubernetes");
  slice.object("metadata").set("labels", std::move(labels));
  const bool v6 = options.advertise_address.find(':') != std::string::npos;
  slice.as_object().set("addressType", v6 ? "IPv6" : "IPv4");
  slice.as_object().set("endpoints", json::Array{std::move(endpoint)});
  slice.as_object().set("ports", json::Array{std::move(port)});
  return slice;
}

// The address of the API may change between starts, so its endpoints are written each time they differ.
Task<Result<void>> publish(client::Client& client, const Kind& kind, json::Value object) {
  client::ObjectName name{"default", "kubernetes"};
  KRING_CO_TRY_VOID(co_await ensure(client, kind, "default", object));
  std::function<bool(json::Value&)> change = [object = std::move(object)](json::Value& stored) {
    bool changed = false;
    for (const std::string_view key : {"subsets", "endpoints", "ports", "addressType"}) {
      const json::Value* wanted = object.find(key);
      if (wanted == nullptr) continue;
      const json::Value* have = stored.find(key);
      if (have != nullptr && *have == *wanted) continue;
      stored.as_object().set(key, *wanted);
      changed = true;
    }
    return changed;
  };
  auto edited = co_await client::edit(client, kind, std::move(name), {}, client::WriteOptions{}, std::move(change));
  if (edited.has_error()) co_return std::move(edited).error();
  co_return Result<void>{};
}

Task<Result<void>> publish_api(client::Client& client, BootstrapOptions options) {
  KRING_CO_TRY_VOID(co_await ensure(client, kinds::service(), "default", api_service(options)));
  if (options.advertise_address.empty()) co_return Result<void>{};
  KRING_CO_TRY_VOID(co_await publish(client, kinds::endpoints(), api_endpoints(options)));
  co_return co_await publish(client, kinds::endpoint_slice(), api_endpoint_slice(options));
}

}  // namespace

Task<Result<void>> bootstrap(client::Client& client, BootstrapOptions options) {
  for (const std::string_view name : {"default", "kube-system", "kube-public", "kube-node-lease"}) {
    KRING_CO_TRY_VOID(co_await ensure(client, kinds::ns(), "", named("v1", "Namespace", name)));
  }
  KRING_CO_TRY_VOID(co_await ensure(
      client, kinds::priority_class(), "",
      priority_class("system-node-critical", 2'000'001'000,
                     "Used for system critical pods that must not be moved from their current node.")));
  KRING_CO_TRY_VOID(co_await ensure(
      client, kinds::priority_class(), "",
      priority_class("system-cluster-critical", 2'000'000'000,
                     "Used for system critical pods that must run in the cluster, but can be moved to another node if "
                     "necessary.")));
  for (json::Value& role : default_roles()) {
    const Kind* kind = find_kind("rbac.authorization.k8s.io", role.string_or("kind"));
    if (kind == nullptr) continue;
    const json::Value* meta = role.find("metadata");
    std::string ns{meta == nullptr ? "" : meta->string_or("namespace")};
    KRING_CO_TRY_VOID(co_await ensure(client, *kind, std::move(ns), std::move(role)));
  }
  if (!options.service_address.empty()) co_return co_await publish_api(client, std::move(options));
  co_return Result<void>{};
}

}  // namespace kring::api
