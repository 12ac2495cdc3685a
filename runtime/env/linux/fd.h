// Waiting for descriptors that are not sockets of runtime/http: keeper sockets, pidfds, eventfds, netlink.
// The descriptor stays the caller's; it must stay open until the wait ends. One wait for each direction at a time.
#pragma once

#include "runtime/env/env.h"

namespace kring {

Task<Result<void>> wait_readable(Env& env, int fd);
Task<Result<void>> wait_writable(Env& env, int fd);

}  // namespace kring
