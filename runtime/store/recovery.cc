#include "runtime/store/recovery.h"

#include <algorithm>
#include <charconv>

#include "objects/check.h"
#include "objects/codec.h"
#include "objects/limits.h"
#include "runtime/store/frame_reader.h"

namespace kring::store {

using state::FileHeaders;
using state::FileType;

std::string segment_name(size_t slot) { return std::string{segment_name_prefix} + std::to_string(slot); }

namespace {

std::string quoted(const std::string& directory, std::string_view name) {
  return directory + "/" + std::string{name};
}

std::optional<size_t> slot_of(std::string_view name) {
  if (!name.starts_with(segment_name_prefix)) return std::nullopt;
  name.remove_prefix(segment_name_prefix.size());
  size_t slot = 0;
  const auto parsed = std::from_chars(name.data(), name.data() + name.size(), slot);
  const bool whole = parsed.ec == std::errc{} && parsed.ptr == name.data() + name.size();
  return whole && slot < limits::log_segments_max ? std::optional{slot} : std::nullopt;
}

// The one place that turns what a header says into refusal.
Result<void> acceptable(const FileHeaders& headers, const std::string& path) {
  if (headers.state == FileHeaders::State::newer)
    return Error{Reason::bad_request, path + " was written by a newer kring (format " +
                                          std::to_string(headers.newer_format) + ", this program knows " +
                                          std::to_string(state::format) + "); nothing was changed"};
  if (headers.state == FileHeaders::State::foreign)
    return Error{Reason::corrupt, path + " is not a file of kring; nothing was changed"};
  return {};
}

class Recovery {
 public:
  Recovery(Env& env, std::string directory) : env_(env), directory_(std::move(directory)) {}

  Task<Result<Recovered>> run();

 private:
  Task<Result<void>> read_snapshot_headers();
  Task<Result<void>> load_newest_snapshot();
  // True when every frame of the file is whole. Reads, does not map.
  Task<Result<bool>> check_snapshot(size_t index);
  Task<Result<void>> use_snapshot(size_t index);
  Task<Result<void>> read_segment_headers(std::vector<std::string> names);
  Task<Result<void>> replay();
  Task<Result<void>> replay_segment(SegmentInfo& segment);
  Task<Result<void>> look_for_later_frames(SegmentInfo& segment, File& file);
  Result<void> apply(const state::Record& record, const std::shared_ptr<const void>& owner);
  void choose_active(bool hole);
  void note(std::string text) { out_.notes.push_back(std::move(text)); }
  std::string path(std::string_view name) const { return quoted(directory_, name); }

  Env& env_;
  std::string directory_;
  Recovered out_;
  // Of all readable frames, replayed or not.
  Revision highest_revision_ = 0;
  uint64_t highest_frame_ = 0;
};

Task<Result<Recovered>> Recovery::run() {
  KRING_CO_TRY(const auto names, co_await env_.disk.list(directory_));
  for (size_t i = 0; i < 2; ++i)
    out_.snapshots[i].present = std::find(names.begin(), names.end(), snapshot_names[i]) != names.end();
  KRING_CO_TRY_VOID(co_await read_snapshot_headers());
  KRING_CO_TRY_VOID(co_await read_segment_headers(names));
  KRING_CO_TRY_VOID(co_await load_newest_snapshot());
  KRING_CO_TRY_VOID(co_await replay());
  co_return std::move(out_);
}

Task<Result<void>> Recovery::read_snapshot_headers() {
  for (size_t i = 0; i < 2; ++i) {
    SnapshotInfo& info = out_.snapshots[i];
    if (!info.present) continue;
    const std::string file_path = path(snapshot_names[i]);
    KRING_CO_TRY(const auto file, co_await env_.disk.open(file_path, OpenMode::read));
    KRING_CO_TRY(info.file_bytes, file->size());
    FrameReader reader{*file, info.file_bytes};
    KRING_CO_TRY(const auto bytes, co_await reader.view(0, state::frames_offset));
    const FileHeaders headers = state::decode_file_header(FileType::snapshot, bytes);
    KRING_CO_TRY_VOID(acceptable(headers, file_path));
    info.valid = headers.state == FileHeaders::State::valid;
    info.header = headers.header;
  }
  co_return Result<void>{};
}

Task<Result<void>> Recovery::read_segment_headers(std::vector<std::string> names) {
  for (const std::string& name : names) {
    const auto slot = slot_of(name);
    if (!slot.has_value()) continue;
    SegmentInfo info;
    info.slot = *slot;
    KRING_CO_TRY(const auto file, co_await env_.disk.open(path(name), OpenMode::read));
    KRING_CO_TRY(info.file_bytes, file->size());
    FrameReader reader{*file, std::min<uint64_t>(info.file_bytes, state::frames_offset)};
    KRING_CO_TRY(const auto bytes, co_await reader.view(0, state::frames_offset));
    const FileHeaders headers = state::decode_file_header(FileType::log, bytes);
    KRING_CO_TRY_VOID(acceptable(headers, path(name)));
    info.state = headers.state;
    info.header = headers.header;
    info.both_headers = headers.both;
    out_.segments.push_back(info);
  }
  std::sort(out_.segments.begin(), out_.segments.end(),
            [](const SegmentInfo& a, const SegmentInfo& b) { return a.slot < b.slot; });
  co_return Result<void>{};
}

Task<Result<void>> Recovery::load_newest_snapshot() {
  std::vector<size_t> order;
  for (size_t i = 0; i < 2; ++i)
    if (out_.snapshots[i].valid) order.push_back(i);
  std::sort(order.begin(), order.end(), [this](size_t a, size_t b) {
    return out_.snapshots[a].header.sequence > out_.snapshots[b].header.sequence;
  });
  bool any_present = false;
  for (size_t i = 0; i < 2; ++i) {
    const SnapshotInfo& info = out_.snapshots[i];
    any_present = any_present || info.present;
    if (!info.present || info.valid) continue;
    note(path(snapshot_names[i]) + ": the header is damaged; the file is kept aside");
    out_.aside.emplace_back(snapshot_names[i]);
  }
  for (size_t index : order) {
    KRING_CO_TRY(const bool whole, co_await check_snapshot(index));
    if (whole) {
      KRING_CO_TRY_VOID(co_await use_snapshot(index));
      co_return Result<void>{};
    }
    out_.snapshots[index].valid = false;
    note(path(snapshot_names[index]) + ": damaged; the file is kept aside");
    out_.aside.emplace_back(snapshot_names[index]);
  }
  // The log reaches back to the older snapshot; before there were two, to the very first frame.
  bool any_segment = false, first_segment = false;
  for (const SegmentInfo& segment : out_.segments) {
    if (segment.state != FileHeaders::State::valid) continue;
    any_segment = true;
    first_segment = first_segment || segment.header.frame_sequence == 0;
  }
  if ((any_present || any_segment) && !first_segment)
    co_return Error{Reason::corrupt, directory_ + ": no snapshot can be read and the log does not reach back to the "
                                                  "beginning; nothing was changed"};
  co_return Result<void>{};
}

Task<Result<bool>> Recovery::check_snapshot(size_t index) {
  const SnapshotInfo& info = out_.snapshots[index];
  KRING_CO_TRY(const auto file, co_await env_.disk.open(path(snapshot_names[index]), OpenMode::read));
  FrameReader reader{*file, info.file_bytes};
  uint64_t offset = state::frames_offset;
  uint64_t sequence = 0;
  uint32_t previous = 0;
  while (true) {
    KRING_CO_TRY(const auto found, co_await reader.frame(offset));
    if (!found.header.has_value() || found.header->salt != info.header.salt ||
        found.header->sequence != sequence + 1 || found.header->previous_check != previous)
      co_return false;
    if (state::decode_frame(*found.header, found.bytes).has_error()) co_return false;
    sequence = found.header->sequence;
    previous = found.header->check;
    offset += found.header->frame_bytes();
    if ((found.header->flags & state::frame_flag_last) != 0) co_return true;
  }
}

Task<Result<void>> Recovery::use_snapshot(size_t index) {
  const SnapshotInfo& info = out_.snapshots[index];
  KRING_CO_TRY(const Mapping mapping, co_await env_.disk.map(path(snapshot_names[index])));
  uint64_t offset = state::frames_offset;
  while (true) {
    const auto rest = mapping.data.size() > offset ? mapping.data.subspan(offset) : std::span<const uint8_t>{};
    const auto header = state::decode_frame_header(rest);
    if (!header.has_value()) co_return Error{Reason::io, path(snapshot_names[index]) + " changed while it was read"};
    KRING_CO_TRY(const auto records, state::decode_frame(*header, rest));
    for (const state::Record& record : records) KRING_CO_TRY_VOID(apply(record, mapping.owner));
    out_.revision = std::max(header->revision, header->ceiling);
    offset += header->frame_bytes();
    if ((header->flags & state::frame_flag_last) != 0) break;
  }
  out_.newest = index;
  out_.frame_sequence = info.header.frame_sequence;
  out_.frame_check = info.header.frame_check;
  co_return Result<void>{};
}

Result<void> Recovery::apply(const state::Record& record, const std::shared_ptr<const void>& owner) {
  const auto describe = [&] {
    return std::string{record.kind} + " " + std::string{record.ns} + "/" + std::string{record.name};
  };
  const Kind* kind = find_kind_by_id(record.kind);
  if (kind == nullptr)
    return Error{Reason::bad_request, directory_ + " holds " + describe() +
                                          ", a kind this kring does not know; nothing was changed"};
  if (record.op == state::Op::remove) {
    out_.objects.remove(*kind, record.ns, record.name);
    return {};
  }
  if (!codec::verify(*kind, record.object))
    return Error{Reason::corrupt, directory_ + ": the bytes of " + describe() +
                                      " are not an object of its kind though their checksum is right"};
  // Bytes of a snapshot stay where they are mapped; those of the log are copied, because its files are used again.
  Bytes bytes = owner != nullptr ? Bytes{record.object, owner}
                                 : own(std::vector<uint8_t>{record.object.begin(), record.object.end()});
  auto object = std::make_shared<const Object>(*kind, std::move(bytes), record.revision);
  if (object->ns() != record.ns || object->name() != record.name)
    return Error{Reason::corrupt, directory_ + ": " + describe() + " holds an object of another name"};
  out_.objects.put(std::move(object));
  return {};
}

Task<Result<void>> Recovery::replay() {
  const uint64_t log_from = out_.newest.has_value() ? out_.snapshots[*out_.newest].header.log_from : 1;
  std::vector<SegmentInfo*> needed;
  for (SegmentInfo& segment : out_.segments) {
    if (segment.state == FileHeaders::State::damaged) {
      note(path(segment_name(segment.slot)) +
           ": the header is damaged; the file is kept aside, acknowledged writes may be lost");
      out_.aside.push_back(segment_name(segment.slot));
      out_.damaged = true;
    }
    if (segment.state == FileHeaders::State::valid && segment.header.sequence >= log_from) needed.push_back(&segment);
  }
  std::sort(needed.begin(), needed.end(),
            [](const SegmentInfo* a, const SegmentInfo* b) { return a->header.sequence < b->header.sequence; });
  if (needed.empty() && out_.newest.has_value()) {
    note(directory_ + ": the log that belongs to the snapshot is missing; acknowledged writes may be lost");
    out_.damaged = true;
  }
  highest_revision_ = out_.revision;
  highest_frame_ = out_.frame_sequence;
  for (SegmentInfo* segment : needed) KRING_CO_TRY_VOID(co_await replay_segment(*segment));

  const bool hole = highest_frame_ > out_.frame_sequence;
  if (hole) {
    out_.damaged = true;
    note(directory_ + ": the log has a hole: frame " + std::to_string(out_.frame_sequence + 1) +
         " is missing or bad but frame " + std::to_string(highest_frame_) +
         " is there; acknowledged writes after revision " + std::to_string(out_.revision) + " are lost");
    for (SegmentInfo* segment : needed)
      if (segment->past_hole) {
        note(path(segment_name(segment->slot)) + ": kept aside, it holds frames that could not be replayed");
        out_.aside.push_back(segment_name(segment->slot));
      }
  }
  choose_active(hole);
  if (out_.damaged) {
    // What was lost may have used more revisions than anything left says.
    out_.revision = std::max(out_.revision, highest_revision_) + limits::revision_ceiling_step;
    out_.frame_sequence = highest_frame_ + limits::log_frame_records_max;
    out_.frame_check = 0;
  }
  co_return Result<void>{};
}

Task<Result<void>> Recovery::replay_segment(SegmentInfo& segment) {
  KRING_CO_TRY(const auto file, co_await env_.disk.open(path(segment_name(segment.slot)), OpenMode::read));
  FrameReader reader{*file, segment.file_bytes};
  segment.end = state::frames_offset;
  if (out_.newest.has_value() && out_.snapshots[*out_.newest].header.log_from == segment.header.sequence)
    segment.end = std::max<uint64_t>(segment.end, out_.snapshots[*out_.newest].header.log_offset);
  segment.replayed = true;
  while (true) {
    KRING_CO_TRY(const auto found, co_await reader.frame(segment.end));
    const auto& header = found.header;
    if (!header.has_value() || header->salt != segment.header.salt || header->sequence != out_.frame_sequence + 1 ||
        header->previous_check != out_.frame_check)
      break;
    const auto records = state::decode_frame(*header, found.bytes);
    if (records.has_error()) {
      note(path(segment_name(segment.slot)) + ": dropped frame " + std::to_string(header->sequence) + " at byte " +
           std::to_string(segment.end) + " with " + std::to_string(header->records) +
           " records: " + records.error().message);
      break;
    }
    for (const state::Record& record : *records) KRING_CO_TRY_VOID(apply(record, nullptr));
    out_.revision = std::max(header->revision, header->ceiling);
    highest_revision_ = std::max(highest_revision_, out_.revision);
    out_.frame_sequence = header->sequence;
    highest_frame_ = std::max(highest_frame_, out_.frame_sequence);
    out_.frame_check = header->check;
    segment.end += header->frame_bytes();
    ++segment.frames;
    out_.replayed_bytes += header->frame_bytes();
  }
  co_return co_await look_for_later_frames(segment, *file);
}

// A frame is written only after the one before it was synced, so a good header with a number beyond the next one proves
// that an acknowledged frame is gone.
Task<Result<void>> Recovery::look_for_later_frames(SegmentInfo& segment, File& file) {
  FrameReader reader{file, segment.file_bytes};
  constexpr size_t step = 128 * 1024;
  static_assert(step % state::sector_bytes == 0);
  for (uint64_t offset = segment.end; offset < segment.file_bytes; offset += step) {
    KRING_CO_TRY(const auto window, co_await reader.view(offset, step));
    for (size_t at = 0; at < window.size(); at += state::sector_bytes) {
      const auto header = state::decode_frame_header(window.subspan(at));
      const bool later = header.has_value() && header->salt == segment.header.salt &&
                         header->sequence > out_.frame_sequence + 1;
      if (!later) continue;
      segment.past_hole = true;
      highest_frame_ = std::max(highest_frame_, header->sequence);
      highest_revision_ = std::max({highest_revision_, header->revision, header->ceiling});
    }
  }
  co_return Result<void>{};
}

void Recovery::choose_active(bool hole) {
  if (hole || out_.damaged) return;
  for (size_t i = 0; i < out_.segments.size(); ++i) {
    const SegmentInfo& segment = out_.segments[i];
    if (segment.state != FileHeaders::State::valid) continue;
    if (!out_.active.has_value() || segment.header.sequence > out_.segments[*out_.active].header.sequence)
      out_.active = i;
  }
  // A segment with one bad header copy is read but not written on: the next bad sector would lose it.
  if (out_.active.has_value() && !out_.segments[*out_.active].both_headers) out_.active.reset();
}

}  // namespace

Task<Result<Recovered>> recover(Env& env, std::string directory) {
  Recovery recovery{env, std::move(directory)};
  co_return co_await recovery.run();
}

}  // namespace kring::store
