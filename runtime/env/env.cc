#include "runtime/env/env.h"

#include <cstring>

#include "objects/check.h"

namespace kring {

Task<Result<void>> Clock::sleep_ms(int64_t ms) { return sleep_until(now() + ms_to_ns(ms)); }

uint64_t Random::u64() {
  uint64_t value = 0;
  uint8_t bytes[sizeof value];
  fill(bytes);
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

// Rejects the incomplete last range, so that every value is equally likely.
uint64_t Random::below(uint64_t n) {
  KRING_CHECK(n > 0);
  const uint64_t rejected = (UINT64_MAX % n + 1) % n;  // 2^64 mod n
  const uint64_t last = UINT64_MAX - rejected;
  uint64_t value = u64();
  while (value > last) value = u64();
  return value % n;
}

// No vowels and no digits that look like letters: no words appear in names.
std::string Random::name_suffix(size_t length) {
  static constexpr std::string_view alphabet = "bcdfghjklmnpqrstvwxz2456789";
  std::string suffix;
  suffix.reserve(length);
  for (size_t i = 0; i < length; ++i) suffix += alphabet[below(alphabet.size())];
  return suffix;
}

std::string Random::uuid() {
  uint8_t bytes[16];
  fill(bytes);
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0f) | 0x40);  // version 4
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3f) | 0x80);  // variant of RFC 4122
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (size_t i = 0; i < sizeof bytes; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += digits[bytes[i] >> 4];
    text += digits[bytes[i] & 15];
  }
  return text;
}

}  // namespace kring
