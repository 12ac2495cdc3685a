#include <limits>

#include "objects/defaults.h"
#include "objects/defaults_tools.h"

namespace kring::defaults {
namespace {

using json::Array;
using json::Object;
using json::Value;

constexpr std::string_view rbac_group = "rbac.authorization.k8s.io";

void job_spec(Value& spec) {
  if (Value* pod = spec.at({"template", "spec"})) pod_spec(*pod);
  // One pod to completion, unless a work queue (parallelism alone) is wanted.
  const bool neither = spec.find("completions") == nullptr && spec.find("parallelism") == nullptr;
  if (neither) set(spec, "completions", 1);
  set(spec, "parallelism", 1);
  const bool per_index = spec.find("backoffLimitPerIndex") != nullptr;
  set(spec, "backoffLimit", per_index ? int64_t{std::numeric_limits<int32_t>::max()} : int64_t{6});
  set(spec, "completionMode", "NonIndexed");
  set(spec, "suspend", false);
  set(spec, "podReplacementPolicy", spec.find("podFailurePolicy") != nullptr ? "Failed" : "TerminatingOrFailed");
  with(spec, "podFailurePolicy", [](Value& policy) {
    each(policy, "rules",
         [](Value& rule) { each(rule, "onPodConditions", [](Value& pattern) { set(pattern, "status", "True"); }); });
  });
}

Value scaling_policy(std::string_view type, int64_t value, int64_t period) {
  Object out;
  out.append("type", type);
  out.append("value", value);
  out.append("periodSeconds", period);
  return out;
}

void scaling_rules(Value& rules, Array policies, int64_t stabilization) {
  set(rules, "selectPolicy", "Max");
  if (stabilization >= 0) set(rules, "stabilizationWindowSeconds", stabilization);
  set(rules, "policies", std::move(policies));
}

void webhook(Value& hook) {
  set(hook, "failurePolicy", "Fail");
  set(hook, "matchPolicy", "Equivalent");
  set(hook, "namespaceSelector", Object{});
  set(hook, "objectSelector", Object{});
  set(hook, "timeoutSeconds", 10);
  each(hook, "rules", [](Value& rule) { set(rule, "scope", "*"); });
  if (Value* service = hook.at({"clientConfig", "service"})) set(*service, "port", 443);
}

void match_resources(Value& match) {
  set(match, "matchPolicy", "Equivalent");
  set(match, "namespaceSelector", Object{});
  set(match, "objectSelector", Object{});
  for (const char* list : {"resourceRules", "excludeResourceRules"})
    each(match, list, [](Value& rule) { set(rule, "scope", "*"); });
}

}  // namespace

void job(Value& object) { with(object, "spec", job_spec); }

void cron_job(Value& object) {
  with(object, "spec", [](Value& spec) {
    set(spec, "concurrencyPolicy", "Allow");
    set(spec, "suspend", false);
    set(spec, "successfulJobsHistoryLimit", 3);
    set(spec, "failedJobsHistoryLimit", 1);
    if (Value* pod = spec.at({"jobTemplate", "spec", "template", "spec"})) pod_spec(*pod);
  });
}

void horizontal_pod_autoscaler(Value& object) {
  with(object, "spec", [](Value& spec) {
    set(spec, "minReplicas", 1);
    if (const Value* metrics = spec.find("metrics");
        metrics == nullptr || !metrics->is_array() || metrics->as_array().empty()) {
      Object target;
      target.append("type", "Utilization");
      target.append("averageUtilization", 80);
      Object resource;
      resource.append("name", "cpu");
      resource.append("target", std::move(target));
      Object metric;
      metric.append("type", "Resource");
      metric.append("resource", std::move(resource));
      spec["metrics"] = Array{Value{std::move(metric)}};
    }
    with(spec, "behavior", [](Value& behavior) {
      with(behavior, "scaleUp", [](Value& rules) {
        scaling_rules(rules, Array{scaling_policy("Pods", 4, 15), scaling_policy("Percent", 100, 15)}, 0);
      });
      with(behavior, "scaleDown",
           [](Value& rules) { scaling_rules(rules, Array{scaling_policy("Percent", 100, 15)}, -1); });
    });
  });
}

void network_policy(Value& object) {
  with(object, "spec", [](Value& spec) {
    for (const char* direction : {"ingress", "egress"}) {
      each(spec, direction,
           [](Value& rule) { each(rule, "ports", [](Value& port) { set(port, "protocol", "TCP"); }); });
    }
    set(spec, "podSelector", Object{});
    if (spec.find("policyTypes") != nullptr) return;
    Array types{Value{"Ingress"}};
    const Value* egress = spec.find("egress");
    if (egress != nullptr && egress->is_array() && !egress->as_array().empty()) types.emplace_back("Egress");
    spec["policyTypes"] = std::move(types);
  });
}

void storage_class(Value& object) {
  set(object, "reclaimPolicy", "Delete");
  set(object, "volumeBindingMode", "Immediate");
}

void csi_driver(Value& object) {
  with(object, "spec", [](Value& spec) {
    set(spec, "attachRequired", true);
    set(spec, "fsGroupPolicy", "ReadWriteOnceWithFSType");
    set(spec, "podInfoOnMount", false);
    set(spec, "requiresRepublish", false);
    set(spec, "seLinuxMount", false);
    set(spec, "storageCapacity", false);
    set(spec, "volumeLifecycleModes", Array{Value{"Persistent"}});
  });
}

void priority_class(Value& object) { set(object, "preemptionPolicy", "PreemptLowerPriority"); }

void role_binding(Value& object) {
  with(object, "roleRef", [](Value& ref) { set(ref, "apiGroup", rbac_group); });
  each(object, "subjects", [](Value& subject) {
    const std::string_view kind = subject.string_or("kind");
    if (kind == "User" || kind == "Group") set(subject, "apiGroup", rbac_group);
  });
}

void webhook_configuration(Value& object) {
  const bool mutating = object.string_or("kind") == "MutatingWebhookConfiguration";
  each(object, "webhooks", [mutating](Value& hook) {
    webhook(hook);
    if (mutating) set(hook, "reinvocationPolicy", "Never");
  });
}

void admission_policy(Value& object) {
  with(object, "spec", [](Value& spec) {
    set(spec, "failurePolicy", "Fail");
    with(spec, "matchConstraints", match_resources);
  });
}

void admission_policy_binding(Value& object) {
  with(object, "spec", [](Value& spec) { with(spec, "matchResources", match_resources); });
}

void custom_resource_definition(Value& object) {
  with(object, "spec", [](Value& spec) {
    with(spec, "names", [](Value& names) {
      const std::string kind{names.string_or("kind")};
      if (kind.empty()) return;
      std::string singular = kind;
      for (char& c : singular) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
      set(names, "singular", std::move(singular));
      set(names, "listKind", kind + "List");
    });
    Value& conversion = spec["conversion"];
    if (conversion.is_null()) conversion = Object{};
    set(conversion, "strategy", "None");
  });
}

void flow_schema(Value& object) {
  with(object, "spec", [](Value& spec) { set(spec, "matchingPrecedence", 1000); });
}

void priority_level(Value& object) {
  with(object, "spec", [](Value& spec) {
    with(spec, "limited", [](Value& limited) {
      set(limited, "nominalConcurrencyShares", 30);
      set(limited, "lendablePercent", 0);
      Value& response = limited["limitResponse"];
      if (response.is_null()) response = Object{};
      set(response, "type", "Reject");
    });
    with(spec, "exempt", [](Value& exempt) {
      set(exempt, "nominalConcurrencyShares", 0);
      set(exempt, "lendablePercent", 0);
    });
  });
}

}  // namespace kring::defaults
