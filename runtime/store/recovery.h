// What a store directory holds, found by reading only: the newest whole snapshot, then every frame of the log that
// follows it. Both open() and fsck() stand on it, so they cannot disagree.
//
// Files: snapshot.a, snapshot.b (written in turns), log.0 ... log.4 (used in a ring; the order is in their headers),
// snapshot.tmp (unfinished), *.damaged-N (kept aside for people to look at).
// Rules: (1) a header of a newer format or a foreign file is an error and nothing is touched; (2) of the snapshots the
// newest whole one counts, the log reaches back to the older one; (3) replay stops at the first bad frame; nothing
// valid after it: a torn tail, normal after a crash, since the frame was never acknowledged; a valid frame with a later
// number anywhere: a hole, acknowledged writes are lost and the files are to be kept aside; (4) revisions go on above
// everything any readable frame says.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "objects/state.h"
#include "runtime/env/disk.h"
#include "runtime/store/object_map.h"
#include "runtime/store/store.h"

namespace kring::store {

inline constexpr std::array<std::string_view, 2> snapshot_names{"snapshot.a", "snapshot.b"};
inline constexpr std::string_view snapshot_temporary_name = "snapshot.tmp";
inline constexpr std::string_view segment_name_prefix = "log.";
std::string segment_name(size_t slot);

struct SegmentInfo {
  size_t slot = 0;
  state::FileHeaders::State state = state::FileHeaders::State::blank;
  state::FileHeader header;
  bool both_headers = false;
  uint64_t file_bytes = 0;
  uint64_t end = state::frames_offset;   // after the last good frame
  uint64_t frames = 0;
  bool replayed = false;                 // it follows the snapshot in use
  bool past_hole = false;                // holds frames that could not be replayed
  // Came into use and never got a frame: an attempt that was cut short.
  bool empty() const { return replayed && !past_hole && end == state::frames_offset; }
};

struct SnapshotInfo {
  bool present = false;                  // there is a file
  bool valid = false;                    // the header is; for the newest also every frame
  state::FileHeader header;
  uint64_t file_bytes = 0;
};

struct Recovered {
  ObjectMap objects;
  Revision revision = 0;
  uint64_t frame_sequence = 0;           // the last frame that counts; new frames follow it
  uint32_t frame_check = 0;
  std::array<SnapshotInfo, 2> snapshots;
  std::optional<size_t> newest;          // index of the snapshot in use
  std::vector<SegmentInfo> segments;     // by slot
  std::optional<size_t> active;          // index into segments: where the log goes on
  uint64_t replayed_bytes = 0;           // of the log, since the snapshot
  bool damaged = false;                  // acknowledged writes may be lost
  std::vector<std::string> aside;        // names of files to keep aside
  std::vector<std::string> notes;        // what was dropped, one sentence each
};

// Errors: io (cannot be read), bad_request (newer format, or a kind this program does not know), corrupt (foreign, or
// no snapshot can be read). Changes nothing.
Task<Result<Recovered>> recover(Env& env, std::string directory);

}  // namespace kring::store
