// Role-based access control over the stored roles and bindings.
// Invariants: nothing is allowed that no rule allows; system:masters may do everything; a RoleBinding never reaches
// beyond its namespace. Pure apart from reading the store.
// Source: rbac.authorization.k8s.io/v1; the default roles follow kubernetes.io's "Using RBAC Authorization".
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "objects/json.h"
#include "runtime/api/auth.h"
#include "runtime/store/store.h"

namespace kring::api {

// A rule as the authorizer reads it; views into an object that the caller keeps.
struct AccessRule {
  std::vector<std::string> verbs, api_groups, resources, resource_names, non_resource_urls;
};
bool allows(const AccessRule& rule, const RequestInfo& info);

// Every rule that a caller has in a namespace (empty: only cluster-wide ones).
std::vector<AccessRule> rules_of(const store::Store& store, const Caller& caller, std::string_view ns);

std::unique_ptr<Authorizer> make_rbac_authorizer(const store::Store& store);

// The roles and bindings every cluster has: cluster-admin, admin, edit, view, discovery, basic user, public info.
std::vector<json::Value> default_roles();

}  // namespace kring::api
