// Hashes for names, caches and tables; none is for secrets.
// fnv1a: the same bytes give the same number on every machine (ETags, stable choices). An attacker finds keys that
// collide in it at will.
// SipHash-2-4: for tables whose keys come from outside. With a random key nobody can choose colliding ones. This room
// has no randomness, so the owner of a table brings the key.
// Source: FNV-1a by Fowler, Noll and Vo; SipHash by Aumasson and Bernstein (2012), with its test vectors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kring {

constexpr uint32_t fnv1a32(std::string_view text) {
  uint32_t hash = 2166136261U;
  for (const char c : text) {
    hash ^= static_cast<uint8_t>(c);
    hash *= 16777619U;
  }
  return hash;
}

constexpr uint64_t fnv1a64(std::string_view text) {
  uint64_t hash = 14695981039346656037ULL;
  for (const char c : text) {
    hash ^= static_cast<uint8_t>(c);
    hash *= 1099511628211ULL;
  }
  return hash;
}

struct SipKey {
  uint64_t k0 = 0, k1 = 0;
};
uint64_t siphash(SipKey key, std::string_view bytes);

// The hasher of a std::unordered_map over texts from outside; lookups by string_view need std::equal_to<> beside it.
struct KeyedHash {
  using is_transparent = void;
  SipKey key;
  size_t operator()(std::string_view text) const { return static_cast<size_t>(siphash(key, text)); }
};

}  // namespace kring
