// /dev, /proc, /sys and the cgroup tree of a container.
#pragma once

#include "runtime/pods/keeper/rootfs.h"

namespace kring::keeper {

bool mount_kernel_filesystems(const RootPlan& plan, int root, int& terminal, int& slave, Fault& fault);

// Hides what would tell or change too much about the node; not for privileged containers and procMount: Unmasked.
// Source: containerd's default (and so Kubernetes') masked and read-only paths.
bool mask_paths(const RootPlan& plan, int root, Fault& fault);

}  // namespace kring::keeper
