#include <algorithm>
#include <limits>
#include <set>

#include "objects/labels.h"
#include "objects/validate.h"
#include "objects/validate_tools.h"

namespace kring::validate {
namespace {

using json::Value;

constexpr std::string_view restart_policies[] = {"Always", "OnFailure", "Never"};
constexpr std::string_view dns_policies[] = {"ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"};
constexpr std::string_view taint_effects[] = {"NoSchedule", "PreferNoSchedule", "NoExecute"};
constexpr std::string_view toleration_operators[] = {"Equal", "Exists"};

void tolerations(const Value& spec, const std::string& path, FieldErrors& errors) {
  each(spec, "tolerations", path, [&](const Value& toleration, const std::string& here) {
    const std::string_view key = toleration.string_or("key");
    const std::string_view op = toleration.string_or("operator", "Equal");
    if (!key.empty()) report(here + ".key", *toleration.find("key"), names::qualified_name(key), errors);
    if (key.empty() && op != "Exists")
      errors.invalid(here + ".operator", Value{op},
                     "operator must be Exists when `key` is empty, which means \"match all values and all keys\"");
    one_of(toleration, "operator", here, toleration_operators, errors);
    if (op == "Exists" && !toleration.string_or("value").empty())
      errors.invalid(here + ".operator", *toleration.find("value"), "value must be empty when `operator` is 'Exists'");
    if (toleration.find("tolerationSeconds") != nullptr && toleration.string_or("effect") != "NoExecute")
      errors.invalid(here + ".effect", Value{toleration.string_or("effect")},
                     "effect must be 'NoExecute' when `tolerationSeconds` is set");
    if (!toleration.string_or("effect").empty()) one_of(toleration, "effect", here, taint_effects, errors);
  });
}

void pod_security(const Value& spec, const std::string& path, FieldErrors& errors) {
  const Value* context = spec.find("securityContext");
  if (context == nullptr || !context->is_object()) return;
  const std::string here = path + ".securityContext";
  for (const char* name : {"runAsUser", "runAsGroup", "fsGroup"}) {
    if (const Value* id = context->find(name); id != nullptr && id->is_int())
      report(here + "." + name, *id, names::user_id(id->as_int()), errors);
  }
  each(*context, "sysctls", here, [&](const Value& sysctl, const std::string& at) {
    if (sysctl.string_or("name").empty()) errors.required(at + ".name");
  });
  if (spec.bool_or("hostPID", false) && spec.bool_or("shareProcessNamespace", false))
    errors.invalid(here + ".shareProcessNamespace", Value{true},
                   "ShareProcessNamespace and HostPID cannot both be enabled");
}

void host_aliases(const Value& spec, const std::string& path, FieldErrors& errors) {
  each(spec, "hostAliases", path, [&](const Value& alias, const std::string& here) {
    report(here + ".ip", Value{alias.string_or("ip")}, names::ip_address(alias.string_or("ip")), errors);
    const Value* hosts = alias.find("hostnames");
    if (hosts == nullptr || !hosts->is_array()) return;
    size_t index = 0;
    for (const Value& host : hosts->as_array()) {
      const std::string at = item(here + ".hostnames", index++);
      if (host.is_string()) report(at, host, names::dns1123_subdomain(host.as_string()), errors);
    }
  });
}

void dns(const Value& spec, const std::string& path, FieldErrors& errors) {
  one_of(spec, "dnsPolicy", path, dns_policies, errors);
  const Value* config = spec.find("dnsConfig");
  const std::string here = path + ".dnsConfig";
  const Value* servers = config == nullptr ? nullptr : config->find("nameservers");
  const size_t count = servers != nullptr && servers->is_array() ? servers->as_array().size() : 0;
  if (spec.string_or("dnsPolicy") == "None") {
    if (config == nullptr) {
      errors.required(here, "must provide `dnsConfig` when `dnsPolicy` is None");
    } else if (count == 0) {
      errors.required(here + ".nameservers", "must provide at least one DNS nameserver when `dnsPolicy` is None");
    }
  }
  if (count > 3) errors.invalid(here + ".nameservers", *servers, "must not have more than 3 nameservers");
  for (size_t i = 0; i < count; ++i) {
    const Value& server = servers->as_array()[i];
    if (server.is_string())
      report(item(here + ".nameservers", i), server, names::ip_address(server.as_string()), errors);
  }
}

void node_selection(const Value& spec, const std::string& path, FieldErrors& errors) {
  const Value* selector = spec.find("nodeSelector");
  if (selector != nullptr && selector->is_object()) {
    for (const auto& [key, value] : selector->as_object()) {
      report(path + ".nodeSelector", Value{key}, names::qualified_name(key), errors);
      if (value.is_string()) report(path + ".nodeSelector", value, names::label_value(value.as_string()), errors);
    }
  }
  if (const std::string_view node = spec.string_or("nodeName"); !node.empty())
    report(path + ".nodeName", Value{node}, names::dns1123_subdomain(node), errors);
}

void host_names(const Value& spec, const std::string& path, FieldErrors& errors) {
  for (const char* name : {"hostname", "subdomain"}) {
    if (const std::string_view text = spec.string_or(name); !text.empty())
      report(path + "." + name, Value{text}, names::dns1123_label(text), errors);
  }
  if (const std::string_view account = spec.string_or("serviceAccountName"); !account.empty())
    report(path + ".serviceAccountName", Value{account}, names::dns1123_subdomain(account), errors);
  if (const std::string_view cls = spec.string_or("runtimeClassName"); !cls.empty())
    report(path + ".runtimeClassName", Value{cls}, names::dns1123_subdomain(cls), errors);
  if (const std::string_view cls = spec.string_or("priorityClassName"); !cls.empty())
    report(path + ".priorityClassName", Value{cls}, names::dns1123_subdomain(cls), errors);
}

// A copy in which everything that may change on a live pod is as it was.
Value with_mutable_fields_of(const Value& spec, const Value& old) {
  Value copy = spec;
  for (const char* list : {"containers", "initContainers"}) {
    Value* now = copy.find(list);
    const Value* before = old.find(list);
    if (now == nullptr || before == nullptr || now->as_array().size() != before->as_array().size()) continue;
    for (size_t i = 0; i < now->as_array().size(); ++i) {
      if (const Value* image = before->as_array()[i].find("image")) now->as_array()[i]["image"] = *image;
    }
  }
  const int64_t old_grace = old.int_or("terminationGracePeriodSeconds", 0);
  std::vector<const char*> free = {"activeDeadlineSeconds", "tolerations", "schedulingGates"};
  if (old_grace < 0 && spec.int_or("terminationGracePeriodSeconds", 0) == 1)
    free.push_back("terminationGracePeriodSeconds");
  for (const char* field : free) {
    const Value* before = old.find(field);
    if (before != nullptr) {
      copy[field] = *before;
    } else {
      copy.as_object().erase(field);
    }
  }
  // A pod that waits at a scheduling gate may be narrowed to fewer nodes.
  const Value* gates = old.find("schedulingGates");
  if (gates != nullptr && gates->is_array() && !gates->as_array().empty()) {
    for (const char* field : {"nodeSelector", "affinity"}) {
      if (const Value* before = old.find(field))
        copy[field] = *before;
      else
        copy.as_object().erase(field);
    }
  }
  return copy;
}

void deadline_update(const Value& spec, const Value& old, FieldErrors& errors) {
  const Value* now = spec.find("activeDeadlineSeconds");
  const Value* before = old.find("activeDeadlineSeconds");
  const std::string path = "spec.activeDeadlineSeconds";
  if (now != nullptr && now->is_int()) {
    if (now->as_int() < 0) errors.invalid(path, *now, names::not_negative_message);
    if (before != nullptr && before->is_int() && now->as_int() > before->as_int())
      errors.invalid(path, *now, "must be less than or equal to previous value");
  } else if (before != nullptr && !before->is_null()) {
    errors.invalid(path, Value{}, "must not update from a positive integer to nil value");
  }
}

void tolerations_update(const Value& spec, const Value& old, FieldErrors& errors) {
  const Value* before = old.find("tolerations");
  if (before == nullptr || !before->is_array()) return;
  const Value* now = spec.find("tolerations");
  const auto kept = [&](const Value& toleration) {
    if (now == nullptr || !now->is_array()) return false;
    return std::any_of(now->as_array().begin(), now->as_array().end(), [&](const Value& other) {
      // Its duration may change.
      Value a = toleration;
      Value b = other;
      a.as_object().erase("tolerationSeconds");
      b.as_object().erase("tolerationSeconds");
      return a == b;
    });
  };
  if (!std::all_of(before->as_array().begin(), before->as_array().end(), kept))
    errors.forbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds");
}

}  // namespace

void pod_spec(const Value& spec, const std::string& path, FieldErrors& errors) {
  volumes(spec, path, errors);
  containers(spec, path, errors);
  one_of(spec, "restartPolicy", path, restart_policies, errors);
  dns(spec, path, errors);
  node_selection(spec, path, errors);
  host_names(spec, path, errors);
  host_aliases(spec, path, errors);
  tolerations(spec, path, errors);
  pod_security(spec, path, errors);
  not_negative(spec, "terminationGracePeriodSeconds", path, errors);
  const Value* deadline = spec.find("activeDeadlineSeconds");
  if (deadline != nullptr && deadline->is_int()) {
    constexpr int64_t max = std::numeric_limits<int32_t>::max();
    if (deadline->as_int() < 1 || deadline->as_int() > max)
      errors.invalid(path + ".activeDeadlineSeconds", *deadline, names::range_message(1, max));
  }
}

void pod(const Value& object, FieldErrors& errors) {
  const Value* spec = object.find("spec");
  if (spec == nullptr || !spec->is_object()) {
    errors.required("spec.containers");
    return;
  }
  pod_spec(*spec, "spec", errors);
  if (spec->find("ephemeralContainers") != nullptr && !spec->find("ephemeralContainers")->as_array().empty())
    errors.forbidden("spec.ephemeralContainers", "cannot be set on create");
}

void pod_update(const Value& object, const Value& old, std::string_view subresource, FieldErrors& errors) {
  if (!subresource.empty()) return;
  const Value* spec = object.find("spec");
  const Value* before = old.find("spec");
  if (spec == nullptr || before == nullptr) return;
  const Value* containers_now = spec->find("containers");
  const Value* containers_old = before->find("containers");
  const auto size = [](const Value* list) { return list != nullptr && list->is_array() ? list->as_array().size() : 0; };
  if (size(containers_now) != size(containers_old)) {
    errors.forbidden("spec.containers", "pod updates may not add or remove containers");
    return;
  }
  if (size(spec->find("initContainers")) != size(before->find("initContainers"))) {
    errors.forbidden("spec.initContainers", "pod updates may not add or remove containers");
    return;
  }
  containers(*spec, "spec", errors);
  deadline_update(*spec, *before, errors);
  tolerations_update(*spec, *before, errors);
  if (with_mutable_fields_of(*spec, *before) == *before) return;
  errors.forbidden("spec",
                   "pod updates may not change fields other than `spec.containers[*].image`,"
                   "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to "
                   "existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "
                   "previously negative)");
}

}  // namespace kring::validate
