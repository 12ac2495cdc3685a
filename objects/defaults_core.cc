#include "objects/defaults.h"
#include "objects/defaults_tools.h"

namespace kring::defaults {
namespace {

using json::Value;

void volume_claim(Value& claim) {
  set(claim["status"], "phase", "Pending");
  with(claim, "spec", [](Value& spec) { set(spec, "volumeMode", "Filesystem"); });
}

void protocol(Value& port) { set(port, "protocol", "TCP"); }

void template_spec(Value& object) {
  if (Value* spec = object.at({"spec", "template", "spec"})) pod_spec(*spec);
}

// Labels of the template become the object's own and its selector, where an old kind lets them be left out.
void labels_from_template(Value& object) {
  const Value* labels = object.at({"spec", "template", "metadata", "labels"});
  if (labels == nullptr || !labels->is_object() || labels->as_object().empty()) return;
  const Value copy = *labels;
  set(object["spec"], "selector", copy);
  set(object["metadata"], "labels", copy);
}

}  // namespace

void service(Value& object) {
  Value& spec = object["spec"];
  if (!spec.is_object()) return;
  set(spec, "sessionAffinity", "None");
  if (spec.string_or("sessionAffinity") == "ClientIP") {
    Value& client_ip = spec["sessionAffinityConfig"]["clientIP"];
    if (client_ip.is_null()) client_ip = json::Object{};
    set(client_ip, "timeoutSeconds", 10800);
  }
  set(spec, "type", "ClusterIP");
  const std::string type{spec.string_or("type")};
  each(spec, "ports", [](Value& port) {
    protocol(port);
    const Value* target = port.find("targetPort");
    const bool unset = target == nullptr || target->is_null() || (target->is_int() && target->as_int() == 0) ||
                       (target->is_string() && target->as_string().empty());
    if (const Value* number = port.find("port"); unset && number != nullptr) port["targetPort"] = Value{*number};
  });
  const bool external = type == "NodePort" || type == "LoadBalancer";
  if (external) set(spec, "externalTrafficPolicy", "Cluster");
  if (external || type == "ClusterIP") set(spec, "internalTrafficPolicy", "Cluster");
  if (type == "LoadBalancer") set(spec, "allocateLoadBalancerNodePorts", true);
}

void endpoints(Value& object) {
  each(object, "subsets", [](Value& subset) { each(subset, "ports", protocol); });
}

void endpoint_slice(Value& object) {
  each(object, "ports", [](Value& port) {
    set(port, "name", "");
    protocol(port);
  });
}

void ns(Value& object) {
  set(object["status"], "phase", "Active");
  // Every namespace can be selected by its name.
  const std::string name{object["metadata"].string_or("name")};
  if (!name.empty()) object["metadata"].object("labels").set("kubernetes.io/metadata.name", name);
}

void secret(Value& object) { set(object, "type", "Opaque"); }

void limit_range(Value& object) {
  Value* spec = object.find("spec");
  if (spec == nullptr) return;
  each(*spec, "limits", [](Value& item) {
    if (item.string_or("type") != "Container") return;
    const auto fill = [&item](const char* to, const char* from) {
      const Value* source = item.find(from);
      if (source == nullptr || !source->is_object()) return;
      const Value copy = *source;
      for (const auto& [name, quantity] : copy.as_object()) {
        json::Object& target = item.object(to);
        if (!target.contains(name)) target.set(name, quantity);
      }
    };
    fill("default", "max");
    fill("defaultRequest", "default");
    fill("defaultRequest", "min");
  });
}

void persistent_volume(Value& object) {
  set(object["status"], "phase", "Pending");
  with(object, "spec", [](Value& spec) {
    set(spec, "persistentVolumeReclaimPolicy", "Retain");
    set(spec, "volumeMode", "Filesystem");
    with(spec, "hostPath", [](Value& source) { set(source, "type", ""); });
  });
}

void persistent_volume_claim(Value& object) { volume_claim(object); }

void replication_controller(Value& object) {
  template_spec(object);
  labels_from_template(object);
  with(object, "spec", [](Value& spec) { set(spec, "replicas", 1); });
}

void replica_set(Value& object) {
  template_spec(object);
  with(object, "spec", [](Value& spec) { set(spec, "replicas", 1); });
}

void deployment(Value& object) {
  template_spec(object);
  with(object, "spec", [](Value& spec) {
    set(spec, "replicas", 1);
    Value& strategy = spec["strategy"];
    if (strategy.is_null()) strategy = json::Object{};
    set(strategy, "type", "RollingUpdate");
    if (strategy.string_or("type") == "RollingUpdate") {
      Value& rolling = strategy["rollingUpdate"];
      if (rolling.is_null()) rolling = json::Object{};
      set(rolling, "maxUnavailable", "25%");
      set(rolling, "maxSurge", "25%");
    }
    set(spec, "revisionHistoryLimit", 10);
    set(spec, "progressDeadlineSeconds", 600);
  });
}

void daemon_set(Value& object) {
  template_spec(object);
  with(object, "spec", [](Value& spec) {
    Value& strategy = spec["updateStrategy"];
    if (strategy.is_null()) strategy = json::Object{};
    set(strategy, "type", "RollingUpdate");
    if (strategy.string_or("type") == "RollingUpdate") {
      Value& rolling = strategy["rollingUpdate"];
      if (rolling.is_null()) rolling = json::Object{};
      set(rolling, "maxUnavailable", 1);
      set(rolling, "maxSurge", 0);
    }
    set(spec, "revisionHistoryLimit", 10);
  });
}

void stateful_set(Value& object) {
  template_spec(object);
  with(object, "spec", [](Value& spec) {
    set(spec, "podManagementPolicy", "OrderedReady");
    Value& strategy = spec["updateStrategy"];
    if (strategy.is_null()) strategy = json::Object{};
    set(strategy, "type", "RollingUpdate");
    if (strategy.string_or("type") == "RollingUpdate") {
      Value& rolling = strategy["rollingUpdate"];
      if (rolling.is_null()) rolling = json::Object{};
      set(rolling, "partition", 0);
    }
    Value& retention = spec["persistentVolumeClaimRetentionPolicy"];
    if (retention.is_null()) retention = json::Object{};
    set(retention, "whenDeleted", "Retain");
    set(retention, "whenScaled", "Retain");
    set(spec, "replicas", 1);
    set(spec, "revisionHistoryLimit", 10);
    each(spec, "volumeClaimTemplates", volume_claim);
  });
}

}  // namespace kring::defaults
