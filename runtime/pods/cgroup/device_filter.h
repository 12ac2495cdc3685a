// Which devices a group's processes may open or make: nothing but the harmless ones of every /dev (S15).
#pragma once

#include <string>

#include "objects/result.h"

namespace kring::cgroup {

// v2: attaches an eBPF program (BPF_PROG_TYPE_CGROUP_DEVICE) that refuses everything else.
Result<void> attach_device_filter(const std::string& directory);
// v1: the devices controller.
Result<void> write_device_list(const std::string& directory);

}  // namespace kring::cgroup
