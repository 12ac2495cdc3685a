#include "runtime/env/linux/read_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "runtime/env/linux/unique_fd.h"

namespace kring {

Result<std::string> read_small_file(const std::string& path, size_t bytes_max) {
  const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (!fd.valid()) return io_error("open " + path, errno);
  std::string text;
  char block[4096];
  while (true) {
    const ssize_t n = ::read(fd.get(), block, sizeof block);
    if (n == 0) return text;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error("read " + path, errno);
    text.append(block, static_cast<size_t>(n));
    if (text.size() > bytes_max) return Error{Reason::request_entity_too_large, path + " is too large"};
  }
}

}  // namespace kring
