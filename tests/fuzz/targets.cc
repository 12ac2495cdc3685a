#include "tests/fuzz/targets.h"

namespace kring::fuzz {

std::span<const Target> all_targets() {
  static constexpr Target targets[] = {
      {"json", json},         {"yaml", yaml}, {"patch", patch}, {"quantity", quantity},
      {"selector", selector}, {"time", time}, {"codec", codec},
  };
  return targets;
}

}  // namespace kring::fuzz
