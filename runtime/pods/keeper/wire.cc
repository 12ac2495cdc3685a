#include "runtime/pods/keeper/wire.h"

#include <string.h>

namespace kring::keeper {

void Encoder::put(const void* data, size_t size) {
  if (!ok_ || size > out_.size() - at_) {
    ok_ = false;
    return;
  }
  if (size > 0) memcpy(out_.data() + at_, data, size);
  at_ += size;
}

uint32_t Encoder::count(size_t count, size_t max) {
  if (count > max) ok_ = false;
  const auto n = static_cast<uint32_t>(count);
  put(&n, sizeof(n));
  return n;
}

void Encoder::text(const std::string_view& value, size_t max) {
  if (!value.empty() && memchr(value.data(), 0, value.size()) != nullptr) ok_ = false;
  count(value.size(), max);
  put(value.data(), value.size());
  put("", 1);
}

void Encoder::bytes(const Bytes& value, size_t max) {
  count(value.size(), max);
  put(value.data(), value.size());
}

void Encoder::list(const TextList& values, size_t max_count, size_t max_each) {
  count(values.size(), max_count);
  for (const auto& value : values) text(value, max_each);
}

void Decoder::get(void* data, size_t size) {
  if (!ok_ || size > in_.size() - at_) {
    fail();
    return;
  }
  memcpy(data, in_.data() + at_, size);
  at_ += size;
}

uint32_t Decoder::count(size_t, size_t max) {
  uint32_t n = 0;
  get(&n, sizeof(n));
  if (n > max) fail();
  return ok_ ? n : 0;
}

void Decoder::text(std::string_view& value, size_t max) {
  const uint32_t size = count(0, max);
  if (!ok_ || in_.size() - at_ < size_t{size} + 1) return fail();
  const char* data = reinterpret_cast<const char*>(in_.data() + at_);
  if (data[size] != 0 || (size > 0 && memchr(data, 0, size) != nullptr)) return fail();
  value = {data, size};
  at_ += size_t{size} + 1;
}

void Decoder::bytes(Bytes& value, size_t max) {
  const uint32_t size = count(0, max);
  if (!ok_ || in_.size() - at_ < size) return fail();
  value = in_.subspan(at_, size);
  at_ += size;
}

void Decoder::list(TextList& values, size_t max_count, size_t max_each) {
  const uint32_t n = count(0, max_count);
  auto* array = static_cast<std::string_view*>(allocate(n * sizeof(std::string_view)));
  if (array == nullptr) return;
  for (uint32_t i = 0; i < n && ok_; ++i) text(*new (array + i) std::string_view{}, max_each);
  if (ok_) values = {array, n};
}

void* Decoder::allocate(size_t size) {
  size = (size + 15) & ~size_t{15};
  if (!ok_ || size > arena_.size() - arena_used_) {
    fail();
    return nullptr;
  }
  void* at = arena_.data() + arena_used_;
  arena_used_ += size;
  return at;
}

}  // namespace kring::keeper
