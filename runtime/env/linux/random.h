// Random bytes of the kernel, fetched in blocks: most callers want a few bytes. Used bytes are wiped.
#pragma once

#include <array>

#include "runtime/env/env.h"

namespace kring {

class LinuxRandom final : public Random {
 public:
  void fill(std::span<uint8_t> out) override;

 private:
  std::array<uint8_t, 256> block_{};
  size_t used_ = 256;
};

}  // namespace kring
