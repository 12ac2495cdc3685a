#include <string>

#include "objects/defaults.h"
#include "objects/defaults_tools.h"

namespace kring::defaults {
namespace {

using json::Value;

void http_get(Value& action) {
  set(action, "path", "/");
  set(action, "scheme", "HTTP");
}

void probe(Value& probe) {
  set(probe, "timeoutSeconds", 1);
  set(probe, "periodSeconds", 10);
  set(probe, "successThreshold", 1);
  set(probe, "failureThreshold", 3);
  with(probe, "httpGet", http_get);
  with(probe, "grpc", [](Value& grpc) { set(grpc, "service", ""); });
}

void handler(Value& handler) { with(handler, "httpGet", http_get); }

void field_ref(Value& ref) { set(ref, "apiVersion", "v1"); }

// An image without a tag, or with :latest, is pulled always. A digest pins it.
bool pulls_always(std::string_view image) {
  if (image.find('@') != std::string_view::npos) return false;
  const size_t slash = image.rfind('/');
  const std::string_view last = slash == std::string_view::npos ? image : image.substr(slash + 1);
  const size_t colon = last.rfind(':');
  return colon == std::string_view::npos || last.substr(colon + 1) == "latest";
}

void container(Value& container) {
  set(container, "terminationMessagePath", "/dev/termination-log");
  set(container, "terminationMessagePolicy", "File");
  set(container, "imagePullPolicy", pulls_always(container.string_or("image")) ? "Always" : "IfNotPresent");
  set(container, "resources", json::Object{});
  each(container, "ports", [](Value& port) { set(port, "protocol", "TCP"); });
  each(container, "env", [](Value& variable) {
    if (Value* from = variable.find("valueFrom")) with(*from, "fieldRef", field_ref);
  });
  for (const char* name : {"livenessProbe", "readinessProbe", "startupProbe"}) with(container, name, probe);
  with(container, "lifecycle", [](Value& lifecycle) {
    with(lifecycle, "postStart", handler);
    with(lifecycle, "preStop", handler);
  });
  // What is limited and not requested is requested in full.
  Value& resources = *container.find("resources");
  if (const Value* limits = resources.find("limits"); limits == nullptr || !limits->is_object()) return;
  const json::Object limits = resources.find("limits")->as_object();
  if (limits.empty()) return;
  json::Object& requests = resources.object("requests");
  for (const auto& [name, quantity] : limits) {
    if (!requests.contains(name)) requests.set(name, quantity);
  }
}

void downward_items(Value& source) {
  each(source, "items", [](Value& item) { with(item, "fieldRef", field_ref); });
}

void projected(Value& source) {
  set(source, "defaultMode", 420);
  each(source, "sources", [](Value& one) {
    with(one, "downwardAPI", downward_items);
    with(one, "serviceAccountToken", [](Value& token) { set(token, "expirationSeconds", 3600); });
  });
}

void volume(Value& volume) {
  if (volume.as_object().size() == 1) volume["emptyDir"] = json::Object{};
  with(volume, "hostPath", [](Value& source) { set(source, "type", ""); });
  with(volume, "secret", [](Value& source) { set(source, "defaultMode", 420); });
  with(volume, "configMap", [](Value& source) { set(source, "defaultMode", 420); });
  with(volume, "downwardAPI", [](Value& source) {
    set(source, "defaultMode", 420);
    downward_items(source);
  });
  with(volume, "projected", projected);
  with(volume, "iscsi", [](Value& source) { set(source, "iscsiInterface", "default"); });
  with(volume, "rbd", [](Value& source) {
    set(source, "pool", "rbd");
    set(source, "user", "admin");
    set(source, "keyring", "/etc/ceph/keyring");
  });
  with(volume, "azureDisk", [](Value& source) {
    set(source, "cachingMode", "ReadWrite");
    set(source, "kind", "Shared");
    set(source, "fsType", "ext4");
    set(source, "readOnly", false);
  });
  with(volume, "scaleIO", [](Value& source) {
    set(source, "storageMode", "ThinProvisioned");
    set(source, "fsType", "xfs");
  });
  with(volume, "ephemeral", [](Value& source) {
    if (Value* spec = source.at({"volumeClaimTemplate", "spec"})) set(*spec, "volumeMode", "Filesystem");
  });
}

}  // namespace

void pod_spec(Value& spec) {
  if (!spec.is_object()) return;
  set(spec, "restartPolicy", "Always");
  set(spec, "terminationGracePeriodSeconds", 30);
  set(spec, "dnsPolicy", "ClusterFirst");
  set(spec, "securityContext", json::Object{});
  set(spec, "schedulerName", "default-scheduler");
  // The old name of the account is kept equal to the new one.
  if (const std::string_view account = spec.string_or("serviceAccountName"); !account.empty()) {
    set(spec, "serviceAccount", account);
  } else if (const std::string_view old = spec.string_or("serviceAccount"); !old.empty()) {
    set(spec, "serviceAccountName", old);
  }
  for (const char* list : {"initContainers", "containers", "ephemeralContainers"}) {
    each(spec, list, container);
    if (!spec.bool_or("hostNetwork", false)) continue;
    each(spec, list, [](Value& one) {
      each(one, "ports", [](Value& port) {
        if (const Value* number = port.find("containerPort"); number != nullptr && port.int_or("hostPort", 0) == 0)
          port["hostPort"] = Value{*number};
      });
    });
  }
  each(spec, "volumes", volume);
}

void pod(Value& object) {
  Value& spec = object["spec"];
  if (!spec.is_object()) return;
  pod_spec(spec);
  // Only pods themselves: a template leaves it open.
  set(spec, "enableServiceLinks", true);
}

void pod_template(Value& object) {
  if (Value* spec = object.at({"template", "spec"})) pod_spec(*spec);
}

}  // namespace kring::defaults
