#include "runtime/env/linux/log.h"

#include <poll.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace kring {
namespace {

// What a pipe takes in one piece when poll says that it can be written (pipe(7), PIPE_BUF).
constexpr size_t line_bytes_max = 4096;

std::string_view level_name(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warn:
      return "warn";
    case LogLevel::error:
      return "error";
  }
  return "?";
}

// Priorities of syslog(3), as systemd reads them from the start of a line (sd-daemon(3)).
std::string_view journal_prefix(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "<7>";
    case LogLevel::info:
      return "<6>";
    case LogLevel::warn:
      return "<4>";
    case LogLevel::error:
      return "<3>";
  }
  return "";
}

bool is_control(unsigned char c) { return c < 0x20 || c == 0x7f; }

// C1 controls (U+0080 to U+009F, "c2 80" to "c2 9f") move cursors in some terminals just as ESC does.
void append_escaped(std::string& out, std::string_view text, bool quoted) {
  static constexpr char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool c1 = c == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) >= 0x80 &&
                    static_cast<unsigned char>(text[i + 1]) <= 0x9f;
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (is_control(c) || c1) {
      const auto shown = c1 ? static_cast<unsigned char>(text[++i]) : c;
      out += c1 ? "\\u00" : "\\x";
      out += digits[shown >> 4];
      out += digits[shown & 15];
    } else {
      if (quoted && (c == '"' || c == '\\')) out += '\\';
      out += static_cast<char>(c);
    }
  }
}

void append_value(std::string& out, std::string_view value) {
  bool plain = !value.empty();
  for (const char c : value)
    plain = plain && !is_control(static_cast<unsigned char>(c)) && c != ' ' && c != '"' && c != '=';
  if (plain) return append_escaped(out, value, false);
  out += '"';
  append_escaped(out, value, true);
  out += '"';
}

void append_time(std::string& out, Wall now) {
  const time_t seconds = static_cast<time_t>(now.ns / 1'000'000'000);
  tm utc{};
  gmtime_r(&seconds, &utc);
  char text[48];
  const int n =
      std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ ", utc.tm_year + 1900, utc.tm_mon + 1,
                    utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, static_cast<int>(now.ns / 1'000'000 % 1000));
  out.append(text, static_cast<size_t>(n));
}

// "DEV:INODE" of the stream that journald gave us; a redirected standard error is another file (systemd.exec(5)).
bool is_journal(int fd) {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat info {};
  if (stream == nullptr || ::fstat(fd, &info) != 0) return false;
  return stream == std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
}

}  // namespace

std::string format_log_line(bool journal, Wall now, LogLevel level, std::string_view message,
                            std::initializer_list<LogField> fields) {
  std::string line;
  line.reserve(160);
  if (journal) {
    line += journal_prefix(level);
  } else {
    append_time(line, now);
    line += level_name(level);
    line += ' ';
  }
  append_escaped(line, message, false);
  for (const LogField& field : fields) {
    line += ' ';
    append_escaped(line, field.key, false);
    line += '=';
    append_value(line, field.value);
  }
  if (line.size() >= line_bytes_max) {
    static constexpr std::string_view cut = "...";
    line.resize(line_bytes_max - cut.size() - 1);
    line += cut;
  }
  line += '\n';
  return line;
}

LinuxLog::LinuxLog(const Clock& clock, LogLevel level_min, int fd)
    : clock_(clock), level_min_(level_min), fd_(fd), journal_(is_journal(fd)) {}

bool LinuxLog::writable() const {
  pollfd poller{.fd = fd_, .events = POLLOUT, .revents = 0};
  return ::poll(&poller, 1, 0) == 1 && (poller.revents & POLLOUT) != 0;
}

void LinuxLog::write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  if (level < level_min_) return;
  if (!writable()) {
    ++dropped_;
    return;
  }
  std::string text;
  if (dropped_ > 0) {
    text = format_log_line(journal_, clock_.wall(), LogLevel::warn, "log lines dropped", {{"lines", dropped_}});
    dropped_ = 0;
    if (::write(fd_, text.data(), text.size()) < 0 || !writable()) {
      ++dropped_;
      return;
    }
  }
  text = format_log_line(journal_, clock_.wall(), level, message, fields);
  if (::write(fd_, text.data(), text.size()) < 0) ++dropped_;
}

}  // namespace kring
