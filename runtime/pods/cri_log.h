// The lines of a CRI log file: "2016-10-06T00:17:09.669794202Z stdout F text\n"; a long line comes in pieces tagged P,
// the last one F. Pure.
// Source: kubernetes/design-proposals-archive, kubelet-cri-logging.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kring::pods {

struct CriLine {
  std::string_view time, stream, text;
  bool partial = false;
};
// `line` without its newline; nullopt for what is not a log line.
std::optional<CriLine> parse_cri_line(std::string_view line);

struct LogFilter {
  int64_t since_ns = 0;  // 0: all
  std::string stream;    // "stdout", "stderr"; empty: both
  bool timestamps = false;
  std::optional<int64_t> limit_bytes;
};

// Turns the bytes of log files, in order, into what a reader gets. Keeps an unfinished line for the next bytes.
class LogPrinter {
 public:
  explicit LogPrinter(LogFilter filter) : filter_(std::move(filter)) {}
  // Appends to `out`; stops at the limit.
  void feed(std::string_view bytes, std::string& out);
  bool full() const { return filter_.limit_bytes && written_ >= *filter_.limit_bytes; }

 private:
  void line(std::string_view line, std::string& out);
  void put(std::string_view text, std::string& out);

  LogFilter filter_;
  std::string rest_;         // of a line whose end was not there yet
  bool in_partial_ = false;  // the next piece goes on with a line
  int64_t written_ = 0;
};

// Looks for the place where the last lines of a file start, from its end backwards: feed its blocks last to first.
class TailFinder {
 public:
  explicit TailFinder(int64_t lines) : wanted_(lines) {}
  // `block` lies at `offset` of the file and ends where the one fed before began. True when the start was found.
  bool feed(std::string_view block, uint64_t offset);
  // Where the wanted lines start; 0 while there are not enough lines.
  uint64_t start() const { return found_ ? start_ : 0; }
  // How many of the wanted lines are still to be found, in older files.
  int64_t missing() const { return found_ ? 0 : wanted_ - seen_; }

 private:
  bool line(std::string_view text, uint64_t end);

  int64_t wanted_;
  int64_t seen_ = 0;  // lines met, the one being looked at included
  uint64_t start_ = 0;
  bool found_ = false, at_end_ = true;
  std::string carry_;       // the end of a line whose start is in an earlier block
  uint64_t carry_end_ = 0;  // where that line ends, its newline not included
};

}  // namespace kring::pods
