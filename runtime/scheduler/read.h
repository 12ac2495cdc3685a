// Pods and nodes as the scheduler sees them, read from their objects.
#pragma once

#include "objects/object.h"
#include "runtime/scheduler/decide.h"

namespace kring::scheduler {

PodInfo read_pod(const Object& pod);
NodeInfo read_node(const Object& node);

// "" or the node it is bound to.
std::string node_of(const Object& pod);
// Succeeded or Failed: uses nothing any more.
bool over(const Object& pod);
// The first scheduling gate, or "".
std::string gate_of(const Object& pod);
std::string scheduler_of(const Object& pod);

}  // namespace kring::scheduler
