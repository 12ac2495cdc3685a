#include "tests/fuzz/targets.h"

namespace kring::fuzz {

std::span<const Target> all_targets() {
  static constexpr Target targets[] = {
      {"json", json},         {"yaml", yaml}, {"patch", patch}, {"quantity", quantity},
      {"selector", selector}, {"time", time}, {"codec", codec},
      {"image_documents", image_documents}, {"image_layer", image_layer},
      {"http_request", http_request}, {"dns_answer", dns_answer},
      {"keeper_message", keeper_message},
  };
  return targets;
}

}  // namespace kring::fuzz
