// Reads the frames of one file through a window, so that neither a large file nor an unreadable sector hurts: errors of
// the medium come back as Reason::io (a mapping would raise SIGBUS).
// Lifetime: views returned point into the window and die with the next call.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "objects/state.h"
#include "runtime/env/disk.h"

namespace kring::store {

class FrameReader {
 public:
  FrameReader(File& file, uint64_t file_bytes) : file_(file), file_bytes_(file_bytes) {}

  // `bytes` at `offset`, fewer at the end of the file; aligned to 8 when the offset is.
  Task<Result<std::span<const uint8_t>>> view(uint64_t offset, size_t bytes);
  // The frame at `offset`, header and payload together; an empty header when there is none with a good header that
  // fits the file.
  struct Found {
    std::optional<state::FrameHeader> header;
    std::span<const uint8_t> bytes;
  };
  Task<Result<Found>> frame(uint64_t offset);

 private:
  File& file_;
  uint64_t file_bytes_;
  std::vector<uint8_t> window_;
  uint64_t window_offset_ = 0;
};

}  // namespace kring::store
