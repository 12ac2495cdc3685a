// Whether this machine lets the process use io_uring. kring has no second event loop: without it the program says why
// in one line and exits.
#pragma once

#include "objects/result.h"

namespace kring {

// service_unavailable with the reason and the remedy: the sysctl, a seccomp profile, an old kernel, the locked memory.
Result<void> probe_io_uring();

// The text for a failed io_uring_setup; `sysctl` is the content of kernel.io_uring_disabled, empty when there is none.
Error io_uring_error(int error_number, std::string_view sysctl);

}  // namespace kring
