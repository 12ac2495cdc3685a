#include <algorithm>

#include "objects/schema/core_generated.h"
#include "runtime/client/flat.h"
#include "runtime/client/timestamps.h"
#include "runtime/controllers/pod_gc.h"

namespace kring::controllers {

namespace {

constexpr int64_t sweep_every_ms = 20'000;
constexpr int64_t node_gone_after_ms = 40'000;

std::string node_of(const Object& pod) {
  const auto* spec = pod.as<core::Pod>()->spec();
  return spec == nullptr ? std::string{} : text(spec->node_name());
}

bool over(const Object& pod) {
  const auto* status = pod.as<core::Pod>()->status();
  return status != nullptr && (view(status->phase()) == "Succeeded" || view(status->phase()) == "Failed");
}

std::string_view created(const Object& pod) { return view(pod.as<core::Pod>()->metadata()->creation_timestamp()); }

}  // namespace

std::vector<PodGarbage> find_pod_garbage(const std::vector<ObjectPtr>& pods, const std::set<std::string>& gone_nodes,
                                         size_t terminated_max) {
  std::vector<PodGarbage> out;
  std::vector<ObjectPtr> finished;
  for (const auto& pod : pods) {
    std::string node = node_of(*pod);
    if (gone_nodes.contains(node)) {
      out.push_back({pod, true});
    } else if (pod->deleting() && node.empty()) {
      out.push_back({pod, false});
    } else if (over(*pod) && !pod->deleting()) {
      finished.push_back(pod);
    }
  }
  if (finished.size() <= terminated_max) return out;
  // RFC 3339 in UTC sorts as text.
  std::sort(finished.begin(), finished.end(), [](const auto& a, const auto& b) {
    return std::tuple{created(*a), a->ns(), a->name()} < std::tuple{created(*b), b->ns(), b->name()};
  });
  finished.resize(finished.size() - terminated_max);
  for (auto& pod : finished) out.push_back({std::move(pod), false});
  return out;
}

PodGc::PodGc(Env& env, client::Client& client, size_t terminated_max)
    : env_(env), client_(client), terminated_max_(terminated_max) {}

Task<Result<void>> PodGc::pod_gc_loop() {
  while (true) {
    auto slept = co_await env_.clock.sleep_ms(sweep_every_ms);
    if (slept.has_error()) co_return slept;
    auto swept = co_await sweep();
    if (swept.has_error() && swept.error().reason == Reason::canceled) co_return swept;
    if (failed(swept)) env_.log.warn("pods not collected", {{"error", swept.error()}});
  }
}

Task<Result<void>> PodGc::sweep() {
  auto pods = co_await client_.list(kinds::pod(), {});
  if (pods.has_error()) co_return pods.error();
  auto nodes = co_await client_.list(kinds::node(), {});
  if (nodes.has_error()) co_return nodes.error();
  std::set<std::string> existing, gone;
  for (const auto& node : nodes->objects) existing.insert(std::string{node->name()});
  std::map<std::string, Mono> missing;
  Mono now = env_.clock.now();
  for (const auto& pod : pods->objects) {
    std::string node = node_of(*pod);
    if (node.empty() || existing.contains(node)) continue;
    auto before = missing_since_.find(node);
    Mono since = before == missing_since_.end() ? now : before->second;
    missing[node] = since;
    if (now - since >= ms_to_ns(node_gone_after_ms)) gone.insert(node);
  }
  missing_since_ = std::move(missing);
  for (auto& garbage : find_pod_garbage(pods->objects, gone, terminated_max_)) {
    auto removed = co_await remove(std::move(garbage));
    if (removed.has_error()) co_return removed;
  }
  co_return Result<void>{};
}

Task<Result<void>> PodGc::remove(PodGarbage garbage) {
  client::ObjectName name{std::string{garbage.pod->ns()}, std::string{garbage.pod->name()}};
  if (garbage.node_gone && !over(*garbage.pod)) {
    auto edit = [](json::Value& pod) {
      pod["status"]["phase"] = "Failed";
      return true;
    };
    auto edited = co_await client::edit(client_, kinds::pod(), name, "status", {}, edit);
    if (edited.has_error() && edited.error().reason != Reason::not_found) co_return edited.error();
  }
  env_.log.info("pod collected", {{"pod", name.ns + "/" + name.name}, {"node_gone", garbage.node_gone}});
  client::DeleteOptions options;
  options.grace_seconds = 0;
  options.uid = std::string{garbage.pod->uid()};
  auto removed = co_await client_.remove(kinds::pod(), std::move(name), std::move(options));
  bool gone = removed.has_error() &&
              (removed.error().reason == Reason::not_found || removed.error().reason == Reason::conflict);
  if (gone) co_return Result<void>{};
  co_return removed;
}

}  // namespace kring::controllers
