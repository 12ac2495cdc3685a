#include "runtime/store/recovery.h"

namespace kring::store {
namespace {

std::string describe(const SnapshotInfo& info, std::string_view name, bool in_use) {
  std::string line = std::string{name} + ": ";
  if (!info.present) return line + "none";
  if (!info.valid) return line + "damaged, " + std::to_string(info.file_bytes) + " bytes";
  line += "number " + std::to_string(info.header.sequence) + ", revision " + std::to_string(info.header.revision) +
          ", " + std::to_string(info.file_bytes) + " bytes";
  return line + (in_use ? ", in use" : ", older");
}

std::string describe(const SegmentInfo& info, bool active) {
  using State = state::FileHeaders::State;
  std::string line = segment_name(info.slot) + ": ";
  if (info.state == State::blank) return line + "blank";
  if (info.state == State::damaged) return line + "header damaged";
  line += "number " + std::to_string(info.header.sequence) + ", " + std::to_string(info.frames) +
          " frames to replay, " + std::to_string(info.end) + " of " + std::to_string(info.file_bytes) + " bytes used";
  if (!info.both_headers) line += ", one copy of the header is damaged";
  return line + (active ? ", the log goes on here" : "");
}

}  // namespace

Task<Result<FsckReport>> fsck(Env& env, std::string directory) {
  FsckReport report;
  // A running node may write while we read; what is said of the end of the log is then out of date.
  const auto lock = env.disk.lock(directory);
  if (lock.has_error() && lock.error().reason == Reason::conflict)
    report.lines.push_back("the store is in use: its files change while they are checked");

  auto recovered = co_await recover(env, directory);
  if (recovered.has_error()) {
    // What open() refuses is a finding; what cannot be read at all is an error.
    const Reason reason = recovered.error().reason;
    if (reason != Reason::corrupt && reason != Reason::bad_request) co_return std::move(recovered).error();
    report.clean = false;
    report.lines.push_back(recovered.error().message);
    co_return report;
  }
  for (size_t i = 0; i < 2; ++i)
    report.lines.push_back(describe(recovered->snapshots[i], snapshot_names[i], recovered->newest == i));
  for (size_t i = 0; i < recovered->segments.size(); ++i)
    report.lines.push_back(describe(recovered->segments[i], recovered->active == i));
  for (const std::string& note : recovered->notes) report.lines.push_back(note);
  report.clean = recovered->notes.empty();
  report.revision = recovered->revision;
  report.objects = recovered->objects.size();
  co_return report;
}

}  // namespace kring::store
