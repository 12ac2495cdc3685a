// The container's file system: overlay of the image's layers (or the node's own root, read-only), the kernel's
// filesystems, devices, the pod's volumes, masked paths; then pivot_root. Runs in the container's own mount, pid and
// cgroup namespaces, before any program of the image has run; volumes, however, may be written to by others meanwhile,
// so everything below the root goes through mounts/in_root.h.
#pragma once

#include "runtime/pods/keeper/spec.h"
#include "runtime/pods/keeper/sys.h"
#include "runtime/pods/keeper/text.h"

namespace kring::keeper {

struct RootPlan {
  const ContainerSpec& spec;
  uint32_t pod_flags = 0;
  const char* path = nullptr; // NAME.ATTEMPT of the pod's state directory: upper, work, root, termination-log
  int directory = -1;         // the same, opened in the container's own mount namespace
  int shm_namespace = -1;     // mount namespace whose root is the pod's shared /dev/shm; -1: the node's own
  int own_namespace = -1;     // this process' mount namespace, to come back from shm_namespace
};

// An O_PATH descriptor of the finished, attached root (not pivoted yet), or -1. `terminal` becomes the master of a new
// pseudo-terminal of the container when the spec asks for one, `slave` its other end.
int build_root(const RootPlan& plan, int& terminal, int& slave, Fault& fault);

// Makes `root` the root and current directory of this mount namespace; nothing of the node's tree is left in it.
bool enter_root(int root, Fault& fault);

// Changes to the working directory, made when missing, and makes sure that it lies inside (CVE-2024-21626). The
// root is `root`, which is also the process' root.
bool enter_directory(int root, std::string_view path, Fault& fault);

}  // namespace kring::keeper
