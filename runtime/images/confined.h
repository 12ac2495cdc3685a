// A child process that does the long and dangerous part of handling images: it parses what strangers wrote and
// touches files for seconds, while the loop of the parent goes on.
// What it may do: read the descriptors it was given and change files below its directory, nothing else. It is a fork
// of the one-threaded parent with a chroot into that directory, the few capabilities that ownership needs, a seccomp
// list of file calls (no sockets, no processes, no mounts, no io_uring), memory and CPU limits, and it dies with its
// parent.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "runtime/env/env.h"

namespace kring::images {

struct ConfinedJob {
  std::string directory;         // becomes its root; absolute
  std::vector<int> descriptors;  // what stays open besides the standard three (which lead to /dev/null); the
                                 // caller's, and the same numbers in the child
  // Runs in the child after it was confined. What it returns reaches the parent, an error too.
  std::function<Result<std::string>()> work;
  std::string name;  // "kring: unpack", for ps
};

// Errors: what `work` returned; io when the child could not be started or confined, or died.
// A cancelled caller kills the child and waits for its end.
Task<Result<std::string>> run_confined(Env& env, ConfinedJob job);

}  // namespace kring::images
