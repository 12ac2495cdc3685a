// How the codec reads FlatBuffers through descriptors: the three lines of the format that printing, decoding and
// verifying share. REQUIRES: the bytes are verified.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace kring::codec::read {

template <class T>
T scalar(const uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// Follows the offset at `at`.
inline const uint8_t* follow(const uint8_t* at) { return at + scalar<uint32_t>(at); }

inline const uint8_t* root(const uint8_t* bytes) { return follow(bytes); }

// Where a table keeps a field, or null when it is absent.
struct Table {
  explicit Table(const uint8_t* at) : at_(at), vtable_(at - scalar<int32_t>(at)), size_(scalar<uint16_t>(vtable_)) {}

  const uint8_t* field(uint16_t slot) const {
    if (slot >= size_) return nullptr;
    const uint16_t offset = scalar<uint16_t>(vtable_ + slot);
    return offset == 0 ? nullptr : at_ + offset;
  }
  // A string, vector or table; null when absent.
  const uint8_t* pointer(uint16_t slot) const {
    const uint8_t* where = field(slot);
    return where == nullptr ? nullptr : follow(where);
  }

 private:
  const uint8_t* at_;
  const uint8_t* vtable_;
  uint16_t size_;
};

// A vector or string: its length, then its elements.
inline uint32_t length(const uint8_t* vector) { return scalar<uint32_t>(vector); }
inline const uint8_t* elements(const uint8_t* vector) { return vector + 4; }
// Element i of a vector of tables, strings or vectors.
inline const uint8_t* element(const uint8_t* vector, uint32_t i) { return follow(elements(vector) + 4 * size_t{i}); }

inline std::string_view text(const uint8_t* string) {
  return {reinterpret_cast<const char*>(elements(string)), length(string)};
}

// Slots of a map entry and of meta.IntOrString.
inline constexpr uint16_t slot_key = 4, slot_value = 6;
inline constexpr uint16_t slot_number = 4, slot_text = 6;

}  // namespace kring::codec::read
