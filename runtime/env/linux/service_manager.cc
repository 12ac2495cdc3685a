#include "runtime/env/linux/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "runtime/env/linux/unique_fd.h"

namespace kring {

Result<void> notify_service_manager(std::string_view state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || *path == 0) return {};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const size_t length = std::strlen(path);
  if ((path[0] != '/' && path[0] != '@') || length >= sizeof address.sun_path) {
    return Error{Reason::invalid, std::string{"NOTIFY_SOCKET is no socket address: "} + path};
  }
  std::memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = 0;
  const UniqueFd socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!socket.valid()) return io_error("socket for NOTIFY_SOCKET", errno);
  // An abstract name is exactly its bytes; a path ends with a zero.
  const size_t name_bytes = path[0] == '@' ? length : length + 1;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_bytes);
  const ssize_t sent = ::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL,
                                reinterpret_cast<const sockaddr*>(&address), size);
  if (sent < 0) return io_error("send to NOTIFY_SOCKET", errno);
  return {};
}

std::optional<int64_t> service_watchdog_ms() {
  const char* usec = std::getenv("WATCHDOG_USEC");
  const char* pid = std::getenv("WATCHDOG_PID");
  if (usec == nullptr || (pid != nullptr && pid != std::to_string(::getpid()))) return std::nullopt;
  int64_t value = 0;
  const auto parsed = std::from_chars(usec, usec + std::strlen(usec), value);
  if (parsed.ec != std::errc{} || *parsed.ptr != 0 || value <= 0) return std::nullopt;
  return std::max<int64_t>(value / 2000, 1);
}

}  // namespace kring
