#include "objects/hooks.h"

#include <algorithm>
#include <vector>

#include "objects/columns.h"
#include "objects/defaults.h"
#include "objects/prepare.h"
#include "objects/select_fields.h"
#include "objects/validate.h"
#include "objects/validate_meta.h"

namespace kring {
namespace {

constexpr std::string_view rbac = "rbac.authorization.k8s.io";
constexpr std::string_view admission = "admissionregistration.k8s.io";

// One row a kind; columns and cells are joined in below.
std::vector<Hooks> rows() {
  using namespace validate;
  return {
      {"",
       "Pod",
       defaults::pod,
       prepare::create_pod,
       prepare::update_pod,
       validate::pod,
       pod_update,
       {},
       nullptr,
       select_fields::pod},
      {"",
       "Namespace",
       defaults::ns,
       prepare::create_namespace,
       nullptr,
       nullptr,
       nullptr,
       {},
       nullptr,
       select_fields::ns},
      {"", "Node", nullptr, nullptr, nullptr, nullptr, nullptr, {}, nullptr, select_fields::node},
      {"", "Event", nullptr, nullptr, nullptr, nullptr, nullptr, {}, nullptr, select_fields::event},
      {"",
       "Secret",
       defaults::secret,
       prepare::create_secret,
       prepare::update_secret,
       nullptr,
       nullptr,
       {},
       nullptr,
       select_fields::secret},
      {"", "Service", defaults::service},
      {"", "Endpoints", defaults::endpoints},
      {"discovery.k8s.io", "EndpointSlice", defaults::endpoint_slice},
      {"", "LimitRange", defaults::limit_range},
      {"", "PersistentVolume", defaults::persistent_volume, prepare::create_persistent_volume},
      {"", "PersistentVolumeClaim", defaults::persistent_volume_claim, prepare::create_persistent_volume_claim},
      {"", "PodTemplate", defaults::pod_template},
      {"",
       "ReplicationController",
       defaults::replication_controller,
       nullptr,
       nullptr,
       nullptr,
       nullptr,
       {},
       nullptr,
       select_fields::replicas},
      {"apps",
       "ReplicaSet",
       defaults::replica_set,
       nullptr,
       nullptr,
       nullptr,
       nullptr,
       {},
       nullptr,
       select_fields::replicas},
      {"apps", "Deployment", defaults::deployment},
      {"apps", "DaemonSet", defaults::daemon_set},
      {"apps", "StatefulSet", defaults::stateful_set},
      {"batch", "Job", defaults::job, prepare::create_job, nullptr, nullptr, nullptr, {}, nullptr, select_fields::job},
      {"batch", "CronJob", defaults::cron_job},
      {"autoscaling", "HorizontalPodAutoscaler", defaults::horizontal_pod_autoscaler},
      {"networking.k8s.io", "NetworkPolicy", defaults::network_policy},
      {"storage.k8s.io", "StorageClass", defaults::storage_class},
      {"storage.k8s.io", "CSIDriver", defaults::csi_driver},
      {"scheduling.k8s.io", "PriorityClass", defaults::priority_class},
      {rbac, "RoleBinding", defaults::role_binding},
      {rbac, "ClusterRoleBinding", defaults::role_binding},
      {admission, "MutatingWebhookConfiguration", defaults::webhook_configuration},
      {admission, "ValidatingWebhookConfiguration", defaults::webhook_configuration},
      {admission, "ValidatingAdmissionPolicy", defaults::admission_policy},
      {admission, "ValidatingAdmissionPolicyBinding", defaults::admission_policy_binding},
      {"apiextensions.k8s.io", "CustomResourceDefinition", defaults::custom_resource_definition},
      {"flowcontrol.apiserver.k8s.io", "FlowSchema", defaults::flow_schema},
      {"flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration", defaults::priority_level},
      {"certificates.k8s.io",
       "CertificateSigningRequest",
       nullptr,
       nullptr,
       nullptr,
       nullptr,
       nullptr,
       {},
       nullptr,
       select_fields::certificate_request},
  };
}

// By the kind's index; null where nothing is known.
std::vector<const Hooks*> index() {
  static std::vector<Hooks> all = [] {
    std::vector<Hooks> made = rows();
    for (const Kind& kind : all_kinds()) {
      const columns::Printer* printer = columns::printer_of(kind.group, kind.kind);
      if (printer == nullptr) continue;
      auto row = std::find_if(made.begin(), made.end(),
                              [&](const Hooks& h) { return h.group == kind.group && h.kind == kind.kind; });
      if (row == made.end()) row = made.insert(made.end(), Hooks{kind.group, kind.kind});
      row->columns = printer->columns;
      row->cells = printer->cells;
    }
    return made;
  }();
  std::vector<const Hooks*> out(all_kinds().size(), nullptr);
  for (const Hooks& hooks : all) {
    if (const Kind* kind = find_kind(hooks.group, hooks.kind)) out[kind->index] = &hooks;
  }
  return out;
}

}  // namespace

const Hooks* hooks_of(const Kind& kind) {
  static const std::vector<const Hooks*> by_index = index();
  return by_index[kind.index];
}

void apply_defaults(const Kind& kind, json::Value& object) {
  const Hooks* hooks = hooks_of(kind);
  if (hooks != nullptr && hooks->defaults != nullptr) hooks->defaults(object);
}

Result<void> validate_create(const Kind& kind, const json::Value& object) {
  FieldErrors errors;
  validate_meta_create(kind, object, errors);
  if (const Hooks* hooks = hooks_of(kind); hooks != nullptr && hooks->validate != nullptr)
    hooks->validate(object, errors);
  if (errors.empty()) return {};
  const json::Value* meta = object.find("metadata");
  return invalid_error(kind, meta == nullptr ? std::string_view{} : meta->string_or("name"), std::move(errors));
}

Result<void> validate_update(const Kind& kind, const json::Value& object, const json::Value& old,
                             std::string_view subresource) {
  FieldErrors errors;
  validate_meta_update(kind, object, old, errors);
  if (const Hooks* hooks = hooks_of(kind); hooks != nullptr) {
    if (hooks->validate != nullptr && hooks->validate_update == nullptr && subresource.empty())
      hooks->validate(object, errors);
    if (hooks->validate_update != nullptr) hooks->validate_update(object, old, subresource, errors);
  }
  if (errors.empty()) return {};
  const json::Value* meta = object.find("metadata");
  return invalid_error(kind, meta == nullptr ? std::string_view{} : meta->string_or("name"), std::move(errors));
}

}  // namespace kring
