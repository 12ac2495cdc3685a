#include <algorithm>
#include <map>
#include <set>

#include "objects/quantity.h"
#include "objects/validate.h"
#include "objects/validate_tools.h"

namespace kring::validate {
namespace {

using json::Value;

constexpr std::string_view pull_policies[] = {"Always", "IfNotPresent", "Never"};
constexpr std::string_view message_policies[] = {"FallbackToLogsOnError", "File"};
constexpr std::string_view protocols[] = {"SCTP", "TCP", "UDP"};
constexpr std::string_view schemes[] = {"HTTP", "HTTPS"};
constexpr std::string_view propagations[] = {"Bidirectional", "HostToContainer", "None"};
constexpr std::string_view profiles[] = {"Localhost", "RuntimeDefault", "Unconfined"};

void port_reference(const Value& action, const std::string& path, FieldErrors& errors) {
  const Value* port = action.find("port");
  if (port == nullptr) {
    errors.required(path + ".port");
  } else if (port->is_int()) {
    report(path + ".port", *port, names::port_number(port->as_int()), errors);
  } else if (port->is_string()) {
    report(path + ".port", *port, names::port_name(port->as_string()), errors);
  }
}

// Exactly one of the actions of a probe or hook; returns how many there are.
size_t actions(const Value& handler, const std::string& path, FieldErrors& errors) {
  size_t count = 0;
  for (const char* name : {"exec", "httpGet", "tcpSocket", "grpc", "sleep"}) {
    const Value* action = handler.find(name);
    if (action == nullptr || !action->is_object()) continue;
    const std::string here = path + "." + name;
    if (++count > 1) {
      errors.forbidden(here, "may not specify more than 1 handler type");
      continue;
    }
    const std::string_view type = name;
    if (type == "exec") {
      const Value* command = action->find("command");
      if (command == nullptr || !command->is_array() || command->as_array().empty()) errors.required(here + ".command");
    } else if (type == "httpGet") {
      if (action->string_or("path").empty()) errors.required(here + ".path");
      port_reference(*action, here, errors);
      one_of(*action, "scheme", here, schemes, errors);
      each(*action, "httpHeaders", here, [&](const Value& header, const std::string& at) {
        report(at + ".name", Value{header.string_or("name")}, names::http_header(header.string_or("name")), errors);
      });
    } else if (type == "tcpSocket" || type == "grpc") {
      port_reference(*action, here, errors);
    }
  }
  if (count == 0) errors.required(path, "must specify a handler type");
  return count;
}

void ports(const Value& container, const std::string& path, bool host_network, FieldErrors& errors) {
  std::set<std::string> seen;
  each(container, "ports", path, [&](const Value& port, const std::string& here) {
    if (const std::string name{port.string_or("name")}; !name.empty()) {
      const names::Messages wrong = names::port_name(name);
      report(here + ".name", Value{name}, wrong, errors);
      if (wrong.empty() && !seen.insert(name).second) errors.duplicate(here + ".name", Value{name});
    }
    const int64_t number = port.int_or("containerPort", 0);
    if (number == 0) {
      errors.required(here + ".containerPort");
    } else {
      report(here + ".containerPort", Value{number}, names::port_number(number), errors);
    }
    const int64_t host = port.int_or("hostPort", 0);
    if (host != 0) {
      report(here + ".hostPort", Value{host}, names::port_number(host), errors);
      if (host_network && host != number)
        errors.invalid(here + ".containerPort", Value{number}, "must match `hostPort` when `hostNetwork` is true");
    }
    if (port.string_or("protocol").empty())
      errors.required(here + ".protocol");
    else
      one_of(port, "protocol", here, protocols, errors);
  });
}

void value_from(const Value& from, const std::string& path, FieldErrors& errors) {
  size_t count = 0;
  for (const char* name : {"fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef"}) {
    const Value* source = from.find(name);
    if (source == nullptr || !source->is_object()) continue;
    const std::string here = path + "." + name;
    if (++count > 1) {
      errors.invalid(path, Value{""}, "may not have more than one field specified at a time");
      return;
    }
    const std::string_view type = name;
    if (type == "fieldRef" && source->string_or("fieldPath").empty()) errors.required(here + ".fieldPath");
    if (type == "resourceFieldRef" && source->string_or("resource").empty()) errors.required(here + ".resource");
    if (type == "configMapKeyRef" || type == "secretKeyRef") {
      if (source->string_or("name").empty()) errors.required(here + ".name");
      if (source->string_or("key").empty()) {
        errors.required(here + ".key");
      } else {
        report(here + ".key", *source->find("key"), names::config_map_key(source->string_or("key")), errors);
      }
    }
  }
  if (count == 0)
    errors.invalid(path, Value{""},
                   "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`");
}

void environment(const Value& container, const std::string& path, FieldErrors& errors) {
  each(container, "env", path, [&](const Value& variable, const std::string& here) {
    const std::string_view name = variable.string_or("name");
    if (name.empty()) {
      errors.required(here + ".name");
    } else {
      report(here + ".name", Value{name}, names::env_var(name), errors);
    }
    const Value* from = variable.find("valueFrom");
    if (from == nullptr || !from->is_object()) return;
    if (!variable.string_or("value").empty())
      errors.invalid(here + ".valueFrom", Value{""}, "may not be specified when `value` is not empty");
    value_from(*from, here + ".valueFrom", errors);
  });
  each(container, "envFrom", path, [&](const Value& source, const std::string& here) {
    const bool map = source.find("configMapRef") != nullptr;
    const bool secret = source.find("secretRef") != nullptr;
    if (map && secret) errors.invalid(here, Value{""}, "may not have more than one field specified at a time");
    if (!map && !secret) errors.invalid(here, Value{""}, "must specify one of: `configMapRef` or `secretRef`");
    if (const std::string_view prefix = source.string_or("prefix"); !prefix.empty())
      report(here + ".prefix", Value{prefix}, names::env_var(prefix), errors);
  });
}

bool goes_up(std::string_view path) {
  return path == ".." || path.starts_with("../") || path.ends_with("/..") ||
         path.find("/../") != std::string_view::npos;
}

void mounts(const Value& container, const std::string& path, const std::set<std::string>& volumes, bool privileged,
            FieldErrors& errors) {
  std::set<std::string> seen;
  each(container, "volumeMounts", path, [&](const Value& mount, const std::string& here) {
    const std::string name{mount.string_or("name")};
    if (name.empty()) {
      errors.required(here + ".name");
    } else if (!volumes.contains(name)) {
      errors.not_found(here + ".name", Value{name});
    }
    const std::string target{mount.string_or("mountPath")};
    if (target.empty()) {
      errors.required(here + ".mountPath");
    } else if (!seen.insert(target).second) {
      errors.invalid(here + ".mountPath", Value{target}, "must be unique");
    }
    const std::string_view sub = mount.string_or("subPath");
    const std::string_view expression = mount.string_or("subPathExpr");
    if (!sub.empty() && !expression.empty())
      errors.invalid(here + ".subPathExpr", Value{expression}, "subPathExpr and subPath are mutually exclusive");
    for (const char* key : {"subPath", "subPathExpr"}) {
      const std::string_view text = mount.string_or(key);
      if (text.starts_with('/')) errors.invalid(here + "." + key, Value{text}, "must be a relative path");
      if (goes_up(text)) errors.invalid(here + "." + key, Value{text}, "must not contain '..'");
    }
    one_of(mount, "mountPropagation", here, propagations, errors);
    if (mount.string_or("mountPropagation") == "Bidirectional" && !privileged)
      errors.forbidden(here + ".mountPropagation",
                       "Bidirectional mount propagation is available only to privileged containers");
  });
}

struct PodAround {
  std::set<std::string> volumes;
  bool host_network = false;
  std::set<std::string> names;  // of all containers
};

void common(const Value& container, const std::string& path, PodAround& pod, FieldErrors& errors) {
  const std::string name{container.string_or("name")};
  if (name.empty()) {
    errors.required(path + ".name");
  } else {
    report(path + ".name", Value{name}, names::dns1123_label(name), errors);
    if (!pod.names.insert(name).second) errors.duplicate(path + ".name", Value{name});
  }
  const std::string_view image = container.string_or("image");
  if (image.empty()) {
    errors.required(path + ".image");
  } else if (image.front() == ' ' || image.back() == ' ' || image.front() == '\n' || image.back() == '\n') {
    errors.invalid(path + ".image", Value{image}, "must not have leading or trailing whitespace");
  }
  one_of(container, "imagePullPolicy", path, pull_policies, errors);
  one_of(container, "terminationMessagePolicy", path, message_policies, errors);
  ports(container, path, pod.host_network, errors);
  environment(container, path, errors);
  const Value* context = container.find("securityContext");
  mounts(container, path, pod.volumes, context != nullptr && context->bool_or("privileged", false), errors);
  if (context != nullptr && context->is_object()) security_context(*context, path + ".securityContext", errors);
  if (const Value* amounts = container.find("resources"); amounts != nullptr && amounts->is_object())
    resources(*amounts, path + ".resources", errors);
}

void probes(const Value& container, const std::string& path, FieldErrors& errors) {
  for (const char* name : {"livenessProbe", "readinessProbe", "startupProbe"}) {
    if (const Value* one = container.find(name); one != nullptr && one->is_object())
      probe(*one, path + "." + name, name, errors);
  }
  const Value* lifecycle = container.find("lifecycle");
  if (lifecycle == nullptr || !lifecycle->is_object()) return;
  for (const char* hook : {"postStart", "preStop"}) {
    if (const Value* handler = lifecycle->find(hook); handler != nullptr && handler->is_object())
      actions(*handler, path + ".lifecycle." + hook, errors);
  }
}

void init_container(const Value& container, const std::string& path, FieldErrors& errors) {
  const std::string_view policy = container.string_or("restartPolicy");
  if (!policy.empty() && policy != "Always") {
    constexpr std::string_view supported[] = {"Always"};
    errors.not_supported(path + ".restartPolicy", Value{policy}, supported);
  }
  if (policy == "Always") {
    probes(container, path, errors);
    return;
  }
  for (const char* name : {"lifecycle", "livenessProbe", "readinessProbe", "startupProbe"}) {
    if (container.find(name) != nullptr)
      errors.forbidden(path + "." + name, "may not be set for init containers without restartPolicy=Always");
  }
}

// Two containers cannot have the same port of the node.
void host_ports(const Value& spec, const std::string& path, FieldErrors& errors) {
  std::set<std::string> taken;
  each(spec, "containers", path, [&](const Value& container, const std::string& here) {
    each(container, "ports", here, [&](const Value& port, const std::string& at) {
      const int64_t number = port.int_or("hostPort", 0);
      if (number == 0) return;
      const std::string key = std::string{port.string_or("protocol")} + "/" + std::string{port.string_or("hostIP")} +
                              "/" + std::to_string(number);
      if (!taken.insert(key).second) errors.duplicate(at + ".hostPort", Value{key});
    });
  });
}

}  // namespace

void probe(const Value& probe, const std::string& path, std::string_view kind, FieldErrors& errors) {
  actions(probe, path, errors);
  for (const char* key :
       {"initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"})
    not_negative(probe, key, path, errors);
  if (kind != "readinessProbe" && probe.int_or("successThreshold", 1) != 1)
    errors.invalid(path + ".successThreshold", *probe.find("successThreshold"), "must be 1");
  if (const Value* grace = probe.find("terminationGracePeriodSeconds"); grace != nullptr && grace->is_int()) {
    if (kind == "readinessProbe") {
      errors.invalid(path + ".terminationGracePeriodSeconds", *grace, "must not be set for readinessProbes");
    } else if (grace->as_int() <= 0) {
      errors.invalid(path + ".terminationGracePeriodSeconds", *grace, "must be greater than 0");
    }
  }
}

void resources(const Value& resources, const std::string& path, FieldErrors& errors) {
  std::map<std::string, Quantity> limits;
  for (const char* key : {"limits", "requests"}) {
    const Value* list = resources.find(key);
    if (list == nullptr || !list->is_object()) continue;
    for (const auto& [name, amount] : list->as_object()) {
      const std::string here = path + "." + key + "[" + name + "]";
      const auto quantity = Quantity::from_json(amount);
      if (quantity.has_error()) continue;  // the codec has said so
      const bool plain = name.find('/') == std::string::npos;
      const bool known =
          name == "cpu" || name == "memory" || name == "ephemeral-storage" || name.starts_with("hugepages-");
      if (plain && !known) errors.invalid(here, Value{name}, "must be a standard resource type or fully qualified");
      if (quantity->sign() < 0)
        errors.invalid(path + "." + key + "." + name, Value{quantity->to_string()}, names::not_negative_message);
      if (std::string_view{key} == "limits") limits.emplace(name, *quantity);
    }
  }
  const Value* requests = resources.find("requests");
  if (requests == nullptr || !requests->is_object()) return;
  for (const auto& [name, amount] : requests->as_object()) {
    const auto quantity = Quantity::from_json(amount);
    const auto limit = limits.find(name);
    if (quantity.has_error()) continue;
    const bool whole = name.find('/') != std::string::npos || name.starts_with("hugepages-");
    if (limit == limits.end()) {
      if (whole) errors.required(path + ".limits", "Limit must be set for non overcommitable resources");
    } else if (*quantity > limit->second) {
      errors.invalid(path + ".requests", Value{quantity->to_string()},
                     "must be less than or equal to " + name + " limit of " + limit->second.to_string());
    } else if (whole && *quantity != limit->second) {
      errors.invalid(path + ".requests", Value{quantity->to_string()},
                     "must be equal to " + name + " limit of " + limit->second.to_string());
    }
  }
}

void security_context(const Value& context, const std::string& path, FieldErrors& errors) {
  for (const char* key : {"runAsUser", "runAsGroup"}) {
    if (const Value* id = context.find(key); id != nullptr && id->is_int())
      report(path + "." + key, *id, names::user_id(id->as_int()), errors);
  }
  const Value* escalation = context.find("allowPrivilegeEscalation");
  if (escalation != nullptr && escalation->is_bool() && !escalation->as_bool()) {
    if (context.bool_or("privileged", false))
      errors.invalid(path, context, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
    if (const Value* added = context.at({"capabilities", "add"}); added != nullptr && added->is_array()) {
      for (const Value& capability : added->as_array()) {
        if (capability.is_string() &&
            (capability.as_string() == "CAP_SYS_ADMIN" || capability.as_string() == "SYS_ADMIN"))
          errors.invalid(path, context,
                         "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN");
      }
    }
  }
  if (const Value* profile = context.find("seccompProfile"); profile != nullptr && profile->is_object()) {
    const std::string here = path + ".seccompProfile";
    if (profile->string_or("type").empty())
      errors.required(here + ".type");
    else
      one_of(*profile, "type", here, profiles, errors);
    const bool local = profile->string_or("type") == "Localhost";
    const std::string_view file = profile->string_or("localhostProfile");
    if (local && file.empty())
      errors.required(here + ".localhostProfile", "must be set when seccomp type is Localhost");
    if (!local && !file.empty())
      errors.invalid(here + ".localhostProfile", Value{file}, "can only be set when seccomp type is Localhost");
  }
}

void containers(const Value& spec, const std::string& path, FieldErrors& errors) {
  PodAround pod;
  pod.host_network = spec.bool_or("hostNetwork", false);
  each(spec, "volumes", path,
       [&](const Value& volume, const std::string&) { pod.volumes.emplace(volume.string_or("name")); });
  const Value* list = spec.find("containers");
  if (list == nullptr || !list->is_array() || list->as_array().empty()) errors.required(path + ".containers");
  each(spec, "containers", path, [&](const Value& container, const std::string& here) {
    common(container, here, pod, errors);
    probes(container, here, errors);
    if (!container.string_or("restartPolicy").empty())
      errors.forbidden(here + ".restartPolicy", "may not be set for non-init containers");
  });
  each(spec, "initContainers", path, [&](const Value& container, const std::string& here) {
    common(container, here, pod, errors);
    init_container(container, here, errors);
  });
  host_ports(spec, path, errors);
}

}  // namespace kring::validate
