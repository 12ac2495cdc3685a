#include "objects/kinds_retired.h"

#include <algorithm>
#include <array>
#include <vector>

#include "objects/convert.h"

namespace kring {

namespace {

// A text as a template argument.
template <size_t Size>
struct Text {
  constexpr Text(const char (&text)[Size]) { std::copy_n(text, Size, data); }  // NOLINT: a literal becomes a Text
  constexpr std::string_view view() const { return {data, Size - 1}; }
  char data[Size];
};

using Change = void (*)(json::Value&);
void nothing(json::Value&) {}

template <Text Version, Change Apply>
Result<void> become(json::Value& value) {
  if (!value.is_object()) return Error{Reason::bad_request, "an object is needed"};
  Apply(value);
  value["apiVersion"] = Version.view();
  return {};
}

// A version whose objects differ from the stored ones by `In` and `Out`.
template <Text Version, Text Hub, Change In = nothing, Change Out = nothing>
constexpr OtherVersion other(std::string_view kind_id, std::string_view warning = {}, std::string_view table = {}) {
  return {Version.view(), kind_id, become<Hub, In>, become<Version, Out>, table, warning};
}

#define KRING_GONE(what, since, until, instead) \
  what " is deprecated in v" since "+, unavailable in v" until "+; use " instead

using namespace convert;

constexpr OtherVersion workloads[] = {
    other<"extensions/v1beta1", "apps/v1", in_extensions_deployment, out_deployment>(
        "apps/Deployment", KRING_GONE("extensions/v1beta1 Deployment", "1.8", "1.16", "apps/v1 Deployment"),
        "kring.extensions.Deployment"),
    other<"extensions/v1beta1", "apps/v1", in_extensions_daemon_set, out_extensions_daemon_set>(
        "apps/DaemonSet", KRING_GONE("extensions/v1beta1 DaemonSet", "1.8", "1.16", "apps/v1 DaemonSet"),
        "kring.extensions.DaemonSet"),
    other<"extensions/v1beta1", "apps/v1", in_extensions_replica_set>(
        "apps/ReplicaSet", KRING_GONE("extensions/v1beta1 ReplicaSet", "1.8", "1.16", "apps/v1 ReplicaSet")),
    other<"extensions/v1beta1", "autoscaling/v1", in_scale, out_scale>("autoscaling/Scale", {},
                                                                       "kring.extensions.Scale"),
    other<"apps/v1beta1", "apps/v1", in_apps_v1beta1_deployment, out_deployment>(
        "apps/Deployment", KRING_GONE("apps/v1beta1 Deployment", "1.8", "1.16", "apps/v1 Deployment"),
        "kring.extensions.Deployment"),
    other<"apps/v1beta1", "apps/v1", in_apps_v1beta1_stateful_set>(
        "apps/StatefulSet", KRING_GONE("apps/v1beta1 StatefulSet", "1.8", "1.16", "apps/v1 StatefulSet")),
    other<"apps/v1beta1", "apps/v1">("apps/ControllerRevision", KRING_GONE("apps/v1beta1 ControllerRevision", "1.8",
                                                                           "1.16", "apps/v1 ControllerRevision")),
    other<"apps/v1beta1", "autoscaling/v1", in_scale, out_scale>("autoscaling/Scale", {}, "kring.extensions.Scale"),
    other<"apps/v1beta2", "apps/v1">("apps/Deployment",
                                     KRING_GONE("apps/v1beta2 Deployment", "1.9", "1.16", "apps/v1 Deployment")),
    other<"apps/v1beta2", "apps/v1">("apps/DaemonSet",
                                     KRING_GONE("apps/v1beta2 DaemonSet", "1.9", "1.16", "apps/v1 DaemonSet")),
    other<"apps/v1beta2", "apps/v1">("apps/ReplicaSet",
                                     KRING_GONE("apps/v1beta2 ReplicaSet", "1.9", "1.16", "apps/v1 ReplicaSet")),
    other<"apps/v1beta2", "apps/v1">("apps/StatefulSet",
                                     KRING_GONE("apps/v1beta2 StatefulSet", "1.9", "1.16", "apps/v1 StatefulSet")),
    other<"apps/v1beta2", "apps/v1">("apps/ControllerRevision", KRING_GONE("apps/v1beta2 ControllerRevision", "1.9",
                                                                           "1.16", "apps/v1 ControllerRevision")),
    other<"apps/v1beta2", "autoscaling/v1", in_scale, out_scale>("autoscaling/Scale", {}, "kring.extensions.Scale"),
    other<"batch/v1beta1", "batch/v1">("batch/CronJob",
                                       KRING_GONE("batch/v1beta1 CronJob", "1.21", "1.25", "batch/v1 CronJob")),
    other<"autoscaling/v1", "autoscaling/v2", in_autoscaling_v1, out_autoscaling_v1>(
        "autoscaling/HorizontalPodAutoscaler", {}, "kring.autoscaling.v1.HorizontalPodAutoscaler"),
    other<"autoscaling/v2beta1", "autoscaling/v2", in_autoscaling_v2beta1, out_autoscaling_v2beta1>(
        "autoscaling/HorizontalPodAutoscaler",
        KRING_GONE("autoscaling/v2beta1 HorizontalPodAutoscaler", "1.22", "1.25",
                   "autoscaling/v2 HorizontalPodAutoscaler"),
        "kring.autoscaling.v2beta1.HorizontalPodAutoscaler"),
    other<"autoscaling/v2beta2", "autoscaling/v2">(
        "autoscaling/HorizontalPodAutoscaler", KRING_GONE("autoscaling/v2beta2 HorizontalPodAutoscaler", "1.23", "1.26",
                                                          "autoscaling/v2 HorizontalPodAutoscaler")),
    other<"policy/v1beta1", "policy/v1", in_pod_disruption_budget, out_pod_disruption_budget>(
        "policy/PodDisruptionBudget",
        KRING_GONE("policy/v1beta1 PodDisruptionBudget", "1.21", "1.25", "policy/v1 PodDisruptionBudget")),
    other<"policy/v1beta1", "policy/v1">("policy/Eviction",
                                         KRING_GONE("policy/v1beta1 Eviction", "1.22", "1.25", "policy/v1 Eviction")),
};

constexpr OtherVersion network[] = {
    other<"events.k8s.io/v1", "v1", in_event, out_event>("/Event", {}, "kring.events.Event"),
    other<"events.k8s.io/v1beta1", "v1", in_event, out_event>(
        "/Event", KRING_GONE("events.k8s.io/v1beta1 Event", "1.22", "1.25", "events.k8s.io/v1 Event"),
        "kring.events.Event"),
    other<"extensions/v1beta1", "networking.k8s.io/v1", in_ingress, out_ingress>(
        "networking.k8s.io/Ingress",
        KRING_GONE("extensions/v1beta1 Ingress", "1.14", "1.22", "networking.k8s.io/v1 Ingress"),
        "kring.extensions.Ingress"),
    other<"extensions/v1beta1", "networking.k8s.io/v1">(
        "networking.k8s.io/NetworkPolicy",
        KRING_GONE("extensions/v1beta1 NetworkPolicy", "1.9", "1.16", "networking.k8s.io/v1 NetworkPolicy")),
    other<"networking.k8s.io/v1beta1", "networking.k8s.io/v1", in_ingress, out_ingress>(
        "networking.k8s.io/Ingress",
        KRING_GONE("networking.k8s.io/v1beta1 Ingress", "1.19", "1.22", "networking.k8s.io/v1 Ingress"),
        "kring.extensions.Ingress"),
    other<"networking.k8s.io/v1beta1", "networking.k8s.io/v1">(
        "networking.k8s.io/IngressClass",
        KRING_GONE("networking.k8s.io/v1beta1 IngressClass", "1.19", "1.22", "networking.k8s.io/v1 IngressClass")),
    other<"networking.k8s.io/v1beta1", "networking.k8s.io/v1">("networking.k8s.io/IPAddress"),
    other<"networking.k8s.io/v1beta1", "networking.k8s.io/v1">("networking.k8s.io/ServiceCIDR"),
    other<"networking.k8s.io/v1alpha1", "networking.k8s.io/v1">(
        "networking.k8s.io/IPAddress",
        KRING_GONE("networking.k8s.io/v1alpha1 IPAddress", "1.30", "1.33", "networking.k8s.io/v1 IPAddress")),
    other<"networking.k8s.io/v1alpha1", "networking.k8s.io/v1">(
        "networking.k8s.io/ServiceCIDR",
        KRING_GONE("networking.k8s.io/v1alpha1 ServiceCIDR", "1.30", "1.33", "networking.k8s.io/v1 ServiceCIDR")),
    other<"discovery.k8s.io/v1beta1", "discovery.k8s.io/v1", in_endpoint_slice, out_endpoint_slice>(
        "discovery.k8s.io/EndpointSlice",
        KRING_GONE("discovery.k8s.io/v1beta1 EndpointSlice", "1.21", "1.25", "discovery.k8s.io/v1 EndpointSlice"),
        "kring.discovery.v1beta1.EndpointSlice"),
};

constexpr OtherVersion access[] = {
    other<"authentication.k8s.io/v1beta1", "authentication.k8s.io/v1">(
        "authentication.k8s.io/TokenReview", KRING_GONE("authentication.k8s.io/v1beta1 TokenReview", "1.19", "1.22",
                                                        "authentication.k8s.io/v1 TokenReview")),
    other<"authentication.k8s.io/v1alpha1", "authentication.k8s.io/v1">(
        "authentication.k8s.io/SelfSubjectReview",
        KRING_GONE("authentication.k8s.io/v1alpha1 SelfSubjectReview", "1.29", "1.32",
                   "authentication.k8s.io/v1 SelfSubjectReview")),
    other<"authentication.k8s.io/v1beta1", "authentication.k8s.io/v1">(
        "authentication.k8s.io/SelfSubjectReview", KRING_GONE("authentication.k8s.io/v1beta1 SelfSubjectReview", "1.30",
                                                              "1.33", "authentication.k8s.io/v1 SelfSubjectReview")),
    other<"authorization.k8s.io/v1beta1", "authorization.k8s.io/v1", in_access_review, out_access_review>(
        "authorization.k8s.io/SubjectAccessReview",
        KRING_GONE("authorization.k8s.io/v1beta1 SubjectAccessReview", "1.19", "1.22",
                   "authorization.k8s.io/v1 SubjectAccessReview"),
        "kring.authorization.v1beta1.SubjectAccessReview"),
    other<"authorization.k8s.io/v1beta1", "authorization.k8s.io/v1", in_access_review, out_access_review>(
        "authorization.k8s.io/LocalSubjectAccessReview",
        KRING_GONE("authorization.k8s.io/v1beta1 LocalSubjectAccessReview", "1.19", "1.22",
                   "authorization.k8s.io/v1 LocalSubjectAccessReview"),
        "kring.authorization.v1beta1.LocalSubjectAccessReview"),
    other<"authorization.k8s.io/v1beta1", "authorization.k8s.io/v1">(
        "authorization.k8s.io/SelfSubjectAccessReview",
        KRING_GONE("authorization.k8s.io/v1beta1 SelfSubjectAccessReview", "1.19", "1.22",
                   "authorization.k8s.io/v1 SelfSubjectAccessReview")),
    other<"authorization.k8s.io/v1beta1", "authorization.k8s.io/v1">(
        "authorization.k8s.io/SelfSubjectRulesReview",
        KRING_GONE("authorization.k8s.io/v1beta1 SelfSubjectRulesReview", "1.19", "1.22",
                   "authorization.k8s.io/v1 SelfSubjectRulesReview")),
    other<"certificates.k8s.io/v1beta1", "certificates.k8s.io/v1", in_signing_request>(
        "certificates.k8s.io/CertificateSigningRequest",
        KRING_GONE("certificates.k8s.io/v1beta1 CertificateSigningRequest", "1.19", "1.22",
                   "certificates.k8s.io/v1 CertificateSigningRequest")),
};

#define KRING_RBAC_BETA(kind)                                                 \
  other<"rbac.authorization.k8s.io/v1beta1", "rbac.authorization.k8s.io/v1">( \
      "rbac.authorization.k8s.io/" kind,                                      \
      KRING_GONE("rbac.authorization.k8s.io/v1beta1 " kind, "1.17", "1.22", "rbac.authorization.k8s.io/v1 " kind))
#define KRING_RBAC_ALPHA(kind, in, out, table)                                                                      \
  other<"rbac.authorization.k8s.io/v1alpha1", "rbac.authorization.k8s.io/v1", in, out>(                             \
      "rbac.authorization.k8s.io/" kind,                                                                            \
      KRING_GONE("rbac.authorization.k8s.io/v1alpha1 " kind, "1.17", "1.22", "rbac.authorization.k8s.io/v1 " kind), \
      table)

constexpr OtherVersion roles[] = {
    KRING_RBAC_BETA("ClusterRole"),
    KRING_RBAC_BETA("ClusterRoleBinding"),
    KRING_RBAC_BETA("Role"),
    KRING_RBAC_BETA("RoleBinding"),
    KRING_RBAC_ALPHA("ClusterRole", nothing, nothing, ""),
    KRING_RBAC_ALPHA("Role", nothing, nothing, ""),
    KRING_RBAC_ALPHA("ClusterRoleBinding", in_binding, out_binding, "kring.rbac.v1alpha1.ClusterRoleBinding"),
    KRING_RBAC_ALPHA("RoleBinding", in_binding, out_binding, "kring.rbac.v1alpha1.RoleBinding"),
};

#define KRING_STORAGE(version, kind, since, until)       \
  other<"storage.k8s.io/" version, "storage.k8s.io/v1">( \
      "storage.k8s.io/" kind, KRING_GONE("storage.k8s.io/" version " " kind, since, until, "storage.k8s.io/v1 " kind))
#define KRING_WEBHOOKS(kind)                                                                                         \
  other<"admissionregistration.k8s.io/v1beta1", "admissionregistration.k8s.io/v1", in_webhooks>(                     \
      "admissionregistration.k8s.io/" kind, KRING_GONE("admissionregistration.k8s.io/v1beta1 " kind, "1.16", "1.22", \
                                                       "admissionregistration.k8s.io/v1 " kind))
#define KRING_ADMISSION_POLICY(version, kind, since, until)                                                            \
  other<"admissionregistration.k8s.io/" version, "admissionregistration.k8s.io/v1">(                                   \
      "admissionregistration.k8s.io/" kind, KRING_GONE("admissionregistration.k8s.io/" version " " kind, since, until, \
                                                       "admissionregistration.k8s.io/v1 " kind))

constexpr OtherVersion cluster[] = {
    KRING_STORAGE("v1beta1", "CSIDriver", "1.19", "1.22"),
    KRING_STORAGE("v1beta1", "CSINode", "1.17", "1.22"),
    KRING_STORAGE("v1beta1", "CSIStorageCapacity", "1.24", "1.27"),
    KRING_STORAGE("v1beta1", "StorageClass", "1.6", "1.22"),
    KRING_STORAGE("v1beta1", "VolumeAttachment", "1.19", "1.22"),
    KRING_STORAGE("v1alpha1", "CSIStorageCapacity", "1.22", "1.24"),
    KRING_STORAGE("v1alpha1", "VolumeAttachment", "1.21", "1.24"),
    KRING_WEBHOOKS("MutatingWebhookConfiguration"),
    KRING_WEBHOOKS("ValidatingWebhookConfiguration"),
    KRING_ADMISSION_POLICY("v1beta1", "ValidatingAdmissionPolicy", "1.31", "1.34"),
    KRING_ADMISSION_POLICY("v1beta1", "ValidatingAdmissionPolicyBinding", "1.31", "1.34"),
    KRING_ADMISSION_POLICY("v1alpha1", "ValidatingAdmissionPolicy", "1.29", "1.32"),
    KRING_ADMISSION_POLICY("v1alpha1", "ValidatingAdmissionPolicyBinding", "1.29", "1.32"),
    other<"apiextensions.k8s.io/v1beta1", "apiextensions.k8s.io/v1", in_resource_definition, out_resource_definition>(
        "apiextensions.k8s.io/CustomResourceDefinition",
        KRING_GONE("apiextensions.k8s.io/v1beta1 CustomResourceDefinition", "1.16", "1.22",
                   "apiextensions.k8s.io/v1 CustomResourceDefinition"),
        "kring.apiextensions.v1beta1.CustomResourceDefinition"),
    other<"apiregistration.k8s.io/v1beta1", "apiregistration.k8s.io/v1">(
        "apiregistration.k8s.io/APIService", KRING_GONE("apiregistration.k8s.io/v1beta1 APIService", "1.19", "1.22",
                                                        "apiregistration.k8s.io/v1 APIService")),
    other<"scheduling.k8s.io/v1beta1", "scheduling.k8s.io/v1">(
        "scheduling.k8s.io/PriorityClass",
        KRING_GONE("scheduling.k8s.io/v1beta1 PriorityClass", "1.14", "1.22", "scheduling.k8s.io/v1 PriorityClass")),
    other<"scheduling.k8s.io/v1alpha1", "scheduling.k8s.io/v1">(
        "scheduling.k8s.io/PriorityClass",
        KRING_GONE("scheduling.k8s.io/v1alpha1 PriorityClass", "1.14", "1.22", "scheduling.k8s.io/v1 PriorityClass")),
    other<"coordination.k8s.io/v1beta1", "coordination.k8s.io/v1">(
        "coordination.k8s.io/Lease",
        KRING_GONE("coordination.k8s.io/v1beta1 Lease", "1.19", "1.22", "coordination.k8s.io/v1 Lease")),
    other<"node.k8s.io/v1beta1", "node.k8s.io/v1">(
        "node.k8s.io/RuntimeClass",
        KRING_GONE("node.k8s.io/v1beta1 RuntimeClass", "1.22", "1.25", "node.k8s.io/v1 RuntimeClass")),
    other<"node.k8s.io/v1alpha1", "node.k8s.io/v1", in_runtime_class, out_runtime_class>(
        "node.k8s.io/RuntimeClass",
        KRING_GONE("node.k8s.io/v1alpha1 RuntimeClass", "1.22", "1.25", "node.k8s.io/v1 RuntimeClass"),
        "kring.node.v1alpha1.RuntimeClass"),
};

#define KRING_FLOW(version, kind, since, until, in, out, table)                               \
  other<"flowcontrol.apiserver.k8s.io/" version, "flowcontrol.apiserver.k8s.io/v1", in, out>( \
      "flowcontrol.apiserver.k8s.io/" kind,                                                   \
      KRING_GONE("flowcontrol.apiserver.k8s.io/" version " " kind, since, until,              \
                 "flowcontrol.apiserver.k8s.io/v1 " kind),                                    \
      table)

constexpr OtherVersion flow[] = {
    KRING_FLOW("v1beta1", "FlowSchema", "1.23", "1.26", nothing, nothing, ""),
    KRING_FLOW("v1beta2", "FlowSchema", "1.26", "1.29", nothing, nothing, ""),
    KRING_FLOW("v1beta3", "FlowSchema", "1.29", "1.32", nothing, nothing, ""),
    KRING_FLOW("v1beta1", "PriorityLevelConfiguration", "1.23", "1.26", in_priority_level, out_priority_level,
               "kring.flowcontrol.v1beta2.PriorityLevelConfiguration"),
    KRING_FLOW("v1beta2", "PriorityLevelConfiguration", "1.26", "1.29", in_priority_level, out_priority_level,
               "kring.flowcontrol.v1beta2.PriorityLevelConfiguration"),
    KRING_FLOW("v1beta3", "PriorityLevelConfiguration", "1.29", "1.32", nothing, nothing, ""),
};

#undef KRING_GONE
#undef KRING_RBAC_BETA
#undef KRING_RBAC_ALPHA
#undef KRING_STORAGE
#undef KRING_WEBHOOKS
#undef KRING_ADMISSION_POLICY
#undef KRING_FLOW

}  // namespace

std::span<const OtherVersion> other_versions() {
  static const std::vector<OtherVersion> all = [] {
    std::vector<OtherVersion> versions;
    for (std::span<const OtherVersion> part :
         {std::span<const OtherVersion>{workloads}, {network}, {access}, {roles}, {cluster}, {flow}})
      versions.insert(versions.end(), part.begin(), part.end());
    return versions;
  }();
  return all;
}

}  // namespace kring
