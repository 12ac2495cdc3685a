#include "runtime/env/linux/probe.h"

#include <fcntl.h>
#include <liburing.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace kring {
namespace {

std::string read_sysctl() {
  const int fd = ::open("/proc/sys/kernel/io_uring_disabled", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  char text[8];
  const ssize_t n = ::read(fd, text, sizeof text);
  ::close(fd);
  std::string value{text, n > 0 ? static_cast<size_t>(n) : 0};
  while (!value.empty() && value.back() == '\n') value.pop_back();
  return value;
}

}  // namespace

// Source: io_uring_setup(2) and Documentation/admin-guide/sysctl/kernel.rst, io_uring_disabled: 1 allows it to
// privileged processes only, 2 to nobody.
Error io_uring_error(int error_number, std::string_view sysctl) {
  const std::string head = "io_uring, which kring runs on, cannot be used here: ";
  if (error_number == EPERM && !sysctl.empty() && sysctl != "0") {
    return Error{Reason::service_unavailable, head + "kernel.io_uring_disabled=" + std::string{sysctl} +
                                                  " forbids it; allow it with: sysctl -w kernel.io_uring_disabled=0"};
  }
  if (error_number == EPERM || error_number == EACCES) {
    return Error{Reason::service_unavailable,
                 head + "a seccomp profile or security module forbids it (kernel.io_uring_disabled is " +
                     (sysctl.empty() ? std::string{"absent"} : std::string{sysctl}) +
                     "); inside a container allow the io_uring_* system calls"};
  }
  if (error_number == ENOSYS) {
    return Error{Reason::service_unavailable,
                 head +
                     "the kernel lacks it, or a container's seccomp profile hides it (Linux 5.15 or later with "
                     "CONFIG_IO_URING is needed)"};
  }
  if (error_number == ENOMEM) {
    return Error{Reason::service_unavailable, head + "not enough locked memory; raise it with: ulimit -l unlimited"};
  }
  return Error{Reason::service_unavailable, head + std::strerror(error_number)};
}

Result<void> probe_io_uring() {
  io_uring ring;
  const int error = io_uring_queue_init(4, &ring, 0);
  if (error < 0) return io_uring_error(-error, read_sysctl());
  io_uring_queue_exit(&ring);
  return {};
}

}  // namespace kring
