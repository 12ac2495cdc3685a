#include <set>

#include "objects/columns_tables.h"
#include "objects/columns_tools.h"

namespace kring::columns {
namespace {

using json::Array;
using json::Value;

// Networking.
constexpr Column ingress_columns[] = {
    name_column,
    {"Class", "string", "", "Class of the ingress"},
    {"Hosts", "string", "", "Host names it serves"},
    {"Address", "string", "", "Where it is reached"},
    {"Ports", "string", "", "80, and 443 with TLS"},
    age_column,
};

void ingress_cells(const Value& object, int64_t now_ms, Array& out) {
  std::string hosts;
  size_t count = 0;
  for (const Value& rule : array_at(object, {"spec", "rules"})) {
    const std::string_view host = rule.string_or("host");
    if (host.empty()) continue;
    if (count++ < 3) hosts += (hosts.empty() ? "" : ",") + std::string{host};
  }
  if (count > 3) hosts += " + " + std::to_string(count - 3) + " more...";
  std::set<std::string> addresses;
  for (const Value& point : array_at(object, {"status", "loadBalancer", "ingress"})) {
    const std::string_view ip = point.string_or("ip");
    addresses.emplace(ip.empty() ? point.string_or("hostname") : ip);
  }
  std::string address;
  for (const std::string& one : addresses) address += (address.empty() ? "" : ",") + one;
  const std::string old = text_at(object, {"metadata", "annotations", "kubernetes.io/ingress.class"}, none);
  out.emplace_back(name_of(object));
  out.emplace_back(text_at(object, {"spec", "ingressClassName"}, old));
  out.emplace_back(hosts.empty() ? "*" : hosts);
  out.emplace_back(std::move(address));
  out.emplace_back(count_at(object, {"spec", "tls"}) > 0 ? "80, 443" : "80");
  out.emplace_back(age_of(object, now_ms));
}

constexpr Column ingress_class_columns[] = {name_column,
                                            {"Controller", "string", "", "Who serves the class"},
                                            {"Parameters", "string", "", "Where its settings are"},
                                            age_column};
void ingress_class_cells(const Value& object, int64_t now_ms, Array& out) {
  std::string parameters{none};
  if (const Value* ref = object.at({"spec", "parameters"}); ref != nullptr && ref->is_object()) {
    parameters = std::string{ref->string_or("kind")};
    if (const std::string_view group = ref->string_or("apiGroup"); !group.empty())
      parameters += "." + std::string{group};
    parameters += "/" + std::string{ref->string_or("name")};
  }
  out.emplace_back(name_of(object));
  out.emplace_back(text_at(object, {"spec", "controller"}));
  out.emplace_back(std::move(parameters));
  out.emplace_back(age_of(object, now_ms));
}

constexpr Column policy_columns[] = {name_column, {"Pod-Selector", "string", "", "Labels of the pods"}, age_column};
void policy_cells(const Value& object, int64_t now_ms, Array& out) {
  out.emplace_back(name_of(object));
  out.emplace_back(selector_text(object.at({"spec", "podSelector"})));
  out.emplace_back(age_of(object, now_ms));
}

constexpr Column address_columns[] = {name_column, {"ParentRef", "string", "", "Who uses the address"}, age_column};
void address_cells(const Value& object, int64_t now_ms, Array& out) {
  std::string parent = text_at(object, {"spec", "parentRef", "resource"});
  if (const std::string group = text_at(object, {"spec", "parentRef", "group"}); !group.empty()) parent += "." + group;
  if (const std::string ns = text_at(object, {"spec", "parentRef", "namespace"}); !ns.empty()) parent += "/" + ns;
  parent += "/" + text_at(object, {"spec", "parentRef", "name"});
  out.emplace_back(name_of(object));
  out.emplace_back(std::move(parent));
  out.emplace_back(age_of(object, now_ms));
}

constexpr Column cidr_columns[] = {name_column, {"CIDRs", "string", "", "Networks of services"}, age_column};
void cidr_cells(const Value& object, int64_t now_ms, Array& out) {
  out.emplace_back(name_of(object));
  out.emplace_back(joined(array_at(object, {"spec", "cidrs"})));
  out.emplace_back(age_of(object, now_ms));
}

// Policy and scheduling.
constexpr Column budget_columns[] = {
    name_column,
    {"Min Available", "string", "", "Fewest pods that must be available"},
    {"Max Unavailable", "string", "", "Most pods that may be unavailable"},
    {"Allowed Disruptions", "integer", "", "Pods that may be evicted now"},
    age_column,
};
void budget_cells(const Value& object, int64_t now_ms, Array& out) {
  out.emplace_back(name_of(object));
  out.emplace_back(text_at(object, {"spec", "minAvailable"}, "N/A"));
  out.emplace_back(text_at(object, {"spec", "maxUnavailable"}, "N/A"));
  out.emplace_back(int_at(object, {"status", "disruptionsAllowed"}));
  out.emplace_back(age_of(object, now_ms));
}

constexpr Column priority_columns[] = {
    name_column,
    {"Value", "integer", "", "Priority of the pods"},
    {"Global-Default", "boolean", "", "Whether pods without a class get it"},
    age_column,
    {"PreemptionPolicy", "string", "", "Whether its pods may displace others"},
};
void priority_cells(const Value& object, int64_t now_ms, Array& out) {
  out.emplace_back(name_of(object));
  out.emplace_back(int_at(object, {"value"}));
  out.emplace_back(bool_at(object, {"globalDefault"}));
  out.emplace_back(age_of(object, now_ms));
  out.emplace_back(text_at(object, {"preemptionPolicy"}));
}

constexpr Column runtime_columns[] = {name_column, {"Handler", "string", "", "What runs the pods"}, age_column};
void runtime_cells(const Value& object, int64_t now_ms, Array& out) {
  out.emplace_back(name_of(object));
  out.emplace_back(text_at(object, {"handler"}));
  out.emplace_back(age_of(object, now_ms));
}

constexpr Column lease_columns[] = {name_column, {"Holder", "string", "", "Who holds the lease"}, age_column};
void lease_cells(const Value& object, int64_t now_ms, Array& out) {
  out.emplace_back(name_of(object));
  out.emplace_back(text_at(object, {"spec", "holderIdentity"}));
  out.emplace_back(age_of(object, now_ms));
}

// Roles.
constexpr Column binding_columns[] = {
    name_column,
    {"Role", "string", "", "Role that is bound"},
    age_column,
    {"Users", "string", "", "Users it is bound to", 1},
    {"Groups", "string", "", "Groups it is bound to", 1},
    {"ServiceAccounts", "string", "", "Service accounts it is bound to", 1},
};
void binding_cells(const Value& object, int64_t now_ms, Array& out) {
  std::string users;
  std::string groups;
  std::string accounts;
  const auto add = [](std::string& list, std::string text) { list += (list.empty() ? "" : ", ") + std::move(text); };
  for (const Value& subject : array_at(object, {"subjects"})) {
    const std::string name{subject.string_or("name")};
    const std::string_view kind = subject.string_or("kind");
    if (kind == "User") add(users, name);
    if (kind == "Group") add(groups, name);
    if (kind == "ServiceAccount") add(accounts, std::string{subject.string_or("namespace")} + "/" + name);
  }
  out.emplace_back(name_of(object));
  out.emplace_back(text_at(object, {"roleRef", "kind"}) + "/" + text_at(object, {"roleRef", "name"}));
  out.emplace_back(age_of(object, now_ms));
  out.emplace_back(std::move(users));
  out.emplace_back(std::move(groups));
  out.emplace_back(std::move(accounts));
}

// Storage.
constexpr Column class_columns[] = {
    name_column,
    {"Provisioner", "string", "", "Who makes the volumes"},
    {"ReclaimPolicy", "string", "", "What happens to released volumes"},
    {"VolumeBindingMode", "string", "", "When volumes are bound"},
    {"AllowVolumeExpansion", "string", "", "Whether volumes may grow"},
    age_column,
};
void class_cells(const Value& object, int64_t now_ms, Array& out) {
  std::string name = name_of(object);
  if (text_at(object, {"metadata", "annotations", "storageclass.kubernetes.io/is-default-class"}) == "true")
    name += " (default)";
  out.emplace_back(std::move(name));
  out.emplace_back(text_at(object, {"provisioner"}));
  out.emplace_back(text_at(object, {"reclaimPolicy"}));
  out.emplace_back(text_at(object, {"volumeBindingMode"}));
  out.emplace_back(bool_at(object, {"allowVolumeExpansion"}));
  out.emplace_back(age_of(object, now_ms));
}

constexpr Column driver_columns[] = {
    name_column,
    {"AttachRequired", "boolean", "", "Whether volumes are attached first"},
    {"PodInfoOnMount", "boolean", "", "Whether mounting wants to know the pod"},
    {"StorageCapacity", "boolean", "", "Whether capacity is looked at"},
    {"TokenRequests", "string", "", "Audiences of the tokens it gets"},
    {"RequiresRepublish", "boolean", "", "Whether mounts are renewed"},
    {"Modes", "string", "", "Persistent, Ephemeral"},
    age_column,
};
void driver_cells(const Value& object, int64_t now_ms, Array& out) {
  std::string audiences;
  for (const Value& request : array_at(object, {"spec", "tokenRequests"}))
    audiences += (audiences.empty() ? "" : ",") + std::string{request.string_or("audience")};
  out.emplace_back(name_of(object));
  out.emplace_back(bool_at(object, {"spec", "attachRequired"}, true));
  out.emplace_back(bool_at(object, {"spec", "podInfoOnMount"}));
  out.emplace_back(bool_at(object, {"spec", "storageCapacity"}));
  out.emplace_back(audiences.empty() ? std::string{"<unset>"} : audiences);
  out.emplace_back(bool_at(object, {"spec", "requiresRepublish"}));
  out.emplace_back(joined(array_at(object, {"spec", "volumeLifecycleModes"})));
  out.emplace_back(age_of(object, now_ms));
}

constexpr Column csi_node_columns[] = {name_column, {"Drivers", "integer", "", "Number of drivers"}, age_column};
void csi_node_cells(const Value& object, int64_t now_ms, Array& out) {
  out.emplace_back(name_of(object));
  out.emplace_back(static_cast<int64_t>(count_at(object, {"spec", "drivers"})));
  out.emplace_back(age_of(object, now_ms));
}

constexpr Column attachment_columns[] = {
    name_column,
    {"Attacher", "string", "", "Driver that attaches"},
    {"PV", "string", "", "Volume"},
    {"Node", "string", "", "Node"},
    {"Attached", "boolean", "", "Whether it is attached"},
    age_column,
};
void attachment_cells(const Value& object, int64_t now_ms, Array& out) {
  out.emplace_back(name_of(object));
  out.emplace_back(text_at(object, {"spec", "attacher"}));
  out.emplace_back(text_at(object, {"spec", "source", "persistentVolumeName"}));
  out.emplace_back(text_at(object, {"spec", "nodeName"}));
  out.emplace_back(bool_at(object, {"status", "attached"}));
  out.emplace_back(age_of(object, now_ms));
}

// Certificates and admission.
constexpr Column request_columns[] = {
    name_column,
    age_column,
    {"SignerName", "string", "", "Who signs"},
    {"Requestor", "string", "", "Who asked"},
    {"RequestedDuration", "string", "", "How long it should be good"},
    {"Condition", "string", "", "Pending, Approved, Issued, Denied"},
};
void request_cells(const Value& object, int64_t now_ms, Array& out) {
  std::string condition;
  for (const Value& one : array_at(object, {"status", "conditions"}))
    condition += (condition.empty() ? "" : ",") + std::string{one.string_or("type")};
  if (condition.empty()) condition = "Pending";
  if (!text_at(object, {"status", "certificate"}).empty()) condition += ",Issued";
  const Value* seconds = object.at({"spec", "expirationSeconds"});
  out.emplace_back(name_of(object));
  out.emplace_back(age_of(object, now_ms));
  out.emplace_back(text_at(object, {"spec", "signerName"}, none));
  out.emplace_back(text_at(object, {"spec", "username"}));
  out.emplace_back(seconds == nullptr ? std::string{none} : std::to_string(seconds->as_int()) + "s");
  out.emplace_back(std::move(condition));
}

constexpr Column webhook_columns[] = {name_column, {"Webhooks", "integer", "", "Number of webhooks"}, age_column};
void webhook_cells(const Value& object, int64_t now_ms, Array& out) {
  out.emplace_back(name_of(object));
  out.emplace_back(static_cast<int64_t>(count_at(object, {"webhooks"})));
  out.emplace_back(age_of(object, now_ms));
}

constexpr Column admission_columns[] = {
    name_column,
    {"Validations", "integer", "", "Number of expressions"},
    {"ParamKind", "string", "", "Kind of the parameters"},
    age_column,
};
void admission_cells(const Value& object, int64_t now_ms, Array& out) {
  std::string kind = "<unset>";
  if (object.at({"spec", "paramKind"}) != nullptr)
    kind = text_at(object, {"spec", "paramKind", "apiVersion"}) + "/" + text_at(object, {"spec", "paramKind", "kind"});
  out.emplace_back(name_of(object));
  out.emplace_back(static_cast<int64_t>(count_at(object, {"spec", "validations"})));
  out.emplace_back(std::move(kind));
  out.emplace_back(age_of(object, now_ms));
}

constexpr Column admission_binding_columns[] = {name_column,
                                                {"PolicyName", "string", "", "Policy that is bound"},
                                                {"ParamRef", "string", "", "Parameters"},
                                                age_column};
void admission_binding_cells(const Value& object, int64_t now_ms, Array& out) {
  std::string reference = "<unset>";
  if (object.at({"spec", "paramRef"}) != nullptr) {
    const std::string ns = text_at(object, {"spec", "paramRef", "namespace"});
    reference = (ns.empty() ? "*" : ns) + "/" + text_at(object, {"spec", "paramRef", "name"}, "*");
  }
  out.emplace_back(name_of(object));
  out.emplace_back(text_at(object, {"spec", "policyName"}));
  out.emplace_back(std::move(reference));
  out.emplace_back(age_of(object, now_ms));
}

}  // namespace

std::vector<Printer> other_printers() {
  return {
      {"networking.k8s.io", "Ingress", ingress_columns, ingress_cells},
      {"networking.k8s.io", "IngressClass", ingress_class_columns, ingress_class_cells},
      {"networking.k8s.io", "NetworkPolicy", policy_columns, policy_cells},
      {"networking.k8s.io", "IPAddress", address_columns, address_cells},
      {"networking.k8s.io", "ServiceCIDR", cidr_columns, cidr_cells},
      {"policy", "PodDisruptionBudget", budget_columns, budget_cells},
      {"scheduling.k8s.io", "PriorityClass", priority_columns, priority_cells},
      {"node.k8s.io", "RuntimeClass", runtime_columns, runtime_cells},
      {"coordination.k8s.io", "Lease", lease_columns, lease_cells},
      {"rbac.authorization.k8s.io", "RoleBinding", binding_columns, binding_cells},
      {"rbac.authorization.k8s.io", "ClusterRoleBinding", binding_columns, binding_cells},
      {"storage.k8s.io", "StorageClass", class_columns, class_cells},
      {"storage.k8s.io", "CSIDriver", driver_columns, driver_cells},
      {"storage.k8s.io", "CSINode", csi_node_columns, csi_node_cells},
      {"storage.k8s.io", "VolumeAttachment", attachment_columns, attachment_cells},
      {"certificates.k8s.io", "CertificateSigningRequest", request_columns, request_cells},
      {"admissionregistration.k8s.io", "MutatingWebhookConfiguration", webhook_columns, webhook_cells},
      {"admissionregistration.k8s.io", "ValidatingWebhookConfiguration", webhook_columns, webhook_cells},
      {"admissionregistration.k8s.io", "ValidatingAdmissionPolicy", admission_columns, admission_cells},
      {"admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding", admission_binding_columns,
       admission_binding_cells},
  };
}

}  // namespace kring::columns
