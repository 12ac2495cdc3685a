#include "runtime/pods/keeper/log_writer.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/pods/mounts/in_root.h"

namespace kring::keeper {

namespace {

// What the lines of one write() are gathered in, so that a flood costs one system call for many lines. Shared by all
// logs: it is empty between calls.
constexpr size_t gather_bytes = 32 * 1024;
static_assert(gather_bytes > log_part_bytes_max + 64 + 160);
char gathered[gather_bytes];
size_t gathered_size = 0, gathered_payload = 0;

struct Date {
  int64_t year;
  uint32_t month, day;
};

// Days since 1970-01-01 to a Gregorian date: http://howardhinnant.github.io/date_algorithms.html (civil_from_days).
Date date_of(int64_t days) {
  days += 719468;
  const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const auto day_of_era = static_cast<uint32_t>(days - era * 146097);
  const uint32_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const uint32_t shifted = (5 * day_of_year + 2) / 153;
  const uint32_t month = shifted < 10 ? shifted + 3 : shifted - 9;
  return {era * 400 + year_of_era + (month <= 2 ? 1 : 0), month, day_of_year - (153 * shifted + 2) / 5 + 1};
}

}  // namespace

void put_time(TextSink& out, int64_t wall_ns) {
  int64_t seconds = wall_ns / 1'000'000'000;
  int64_t ns = wall_ns % 1'000'000'000;
  if (ns < 0) ns += 1'000'000'000, --seconds;
  int64_t days = seconds / 86400;
  int64_t second = seconds % 86400;
  if (second < 0) second += 86400, --days;
  const Date date = date_of(days);
  out.padded(static_cast<uint64_t>(date.year), 4) << '-';
  out.padded(date.month, 2) << '-';
  out.padded(date.day, 2) << 'T';
  out.padded(static_cast<uint64_t>(second / 3600), 2) << ':';
  out.padded(static_cast<uint64_t>(second / 60 % 60), 2) << ':';
  out.padded(static_cast<uint64_t>(second % 60), 2) << '.';
  out.padded(static_cast<uint64_t>(ns), 9) << 'Z';
}

bool LogWriter::open(std::string_view path, uint64_t bytes_max, uint32_t files_max, Fault& fault) {
  path_.clear();
  path_ << path;
  bytes_max_ = bytes_max;
  files_max_ = files_max < 1 ? 1 : files_max;
  const size_t slash = path.rfind('/');
  if (path_.overflowed() || slash == std::string_view::npos) return fault.set(EINVAL, "open log", path);
  const sys::Fd root{sys::openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY)};
  const sys::Fd directory{mounts::ensure_in_root(root.get(), path.substr(0, slash), mounts::Kind::directory, 0755)};
  if (!directory.ok()) return fault.set(directory.error(), "make log directory", path.substr(0, slash));
  return reopen() || fault.set(file_.error(), "open log", path);
}

bool LogWriter::reopen() {
  file_.reset(sys::openat(AT_FDCWD, path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0640));
  size_ = 0;
  struct stat about {};
  if (file_.ok() && sys::fstat(file_.get(), &about) == 0) size_ = static_cast<uint64_t>(about.st_size);
  return file_.ok();
}

void LogWriter::write(Stream stream, std::string_view data, int64_t wall_ns) {
  split(stream, data, wall_ns);
  flush();
}

void LogWriter::split(Stream stream, std::string_view data, int64_t wall_ns) {
  Pending& pending = pending_[static_cast<size_t>(stream)];
  while (!data.empty()) {
    const size_t end = data.find('\n');
    const size_t room = log_part_bytes_max - pending.size;
    if (end == std::string_view::npos || end > room) {
      // No whole line: keep it, or give out a part when it is too long to keep.
      const auto part = data.substr(0, room);
      data.remove_prefix(part.size());
      if (!append(stream, part)) return;
      if (pending.size == log_part_bytes_max) {
        put(stream, 'P', {pending.data, pending.size}, wall_ns);
        pending.size = 0;
      }
      continue;
    }
    const auto line = data.substr(0, end);
    data.remove_prefix(end + 1);
    if (pending.size == 0) {
      put(stream, 'F', line, wall_ns);
    } else {
      append(stream, line);
      put(stream, 'F', {pending.data, pending.size}, wall_ns);
      pending.size = 0;
    }
  }
}

bool LogWriter::append(Stream stream, std::string_view part) {
  Pending& pending = pending_[static_cast<size_t>(stream)];
  if (pending.data == nullptr) {
    pending.data = static_cast<char*>(
        sys::mmap(log_part_bytes_max, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1));
    if (pending.data == nullptr) {
      lost_ += part.size();
      return false;
    }
  }
  if (!part.empty()) memcpy(pending.data + pending.size, part.data(), part.size());
  pending.size += part.size();
  return true;
}

void LogWriter::put(Stream stream, char tag, std::string_view line, int64_t wall_ns) {
  if (gathered_size + line.size() + 64 > gather_bytes) flush();
  tell_loss(wall_ns);
  Text<64> head;
  put_time(head, wall_ns);
  head << (stream == Stream::out ? " stdout " : " stderr ") << tag << ' ';
  memcpy(gathered + gathered_size, head.view().data(), head.size());
  gathered_size += head.size();
  if (!line.empty()) memcpy(gathered + gathered_size, line.data(), line.size());
  gathered_size += line.size();
  gathered[gathered_size++] = '\n';
  gathered_payload += line.size() + 1;
  open_line_[static_cast<size_t>(stream)] = tag == 'P';
  const bool line_open = open_line_[0] || open_line_[1];
  // A line that never ends must not keep the file growing: then a part is as good an end as any.
  const uint64_t limit = line_open ? 2 * bytes_max_ : bytes_max_;
  if (bytes_max_ > 0 && size_ + gathered_size >= limit) {
    flush();
    if (lost_ == 0) rotate();
  }
}

// The loss is told together with the next line, in one write: what is too large for the disk again tells nothing.
void LogWriter::tell_loss(int64_t wall_ns) {
  if (lost_ == 0 || gathered_size > 0) return;
  Text<160> line;
  put_time(line, wall_ns);
  line << " stderr F kring: " << lost_ << " bytes of output are missing here, the log could not be written\n";
  memcpy(gathered, line.c_str(), line.size());
  gathered_size = line.size();
  told_ = lost_;
}

void LogWriter::flush() {
  if (gathered_size == 0) return;
  // After a failed write the file is cut back to whole lines.
  if ((!file_.ok() && !reopen()) || sys::write_all(file_.get(), gathered, gathered_size) < 0) {
    if (file_.ok()) sys::ftruncate(file_.get(), static_cast<int64_t>(size_));
    lost_ += gathered_payload;
  } else {
    size_ += gathered_size;
    lost_ -= told_;
  }
  told_ = 0;
  gathered_size = 0;
  gathered_payload = 0;
}

void LogWriter::rotate() {
  Path from, to;
  for (uint32_t i = files_max_; i-- > 0;) {
    from.clear();
    from << path_.view();
    if (i > 0) from << '.' << i;
    to.clear();
    to << path_.view() << '.' << (i + 1);
    if (i + 1 == files_max_) {
      sys::unlinkat(AT_FDCWD, from.c_str());
    } else {
      sys::renameat(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str());
    }
  }
  reopen();
}

void LogWriter::finish(int64_t wall_ns) {
  for (const Stream stream : {Stream::out, Stream::err}) {
    Pending& pending = pending_[static_cast<size_t>(stream)];
    if (pending.size > 0) put(stream, 'F', {pending.data, pending.size}, wall_ns);
    pending.size = 0;
  }
  flush();
}

void LogWriter::close() {
  for (Pending& pending : pending_) {
    if (pending.data != nullptr) sys::munmap(pending.data, log_part_bytes_max);
    pending = {};
  }
  file_.reset();
}

}  // namespace kring::keeper
