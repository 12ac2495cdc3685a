// The rules that a kind's fields keep beyond their types, on defaulted values in the hub's shape. Each function reports
// every violation, with the field's path and Kubernetes' words.
// Source: Kubernetes API reference and the messages that kubectl users know, v1.33.
#pragma once

#include <string>
#include <string_view>

#include "objects/hooks.h"
#include "objects/json.h"

namespace kring::validate {

// Pods and their template, used by every workload.
void pod_spec(const json::Value& spec, const std::string& path, FieldErrors& errors);
void volumes(const json::Value& spec, const std::string& path, FieldErrors& errors);
void containers(const json::Value& spec, const std::string& path, FieldErrors& errors);
// One container's fields that do not depend on the pod around it.
void probe(const json::Value& probe, const std::string& path, std::string_view kind, FieldErrors& errors);
void resources(const json::Value& resources, const std::string& path, FieldErrors& errors);
void security_context(const json::Value& context, const std::string& path, FieldErrors& errors);

void pod(const json::Value& object, FieldErrors& errors);
void pod_update(const json::Value& object, const json::Value& old, std::string_view subresource, FieldErrors& errors);

}  // namespace kring::validate
