#include "objects/schema/core_generated.h"
#include "runtime/client/flat.h"
#include "runtime/controllers/root_ca.h"
#include "runtime/controllers/service_accounts.h"

namespace kring::controllers {

namespace {

constexpr std::string_view map_name = "kube-root-ca.crt";
constexpr std::string_view key = "ca.crt";

client::ListOptions only_ours() {
  client::ListOptions options;
  options.field_selector = "metadata.name=" + std::string{map_name};
  return options;
}

}  // namespace

RootCa::RootCa(Env& env, client::Client& client, client::Informer& namespaces, std::string pem)
    : env_(env),
      client_(client),
      namespaces_(namespaces),
      config_maps_(env, client, kinds::config_map(), only_ours()),
      pem_(std::move(pem)),
      queue_(env),
      tasks_(env, "root certificate") {
  namespaces_.on_event([this](const store::Event& event) {
    if (event.type == store::Event::Type::added) queue_.add(std::string{event.object->name()});
  });
  config_maps_.on_event([this](const store::Event& event) { queue_.add(std::string{event.object->ns()}); });
}

Task<Result<void>> RootCa::root_ca_loop() {
  if (pem_.empty()) co_return Result<void>{};
  tasks_.spawn("certificate maps", &client::Informer::informer_loop, std::ref(config_maps_));
  tasks_.spawn("certificate work", &RootCa::work_loop, std::ref(*this));
  co_return co_await tasks_.join();
}

Task<Result<void>> RootCa::work_loop() {
  auto synced = co_await config_maps_.wait_synced();
  if (synced.has_error()) co_return synced;
  while (true) {
    auto ns = co_await queue_.pop();
    if (ns.has_error()) co_return ns.error();
    auto done = co_await reconcile(*ns);
    if (done.has_error() && done.error().reason == Reason::canceled) co_return done;
    if (done.has_error()) {
      env_.log.warn("root certificate not published", {{"namespace", *ns}, {"error", done.error()}});
      queue_.retry(*ns);
    } else {
      queue_.done(*ns);
    }
  }
}

Task<Result<void>> RootCa::reconcile(std::string ns) {
  ObjectPtr space = namespaces_.get({}, ns);
  if (space == nullptr || !active(*space)) co_return Result<void>{};
  ObjectPtr map = config_maps_.get(ns, std::string{map_name});
  if (map == nullptr) co_return co_await make(std::move(ns));
  if (value_of(map->as<core::ConfigMap>()->data(), key) == pem_) co_return Result<void>{};
  auto edit = [this](json::Value& object) {
    json::Object data;
    data.set(key, pem_);
    object["data"] = std::move(data);
    return true;
  };
  client::ObjectName name{ns, std::string{map_name}};
  auto edited = co_await client::edit(client_, kinds::config_map(), std::move(name), {}, {}, edit);
  if (edited.has_error() && edited.error().reason != Reason::not_found) co_return edited.error();
  co_return Result<void>{};
}

Task<Result<void>> RootCa::make(std::string ns) {
  json::Object annotations;
  annotations.set("kubernetes.io/description", "The certificate authority that signed the API server's certificate.");
  json::Object metadata;
  metadata.set("name", map_name);
  metadata.set("namespace", ns);
  metadata.set("annotations", std::move(annotations));
  json::Object data;
  data.set(key, pem_);
  json::Object map;
  map.set("apiVersion", "v1");
  map.set("kind", "ConfigMap");
  map.set("metadata", std::move(metadata));
  map.set("data", std::move(data));
  auto made = co_await client_.create(kinds::config_map(), ns, json::Value{std::move(map)}, {});
  if (!made.has_error() || made.error().reason == Reason::already_exists) co_return Result<void>{};
  if (made.error().reason == Reason::forbidden || made.error().reason == Reason::not_found) co_return Result<void>{};
  co_return made.error();
}

}  // namespace kring::controllers
