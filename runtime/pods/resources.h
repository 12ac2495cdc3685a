// What a pod asks of the machine: quality of service, cgroup limits, the out-of-memory score.
// Source: kubernetes.io/docs/concepts/workloads/pods/pod-qos, KEP-753 (sidecars count with the containers), kubelet's
// qos policy for oom_score_adj.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runtime/env/processes.h"

namespace kring {
namespace core {
struct Container;
struct Pod;
}  // namespace core

namespace pods {

// "Guaranteed", "Burstable", "BestEffort".
std::string qos_class(const core::Pod& pod);

CgroupLimits container_limits(const core::Container& container);
// The pod's own cgroup: what its containers may use together.
CgroupLimits pod_limits(const core::Pod& pod);

int oom_score_adjust(const core::Pod& pod, const core::Container& container, int64_t memory_capacity_bytes);

// The text of a resource field ("limits.cpu", "requests.memory") for environment and volumes; `divisor` "" is 1.
// A limit that is not set is what the node has.
struct NodeCapacity {
  int64_t cpu_milli = 0, memory_bytes = 0, ephemeral_storage_bytes = 0;
};
Result<std::string> resource_field(const core::Container& container, std::string_view resource,
                                   std::string_view divisor, const NodeCapacity& allocatable);

}  // namespace pods
}  // namespace kring
