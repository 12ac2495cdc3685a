// The bytes the store writes: log segments and snapshots. Pure: encode and decode, no file.
//
// A file is a header (twice, so that one bad sector loses nothing) and then frames, each at a multiple of 512 bytes, so
// that a sector once acknowledged is never written again:
//
//   0      FileHeader   64 bytes used of the first sector
//   4096   FileHeader   the same again
//   8192   frame, frame, ...
//
//   FileHeader                                   FrameHeader
//    0  "kringlog" or "kringsnp"                  0  u32 magic "kfr1"
//    8  u32 format                                4  u32 payload bytes
//   12  u32 snapshot: first sector it needs there  8  u64 salt of the file
//   16  u64 salt, random per use of the file     16  u64 sequence of the frame
//   24  u64 sequence of the segment / snapshot   24  u32 checksum field of the frame before it
//   32  u64 snapshot: first segment it needs     28  u32 records
//   40  u64 revision                             32  u64 revision after this frame
//   48  u64 sequence of the last frame covered   40  u64 ceiling: revisions up to it may have been handed out
//   56  u32 checksum field of that frame         48  u32 flags
//   60  u32 CRC-32C of bytes 0 to 59             52  u32 CRC-32C of the payload
//                                                56  u32 0
//                                                60  u32 CRC-32C of bytes 0 to 59
//
// All numbers are little endian. The payload is a FlatBuffer of schema/state.fbs, zero-padded to the next 512 bytes.
// Invariant: a frame counts only when the file's salt, its sequence, the chain to the frame before it and both
// checksums fit; so neither what an earlier use of the file left behind nor bytes that a client put into an object can
// be taken for a frame (nobody outside knows the salt).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "objects/object.h"
#include "objects/result.h"

namespace kring::state {

inline constexpr uint32_t format = 1;
inline constexpr size_t sector_bytes = 512;
inline constexpr size_t file_header_bytes = 64;
inline constexpr size_t file_header_copy_offset = 4096;
inline constexpr size_t frames_offset = 8192;
inline constexpr size_t frame_header_bytes = 64;

inline constexpr size_t round_up_to_sector(size_t bytes) {
  return (bytes + sector_bytes - 1) / sector_bytes * sector_bytes;
}

enum class FileType : uint8_t { log, snapshot };

struct FileHeader {
  FileType type = FileType::log;
  uint64_t salt = 0;
  uint64_t sequence = 0;
  uint64_t log_from = 0;         // snapshots: the first segment with frames that are not in it,
  uint64_t log_offset = 0;       // and the byte in it where they begin; a multiple of sector_bytes
  Revision revision = 0;
  uint64_t frame_sequence = 0;   // the last frame written before this segment / contained in this snapshot
  uint32_t frame_check = 0;
  friend bool operator==(const FileHeader&, const FileHeader&) = default;
};

// The first frames_offset bytes of a file: the header twice.
std::vector<uint8_t> encode_file_header(const FileHeader& header);

struct FileHeaders {
  // valid: at least one copy can be trusted; blank: all zeros or cut short, the file was never in use; damaged: ours,
  // but neither copy is intact; newer: written by a later format; foreign: not ours.
  enum class State : uint8_t { valid, blank, damaged, newer, foreign } state = State::blank;
  FileHeader header;             // the copy with the higher sequence, when valid
  bool both = false;             // both copies are intact and equal
  uint32_t newer_format = 0;
};
// Judges the first frames_offset bytes (or fewer, when the file is shorter) of a file that should be of `type`.
FileHeaders decode_file_header(FileType type, std::span<const uint8_t> bytes);

enum class Op : uint8_t { put, remove };

// Views into the caller's or the frame's bytes.
struct Record {
  Revision revision = 0;
  Op op = Op::put;
  std::string_view kind;  // Kind::id()
  std::string_view ns, name;
  std::span<const uint8_t> object;
};

inline constexpr uint32_t frame_flag_last = 1;   // the last frame of a snapshot; of a log: written by a clean stop

struct FrameHeader {
  uint32_t payload_bytes = 0;
  uint64_t salt = 0;
  uint64_t sequence = 0;
  uint32_t previous_check = 0;
  uint32_t records = 0;
  Revision revision = 0;
  Revision ceiling = 0;
  uint32_t flags = 0;
  uint32_t payload_crc = 0;
  uint32_t check = 0;            // the frame's own checksum field, which the next frame repeats

  size_t frame_bytes() const { return round_up_to_sector(frame_header_bytes + payload_bytes); }
};

// Collects records and makes one frame of them. Reusable after finish().
class FrameBuilder {
 public:
  FrameBuilder();
  ~FrameBuilder();
  FrameBuilder(const FrameBuilder&) = delete;
  FrameBuilder& operator=(const FrameBuilder&) = delete;

  void add(const Record& record);
  size_t records() const;
  // What the frame would take on disk now, a little more than exact.
  size_t bytes() const;
  // Appends the frame, padded, to `out`. Of `header`, payload_bytes, payload_crc, records and check are filled in.
  void finish(FrameHeader& header, std::vector<uint8_t>& out);
  // Forgets the records and gives the memory back.
  void reset();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The header at the start of `bytes` when its magic, checksum and bounds are right. It does not look at the payload.
std::optional<FrameHeader> decode_frame_header(std::span<const uint8_t> bytes);

// The records of a frame whose header is at the start of `bytes`; they point into `bytes`, which must be aligned to 8.
// corrupt when the payload's checksum or structure is wrong.
Result<std::vector<Record>> decode_frame(const FrameHeader& header, std::span<const uint8_t> bytes);

}  // namespace kring::state
