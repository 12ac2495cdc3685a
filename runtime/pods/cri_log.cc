#include "runtime/pods/cri_log.h"

#include <algorithm>

#include "objects/time.h"

namespace kring::pods {

namespace {

// Longer than any line a keeper writes: what is longer is garbage and is dropped.
constexpr size_t line_bytes_max = 1 << 20;

int64_t nanoseconds_of(std::string_view time) {
  auto parsed = parse_time(time);
  return parsed.has_value() ? parsed->to_nanos() : 0;
}

}  // namespace

std::optional<CriLine> parse_cri_line(std::string_view line) {
  CriLine out;
  size_t first = line.find(' ');
  if (first == std::string_view::npos) return std::nullopt;
  size_t second = line.find(' ', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  size_t third = std::min(line.find(' ', second + 1), line.size());
  out.time = line.substr(0, first);
  out.stream = line.substr(first + 1, second - first - 1);
  std::string_view tags = line.substr(second + 1, third - second - 1);
  if (out.stream != "stdout" && out.stream != "stderr") return std::nullopt;
  if (tags.empty() || (tags[0] != 'P' && tags[0] != 'F')) return std::nullopt;
  out.partial = tags[0] == 'P';
  if (third < line.size()) out.text = line.substr(third + 1);
  return out;
}

void LogPrinter::put(std::string_view text, std::string& out) {
  if (filter_.limit_bytes) {
    int64_t left = *filter_.limit_bytes - written_;
    text = text.substr(0, static_cast<size_t>(std::max<int64_t>(left, 0)));
  }
  out += text;
  written_ += static_cast<int64_t>(text.size());
}

void LogPrinter::line(std::string_view line, std::string& out) {
  auto parsed = parse_cri_line(line);
  if (!parsed) return;
  if (!filter_.stream.empty() && parsed->stream != filter_.stream) return;
  if (filter_.since_ns != 0 && nanoseconds_of(parsed->time) < filter_.since_ns) return;
  if (filter_.timestamps && !in_partial_) {
    put(parsed->time, out);
    put(" ", out);
  }
  put(parsed->text, out);
  if (!parsed->partial) put("\n", out);
  in_partial_ = parsed->partial;
}

void LogPrinter::feed(std::string_view bytes, std::string& out) {
  while (!bytes.empty() && !full()) {
    size_t end = bytes.find('\n');
    if (end == std::string_view::npos) {
      rest_ += bytes;
      if (rest_.size() > line_bytes_max) rest_.clear();
      return;
    }
    if (rest_.empty()) {
      line(bytes.substr(0, end), out);
    } else {
      rest_ += bytes.substr(0, end);
      std::string whole = std::move(rest_);
      rest_.clear();
      line(whole, out);
    }
    bytes.remove_prefix(end + 1);
  }
}

// One line, met backwards; `end` is where it ends, its newline not included. True when it is one too many.
bool TailFinder::line(std::string_view text, uint64_t end) {
  auto parsed = parse_cri_line(text);
  bool piece = parsed && parsed->partial;
  // Pieces belong to the line that ends after them; at the end of the file that line is not finished yet.
  if (piece && !at_end_) return false;
  at_end_ = false;
  if (seen_ == wanted_) {
    found_ = true;
    start_ = end + 1;
    return true;
  }
  ++seen_;
  return false;
}

bool TailFinder::feed(std::string_view block, uint64_t offset) {
  if (found_) return true;
  size_t end = block.size();
  if (carry_.empty() && carry_end_ == 0) {
    if (wanted_ <= 0) {
      found_ = true;
      start_ = offset + block.size();
      return true;
    }
    // The newline at the very end of the file ends its last line.
    if (end > 0 && block[end - 1] == '\n') --end;
    carry_end_ = offset + end;
  }
  while (true) {
    size_t newline = end == 0 ? std::string_view::npos : block.rfind('\n', end - 1);
    size_t begin = newline == std::string_view::npos ? 0 : newline + 1;
    carry_.insert(0, block.substr(begin, end - begin));
    bool line_begins = newline != std::string_view::npos || offset == 0;
    if (!line_begins) return false;
    std::string whole = std::move(carry_);
    carry_.clear();
    if (line(whole, carry_end_)) return true;
    if (newline == std::string_view::npos) return false;
    end = newline;
    carry_end_ = offset + newline;
  }
}

}  // namespace kring::pods
