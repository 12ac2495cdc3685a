#include <algorithm>

#include "objects/schema/core_generated.h"
#include "objects/schema/meta_generated.h"
#include "runtime/client/flat.h"
#include "runtime/client/timestamps.h"
#include "runtime/controllers/namespace_lifecycle.h"

namespace kring::controllers {

namespace {

constexpr std::string_view finalizer = "kubernetes";
constexpr int64_t look_again_ms_max = 1'000;

json::Value condition(std::string_view type, bool status, std::string_view reason, std::string message,
                      const json::Value* before, Wall now) {
  std::string_view text = status ? "True" : "False";
  std::string since = client::rfc3339(now);
  if (before != nullptr && before->is_array())
    for (const auto& it : before->as_array())
      if (it.string_or("type") == type && it.string_or("status") == text)
        since = std::string{it.string_or("lastTransitionTime")};
  json::Object out;
  out.set("lastTransitionTime", since);
  out.set("message", std::move(message));
  out.set("reason", reason);
  out.set("status", text);
  out.set("type", type);
  return json::Value{std::move(out)};
}

// "Some resources are remaining: pods. has 2 resource instances, secrets. has 1 resource instances"
std::string counted(std::string_view begin, const std::map<std::string, size_t>& counts, std::string_view unit) {
  std::string out{begin};
  bool first = true;
  for (const auto& [name, count] : counts) {
    out += (first ? "" : ", ") + name + std::string{unit == "resource instances" ? " has " : " in "} +
           std::to_string(count) + " " + std::string{unit};
    first = false;
  }
  return out;
}

}  // namespace

json::Array namespace_conditions(const NamespaceContent& content, const json::Value* before, Wall now) {
  json::Array out;
  out.push_back(condition("NamespaceDeletionDiscoveryFailure", false, "ResourcesDiscovered",
                          "All resources successfully discovered", before, now));
  out.push_back(condition("NamespaceDeletionGroupVersionParsingFailure", false, "ParsedGroupVersions",
                          "All legacy kube types successfully parsed", before, now));
  bool failing = !content.delete_error.empty();
  out.push_back(condition("NamespaceDeletionContentFailure", failing,
                          failing ? "ContentDeletionFailed" : "ContentDeleted",
                          failing ? "Failed to delete all resource types, 1 remaining: " + content.delete_error
                                  : "All content successfully deleted, may be waiting on finalization",
                          before, now));
  bool remain = !content.remaining.empty();
  out.push_back(condition("NamespaceContentRemaining", remain, remain ? "SomeResourcesRemain" : "ContentRemoved",
                          remain ? counted("Some resources are remaining: ", content.remaining, "resource instances")
                                 : "All content successfully removed",
                          before, now));
  bool held = !content.finalizers.empty();
  out.push_back(condition("NamespaceFinalizersRemaining", held,
                          held ? "SomeFinalizersRemain" : "ContentHasNoFinalizers",
                          held ? counted("Some content in the namespace has finalizers remaining: ", content.finalizers,
                                         "resource instances")
                               : "All content-preserving finalizers finished",
                          before, now));
  return out;
}

NamespaceLifecycle::NamespaceLifecycle(Env& env, client::Client& client, client::Informer& namespaces)
    : env_(env), client_(client), namespaces_(namespaces), queue_(env, look_again_ms_max) {
  namespaces_.on_event([this](const store::Event& event) {
    if (event.type != store::Event::Type::deleted && event.object->deleting())
      queue_.add(std::string{event.object->name()});
  });
}

Task<Result<void>> NamespaceLifecycle::namespace_lifecycle_loop() {
  while (true) {
    auto name = co_await queue_.pop();
    if (name.has_error()) co_return name.error();
    auto done = co_await reconcile(*name);
    if (done.has_error() && done.error().reason == Reason::canceled) co_return done.error();
    if (done.has_error()) env_.log.warn("namespace not emptied", {{"namespace", *name}, {"error", done.error()}});
    if (done.has_value() && *done) {
      queue_.done(*name);
    } else {
      queue_.retry(*name);  // pods take their grace; others may wait for finalizers
    }
  }
}

Task<Result<bool>> NamespaceLifecycle::reconcile(std::string name) {
  auto ns = co_await client_.get(kinds::ns(), client::ObjectName{{}, name});
  if (ns.has_error() && ns.error().reason == Reason::not_found) co_return true;
  if (ns.has_error()) co_return ns.error();
  if (!(*ns)->deleting()) co_return true;
  const auto* spec = (*ns)->as<core::Namespace>()->spec();
  bool ours = false;
  if (spec != nullptr)
    for (const auto* it : items(spec->finalizers())) ours |= view(it) == finalizer;
  if (!ours) co_return true;
  auto content = co_await empty(name);
  if (content.has_error()) co_return content.error();
  bool clean = content->remaining.empty() && content->delete_error.empty();
  auto reported = co_await report(name, std::move(*content));
  if (reported.has_error()) co_return reported.error();
  if (!clean) co_return false;
  auto finalized = co_await finalize(name);
  if (finalized.has_error()) co_return finalized.error();
  env_.log.info("namespace removed", {{"namespace", name}});
  co_return true;
}

Task<Result<NamespaceContent>> NamespaceLifecycle::empty(std::string name) {
  NamespaceContent content;
  for (const Kind& kind : all_kinds()) {
    if (!kind.namespaced || !kind.stored || (kind.verbs & verb_delete) == 0) continue;
    auto emptied = co_await empty_kind(kind, name, content);
    if (emptied.has_error()) co_return emptied.error();
  }
  co_return content;
}

Task<Result<void>> NamespaceLifecycle::empty_kind(const Kind& kind, std::string name, NamespaceContent& content) {
  client::ListOptions options;
  options.ns = name;
  auto listed = co_await client_.list(kind, options);
  if (listed.has_error()) co_return listed.error();
  for (const auto& object : listed->objects) {
    if (object->deleting()) continue;
    client::DeleteOptions how;
    how.uid = std::string{object->uid()};
    how.propagation = "Background";
    client::ObjectName which{name, std::string{object->name()}};
    auto removed = co_await client_.remove(kind, std::move(which), std::move(how));
    if (!removed.has_error() || removed.error().reason == Reason::not_found) continue;
    if (removed.error().reason == Reason::canceled) co_return removed;
    content.delete_error = removed.error().message;
  }
  auto left = co_await client_.list(kind, options);
  if (left.has_error()) co_return left.error();
  if (left->objects.empty()) co_return Result<void>{};
  content.remaining[std::string{kind.plural} + "." + std::string{kind.group}] = left->objects.size();
  for (const auto& object : left->objects)
    for (const auto* it : items(object->meta()->finalizers())) ++content.finalizers[text(it)];
  co_return Result<void>{};
}

Task<Result<void>> NamespaceLifecycle::report(std::string name, NamespaceContent content) {
  Wall now = env_.clock.wall();
  auto edit = [&content, now](json::Value& ns) {
    const json::Value* before = ns.at({"status", "conditions"});
    json::Array conditions = namespace_conditions(content, before, now);
    if (before != nullptr && *before == json::Value{conditions}) return false;
    ns["status"]["conditions"] = std::move(conditions);
    ns["status"]["phase"] = "Terminating";
    return true;
  };
  auto edited = co_await client::edit(client_, kinds::ns(), client::ObjectName{{}, std::move(name)}, "status",
                                      client::WriteOptions{.recomputable = true}, edit);
  if (edited.has_error() && edited.error().reason != Reason::not_found) co_return edited.error();
  co_return Result<void>{};
}

Task<Result<void>> NamespaceLifecycle::finalize(std::string name) {
  auto edit = [](json::Value& ns) {
    json::Value* list = ns.at({"spec", "finalizers"});
    if (list == nullptr || !list->is_array()) return false;
    auto removed = std::erase_if(list->as_array(),
                                 [](const json::Value& it) { return it.is_string() && it.as_string() == finalizer; });
    return removed > 0;
  };
  auto edited =
      co_await client::edit(client_, kinds::ns(), client::ObjectName{{}, std::move(name)}, "finalize", {}, edit);
  if (edited.has_error() && edited.error().reason != Reason::not_found) co_return edited.error();
  co_return Result<void>{};
}

}  // namespace kring::controllers
