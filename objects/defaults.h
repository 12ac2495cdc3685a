// What a server fills in when a manifest leaves it out, per kind, on values in the hub's shape.
// Invariants: a default never replaces what is given; applying them twice changes nothing.
// Source: Kubernetes API reference, v1.33, "defaults to" of each field.
#pragma once

#include "objects/json.h"

namespace kring::defaults {

// The template of every workload as well as a pod itself.
void pod_spec(json::Value& spec);

void pod(json::Value& object);
void pod_template(json::Value& object);
void service(json::Value& object);
void endpoints(json::Value& object);
void endpoint_slice(json::Value& object);
void ns(json::Value& object);
void secret(json::Value& object);
void limit_range(json::Value& object);
void persistent_volume(json::Value& object);
void persistent_volume_claim(json::Value& object);
void replication_controller(json::Value& object);
void replica_set(json::Value& object);
void deployment(json::Value& object);
void daemon_set(json::Value& object);
void stateful_set(json::Value& object);
void job(json::Value& object);
void cron_job(json::Value& object);
void horizontal_pod_autoscaler(json::Value& object);
void network_policy(json::Value& object);
void storage_class(json::Value& object);
void csi_driver(json::Value& object);
void priority_class(json::Value& object);
void role_binding(json::Value& object);
void webhook_configuration(json::Value& object);
void admission_policy(json::Value& object);
void admission_policy_binding(json::Value& object);
void custom_resource_definition(json::Value& object);
void flow_schema(json::Value& object);
void priority_level(json::Value& object);

}  // namespace kring::defaults
