// The write-ahead log: up to limits::log_segments_max files used in a ring, each grown by written zeros in steps before
// it is used, so that a commit never changes a file's size. The bytes are drawn in objects/state.h.
// Invariants: (1) append() is called with room reserved, one at a time; (2) a failed append leaves the end of the log
// unknown: the caller must not append again; (3) reserve() and rotate() put nothing acknowledged at risk and may be
// tried again; (4) a segment is used again only after release_before() said that nothing needs it.
// Lifetime: Env outlives Log.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "objects/state.h"
#include "runtime/env/disk.h"
#include "runtime/store/recovery.h"

namespace kring::store {

class Log {
 public:
  Log(Env& env, const Options& options, const Recovered& recovered);

  // Opens the segment the log goes on in and makes what was read from it durable: a killed process may have left it in
  // the page cache only.
  Task<Result<void>> start();
  // Makes room for a frame of so many bytes, by growing the segment or going on to the next.
  Task<Result<void>> reserve(size_t bytes);
  // Goes on in the next free segment; `revision` is the store's.
  Task<Result<void>> rotate(Revision revision);
  // Writes a frame made with next_header() and waits for the medium.
  Task<Result<void>> append(const state::FrameHeader& header, std::span<const uint8_t> frame);

  // salt, sequence and chain of the next frame. REQUIRES: reserve() succeeded since the last append.
  state::FrameHeader next_header() const;

  // Segments with a lower number may be used again.
  void release_before(uint64_t segment) { keep_from_ = segment; }
  // The slot's file was moved aside.
  void forget(size_t slot) { slots_[slot] = Slot{}; }

  // 0: none yet.
  uint64_t segment() const { return active_ == nullptr ? 0 : slots_[active_slot_].sequence; }
  // Where in the segment the next frame goes.
  uint64_t end() const { return end_; }
  bool has_free_segment() const { return !free_slots().empty(); }
  uint64_t frame_sequence() const { return frame_sequence_; }
  uint32_t frame_check() const { return frame_check_; }
  uint64_t bytes_written() const { return bytes_written_; }
  uint64_t syncs() const { return syncs_; }

 private:
  struct Slot {
    bool linked = false;       // the name in the directory is durable
    uint64_t sequence = 0;     // 0: blank
    uint64_t salt = 0;
    uint64_t file_bytes = 0;   // zeros or old frames up to here, written and durable
  };
  Task<Result<void>> grow(File& file, Slot& slot, uint64_t to);
  Task<Result<void>> use(size_t index, Revision revision);
  // Free slots, those with the most room first.
  std::vector<size_t> free_slots() const;
  std::string path(size_t slot) const { return directory_ + "/" + segment_name(slot); }

  Env& env_;
  std::string directory_;
  uint64_t segment_bytes_, grow_bytes_;
  std::vector<Slot> slots_;
  std::unique_ptr<File> active_;
  size_t active_slot_ = 0;
  uint64_t end_ = 0;           // where the next frame goes
  uint64_t last_segment_ = 0;  // the highest number given to a segment, whether it came into use or not
  uint64_t keep_from_ = 1;
  uint64_t frame_sequence_ = 0;
  uint32_t frame_check_ = 0;
  Revision revision_ = 0;
  uint64_t bytes_written_ = 0, syncs_ = 0;
};

}  // namespace kring::store
