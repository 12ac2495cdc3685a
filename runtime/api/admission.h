// What a write must agree with beyond its own object: its namespace, its service account, priority classes, limits and
// quotas. Runs before validation; may change the object.
// Source: kube-apiserver's default admission plugins (NamespaceLifecycle, ServiceAccount, Priority,
// DefaultTolerationSeconds, LimitRanger, ResourceQuota), described in kubernetes.io's reference.
#pragma once

#include <string>

#include "objects/json.h"
#include "objects/kinds.h"
#include "runtime/store/store.h"

namespace kring::api {

class Admission {
 public:
  Admission(Env& env, store::Store& store) : env_(env), store_(store) {}

  // A namespace's default account is made moments after the namespace itself: waits for it, at most a second.
  Task<void> await_account(std::string ns, std::string account);
  // A new object, defaults applied, names not yet generated.
  Result<void> admit_create(const Kind& kind, const std::string& ns, json::Value& object);
  Result<void> admit_update(const Kind& kind, const std::string& ns, json::Value& object, const json::Value& old);

 private:
  Result<void> admit_pod(const std::string& ns, json::Value& pod);

  Env& env_;
  store::Store& store_;
};

}  // namespace kring::api
