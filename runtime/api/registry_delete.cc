// Deletion: preconditions, grace, finalizers, propagation.
// Source: k8s.io/apiserver registry/rest (BeforeDelete) and registry/generic (Delete, deletionFinalizers); the pod's
// and the namespace's own strategies.
#include <algorithm>

#include "objects/codec.h"
#include "objects/time.h"
#include "runtime/api/metadata.h"
#include "runtime/api/registry.h"
#include "runtime/api/status.h"

namespace kring::api {
namespace {

constexpr std::string_view finalizer_orphan = "orphan";
constexpr std::string_view finalizer_foreground = "foregroundDeletion";
// As for updates: each lost race is another writer's progress.
constexpr int delete_attempts_max = 64;

enum class Step : uint8_t { erase, change, wait };

bool immortal_namespace(std::string_view name) {
  return name == "default" || name == "kube-system" || name == "kube-public";
}

Result<void> check_preconditions(const Kind& kind, const Object& current, const DeleteOptions& options) {
  std::string group_kind{kind.kind};
  if (!kind.group.empty()) group_kind += '.' + std::string{kind.group};
  const auto mismatch = [&](const std::string& detail) {
    Error error = conflict(kind, current.name(), detail);
    error.message = "Operation cannot be fulfilled on " + group_kind + " \"" + std::string{current.name()} +
                    "\": " + detail;
    error.kind = kind.kind;
    return error;
  };
  if (options.uid && *options.uid != current.uid()) {
    return mismatch("the UID in the precondition (" + *options.uid + ") does not match the UID in record (" +
                    std::string{current.uid()} + "). The object might have been deleted and then recreated");
  }
  if (options.resource_version && *options.resource_version != std::to_string(current.revision())) {
    return mismatch("the ResourceVersion in the precondition (" + *options.resource_version +
                    ") does not match the ResourceVersion in record (" + std::to_string(current.revision()) +
                    "). The object might have been modified");
  }
  return {};
}

// Kinds whose dependents stay unless a client asks otherwise, for what v1 clients once relied on.
bool orphans_by_default(const Kind& kind) {
  return (kind.group.empty() && kind.kind == "ReplicationController") || (kind.group == "batch" && kind.kind == "Job");
}

std::string propagation_of(const Kind& kind, const json::Value& object, const DeleteOptions& options) {
  if (!options.propagation.empty()) return options.propagation;
  if (options.orphan_dependents) return *options.orphan_dependents ? "Orphan" : "Background";
  if (has_finalizer(object, finalizer_orphan)) return "Orphan";
  if (has_finalizer(object, finalizer_foreground)) return "Foreground";
  return orphans_by_default(kind) ? "Orphan" : "Background";
}

void set_propagation_finalizers(const Kind& kind, json::Value& object, const DeleteOptions& options) {
  const std::string policy = propagation_of(kind, object, options);
  const bool changes = policy != "Background" || has_finalizer(object, finalizer_orphan) ||
                       has_finalizer(object, finalizer_foreground);
  if (!changes) return;
  json::Value& entry = metadata_of(object)["finalizers"];
  if (!entry.is_array()) entry = json::Array{};
  json::Array& list = entry.as_array();
  std::erase_if(list, [](const json::Value& name) {
    return name.is_string() && (name.as_string() == finalizer_orphan || name.as_string() == finalizer_foreground);
  });
  if (policy == "Orphan") list.emplace_back(finalizer_orphan);
  if (policy == "Foreground") list.emplace_back(finalizer_foreground);
  if (list.empty()) metadata_of(object).erase("finalizers");
}

void bump_generation(json::Value& object) {
  json::Object& meta = metadata_of(object);
  const json::Value* generation = meta.find("generation");
  if (generation != nullptr && generation->is_int() && generation->as_int() > 0) {
    meta.set("generation", generation->as_int() + 1);
  }
}

void mark_deleting(json::Value& object, Wall when, int64_t grace_seconds) {
  json::Object& meta = metadata_of(object);
  meta.set("deletionTimestamp", timestamp(Wall{when.ns + grace_seconds * 1'000'000'000}));
  meta.set("deletionGracePeriodSeconds", grace_seconds);
  bump_generation(object);
}

// How long a pod may take: what the client says over what the pod says; nothing for a pod that runs nowhere.
int64_t pod_grace(const json::Value& pod, const DeleteOptions& options) {
  const json::Value* spec = pod.find("spec");
  const json::Value* status = pod.find("status");
  const std::string_view phase = status == nullptr ? "" : status->string_or("phase");
  if (spec == nullptr || spec->string_or("nodeName").empty() || phase == "Failed" || phase == "Succeeded") return 0;
  const int64_t grace = options.grace_seconds.value_or(spec->int_or("terminationGracePeriodSeconds", 0));
  return grace < 0 ? 1 : grace;
}

// A pod that is being stopped may only be hurried.
Step hurry_pod(json::Value& pod, const DeleteOptions& options) {
  json::Object& meta = metadata_of(pod);
  const json::Value* pending = meta.find("deletionGracePeriodSeconds");
  if (pending == nullptr || !pending->is_int()) return has_finalizers(pod) ? Step::wait : Step::erase;
  const int64_t before = pending->as_int();
  if (!options.grace_seconds || *options.grace_seconds >= before) {
    return before == 0 && !has_finalizers(pod) ? Step::erase : Step::wait;
  }
  const int64_t grace = *options.grace_seconds < 0 ? 1 : *options.grace_seconds;
  if (auto when = parse_time(metadata_text(pod, "deletionTimestamp"))) {
    meta.set("deletionTimestamp", timestamp(Wall{when->to_nanos() + (grace - before) * 1'000'000'000}));
  }
  meta.set("deletionGracePeriodSeconds", grace);
  return grace == 0 && !has_finalizers(pod) ? Step::erase : Step::change;
}

Step delete_pod(json::Value& pod, const DeleteOptions& options, Wall now) {
  if (is_deleting(pod)) return hurry_pod(pod, options);
  const int64_t grace = pod_grace(pod, options);
  set_propagation_finalizers(kinds::pod(), pod, options);
  mark_deleting(pod, now, grace);
  return grace == 0 && !has_finalizers(pod) ? Step::erase : Step::change;
}

Step delete_namespace(json::Value& ns, Wall now) {
  const json::Value* left = ns.at({"spec", "finalizers"});
  const bool finalized = left == nullptr || !left->is_array() || left->as_array().empty();
  const bool done = finalized && !has_finalizers(ns);
  if (is_deleting(ns)) return done ? Step::erase : Step::wait;
  mark_deleting(ns, now, 0);
  metadata_of(ns).erase("deletionGracePeriodSeconds");
  ns.object("status").set("phase", "Terminating");
  return done ? Step::erase : Step::change;
}

Step delete_any(const Kind& kind, json::Value& object, const DeleteOptions& options, Wall now) {
  if (&kind == &kinds::pod()) return delete_pod(object, options, now);
  if (&kind == &kinds::ns()) return delete_namespace(object, now);
  set_propagation_finalizers(kind, object, options);
  if (!has_finalizers(object)) return Step::erase;
  if (!is_deleting(object)) mark_deleting(object, now, 0);
  return Step::change;
}

// A conflict with another writer is tried again; a client's precondition then fails by itself.
bool lost_race(const Error& error) { return error.reason == Reason::conflict; }

}  // namespace

Task<Result<Deleted>> Registry::remove(Target target, DeleteOptions options, store::Durability durability) {
  const Kind& kind = target.kind();
  if (&kind == &kinds::ns() && immortal_namespace(target.name)) {
    co_return forbidden(kind, target.name, "this namespace may not be deleted");
  }
  for (int attempt = 0; attempt < delete_attempts_max; ++attempt) {
    const ObjectPtr current = store_.get(key_of(target));
    if (current == nullptr) co_return not_found(kind, target.name);
    KRING_CO_TRY_VOID(check_preconditions(kind, *current, options));
    json::Value object = codec::to_value(*current);
    const Step step = delete_any(kind, object, options, env_.clock.wall());
    if (step == Step::wait) co_return Deleted{current, false};
    auto bytes = codec::encode(kind, object);
    if (bytes.has_error()) co_return std::move(bytes).error();
    if (options.dry_run) {
      co_return Deleted{std::make_shared<Object>(kind, std::move(*bytes), current->revision()), step == Step::erase};
    }
    store::Key key = key_of(target);
    Result<ObjectPtr> stored = Error{};
    if (step == Step::erase) {
      stored = co_await store_.remove(std::move(key), current->revision(), durability);
    } else {
      stored = co_await store_.update(std::move(key), std::move(*bytes), current->revision(), durability);
    }
    if (stored.has_value()) co_return Deleted{std::move(*stored), step == Step::erase};
    if (stored.error().reason == Reason::not_found) co_return not_found(kind, target.name);
    if (!lost_race(stored.error())) co_return std::move(stored).error();
  }
  co_return modified(kind, target.name);
}

}  // namespace kring::api
