#include "objects/select_fields.h"

#include "objects/codec.h"
#include "objects/schema/core_generated.h"

namespace kring::select_fields {
namespace {

bool set(std::string& value, std::string_view text) {
  value = text;
  return true;
}
std::string_view truth(bool flag) { return flag ? "true" : "false"; }

// Slow path for kinds that are selected seldom: the value at a dotted path.
std::string at(const Object& object, std::initializer_list<std::string_view> path) {
  const json::Value whole = codec::to_value(object);
  const json::Value* found = whole.at(path);
  if (found == nullptr || found->is_null()) return {};
  return found->is_string() ? found->as_string() : json::print(*found);
}

}  // namespace

bool pod(const Object& object, std::string_view path, std::string& value) {
  const auto* spec = object.as<core::Pod>()->spec();
  const auto* status = object.as<core::Pod>()->status();
  if (path == "spec.nodeName") return set(value, spec == nullptr ? std::string_view{} : view(spec->node_name()));
  if (path == "spec.restartPolicy")
    return set(value, spec == nullptr ? std::string_view{} : view(spec->restart_policy()));
  if (path == "spec.schedulerName")
    return set(value, spec == nullptr ? std::string_view{} : view(spec->scheduler_name()));
  if (path == "spec.serviceAccountName")
    return set(value, spec == nullptr ? std::string_view{} : view(spec->service_account_name()));
  if (path == "spec.hostNetwork") return set(value, truth(spec != nullptr && spec->host_network().value_or(false)));
  if (path == "status.phase") return set(value, status == nullptr ? std::string_view{} : view(status->phase()));
  if (path == "status.podIP" || path == "status.podIPs")
    return set(value, status == nullptr ? std::string_view{} : view(status->pod_ip()));
  if (path == "status.nominatedNodeName")
    return set(value, status == nullptr ? std::string_view{} : view(status->nominated_node_name()));
  return false;
}

bool node(const Object& object, std::string_view path, std::string& value) {
  if (path != "spec.unschedulable") return false;
  const auto* spec = object.as<core::Node>()->spec();
  return set(value, truth(spec != nullptr && spec->unschedulable().value_or(false)));
}

bool ns(const Object& object, std::string_view path, std::string& value) {
  if (path != "status.phase") return false;
  const auto* status = object.as<core::Namespace>()->status();
  return set(value, status == nullptr ? std::string_view{} : view(status->phase()));
}

bool secret(const Object& object, std::string_view path, std::string& value) {
  if (path != "type") return false;
  return set(value, view(object.as<core::Secret>()->type()));
}

bool event(const Object& object, std::string_view path, std::string& value) {
  const auto* event = object.as<core::Event>();
  const auto* target = event->involved_object();
  const auto* source = event->source();
  const auto of_target = [&](const flatbuffers::String* text) { return set(value, view(text)); };
  if (path.starts_with("involvedObject.")) {
    const std::string_view field = path.substr(15);
    if (field == "kind") return of_target(target == nullptr ? nullptr : target->kind());
    if (field == "namespace") return of_target(target == nullptr ? nullptr : target->namespace_());
    if (field == "name") return of_target(target == nullptr ? nullptr : target->name());
    if (field == "uid") return of_target(target == nullptr ? nullptr : target->uid());
    if (field == "apiVersion") return of_target(target == nullptr ? nullptr : target->api_version());
    if (field == "resourceVersion") return of_target(target == nullptr ? nullptr : target->resource_version());
    if (field == "fieldPath") return of_target(target == nullptr ? nullptr : target->field_path());
    return false;
  }
  if (path == "reason") return set(value, view(event->reason()));
  if (path == "type") return set(value, view(event->type()));
  if (path == "reportingComponent" || path == "reportingController")
    return set(value, view(event->reporting_component()));
  if (path == "source") {
    const std::string_view component = source == nullptr ? std::string_view{} : view(source->component());
    return set(value, component.empty() ? view(event->reporting_component()) : component);
  }
  return false;
}

bool replicas(const Object& object, std::string_view path, std::string& value) {
  if (path != "status.replicas") return false;
  value = at(object, {"status", "replicas"});
  if (value.empty()) value = "0";
  return true;
}

bool job(const Object& object, std::string_view path, std::string& value) {
  if (path != "status.successful") return false;
  value = at(object, {"status", "succeeded"});
  if (value.empty()) value = "0";
  return true;
}

bool certificate_request(const Object& object, std::string_view path, std::string& value) {
  if (path != "spec.signerName") return false;
  value = at(object, {"spec", "signerName"});
  return true;
}

}  // namespace kring::select_fields
