// Log lines on standard error: `2026-01-02T03:04:05.678Z info message key=value other="two words"`. Under journald
// (JOURNAL_STREAM names our standard error) the line starts with the syslog priority instead of the time.
// Invariants: one line a call, at most 4096 bytes; control characters never reach the terminal (they are escaped); a
// reader that stalls loses lines (their number is told later) instead of stalling the loop.
#pragma once

#include "runtime/env/env.h"

namespace kring {

// Text of one line, with its newline. Pure, for the tests.
std::string format_log_line(bool journal, Wall now, LogLevel level, std::string_view message,
                            std::initializer_list<LogField> fields);

class LinuxLog final : public Log {
 public:
  // Lines below `level_min` are dropped. Clock outlives this.
  LinuxLog(const Clock& clock, LogLevel level_min, int fd = 2);
  void write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) override;

 private:
  bool writable() const;

  const Clock& clock_;
  LogLevel level_min_;
  int fd_;
  bool journal_;
  uint64_t dropped_ = 0;
};

}  // namespace kring
