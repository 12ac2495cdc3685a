#include "runtime/env/linux/random.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "objects/check.h"

namespace kring {
namespace {

// getrandom(2) never fails for up to 256 bytes once the pool is ready; it may be interrupted before.
void fill_from_kernel(std::span<uint8_t> out) {
  while (!out.empty()) {
    const ssize_t n = ::getrandom(out.data(), out.size(), 0);
    KRING_CHECK(n > 0 || errno == EINTR, "getrandom");
    if (n > 0) out = out.subspan(static_cast<size_t>(n));
  }
}

}  // namespace

void LinuxRandom::fill(std::span<uint8_t> out) {
  if (out.size() > block_.size() / 2) return fill_from_kernel(out);
  if (block_.size() - used_ < out.size()) {
    fill_from_kernel(block_);
    used_ = 0;
  }
  std::memcpy(out.data(), block_.data() + used_, out.size());
  std::memset(block_.data() + used_, 0, out.size());
  used_ += out.size();
}

}  // namespace kring
