#include "runtime/api/metadata.h"

#include <algorithm>

#include "objects/check.h"
#include "objects/time.h"
#include "runtime/api/status.h"

namespace kring::api {
namespace {

constexpr std::string_view generation_kinds[] = {"Pod",
                                                 "ReplicationController",
                                                 "Deployment",
                                                 "ReplicaSet",
                                                 "StatefulSet",
                                                 "DaemonSet",
                                                 "Job",
                                                 "CronJob",
                                                 "Ingress",
                                                 "NetworkPolicy",
                                                 "PodDisruptionBudget",
                                                 "CustomResourceDefinition",
                                                 "FlowSchema",
                                                 "PriorityLevelConfiguration",
                                                 "ValidatingWebhookConfiguration",
                                                 "MutatingWebhookConfiguration",
                                                 "ValidatingAdmissionPolicy",
                                                 "ValidatingAdmissionPolicyBinding",
                                                 "EndpointSlice",
                                                 "IngressClass",
                                                 "CSIStorageCapacity"};

// Copies a member of the stored metadata, or makes sure that there is none.
void keep(json::Object& meta, const json::Object& old, std::string_view key) {
  if (const json::Value* value = old.find(key); value != nullptr) {
    meta.set(key, *value);
  } else {
    meta.erase(key);
  }
}

}  // namespace

std::string timestamp(Wall when) { return print_time(Timestamp::from_nanos(when.ns)); }

json::Object& metadata_of(json::Value& object) {
  KRING_CHECK(object.is_object());
  return object.object("metadata");
}

std::string_view metadata_text(const json::Value& object, std::string_view key) {
  const json::Value* meta = object.find("metadata");
  return meta == nullptr ? std::string_view{} : meta->string_or(key);
}

bool has_finalizers(const json::Value& object) {
  const json::Value* list = object.at({"metadata", "finalizers"});
  return list != nullptr && list->is_array() && !list->as_array().empty();
}

bool has_finalizer(const json::Value& object, std::string_view finalizer) {
  const json::Value* list = object.at({"metadata", "finalizers"});
  if (list == nullptr || !list->is_array()) return false;
  return std::any_of(list->as_array().begin(), list->as_array().end(),
                     [&](const json::Value& entry) { return entry.is_string() && entry.as_string() == finalizer; });
}

bool is_deleting(const json::Value& object) { return !metadata_text(object, "deletionTimestamp").empty(); }

Result<void> settle_namespace(const Kind& kind, std::string_view ns, json::Value& object) {
  const std::string_view given = metadata_text(object, "namespace");
  if (!kind.namespaced) {
    if (!given.empty()) metadata_of(object).erase("namespace");
    return {};
  }
  if (given.empty()) {
    metadata_of(object).set("namespace", ns);
    return {};
  }
  if (given != ns) {
    return bad_request("the namespace of the provided object does not match the namespace sent on the request");
  }
  return {};
}

void stamp_create(Env& env, json::Object& meta) {
  for (const std::string_view key : {"deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "resourceVersion",
                                     "managedFields", "generation"}) {
    meta.erase(key);
  }
  meta.set("uid", env.random.uuid());
  meta.set("creationTimestamp", timestamp(env.clock.wall()));
}

void stamp_update(json::Object& meta, const json::Object& old) {
  for (const std::string_view key :
       {"uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "generateName"}) {
    if (key == "generateName" && meta.contains(key)) continue;
    keep(meta, old, key);
  }
  for (const std::string_view key : {"selfLink", "resourceVersion", "managedFields"}) meta.erase(key);
}

bool counts_generation(const Kind& kind) {
  return std::find(std::begin(generation_kinds), std::end(generation_kinds), kind.kind) != std::end(generation_kinds);
}

bool desired_state_differs(const json::Value& a, const json::Value& b) {
  const auto covered = [](const json::Object& from, const json::Object& in) {
    for (const json::Member& member : from) {
      if (member.key == "metadata" || member.key == "status" || member.key == "apiVersion" || member.key == "kind") {
        continue;
      }
      const json::Value* other = in.find(member.key);
      if (other == nullptr || !(*other == member.value)) return false;
    }
    return true;
  };
  return !covered(a.as_object(), b.as_object()) || !covered(b.as_object(), a.as_object());
}

bool has_subresource(const Kind& kind, std::string_view name) {
  return std::any_of(kind.subresources.begin(), kind.subresources.end(),
                     [&](const Subresource& sub) { return sub.name == name; });
}

}  // namespace kring::api
