// Hashes for names and caches, not for secrets: the same bytes give the same number on every machine.
// Source: FNV-1a by Fowler, Noll and Vo.
#pragma once

#include <cstdint>
#include <string_view>

namespace kring {

constexpr uint64_t fnv1a64(std::string_view text) {
  uint64_t hash = 14695981039346656037ULL;
  for (const char c : text) {
    hash ^= static_cast<uint8_t>(c);
    hash *= 1099511628211ULL;
  }
  return hash;
}

}  // namespace kring
