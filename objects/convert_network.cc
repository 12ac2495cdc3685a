#include "objects/convert.h"
#include "objects/convert_tools.h"

namespace kring::convert {

namespace {

constexpr std::string_view zone_label = "topology.kubernetes.io/zone";
constexpr std::string_view hostname_label = "kubernetes.io/hostname";

// serviceName and servicePort become service.name and service.port.number or .name.
void backend_in(json::Object& backend) {
  json::Object service;
  move(backend, "serviceName", service, "name");
  if (const json::Value* given = backend.find("servicePort")) {
    json::Object port;
    port.append(given->is_string() ? "name" : "number", *given);
    service.set("port", std::move(port));
    backend.erase("servicePort");
  }
  nest(backend, "service", std::move(service));
}

void backend_out(json::Object& backend) {
  json::Value* found = backend.find("service");
  if (found == nullptr || !found->is_object()) return;
  json::Object service = std::move(found->as_object());
  backend.erase("service");
  move(service, "name", backend, "serviceName");
  if (json::Value* port = service.find("port"); port != nullptr && port->is_object()) {
    move(port->as_object(), "number", backend, "servicePort");
    move(port->as_object(), "name", backend, "servicePort");
  }
}

template <class Visit>
void each_path(json::Value& value, Visit visit) {
  json::Array* rules = array_at(value, {"spec", "rules"});
  if (rules == nullptr) return;
  for (json::Value& rule : *rules) {
    json::Array* paths = array_at(rule, {"http", "paths"});
    if (paths == nullptr) continue;
    for (json::Value& path : *paths)
      if (path.is_object()) visit(path);
  }
}

}  // namespace

void in_ingress(json::Value& value) {
  if (json::Object* backend = object_at(value, {"spec", "backend"})) backend_in(*backend);
  if (json::Object* spec = object_at(value, {"spec"})) rename(*spec, "backend", "defaultBackend");
  each_path(value, [](json::Value& path) {
    default_to(path.as_object(), "pathType", "ImplementationSpecific");
    if (json::Object* backend = object_at(path, {"backend"})) backend_in(*backend);
  });
}

void out_ingress(json::Value& value) {
  if (json::Object* spec = object_at(value, {"spec"})) rename(*spec, "defaultBackend", "backend");
  if (json::Object* backend = object_at(value, {"spec", "backend"})) backend_out(*backend);
  each_path(value, [](json::Value& path) {
    if (json::Object* backend = object_at(path, {"backend"})) backend_out(*backend);
  });
}

// topology held the zone and the node's name among other labels; v1 has fields for these two.
void in_endpoint_slice(json::Value& value) {
  json::Array* endpoints = array_at(value, {"endpoints"});
  if (endpoints == nullptr) return;
  for (json::Value& endpoint : *endpoints) {
    json::Object* topology = object_at(endpoint, {"topology"});
    if (topology == nullptr) continue;
    json::Object labels = std::move(*topology);
    json::Object& fields = endpoint.as_object();
    fields.erase("topology");
    move(labels, zone_label, fields, "zone");
    if (const json::Value* host = labels.find(hostname_label)) default_to(fields, "nodeName", *host);
    fields.set("deprecatedTopology", std::move(labels));
  }
}

void out_endpoint_slice(json::Value& value) {
  json::Array* endpoints = array_at(value, {"endpoints"});
  if (endpoints == nullptr) return;
  for (json::Value& endpoint : *endpoints) {
    if (!endpoint.is_object()) continue;
    json::Object& fields = endpoint.as_object();
    rename(fields, "deprecatedTopology", "topology");
    json::Object zone;
    move(fields, "zone", zone, zone_label);
    if (!zone.empty()) move(zone, zone_label, endpoint.object("topology"), zone_label);
  }
}

}  // namespace kring::convert
