// The rows. Order: groups in the order in which discovery lists them (Kubernetes' group priorities), kinds in the order
// of a v1.33 server within a group.
#include "objects/kinds.h"

#include <algorithm>
#include <deque>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "objects/check.h"
#include "objects/codec.h"
#include "objects/kinds_retired.h"

namespace kring {

namespace {

enum class Scope { cluster, namespaced };
using enum Scope;

constexpr uint16_t reads_writes = verb_get | verb_patch | verb_update;
constexpr uint16_t proxied = verb_create | verb_delete | verb_get | verb_patch | verb_update;
constexpr uint16_t streamed = verb_create | verb_get;

// A subresource without a kind has the kind of its parent.
constexpr Subresource status{"status", "", "", "", reads_writes};
constexpr Subresource scale{"scale", "autoscaling", "v1", "Scale", reads_writes};

struct Row {
  std::string_view group, version, kind, plural;
  Scope scope = cluster;
  std::vector<std::string_view> short_names = {};
  std::vector<std::string_view> categories = {};
  std::vector<Subresource> subresources = {};
  uint16_t verbs = verbs_all;
  bool stored = true;
};

// A body that a client posts and gets back, never kept.
Row review(std::string_view group, std::string_view kind, std::string_view plural, Scope scope = cluster) {
  return {.group = group,
          .version = "v1",
          .kind = kind,
          .plural = plural,
          .scope = scope,
          .verbs = verb_create,
          .stored = false};
}

// What a subresource takes or gives; it has no path of its own.
Row body(std::string_view group, std::string_view kind) {
  return {
      .group = group, .version = "v1", .kind = kind, .plural = "", .scope = namespaced, .verbs = 0, .stored = false};
}

// A row is read as a row.
// clang-format off
std::vector<Row> core_rows() {
  return {
      {.group = "", .version = "v1", .kind = "Binding", .plural = "bindings", .scope = namespaced,
       .verbs = verb_create, .stored = false},
      {.group = "", .version = "v1", .kind = "ComponentStatus", .plural = "componentstatuses", .short_names = {"cs"},
       .verbs = verb_get | verb_list, .stored = false},
      {"", "v1", "ConfigMap", "configmaps", namespaced, {"cm"}},
      {"", "v1", "Endpoints", "endpoints", namespaced, {"ep"}},
      {"", "v1", "Event", "events", namespaced, {"ev"}},
      {"", "v1", "LimitRange", "limitranges", namespaced, {"limits"}},
      {.group = "", .version = "v1", .kind = "Namespace", .plural = "namespaces", .short_names = {"ns"},
       .subresources = {{"finalize", "", "", "", verb_update}, status},
       .verbs = verbs_all & ~verb_deletecollection},
      {"", "v1", "Node", "nodes", cluster, {"no"}, {}, {{"proxy", "", "v1", "NodeProxyOptions", proxied}, status}},
      {"", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", namespaced, {"pvc"}, {}, {status}},
      {"", "v1", "PersistentVolume", "persistentvolumes", cluster, {"pv"}, {}, {status}},
      {"", "v1", "Pod", "pods", namespaced, {"po"}, {"all"},
       {{"attach", "", "v1", "PodAttachOptions", streamed},
        {"binding", "", "v1", "Binding", verb_create},
        {"ephemeralcontainers", "", "", "", reads_writes},
        {"eviction", "policy", "v1", "Eviction", verb_create},
        {"exec", "", "v1", "PodExecOptions", streamed},
        {"log", "", "", "", verb_get},
        {"portforward", "", "v1", "PodPortForwardOptions", streamed},
        {"proxy", "", "v1", "PodProxyOptions", proxied},
        {"resize", "", "", "", reads_writes},
        status}},
      {"", "v1", "PodTemplate", "podtemplates", namespaced},
      {"", "v1", "ReplicationController", "replicationcontrollers", namespaced, {"rc"}, {"all"}, {scale, status}},
      {"", "v1", "ResourceQuota", "resourcequotas", namespaced, {"quota"}, {}, {status}},
      {"", "v1", "Secret", "secrets", namespaced},
      {"", "v1", "ServiceAccount", "serviceaccounts", namespaced, {"sa"}, {},
       {{"token", "authentication.k8s.io", "v1", "TokenRequest", verb_create}}},
      {"", "v1", "Service", "services", namespaced, {"svc"}, {"all"},
       {{"proxy", "", "v1", "ServiceProxyOptions", proxied}, status}},
  };
}

std::vector<Row> workload_rows() {
  return {
      {"apiregistration.k8s.io", "v1", "APIService", "apiservices", cluster, {}, {"api-extensions"}, {status}},
      {"apps", "v1", "ControllerRevision", "controllerrevisions", namespaced},
      {"apps", "v1", "DaemonSet", "daemonsets", namespaced, {"ds"}, {"all"}, {status}},
      {"apps", "v1", "Deployment", "deployments", namespaced, {"deploy"}, {"all"}, {scale, status}},
      {"apps", "v1", "ReplicaSet", "replicasets", namespaced, {"rs"}, {"all"}, {scale, status}},
      {"apps", "v1", "StatefulSet", "statefulsets", namespaced, {"sts"}, {"all"}, {scale, status}},
      review("authentication.k8s.io", "SelfSubjectReview", "selfsubjectreviews"),
      review("authentication.k8s.io", "TokenReview", "tokenreviews"),
      body("authentication.k8s.io", "TokenRequest"),
      review("authorization.k8s.io", "LocalSubjectAccessReview", "localsubjectaccessreviews", namespaced),
      review("authorization.k8s.io", "SelfSubjectAccessReview", "selfsubjectaccessreviews"),
      review("authorization.k8s.io", "SelfSubjectRulesReview", "selfsubjectrulesreviews"),
      review("authorization.k8s.io", "SubjectAccessReview", "subjectaccessreviews"),
      {"autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", namespaced, {"hpa"}, {"all"},
       {status}},
      body("autoscaling", "Scale"),
      {"batch", "v1", "CronJob", "cronjobs", namespaced, {"cj"}, {"all"}, {status}},
      {"batch", "v1", "Job", "jobs", namespaced, {}, {"all"}, {status}},
      {"certificates.k8s.io", "v1", "CertificateSigningRequest", "certificatesigningrequests", cluster, {"csr"}, {},
       {{"approval", "", "", "", reads_writes}, status}},
  };
}

std::vector<Row> cluster_rows() {
  return {
      {"networking.k8s.io", "v1", "IngressClass", "ingressclasses"},
      {"networking.k8s.io", "v1", "Ingress", "ingresses", namespaced, {"ing"}, {}, {status}},
      {"networking.k8s.io", "v1", "IPAddress", "ipaddresses", cluster, {"ip"}},
      {"networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", namespaced, {"netpol"}},
      {"networking.k8s.io", "v1", "ServiceCIDR", "servicecidrs", cluster, {}, {}, {status}},
      body("policy", "Eviction"),
      {"policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", namespaced, {"pdb"}, {}, {status}},
      {"rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings"},
      {"rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles"},
      {"rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", namespaced},
      {"rbac.authorization.k8s.io", "v1", "Role", "roles", namespaced},
      {"storage.k8s.io", "v1", "CSIDriver", "csidrivers"},
      {"storage.k8s.io", "v1", "CSINode", "csinodes"},
      {"storage.k8s.io", "v1", "CSIStorageCapacity", "csistoragecapacities", namespaced},
      {"storage.k8s.io", "v1", "StorageClass", "storageclasses", cluster, {"sc"}},
      {"storage.k8s.io", "v1", "VolumeAttachment", "volumeattachments", cluster, {}, {}, {status}},
      {"admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", cluster,
       {}, {"api-extensions"}},
      {"admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies", cluster, {},
       {"api-extensions"}, {status}},
      {"admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings",
       cluster, {}, {"api-extensions"}},
      {"admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations",
       cluster, {}, {"api-extensions"}},
      {"apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", cluster,
       {"crd", "crds"}, {"api-extensions"}, {status}},
      {"scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", cluster, {"pc"}},
      {"coordination.k8s.io", "v1", "Lease", "leases", namespaced},
      {"node.k8s.io", "v1", "RuntimeClass", "runtimeclasses"},
      {"discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", namespaced},
      {"flowcontrol.apiserver.k8s.io", "v1", "FlowSchema", "flowschemas", cluster, {}, {}, {status}},
      {"flowcontrol.apiserver.k8s.io", "v1", "PriorityLevelConfiguration", "prioritylevelconfigurations", cluster, {},
       {}, {status}},
  };
}
// clang-format on

// Where a group stands in discovery when its first row alone does not say it.
constexpr std::string_view group_order[] = {"",
                                            "apiregistration.k8s.io",
                                            "apps",
                                            "events.k8s.io",
                                            "authentication.k8s.io",
                                            "authorization.k8s.io",
                                            "autoscaling",
                                            "batch",
                                            "certificates.k8s.io",
                                            "networking.k8s.io",
                                            "extensions",
                                            "policy",
                                            "rbac.authorization.k8s.io",
                                            "storage.k8s.io",
                                            "admissionregistration.k8s.io",
                                            "apiextensions.k8s.io",
                                            "scheduling.k8s.io",
                                            "coordination.k8s.io",
                                            "node.k8s.io",
                                            "discovery.k8s.io",
                                            "flowcontrol.apiserver.k8s.io"};

size_t group_rank(std::string_view group) {
  const auto* at = std::find(std::begin(group_order), std::end(group_order), group);
  KRING_CHECK(at != std::end(group_order), "a group of the table has no place in discovery's order");
  return static_cast<size_t>(at - std::begin(group_order));
}

std::string group_version(std::string_view group, std::string_view version) {
  std::string text{group};
  if (!text.empty()) text += '/';
  return text.append(version);
}

std::string lower(std::string_view text) {
  std::string out{text};
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

class Table {
 public:
  Table();
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  const std::vector<Kind>& kinds() const { return kinds_; }
  const std::vector<Served>& served() const { return served_; }
  const Served& hub(const Kind& kind) const { return served_[hubs_[kind.index]]; }
  const Kind* find_id(std::string_view id) const {
    auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : found->second;
  }
  const Served* find(std::string_view key) const {
    auto found = by_key_.find(std::string{key});
    return found == by_key_.end() ? nullptr : &served_[found->second];
  }

 private:
  void add_row(Row& row);
  void add_served();
  void index_served();

  std::deque<Row> rows_;  // keeps what the spans of kinds_ look at
  std::deque<std::string> texts_;
  std::vector<Kind> kinds_;
  std::vector<Served> served_;
  std::vector<size_t> hubs_;
  std::unordered_map<std::string_view, const Kind*> by_id_;
  std::unordered_map<std::string, size_t> by_key_;  // "apps/v1 Deployment" and "apps/v1/deployments"
};

Table::Table() {
  for (auto rows : {core_rows(), workload_rows(), cluster_rows()})
    for (Row& row : rows) rows_.push_back(std::move(row));
  for (Row& row : rows_) add_row(row);
  for (const Kind& kind : kinds_) by_id_[texts_.emplace_back(kind.id())] = &kind;
  add_served();
  index_served();
}

void Table::add_row(Row& row) {
  for (Subresource& sub : row.subresources) {
    if (!sub.kind.empty()) continue;
    sub.group = row.group;
    sub.version = row.version;
    sub.kind = row.kind;
  }
  const codec::TypeInfo* type = codec::find_type(group_version(row.group, row.version), row.kind);
  KRING_CHECK(type != nullptr, std::string{"no table for "}.append(row.kind));
  Kind kind;
  kind.group = row.group;
  kind.version = row.version;
  kind.kind = row.kind;
  kind.plural = row.plural;
  kind.singular = texts_.emplace_back(lower(row.kind));
  kind.table = type->table;
  kind.namespaced = row.scope == namespaced;
  kind.stored = row.stored;
  kind.short_names = row.short_names;
  kind.categories = row.categories;
  kind.verbs = row.verbs;
  kind.subresources = row.subresources;
  kind.index = static_cast<uint16_t>(kinds_.size());
  kinds_.push_back(kind);
}

void Table::add_served() {
  for (const Kind& kind : kinds_) {
    Served hub;
    hub.kind = &kind;
    hub.group = kind.group;
    hub.version = kind.version;
    hub.kind_name = kind.kind;
    hub.plural = kind.plural;
    hub.table = kind.table;
    served_.push_back(hub);
  }
  for (const OtherVersion& other : other_versions()) {
    const Kind* kind = find_id(other.kind_id);
    KRING_CHECK(kind != nullptr, std::string{"another version of no kind: "}.append(other.kind_id));
    Served served;
    served.kind = kind;
    const size_t slash = other.api_version.find('/');
    served.group = other.api_version.substr(0, slash);
    served.version = other.api_version.substr(slash + 1);
    served.kind_name = kind->kind;
    served.plural = kind->plural;
    served.to_hub = other.to_hub;
    served.from_hub = other.from_hub;
    served.table = other.table.empty() ? kind->table : other.table;
    served.warning = other.warning;
    served.deprecated = !other.warning.empty();
    served_.push_back(served);
  }
}

// "v2" before "v1" before "v1beta2" before "v1beta1" before "v1alpha1": Kubernetes' version priority.
int version_rank(std::string_view version) {
  int major = 0, minor = 0;
  size_t at = 1;
  auto number = [&] {
    int value = 0;
    for (; at < version.size() && version[at] >= '0' && version[at] <= '9'; ++at)
      value = value * 10 + (version[at] - '0');
    return value;
  };
  major = number();
  int stage = 2;
  if (version.substr(at).starts_with("beta")) stage = 1, at += 4, minor = number();
  if (version.substr(at).starts_with("alpha")) stage = 0, at += 5, minor = number();
  return -(stage * 10000 + major * 100 + minor);
}

void Table::index_served() {
  std::sort(served_.begin(), served_.end(), [](const Served& a, const Served& b) {
    auto key = [](const Served& s) { return std::tuple{group_rank(s.group), version_rank(s.version), s.kind->index}; };
    return key(a) < key(b);
  });
  hubs_.resize(kinds_.size());
  for (size_t i = 0; i < served_.size(); ++i) {
    const Served& served = served_[i];
    if (served.to_hub == nullptr) hubs_[served.kind->index] = i;
    const std::string version = served.api_version();
    const bool fresh = by_key_.emplace(version + " " + std::string{served.kind_name}, i).second;
    KRING_CHECK(fresh, "a version of a kind is served twice");
    if (!served.plural.empty()) by_key_.emplace(version + "/" + std::string{served.plural}, i);
  }
}

const Table& table() {
  static const Table instance;
  return instance;
}

const Kind& named(std::string_view id) {
  const Kind* kind = table().find_id(id);
  KRING_CHECK(kind != nullptr, id);
  return *kind;
}

}  // namespace

std::string Kind::resource() const {
  std::string text{plural};
  if (!group.empty()) text.append(".").append(group);
  return text;
}

std::string Kind::id() const { return std::string{group}.append("/").append(kind); }

std::string Served::api_version() const { return group_version(group, version); }

std::span<const Kind> all_kinds() { return table().kinds(); }
std::span<const Served> all_served() { return table().served(); }

const Kind* find_kind(std::string_view group, std::string_view kind) {
  return table().find_id(std::string{group}.append("/").append(kind));
}

const Kind* find_kind_by_id(std::string_view id) { return table().find_id(id); }

const Served* find_served(std::string_view api_version, std::string_view kind) {
  return table().find(std::string{api_version}.append(" ").append(kind));
}

const Served* find_served_resource(std::string_view group, std::string_view version, std::string_view plural) {
  return table().find(group_version(group, version).append("/").append(plural));
}

const Served& hub_of(const Kind& kind) { return table().hub(kind); }

namespace kinds {
#define KRING_NAMED_KIND(function, id)   \
  const Kind& function() {               \
    static const Kind& kind = named(id); \
    return kind;                         \
  }
KRING_NAMED_KIND(pod, "/Pod")
KRING_NAMED_KIND(node, "/Node")
KRING_NAMED_KIND(ns, "/Namespace")
KRING_NAMED_KIND(event, "/Event")
KRING_NAMED_KIND(service_account, "/ServiceAccount")
KRING_NAMED_KIND(config_map, "/ConfigMap")
KRING_NAMED_KIND(secret, "/Secret")
KRING_NAMED_KIND(service, "/Service")
KRING_NAMED_KIND(endpoints, "/Endpoints")
KRING_NAMED_KIND(endpoint_slice, "discovery.k8s.io/EndpointSlice")
KRING_NAMED_KIND(lease, "coordination.k8s.io/Lease")
KRING_NAMED_KIND(binding, "/Binding")
KRING_NAMED_KIND(priority_class, "scheduling.k8s.io/PriorityClass")
KRING_NAMED_KIND(runtime_class, "node.k8s.io/RuntimeClass")
KRING_NAMED_KIND(limit_range, "/LimitRange")
KRING_NAMED_KIND(resource_quota, "/ResourceQuota")
KRING_NAMED_KIND(pod_disruption_budget, "policy/PodDisruptionBudget")
KRING_NAMED_KIND(role, "rbac.authorization.k8s.io/Role")
KRING_NAMED_KIND(role_binding, "rbac.authorization.k8s.io/RoleBinding")
KRING_NAMED_KIND(cluster_role, "rbac.authorization.k8s.io/ClusterRole")
KRING_NAMED_KIND(cluster_role_binding, "rbac.authorization.k8s.io/ClusterRoleBinding")
KRING_NAMED_KIND(persistent_volume, "/PersistentVolume")
KRING_NAMED_KIND(persistent_volume_claim, "/PersistentVolumeClaim")
#undef KRING_NAMED_KIND
}  // namespace kinds

}  // namespace kring
