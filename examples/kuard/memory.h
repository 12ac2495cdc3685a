// Memory the visitor asked for: really touched, so that it counts against the container's limit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace kuard {

class Memory {
 public:
  ~Memory() { release(); }
  // False when the bytes cannot be had, or `bytes` is not in [1, 64 GiB].
  bool allocate(int64_t bytes);
  void release();
  uint64_t allocated() const;
  std::string json() const;

 private:
  struct Block {
    void* start;
    size_t bytes;
  };
  mutable std::mutex mutex_;
  std::vector<Block> blocks_;
  uint64_t allocated_ = 0;
};

uint64_t resident_bytes();  // of this process

}  // namespace kuard
