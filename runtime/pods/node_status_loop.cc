#include "objects/object.h"
#include "objects/schema/core_generated.h"
#include "runtime/client/timestamps.h"
#include "runtime/pods/node_status.h"
#include "runtime/pods/pod_plan.h"

namespace kring::pods {

namespace {

constexpr int64_t beat_ms = 10'000;
constexpr int64_t status_every_ms = 300'000;
constexpr int64_t lease_seconds = 40;
constexpr int64_t retry_ms = 1'000;

client::Reference node_reference(const AgentOptions& options) {
  client::Reference out;
  out.api_version = "v1";
  out.kind = "Node";
  out.name = options.node_name;
  out.uid = options.node_name;  // as kubelet does: describe looks for the name
  return out;
}

bool disk_pressure(const json::Value& status) {
  for (const auto& it : status.find("conditions")->as_array())
    if (it.string_or("type") == "DiskPressure") return it.string_or("status") == "True";
  return false;
}

}  // namespace

// Images that no pod names and nobody imported make room, at most once in a few minutes.
Task<Result<void>> NodeStatus::collect_images() {
  Mono now = services_.env.clock.now();
  if (collected_at_.ns != 0 && now - collected_at_ < ms_to_ns(status_every_ms)) co_return Result<void>{};
  collected_at_ = now;
  auto pods = co_await services_.client.list(kinds::pod(), {});
  if (pods.has_error()) co_return pods.error();
  std::vector<std::string> in_use;
  for (const auto& pod : pods->objects) {
    PodPlan plan = plan_of(*pod->as<core::Pod>());
    for (const auto* list : {&plan.containers, &plan.init_containers})
      for (const auto& container : *list) in_use.push_back(container.image);
  }
  services_.env.log.info("disk is short, removing unused images");
  co_return co_await services_.images.collect(std::move(in_use));
}

void NodeStatus::learn() {
  facts_ = services_.host.facts();
  if (facts_.hostname.empty()) facts_.hostname = services_.options.node_name;
  HostLoad load = services_.host.load(services_.options.data_directory);
  NodeKnowledge& node = services_.node;
  node.hostname = facts_.hostname;
  node.addresses = facts_.addresses;
  node.memory_capacity_bytes = facts_.memory_bytes;
  node.allocatable = NodeCapacity{facts_.cpus * 1000, facts_.memory_bytes, load.disk_bytes};
}

Task<Result<void>> NodeStatus::node_status_loop() {
  services_.events.normal(node_reference(services_.options), "Starting", "Starting kubelet.");
  while (true) {
    auto beaten = co_await beat();
    if (beaten.has_error() && beaten.error().reason == Reason::canceled) co_return beaten;
    if (failed(beaten)) services_.env.log.warn("node status not written", {{"error", beaten.error()}});
    auto slept = co_await services_.env.clock.sleep_ms(beaten.has_error() ? retry_ms : beat_ms);
    if (slept.has_error()) co_return slept;
  }
}

Task<Result<void>> NodeStatus::beat() {
  learn();
  HostLoad load = services_.host.load(services_.options.data_directory);
  auto images = services_.images.list();
  std::vector<images::Image> listed;
  if (images.has_value()) listed = std::move(*images);
  json::Value fresh = node_status(facts_, load, services_.options, listed);
  if (disk_pressure(fresh)) {
    auto collected = co_await collect_images();
    if (collected.has_error() && collected.error().reason == Reason::canceled) co_return collected;
    if (failed(collected)) services_.env.log.warn("images not collected", {{"error", collected.error()}});
  }
  auto written = co_await update_node(std::move(fresh));
  if (written.has_error()) co_return written;
  co_return co_await renew_lease();
}

Task<Result<void>> NodeStatus::update_node(json::Value fresh) {
  Wall now = services_.env.clock.wall();
  bool due = written_at_.ns == 0 || services_.env.clock.now() - written_at_ >= ms_to_ns(status_every_ms);
  client::ObjectName name{{}, services_.options.node_name};
  bool wrote = false;
  auto edit = [&](json::Value& node) {
    wrote = merge_node_status(node, fresh, now) || due;
    return wrote;
  };
  auto edited = co_await client::edit(services_.client, kinds::node(), name, "status",
                                      client::WriteOptions{.recomputable = true}, edit);
  if (edited.has_error() && edited.error().reason == Reason::not_found)
    co_return co_await register_node(std::move(fresh));
  if (edited.has_error()) co_return edited.error();
  if (wrote) written_at_ = services_.env.clock.now();
  node_uid_ = std::string{(*edited)->uid()};
  if (!(last_ == fresh)) tell_changes(fresh);
  last_ = std::move(fresh);
  co_return Result<void>{};
}

Task<Result<void>> NodeStatus::register_node(json::Value fresh) {
  json::Object metadata;
  metadata.set("name", services_.options.node_name);
  metadata.set("labels", node_labels(facts_, services_.options));
  json::Object node;
  node.set("apiVersion", "v1");
  node.set("kind", "Node");
  node.set("metadata", std::move(metadata));
  auto created = co_await services_.client.create(kinds::node(), {}, json::Value{std::move(node)}, {});
  if (created.has_error()) co_return created.error();
  services_.env.log.info("node registered", {{"node", services_.options.node_name}});
  written_at_ = {};
  co_return co_await update_node(std::move(fresh));
}

void NodeStatus::tell_changes(const json::Value& fresh) {
  const AgentOptions& options = services_.options;
  if (!ready_told_)
    services_.events.normal(node_reference(options), "NodeReady",
                            "Node " + options.node_name + " status is now: NodeReady");
  for (const auto& it : fresh.find("conditions")->as_array()) {
    std::string_view type = it.string_or("type");
    if (type == "Ready") continue;
    bool before = false;
    if (const json::Value* old = last_.find("conditions"); old != nullptr)
      for (const auto& other : old->as_array())
        before |= other.string_or("type") == type && other.string_or("status") == "True";
    if (it.string_or("status") != "True" || before) continue;
    services_.events.warning(node_reference(options), it.string_or("reason"), std::string{it.string_or("message")});
  }
  ready_told_ = true;
}

Task<Result<void>> NodeStatus::renew_lease() {
  client::ObjectName name{"kube-node-lease", services_.options.node_name};
  std::string now = client::rfc3339_micro(services_.env.clock.wall());
  auto edit = [&](json::Value& lease) {
    lease.object("spec").set("renewTime", now);
    return true;
  };
  client::WriteOptions options{.recomputable = true};
  auto renewed = co_await client::edit(services_.client, kinds::lease(), name, {}, options, edit);
  if (!renewed.has_error()) co_return Result<void>{};
  if (renewed.error().reason != Reason::not_found) co_return renewed.error();
  json::Object owner;
  owner.set("apiVersion", "v1");
  owner.set("kind", "Node");
  owner.set("name", services_.options.node_name);
  owner.set("uid", node_uid_);
  json::Array owners;
  owners.push_back(json::Value{std::move(owner)});
  json::Object metadata;
  metadata.set("name", services_.options.node_name);
  metadata.set("ownerReferences", std::move(owners));
  json::Object spec;
  spec.set("holderIdentity", services_.options.node_name);
  spec.set("leaseDurationSeconds", lease_seconds);
  spec.set("renewTime", now);
  json::Object lease;
  lease.set("apiVersion", "coordination.k8s.io/v1");
  lease.set("kind", "Lease");
  lease.set("metadata", std::move(metadata));
  lease.set("spec", std::move(spec));
  auto created =
      co_await services_.client.create(kinds::lease(), "kube-node-lease", json::Value{std::move(lease)}, options);
  // The namespace may still be on its way on a first start; the next beat tries again.
  if (created.has_error() && created.error().reason != Reason::not_found) co_return created.error();
  co_return Result<void>{};
}

}  // namespace kring::pods
