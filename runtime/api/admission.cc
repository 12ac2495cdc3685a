#include "runtime/api/admission.h"

#include <algorithm>

#include "objects/codec.h"
#include "runtime/api/limit_ranges.h"
#include "runtime/api/metadata.h"
#include "runtime/api/status.h"

namespace kring::api {
namespace {

constexpr std::string_view default_account = "default";
constexpr int account_attempts_max = 10;
constexpr int64_t account_wait_ms = 100;
// How long a pod stays on a node that does not answer, as kube-apiserver's default.
constexpr int64_t unreachable_toleration_seconds = 300;
constexpr std::string_view token_mount_path = "/var/run/secrets/kubernetes.io/serviceaccount";
constexpr int64_t token_expiration_seconds = 3607;
constexpr int64_t token_file_mode = 0644;

json::Object& spec_of(json::Value& pod) { return pod.object("spec"); }

// --- namespace ------------------------------------------------------------------------------------------------------

Error namespace_terminating(const Kind& kind, std::string_view name, const std::string& ns) {
  Error error = forbidden(kind, name,
                          "unable to create new content in namespace " + ns + " because it is being terminated");
  error.causes.push_back(
      Cause{"NamespaceTerminating", "namespace " + ns + " is being terminated", "metadata.namespace"});
  return error;
}

Result<void> check_namespace(store::Store& store, const Kind& kind, const std::string& ns, const json::Value& object) {
  if (!kind.namespaced) return {};
  const ObjectPtr found = store.get(store::Key{&kinds::ns(), "", ns});
  if (found == nullptr) return not_found(kinds::ns(), ns);
  if (found->deleting()) return namespace_terminating(kind, metadata_text(object, "name"), ns);
  return {};
}

// --- tolerations ----------------------------------------------------------------------------------------------------

bool tolerates(const json::Array& tolerations, std::string_view taint) {
  return std::any_of(tolerations.begin(), tolerations.end(), [&](const json::Value& toleration) {
    const std::string_view key = toleration.string_or("key");
    const std::string_view effect = toleration.string_or("effect");
    return (key == taint || key.empty()) && (effect == "NoExecute" || effect.empty());
  });
}

void add_default_tolerations(json::Value& pod) {
  json::Value& entry = spec_of(pod)["tolerations"];
  if (!entry.is_array()) entry = json::Array{};
  json::Array& tolerations = entry.as_array();
  for (const std::string_view taint : {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"}) {
    if (tolerates(tolerations, taint)) continue;
    json::Object toleration;
    toleration.append("key", taint);
    toleration.append("operator", "Exists");
    toleration.append("effect", "NoExecute");
    toleration.append("tolerationSeconds", unreachable_toleration_seconds);
    tolerations.emplace_back(std::move(toleration));
  }
}

// --- priority -------------------------------------------------------------------------------------------------------

// The class that pods without one get, if the cluster has any.
ObjectPtr default_priority_class(store::Store& store) {
  ObjectPtr best;
  int64_t lowest = 0;
  for (const ObjectPtr& object : store.list(kinds::priority_class(), "").objects) {
    const json::Value value = codec::to_value(*object);
    if (!value.bool_or("globalDefault", false)) continue;
    const int64_t priority = value.int_or("value", 0);
    if (best == nullptr || priority < lowest) {
      best = object;
      lowest = priority;
    }
  }
  return best;
}

Result<void> resolve_priority(store::Store& store, json::Value& pod) {
  json::Object& spec = spec_of(pod);
  const std::string_view pod_name = metadata_text(pod, "name");
  std::string name{pod.find("spec")->string_or("priorityClassName")};
  int64_t priority = 0;
  std::string policy = "PreemptLowerPriority";
  ObjectPtr found;
  if (name.empty()) {
    found = default_priority_class(store);
    if (found != nullptr) name = found->name();
  } else {
    found = store.get(store::Key{&kinds::priority_class(), "", name});
    if (found == nullptr) {
      return forbidden(kinds::pod(), pod_name, "no PriorityClass with name " + name + " was found");
    }
  }
  if (found != nullptr) {
    const json::Value value = codec::to_value(*found);
    priority = value.int_or("value", 0);
    policy = value.string_or("preemptionPolicy", policy);
    spec.set("priorityClassName", name);
  }
  if (const json::Value* given = spec.find("priority");
      given != nullptr && given->is_int() && given->as_int() != priority) {
    return forbidden(kinds::pod(), pod_name,
                     "the integer value of priority (" + std::to_string(given->as_int()) +
                         ") must not be provided in pod spec; priority admission controller computed " +
                         std::to_string(priority) + " from the given PriorityClass name");
  }
  if (const json::Value* given = spec.find("preemptionPolicy");
      given != nullptr && given->is_string() && given->as_string() != policy) {
    return forbidden(kinds::pod(), pod_name,
                     "the string value of PreemptionPolicy (" + given->as_string() +
                         ") must not be provided in pod spec; priority admission controller computed " + policy +
                         " from the given PriorityClass name");
  }
  spec.set("priority", priority);
  spec.set("preemptionPolicy", policy);
  return {};
}

// --- service account ------------------------------------------------------------------------------------------------

json::Value token_volume(const std::string& name) {
  json::Object token_source;
  token_source.append("expirationSeconds", token_expiration_seconds);
  token_source.append("path", "token");
  json::Object token;
  token.append("serviceAccountToken", std::move(token_source));

  json::Object ca_item;
  ca_item.append("key", "ca.crt");
  ca_item.append("path", "ca.crt");
  json::Object ca_source;
  ca_source.append("name", "kube-root-ca.crt");
  ca_source.append("items", json::Array{std::move(ca_item)});
  json::Object ca;
  ca.append("configMap", std::move(ca_source));

  json::Object field;
  field.append("apiVersion", "v1");
  field.append("fieldPath", "metadata.namespace");
  json::Object ns_item;
  ns_item.append("path", "namespace");
  ns_item.append("fieldRef", std::move(field));
  json::Object ns_source;
  ns_source.append("items", json::Array{std::move(ns_item)});
  json::Object ns;
  ns.append("downwardAPI", std::move(ns_source));

  json::Object projected;
  projected.append("sources", json::Array{std::move(token), std::move(ca), std::move(ns)});
  projected.append("defaultMode", token_file_mode);
  json::Object volume;
  volume.append("name", name);
  volume.append("projected", std::move(projected));
  return volume;
}

bool mounts_at(const json::Value& container, std::string_view path) {
  const json::Value* mounts = container.find("volumeMounts");
  if (mounts == nullptr || !mounts->is_array()) return false;
  return std::any_of(mounts->as_array().begin(), mounts->as_array().end(),
                     [&](const json::Value& mount) { return mount.string_or("mountPath") == path; });
}

// Mounts the token into every container that mounts nothing there; true when one needed it.
bool mount_token(json::Object& spec, const std::string& volume) {
  bool used = false;
  for (const std::string_view list : {"initContainers", "containers"}) {
    json::Value* containers = spec.find(list);
    if (containers == nullptr || !containers->is_array()) continue;
    for (json::Value& container : containers->as_array()) {
      if (!container.is_object() || mounts_at(container, token_mount_path)) continue;
      json::Object mount;
      mount.append("name", volume);
      mount.append("readOnly", true);
      mount.append("mountPath", token_mount_path);
      json::Value& mounts = container.as_object()["volumeMounts"];
      if (!mounts.is_array()) mounts = json::Array{};
      mounts.as_array().emplace_back(std::move(mount));
      used = true;
    }
  }
  return used;
}

Result<void> use_account(Env& env, store::Store& store, const std::string& ns, json::Value& pod) {
  json::Object& spec = spec_of(pod);
  std::string name{pod.find("spec")->string_or("serviceAccountName")};
  if (name.empty()) name = pod.find("spec")->string_or("serviceAccount");
  if (name.empty()) name = default_account;
  spec.set("serviceAccountName", name);
  spec.set("serviceAccount", name);
  const ObjectPtr found = store.get(store::Key{&kinds::service_account(), ns, name});
  if (found == nullptr) {
    return forbidden(kinds::pod(), metadata_text(pod, "name"),
                     "error looking up service account " + ns + '/' + name + ": serviceaccount \"" + name +
                         "\" not found");
  }
  const json::Value account = codec::to_value(*found);
  const bool wanted = pod.find("spec")->bool_or("automountServiceAccountToken",
                                                account.bool_or("automountServiceAccountToken", true));
  if (wanted) {
    const std::string volume = "kube-api-access-" + env.random.name_suffix(5);
    if (mount_token(spec, volume)) {
      json::Value& volumes = spec["volumes"];
      if (!volumes.is_array()) volumes = json::Array{};
      volumes.as_array().push_back(token_volume(volume));
    }
  }
  const json::Value* own_secrets = spec.find("imagePullSecrets");
  const bool has_own = own_secrets != nullptr && own_secrets->is_array() && !own_secrets->as_array().empty();
  if (const json::Value* secrets = account.find("imagePullSecrets"); secrets != nullptr && !has_own) {
    spec.set("imagePullSecrets", *secrets);
  }
  return {};
}

bool is_mirror(const json::Value& pod) {
  const json::Value* annotations = pod.at({"metadata", "annotations"});
  return annotations != nullptr && annotations->find("kubernetes.io/config.mirror") != nullptr;
}

}  // namespace

Task<void> Admission::await_account(std::string ns, std::string account) {
  if (!account.empty() && account != default_account) co_return;
  const store::Key space{&kinds::ns(), "", ns};
  const store::Key key{&kinds::service_account(), std::move(ns), std::string{default_account}};
  for (int attempt = 1; attempt < account_attempts_max; ++attempt) {
    if (store_.get(key) != nullptr) co_return;
    const ObjectPtr where = store_.get(space);
    if (where == nullptr || where->deleting()) co_return;
    auto slept = co_await env_.clock.sleep_ms(account_wait_ms);
    if (slept.has_error()) co_return;
  }
}

Result<void> Admission::admit_pod(const std::string& ns, json::Value& pod) {
  if (!is_mirror(pod)) KRING_TRY_VOID(use_account(env_, store_, ns, pod));
  KRING_TRY_VOID(resolve_priority(store_, pod));
  add_default_tolerations(pod);
  return apply_limit_ranges(store_, ns, pod);
}

Result<void> Admission::admit_create(const Kind& kind, const std::string& ns, json::Value& object) {
  KRING_TRY_VOID(check_namespace(store_, kind, ns, object));
  if (&kind == &kinds::pod()) KRING_TRY_VOID(admit_pod(ns, object));
  return {};
}

Result<void> Admission::admit_update(const Kind& kind, const std::string&, json::Value& object,
                                     const json::Value& old) {
  // Admission already chose the priority; a client that sends the manifest it applied does not take it away.
  if (&kind != &kinds::pod()) return {};
  const json::Value* before = old.find("spec");
  json::Object& spec = spec_of(object);
  for (const std::string_view key : {"priority", "preemptionPolicy"}) {
    const json::Value* value = before == nullptr ? nullptr : before->find(key);
    if (value != nullptr && !spec.contains(key)) spec.set(key, *value);
  }
  return {};
}

}  // namespace kring::api
