// Blocking byte streams of the unpacking process: a region of a file, hashed, decompressed, capped, hashed again.
// Invariants: memory is fixed (buffers, zstd's window of at most 128 MiB); a stream that failed fails for good.
// Lifetime: a stream's source outlives it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "objects/result.h"
#include "runtime/env/linux/unique_fd.h"
#include "runtime/images/digest.h"

namespace kring::images {

class Stream {
 public:
  virtual ~Stream() = default;
  // At least one byte, or 0 at the end. REQUIRES: out is not empty.
  virtual Result<size_t> read(std::span<uint8_t> out) = 0;
};

// Bytes of a file that stays open elsewhere.
struct Region {
  int fd = -1;
  uint64_t offset = 0, size = 0;
};
class RegionStream final : public Stream {
 public:
  explicit RegionStream(Region region) : region_(region) {}
  Result<size_t> read(std::span<uint8_t> out) override;

 private:
  Region region_;
};

// Hashes and counts what passes; more than `bytes_max` is an error.
class HashingStream final : public Stream {
 public:
  HashingStream(Stream& source, uint64_t bytes_max, std::string what)
      : source_(source), bytes_max_(bytes_max), what_(std::move(what)) {}
  Result<size_t> read(std::span<uint8_t> out) override;
  uint64_t bytes() const { return bytes_; }
  std::string digest() { return hasher_.digest(); }  // once, at the end
  Result<void> drain();                              // reads and drops the rest

 private:
  Stream& source_;
  const uint64_t bytes_max_;
  const std::string what_;
  Hasher hasher_;
  uint64_t bytes_ = 0;
};

// Looks at the first bytes and decompresses gzip (of one or several members) and zstd; anything else passes unchanged.
// The media type is not asked: the digest of the result decides whether the right thing came out.
Result<std::unique_ptr<Stream>> make_decompressor(Stream& source);

}  // namespace kring::images
