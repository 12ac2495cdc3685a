// Bounded binary fields, as kring and the keeper exchange them. One list of fields per structure serves both ways
// (spec.cc): an Encoder and a Decoder offer the same functions, so the two ends cannot disagree.
//
//   number   8 bytes little-endian
//   text     length (4 bytes) | bytes | 0      no NUL inside, so that it can be given to the kernel as it is
//   bytes    length (4 bytes) | bytes
//   list     count (4 bytes) | elements
//
// A Decoder never reads outside its input, allocates only from the arena it was given, and after the first violation
// stays failed; its views point into the input.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <new>
#include <span>
#include <string_view>

namespace kring::keeper {

using TextList = std::span<const std::string_view>;
using Bytes = std::span<const uint8_t>;

class Encoder {
 public:
  explicit Encoder(std::span<uint8_t> out) : out_(out) {}
  bool ok() const { return ok_; }
  size_t size() const { return at_; }

  template <class T>
  void number(const T& value) {
    const auto wide = static_cast<uint64_t>(value);
    put(&wide, sizeof(wide));
  }
  void text(const std::string_view& value, size_t max);
  void bytes(const Bytes& value, size_t max);
  void list(const TextList& values, size_t max_count, size_t max_each);
  uint32_t count(size_t count, size_t max);
  template <class T, class F>
  void each(const std::span<T>& values, size_t max, F field) {
    count(values.size(), max);
    for (auto& value : values) field(*this, value);
  }

 private:
  void put(const void* data, size_t size);
  std::span<uint8_t> out_;
  size_t at_ = 0;
  bool ok_ = true;
};

class Decoder {
 public:
  // `arena` holds the arrays of lists; it must outlive what is decoded, and be aligned to 16.
  Decoder(Bytes in, std::span<uint8_t> arena) : in_(in), arena_(arena) {}
  // REQUIRES for a whole structure: everything was consumed.
  bool done() const { return ok_ && at_ == in_.size(); }
  bool ok() const { return ok_; }

  template <class T>
  void number(T& value) {
    uint64_t wide = 0;
    get(&wide, sizeof(wide));
    value = static_cast<T>(wide);
    // A number that does not fit its field is a violation, not a truncation.
    if (static_cast<uint64_t>(value) != wide) fail();
  }
  void text(std::string_view& value, size_t max);
  void bytes(Bytes& value, size_t max);
  void list(TextList& values, size_t max_count, size_t max_each);
  uint32_t count(size_t, size_t max);
  template <class T, class F>
  void each(std::span<T>& values, size_t max, F field) {
    const uint32_t n = count(0, max);
    T* array = static_cast<T*>(allocate(n * sizeof(T)));
    if (array == nullptr) return;
    for (uint32_t i = 0; i < n && ok_; ++i) field(*this, *new (array + i) T{});
    if (ok_) values = {array, n};
  }

 private:
  void fail() { ok_ = false; }
  void get(void* data, size_t size);
  void* allocate(size_t size);
  Bytes in_;
  std::span<uint8_t> arena_;
  size_t at_ = 0, arena_used_ = 0;
  bool ok_ = true;
};

// Room that the lists of an input of `size` bytes can need at most: the smallest element (5 bytes) becomes a view.
constexpr size_t arena_bytes(size_t size) { return (size / 5 + 64) * 24 + 4096; }

}  // namespace kring::keeper

