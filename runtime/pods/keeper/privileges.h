// What a process gives up before the container's program runs in it: identity, capabilities, system calls.
#pragma once

#include "runtime/pods/keeper/user.h"

namespace kring::keeper {

// Reads etc/passwd and etc/group of `root`, and resolves who the container runs as.
bool identify(int root, const ContainerSpec& spec, Identity& out, Fault& fault);

// The point of no return: capabilities outside the set leave the bounding set, groups and user change, the seccomp
// filter is loaded. Inheritable and ambient sets end empty (CVE-2022-24769, CVE-2022-27650).
bool drop_privileges(const ContainerSpec& spec, const Identity& identity, Fault& fault);

}  // namespace kring::keeper
