// A container's log, in the format of the CRI (kubernetes/design-proposals "CRI logging"):
//   2026-01-02T03:04:05.678901234Z stdout F a whole line
//   2026-01-02T03:04:05.678901234Z stderr P a part of a line longer than 16 KiB; the last part has F
// Invariants: memory is bounded (one unfinished line a stream); write() returns when every whole line is in the file,
// in order within its stream, unless the disk refuses it: then the bytes are counted and the next line that can be
// written says how many are missing; a file ends only at the end of a line, so no line is split between files.
// Rotation: LOG, when it reached bytes_max, becomes LOG.1, LOG.1 becomes LOG.2, ...; files_max files in all.
#pragma once

#include "runtime/pods/keeper/spec.h"
#include "runtime/pods/keeper/sys.h"
#include "runtime/pods/keeper/text.h"

namespace kring::keeper {

inline constexpr size_t log_part_bytes_max = 16 * 1024;
enum class Stream : uint8_t { out, err };

// "2026-01-02T03:04:05.678901234Z" (RFC 3339 with nanoseconds, UTC).
void put_time(TextSink& out, int64_t wall_ns);

class LogWriter {
 public:
  LogWriter() = default;
  // Makes the directory of `path` when it is missing, appends to a file that is there.
  bool open(std::string_view path, uint64_t bytes_max, uint32_t files_max, Fault& fault);
  void write(Stream stream, std::string_view data, int64_t wall_ns);
  // Ends an unfinished line.
  void finish(int64_t wall_ns);
  void close();
  // Bytes of payload that could not be written so far and no line has told of yet.
  uint64_t lost() const { return lost_; }

 private:
  struct Pending {
    char* data = nullptr;  // log_part_bytes_max, mapped when a line is first unfinished
    size_t size = 0;
  };
  void split(Stream stream, std::string_view data, int64_t wall_ns);
  void flush();
  void put(Stream stream, char tag, std::string_view line, int64_t wall_ns);
  void tell_loss(int64_t wall_ns);
  void rotate();
  bool reopen();
  bool append(Stream stream, std::string_view part);

  Path path_;
  sys::Fd file_;
  uint64_t size_ = 0, bytes_max_ = 0, lost_ = 0, told_ = 0;
  uint32_t files_max_ = 0;
  Pending pending_[2];
  // One line being unfinished in the file (a P was written last) keeps rotation away.
  bool open_line_[2] = {false, false};
};

}  // namespace kring::keeper
