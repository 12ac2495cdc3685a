// Looks for the next byte of a string that needs care, eight bytes at a time. Used by the JSON parser and printer.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace kring::json {

// True for bytes that end a plain run: quote, backslash, controls and everything outside ASCII.
inline bool is_special(unsigned char c) { return c < 0x20 || c == '"' || c == '\\' || c >= 0x80; }

// The first special byte of [p, end), or end.
inline const char* find_special(const char* p, const char* end) {
  static_assert(std::endian::native == std::endian::little, "the lowest set bit is the first byte");
  constexpr uint64_t ones = 0x0101010101010101, high = 0x8080808080808080;
  // A byte's high bit is set where it is below n. Borrows only disturb bytes after a true hit, and only the first
  // hit is used.
  auto below = [](uint64_t word, uint64_t n) { return (word - ones * n) & ~word & high; };
  for (; end - p >= 8; p += 8) {
    uint64_t word;
    std::memcpy(&word, p, 8);
    const uint64_t hits =
        below(word, 0x20) | below(word ^ ones * '"', 1) | below(word ^ ones * '\\', 1) | (word & high);
    if (hits != 0) return p + (std::countr_zero(hits) >> 3);
  }
  while (p != end && !is_special(static_cast<unsigned char>(*p))) ++p;
  return p;
}

}  // namespace kring::json
