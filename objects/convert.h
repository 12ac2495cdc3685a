// From older versions' shapes to the stored ones and back: what differs beyond apiVersion. "in" functions also apply
// the defaults that those versions had, so that an old manifest means today what it meant then.
// Source: the published API references of the versions and Kubernetes' deprecation guide; annotation names as
// Kubernetes uses them for what the newer or older shape has no field for.
#pragma once

#include "objects/json.h"

namespace kring::convert {

// Workloads. extensions/v1beta1, apps/v1beta1: the selector defaults to the template's labels.
void in_extensions_deployment(json::Value& value);
void in_apps_v1beta1_deployment(json::Value& value);
void out_deployment(json::Value& value);  // rollbackTo, for both
void in_extensions_daemon_set(json::Value& value);
void out_extensions_daemon_set(json::Value& value);
void in_extensions_replica_set(json::Value& value);
void in_apps_v1beta1_stateful_set(json::Value& value);
// extensions/v1beta1 and apps/v1beta1|v1beta2 Scale: the selector is a map there, a text here.
void in_scale(json::Value& value);
void out_scale(json::Value& value);

// Autoscaling: the stored shape is autoscaling/v2.
void in_autoscaling_v1(json::Value& value);
void out_autoscaling_v1(json::Value& value);
void in_autoscaling_v2beta1(json::Value& value);
void out_autoscaling_v2beta1(json::Value& value);

// Network. extensions/v1beta1 and networking.k8s.io/v1beta1 Ingress; discovery.k8s.io/v1beta1 EndpointSlice.
void in_ingress(json::Value& value);
void out_ingress(json::Value& value);
void in_endpoint_slice(json::Value& value);
void out_endpoint_slice(json::Value& value);

// events.k8s.io events are core events under other field names.
void in_event(json::Value& value);
void out_event(json::Value& value);

// policy/v1beta1: an empty selector selects nothing there and everything here.
void in_pod_disruption_budget(json::Value& value);
void out_pod_disruption_budget(json::Value& value);
// rbac.authorization.k8s.io/v1alpha1: subjects have an apiVersion in place of the apiGroup.
void in_binding(json::Value& value);
void out_binding(json::Value& value);
// authorization.k8s.io/v1beta1: group in place of groups.
void in_access_review(json::Value& value);
void out_access_review(json::Value& value);
// admissionregistration.k8s.io/v1beta1: other defaults.
void in_webhooks(json::Value& value);
// apiextensions.k8s.io/v1beta1: one schema for all versions, unknown fields are kept.
void in_resource_definition(json::Value& value);
void out_resource_definition(json::Value& value);
// certificates.k8s.io/v1beta1: signerName and usages have defaults.
void in_signing_request(json::Value& value);
// flowcontrol v1beta1, v1beta2: another name for the shares.
void in_priority_level(json::Value& value);
void out_priority_level(json::Value& value);
// node.k8s.io/v1alpha1: the fields are below spec.
void in_runtime_class(json::Value& value);
void out_runtime_class(json::Value& value);

}  // namespace kring::convert
