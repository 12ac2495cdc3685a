#include "objects/convert.h"
#include "objects/convert_tools.h"

namespace kring::convert {

namespace {

struct Names {
  std::string_view events, core;
};
constexpr Names event_names[] = {{"regarding", "involvedObject"},
                                 {"note", "message"},
                                 {"reportingController", "reportingComponent"},
                                 {"deprecatedSource", "source"},
                                 {"deprecatedFirstTimestamp", "firstTimestamp"},
                                 {"deprecatedLastTimestamp", "lastTimestamp"},
                                 {"deprecatedCount", "count"}};

constexpr std::string_view rbac_group = "rbac.authorization.k8s.io";

// How the two readings of an empty selector are told apart: a term that no pod, or every pod, satisfies.
constexpr std::string_view match_label = "pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match";

json::Object selector_of(std::string_view match_operator) {
  json::Object term;
  term.append("key", match_label);
  term.append("operator", match_operator);
  json::Array terms;
  terms.push_back(std::move(term));
  json::Object selector;
  selector.append("matchExpressions", std::move(terms));
  return selector;
}

bool is_empty_selector(const json::Object& selector) {
  for (const auto& [key, value] : selector.members()) {
    if (value.is_object() && !value.as_object().empty()) return false;
    if (value.is_array() && !value.as_array().empty()) return false;
  }
  return true;
}

template <class Visit>
void each_object(json::Value& value, Path path, Visit visit) {
  json::Array* elements = array_at(value, path);
  if (elements == nullptr) return;
  for (json::Value& element : *elements)
    if (element.is_object()) visit(element.as_object());
}

std::string text_of(const json::Object& object, std::string_view key) {
  const json::Value* found = object.find(key);
  return found != nullptr && found->is_string() ? found->as_string() : std::string{};
}

}  // namespace

void in_event(json::Value& value) {
  for (const Names& names : event_names) rename(value.as_object(), names.events, names.core);
}

void out_event(json::Value& value) {
  for (const Names& names : event_names) rename(value.as_object(), names.core, names.events);
}

void in_pod_disruption_budget(json::Value& value) {
  json::Object* selector = object_at(value, {"spec", "selector"});
  if (selector == nullptr) return;
  if (is_empty_selector(*selector)) {
    *selector = selector_of("Exists");
  } else if (json::Value{*selector} == json::Value{selector_of("DoesNotExist")}) {
    *selector = json::Object{};
  }
}

void out_pod_disruption_budget(json::Value& value) {
  json::Object* selector = object_at(value, {"spec", "selector"});
  if (selector == nullptr) return;
  if (is_empty_selector(*selector)) {
    *selector = selector_of("DoesNotExist");
  } else if (json::Value{*selector} == json::Value{selector_of("Exists")}) {
    *selector = json::Object{};
  }
}

void in_binding(json::Value& value) {
  each_object(value, {"subjects"}, [](json::Object& subject) {
    const std::string version = text_of(subject, "apiVersion");
    const bool account = text_of(subject, "kind") == "ServiceAccount";
    subject.erase("apiVersion");
    if (version.starts_with(rbac_group) || (version.empty() && !account)) {
      subject.set("apiGroup", rbac_group);
    } else if (!version.empty() && version != "v1") {
      subject.set("apiGroup", version);  // no such group has subjects; validation says so
    }
    // "*" stood for everybody who is authenticated.
    if (text_of(subject, "kind") == "User" && text_of(subject, "name") == "*") {
      subject.set("kind", "Group");
      subject.set("name", "system:authenticated");
    }
  });
}

void out_binding(json::Value& value) {
  each_object(value, {"subjects"}, [](json::Object& subject) {
    const std::string group = text_of(subject, "apiGroup");
    subject.erase("apiGroup");
    subject.set("apiVersion", group.empty() ? "v1" : group == rbac_group ? group + "/v1alpha1" : group);
  });
}

void in_access_review(json::Value& value) {
  if (json::Object* spec = object_at(value, {"spec"})) rename(*spec, "group", "groups");
}

void out_access_review(json::Value& value) {
  if (json::Object* spec = object_at(value, {"spec"})) rename(*spec, "groups", "group");
}

void in_webhooks(json::Value& value) {
  each_object(value, {"webhooks"}, [](json::Object& webhook) {
    default_to(webhook, "failurePolicy", "Ignore");
    default_to(webhook, "matchPolicy", "Exact");
    default_to(webhook, "sideEffects", "Unknown");
    default_to(webhook, "timeoutSeconds", 30);
    default_to(webhook, "admissionReviewVersions", json::Array{json::Value{"v1beta1"}});
  });
}

void in_signing_request(json::Value& value) {
  json::Object* spec = object_at(value, {"spec"});
  if (spec == nullptr) return;
  default_to(*spec, "signerName", "kubernetes.io/legacy-unknown");
  default_to(*spec, "usages", json::Array{json::Value{"digital signature"}, json::Value{"key encipherment"}});
}

void in_priority_level(json::Value& value) {
  json::Object* limited = object_at(value, {"spec", "limited"});
  if (limited == nullptr) return;
  rename(*limited, "assuredConcurrencyShares", "nominalConcurrencyShares");
  // Zero meant the default in the betas.
  if (const json::Value* shares = limited->find("nominalConcurrencyShares");
      shares != nullptr && *shares == json::Value{0})
    limited->erase("nominalConcurrencyShares");
}

void out_priority_level(json::Value& value) {
  if (json::Object* limited = object_at(value, {"spec", "limited"}))
    rename(*limited, "nominalConcurrencyShares", "assuredConcurrencyShares");
}

void in_runtime_class(json::Value& value) {
  json::Object* spec = object_at(value, {"spec"});
  if (spec == nullptr) return;
  json::Object fields = std::move(*spec);
  value.as_object().erase("spec");
  move(fields, "runtimeHandler", value.as_object(), "handler");
  move(fields, "overhead", value.as_object(), "overhead");
  move(fields, "scheduling", value.as_object(), "scheduling");
}

void out_runtime_class(json::Value& value) {
  json::Object spec;
  move(value.as_object(), "handler", spec, "runtimeHandler");
  move(value.as_object(), "overhead", spec, "overhead");
  move(value.as_object(), "scheduling", spec, "scheduling");
  value.as_object().set("spec", std::move(spec));
}

}  // namespace kring::convert
