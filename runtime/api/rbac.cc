#include "runtime/api/rbac.h"

#include <algorithm>

#include "objects/kinds.h"
#include "objects/schema/rbac_generated.h"

namespace kring::api {
namespace {

using Strings = flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>;

std::vector<std::string> texts(const Strings* list) {
  std::vector<std::string> out;
  if (list == nullptr) return out;
  for (const flatbuffers::String* text : *list) out.emplace_back(view(text));
  return out;
}

bool has(const std::vector<std::string>& list, std::string_view wanted) {
  return std::find(list.begin(), list.end(), wanted) != list.end();
}
bool has_or_all(const std::vector<std::string>& list, std::string_view wanted) {
  return has(list, "*") || has(list, wanted);
}

bool resource_matches(const AccessRule& rule, const RequestInfo& info) {
  if (info.subresource.empty()) return has_or_all(rule.resources, info.resource);
  return has(rule.resources, "*") || has(rule.resources, info.resource + "/" + info.subresource) ||
         has(rule.resources, "*/" + info.subresource);
}

bool path_matches(const AccessRule& rule, std::string_view path) {
  return std::any_of(rule.non_resource_urls.begin(), rule.non_resource_urls.end(), [&](const std::string& url) {
    if (!url.empty() && url.back() == '*') return path.starts_with(std::string_view{url}.substr(0, url.size() - 1));
    return path == url;
  });
}

template <class Rules>
void append_rules(const Rules* rules, std::vector<AccessRule>& out) {
  if (rules == nullptr) return;
  for (const rbac::PolicyRule* rule : *rules) {
    out.push_back({texts(rule->verbs()), texts(rule->api_groups()), texts(rule->resources()),
                   texts(rule->resource_names()), texts(rule->non_resource_urls())});
  }
}

bool is_subject(const rbac::Subject& subject, const Caller& caller, std::string_view binding_ns) {
  const std::string_view kind = view(subject.kind());
  const std::string_view name = view(subject.name());
  if (kind == "User") return name == caller.name;
  if (kind == "Group") return caller.in_group(name);
  if (kind != "ServiceAccount") return false;
  std::string_view ns = view(subject.namespace_());
  if (ns.empty()) ns = binding_ns;
  return !ns.empty() && caller.name == "system:serviceaccount:" + std::string{ns} + ":" + std::string{name};
}

template <class Binding>
bool binds(const Binding& binding, const Caller& caller, std::string_view ns) {
  if (binding.subjects() == nullptr) return false;
  return std::any_of(binding.subjects()->begin(), binding.subjects()->end(),
                     [&](const rbac::Subject* subject) { return is_subject(*subject, caller, ns); });
}

void append_role(const store::Store& store, const rbac::RoleRef* ref, std::string_view ns,
                 std::vector<AccessRule>& out) {
  if (ref == nullptr) return;
  const std::string name{view(ref->name())};
  if (view(ref->kind()) == "ClusterRole") {
    if (const ObjectPtr role = store.get({&kinds::cluster_role(), "", name}))
      append_rules(role->as<rbac::ClusterRole>()->rules(), out);
  } else if (view(ref->kind()) == "Role" && !ns.empty()) {
    if (const ObjectPtr role = store.get({&kinds::role(), std::string{ns}, name}))
      append_rules(role->as<rbac::Role>()->rules(), out);
  }
}

class RbacAuthorizer final : public Authorizer {
 public:
  explicit RbacAuthorizer(const store::Store& store) : store_(store) {}

  Result<void> authorize(const Caller& caller, const RequestInfo& info) override {
    if (caller.in_group(group_masters)) return {};
    if (!info.resource_request && is_public_path(info.path) && info.verb == "get") return {};
    // Whoever is anonymous sees health and version, whatever bindings say.
    if (caller.name == user_anonymous) return Error{Reason::forbidden, ""};
    for (const AccessRule& rule : rules_of(store_, caller, info.ns)) {
      if (allows(rule, info)) return {};
    }
    return Error{Reason::forbidden, ""};
  }

 private:
  const store::Store& store_;
};

// The default roles, as rows.
json::Array list(std::initializer_list<std::string_view> items) {
  json::Array out;
  for (std::string_view item : items) out.emplace_back(item);
  return out;
}

json::Value rule(std::initializer_list<std::string_view> groups, std::initializer_list<std::string_view> resources,
                 std::initializer_list<std::string_view> verbs) {
  json::Object out;
  out.append("apiGroups", list(groups));
  out.append("resources", list(resources));
  out.append("verbs", list(verbs));
  return out;
}

json::Value paths_rule(std::initializer_list<std::string_view> urls) {
  json::Object out;
  out.append("nonResourceURLs", list(urls));
  out.append("verbs", list({"get"}));
  return out;
}

json::Object rbac_object(std::string_view kind, std::string_view name) {
  json::Object labels;
  labels.append("kubernetes.io/bootstrapping", "rbac-defaults");
  json::Object meta;
  meta.append("name", name);
  meta.append("labels", std::move(labels));
  json::Object out;
  out.append("apiVersion", "rbac.authorization.k8s.io/v1");
  out.append("kind", kind);
  out.append("metadata", std::move(meta));
  return out;
}

json::Value cluster_role(std::string_view name, json::Array rules) {
  json::Object out = rbac_object("ClusterRole", name);
  out.append("rules", std::move(rules));
  return out;
}

json::Value cluster_binding(std::string_view name, std::string_view role,
                            std::initializer_list<std::string_view> groups) {
  json::Object out = rbac_object("ClusterRoleBinding", name);
  json::Object ref;
  ref.append("apiGroup", "rbac.authorization.k8s.io");
  ref.append("kind", "ClusterRole");
  ref.append("name", role);
  out.append("roleRef", std::move(ref));
  json::Array subjects;
  for (std::string_view group : groups) {
    json::Object subject;
    subject.append("apiGroup", "rbac.authorization.k8s.io");
    subject.append("kind", "Group");
    subject.append("name", group);
    subjects.emplace_back(std::move(subject));
  }
  out.append("subjects", std::move(subjects));
  return out;
}

json::Array workload_rules(std::initializer_list<std::string_view> verbs, bool secrets) {
  json::Array rules;
  rules.push_back(rule({""},
                       {"pods", "services", "configmaps", "endpoints", "persistentvolumeclaims",
                        "replicationcontrollers", "replicationcontrollers/scale", "serviceaccounts", "events"},
                       verbs));
  if (secrets) rules.push_back(rule({""}, {"secrets"}, verbs));
  rules.push_back(rule({"apps"},
                       {"deployments", "deployments/scale", "replicasets", "replicasets/scale", "daemonsets",
                        "statefulsets", "statefulsets/scale", "controllerrevisions"},
                       verbs));
  rules.push_back(rule({"batch"}, {"jobs", "cronjobs"}, verbs));
  rules.push_back(rule({"autoscaling"}, {"horizontalpodautoscalers"}, verbs));
  rules.push_back(rule({"networking.k8s.io"}, {"ingresses", "networkpolicies"}, verbs));
  rules.push_back(rule({"policy"}, {"poddisruptionbudgets"}, verbs));
  rules.push_back(rule({"discovery.k8s.io"}, {"endpointslices"}, {"get", "list", "watch"}));
  rules.push_back(rule({""},
                       {"pods/log", "pods/status", "namespaces", "resourcequotas", "limitranges", "bindings",
                        "services/status", "persistentvolumeclaims/status"},
                       {"get", "list", "watch"}));
  return rules;
}

}  // namespace

bool allows(const AccessRule& rule, const RequestInfo& info) {
  if (!has_or_all(rule.verbs, info.verb)) return false;
  if (!info.resource_request) return path_matches(rule, info.path);
  if (!has_or_all(rule.api_groups, info.group) || !resource_matches(rule, info)) return false;
  return rule.resource_names.empty() || has(rule.resource_names, info.name);
}

std::vector<AccessRule> rules_of(const store::Store& store, const Caller& caller, std::string_view ns) {
  std::vector<AccessRule> rules;
  for (const ObjectPtr& object : store.list(kinds::cluster_role_binding(), "").objects) {
    const auto* binding = object->as<rbac::ClusterRoleBinding>();
    if (binds(*binding, caller, "")) append_role(store, binding->role_ref(), "", rules);
  }
  if (ns.empty()) return rules;
  for (const ObjectPtr& object : store.list(kinds::role_binding(), ns).objects) {
    const auto* binding = object->as<rbac::RoleBinding>();
    if (binds(*binding, caller, ns)) append_role(store, binding->role_ref(), ns, rules);
  }
  return rules;
}

std::unique_ptr<Authorizer> make_rbac_authorizer(const store::Store& store) {
  return std::make_unique<RbacAuthorizer>(store);
}

std::vector<json::Value> default_roles() {
  std::vector<json::Value> out;
  json::Array everything;
  everything.push_back(rule({"*"}, {"*"}, {"*"}));
  json::Object urls;
  urls.append("nonResourceURLs", list({"*"}));
  urls.append("verbs", list({"*"}));
  everything.emplace_back(std::move(urls));
  out.push_back(cluster_role("cluster-admin", std::move(everything)));

  const auto write = {std::string_view{"get"},    std::string_view{"list"},
                      std::string_view{"watch"},  std::string_view{"create"},
                      std::string_view{"update"}, std::string_view{"patch"},
                      std::string_view{"delete"}, std::string_view{"deletecollection"}};
  json::Array admin = workload_rules(write, true);
  admin.push_back(rule({""}, {"pods/eviction", "serviceaccounts/token"}, {"create"}));
  json::Array edit = admin;
  admin.push_back(rule({"rbac.authorization.k8s.io"}, {"roles", "rolebindings"}, write));
  admin.push_back(rule({"authorization.k8s.io"}, {"localsubjectaccessreviews"}, {"create"}));
  out.push_back(cluster_role("admin", std::move(admin)));
  out.push_back(cluster_role("edit", std::move(edit)));
  out.push_back(cluster_role("view", workload_rules({"get", "list", "watch"}, false)));

  json::Array discovery;
  discovery.push_back(paths_rule({"/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*",
                                  "/readyz", "/version", "/version/"}));
  out.push_back(cluster_role("system:discovery", std::move(discovery)));
  json::Array basic;
  basic.push_back(rule({"authorization.k8s.io"}, {"selfsubjectaccessreviews", "selfsubjectrulesreviews"}, {"create"}));
  basic.push_back(rule({"authentication.k8s.io"}, {"selfsubjectreviews"}, {"create"}));
  out.push_back(cluster_role("system:basic-user", std::move(basic)));
  json::Array info;
  info.push_back(paths_rule({"/healthz", "/livez", "/readyz", "/version", "/version/"}));
  out.push_back(cluster_role("system:public-info-viewer", std::move(info)));

  out.push_back(cluster_binding("cluster-admin", "cluster-admin", {group_masters}));
  out.push_back(cluster_binding("system:discovery", "system:discovery", {group_authenticated}));
  out.push_back(cluster_binding("system:basic-user", "system:basic-user", {group_authenticated}));
  out.push_back(cluster_binding("system:public-info-viewer", "system:public-info-viewer",
                                {group_authenticated, group_unauthenticated}));
  return out;
}

}  // namespace kring::api
