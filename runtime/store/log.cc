#include "runtime/store/log.h"

#include <algorithm>

#include "objects/check.h"
#include "objects/limits.h"

namespace kring::store {

using state::FileHeaders;

Log::Log(Env& env, const Options& options, const Recovered& recovered)
    : env_(env),
      directory_(options.directory),
      segment_bytes_(options.segment_bytes),
      grow_bytes_(options.log_grow_bytes),
      slots_(limits::log_segments_max),
      frame_sequence_(recovered.frame_sequence),
      frame_check_(recovered.frame_check),
      revision_(recovered.revision) {
  for (const SegmentInfo& info : recovered.segments) {
    Slot& slot = slots_[info.slot];
    slot.linked = true;
    slot.file_bytes = info.file_bytes / state::sector_bytes * state::sector_bytes;
    // A damaged header: kept until the file is moved aside, so it looks like the newest of all.
    const bool damaged = info.state == FileHeaders::State::damaged;
    if (damaged) slot.sequence = UINT64_MAX;
    if (info.state == FileHeaders::State::valid) {
      slot.sequence = info.empty() ? 0 : info.header.sequence;
      slot.salt = info.header.salt;
      last_segment_ = std::max(last_segment_, info.header.sequence);
    }
  }
  // Numbers go on above what the snapshots name, too, in case the files they mean are gone.
  for (const SnapshotInfo& info : recovered.snapshots)
    if (info.valid) last_segment_ = std::max(last_segment_, info.header.log_from);
  if (recovered.active.has_value()) {
    const SegmentInfo& info = recovered.segments[*recovered.active];
    active_slot_ = info.slot;
    slots_[active_slot_].sequence = info.header.sequence;
    end_ = info.end;
  }
}

Task<Result<void>> Log::start() {
  if (end_ == 0) co_return Result<void>{};  // nothing to go on with: the first write makes a segment
  KRING_CO_TRY(active_, co_await env_.disk.open(path(active_slot_), OpenMode::write));
  co_return co_await active_->sync();
}

state::FrameHeader Log::next_header() const {
  KRING_CHECK(active_ != nullptr, "room was reserved");
  state::FrameHeader header;
  header.salt = slots_[active_slot_].salt;
  header.sequence = frame_sequence_ + 1;
  header.previous_check = frame_check_;
  return header;
}

// The bytes beyond slot.file_bytes count only once all of them are durable, so a failure loses nothing.
Task<Result<void>> Log::grow(File& file, Slot& slot, uint64_t to) {
  constexpr uint64_t piece_bytes = 256 * 1024;
  const std::vector<uint8_t> zeros(static_cast<size_t>(std::min(piece_bytes, to - slot.file_bytes)));
  uint64_t at = slot.file_bytes;
  while (at < to) {
    const size_t piece = static_cast<size_t>(std::min<uint64_t>(zeros.size(), to - at));
    KRING_CO_TRY_VOID(co_await file.write(at, std::span{zeros}.first(piece), false));
    at += piece;
    bytes_written_ += piece;
  }
  KRING_CO_TRY_VOID(co_await file.sync());
  slot.file_bytes = to;
  co_return Result<void>{};
}

Task<Result<void>> Log::reserve(size_t bytes) {
  KRING_CHECK(bytes % state::sector_bytes == 0 && state::frames_offset + bytes <= segment_bytes_);
  if (active_ == nullptr || end_ + bytes > segment_bytes_) KRING_CO_TRY_VOID(co_await rotate(revision_));
  Slot* slot = &slots_[active_slot_];
  if (end_ + bytes <= slot->file_bytes) co_return Result<void>{};
  const uint64_t to = std::min(segment_bytes_, std::max<uint64_t>(end_ + bytes, slot->file_bytes + grow_bytes_));
  auto grown = co_await grow(*active_, *slot, to);
  if (grown.has_value()) co_return Result<void>{};
  // A full disk: an older segment that is free again already has its room.
  for (size_t index : free_slots()) {
    if (slots_[index].file_bytes < state::frames_offset + bytes) continue;
    auto used = co_await use(index, revision_);
    if (used.has_value()) co_return Result<void>{};
  }
  co_return grown;
}

std::vector<size_t> Log::free_slots() const {
  std::vector<size_t> free;
  for (size_t i = 0; i < slots_.size(); ++i) {
    const bool in_use = active_ != nullptr && i == active_slot_;
    if (!in_use && slots_[i].sequence < keep_from_) free.push_back(i);
  }
  std::sort(free.begin(), free.end(), [this](size_t a, size_t b) {
    return slots_[a].file_bytes != slots_[b].file_bytes ? slots_[a].file_bytes > slots_[b].file_bytes : a < b;
  });
  return free;
}

Task<Result<void>> Log::rotate(Revision revision) {
  const auto free = free_slots();
  if (free.empty())
    co_return Error{Reason::service_unavailable, "the log is full and no snapshot could be written to make room"};
  co_return co_await use(free.front(), revision);
}

// Until the last line succeeds the log goes on where it was; a header that was written nevertheless names a segment
// without frames, which recovery passes over.
Task<Result<void>> Log::use(size_t index, Revision revision) {
  Slot& slot = slots_[index];
  state::FileHeader header;
  header.type = state::FileType::log;
  header.salt = env_.random.u64();
  header.sequence = ++last_segment_;
  header.revision = revision;
  header.frame_sequence = frame_sequence_;
  header.frame_check = frame_check_;
  const auto bytes = state::encode_file_header(header);

  KRING_CO_TRY(auto file, co_await env_.disk.open(path(index), OpenMode::create));
  const uint64_t first = std::min(segment_bytes_, state::frames_offset + grow_bytes_);
  if (slot.file_bytes < first) {
    auto grown = co_await grow(*file, slot, first);
    // A full disk: the room that is there will do.
    if (grown.has_error() && slot.file_bytes < state::frames_offset + grow_bytes_ / 2) co_return grown;
  }
  KRING_CO_TRY_VOID(co_await file->write(0, bytes, true));
  slot.sequence = header.sequence;
  slot.salt = header.salt;
  bytes_written_ += bytes.size();
  if (!slot.linked) KRING_CO_TRY_VOID(co_await env_.disk.sync_directory(directory_));
  slot.linked = true;
  active_ = std::move(file);
  active_slot_ = index;
  end_ = state::frames_offset;
  co_return Result<void>{};
}

Task<Result<void>> Log::append(const state::FrameHeader& header, std::span<const uint8_t> frame) {
  KRING_CHECK(header.sequence == frame_sequence_ + 1 && header.salt == slots_[active_slot_].salt);
  KRING_CHECK(end_ % state::sector_bytes == 0 && end_ + frame.size() <= slots_[active_slot_].file_bytes);
  KRING_CO_TRY_VOID(co_await active_->write(end_, frame, true));
  end_ += frame.size();
  frame_sequence_ = header.sequence;
  frame_check_ = header.check;
  revision_ = header.revision;
  bytes_written_ += frame.size();
  ++syncs_;
  co_return Result<void>{};
}

}  // namespace kring::store
