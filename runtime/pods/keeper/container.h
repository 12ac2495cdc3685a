// The processes that become a container's program: what runs between clone and exec, in the child. It reports over a
// SEQPACKET socket that closes when the program is executed:
//   'i' identity      who the program runs as, for later execs
//   't' + descriptor  master of its terminal
//   'p' pid + descr.   an exec's process
//   'e' text          why it failed; the process ends
#pragma once

#include "runtime/pods/keeper/rootfs.h"
#include "runtime/pods/keeper/user.h"

namespace kring::keeper {

struct Start {
  RootPlan root;
  int status = -1;
  int streams[3] = {-1, -1, -1};  // standard input, output, error
};
[[noreturn]] void run_container(Start start);

struct ExecStart {
  const ContainerSpec& container;
  const Identity& identity;
  TextList args;
  int container_pidfd = -1;
  int status = -1;
  int streams[3] = {-1, -1, -1};
};
// Joins the container's cgroup and namespaces, then makes the process that executes the program, as a child of the
// keeper (not of this one).
[[noreturn]] void run_exec(ExecStart start);

// Default actions for all signals, nothing blocked: what a program expects of the one who starts it.
void reset_signals();

}  // namespace kring::keeper
