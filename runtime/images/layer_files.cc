#include "runtime/images/layer_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>

#include "objects/crc32c.h"
#include "runtime/images/paths.h"

namespace kring::images {
namespace {

constexpr size_t findings_max = 20;

uint32_t checksum(std::string_view text) {
  return crc32c({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

// Everything but printable ASCII without '%' and the space.
std::string encode(std::string_view path) {
  std::string out;
  for (char c : path) {
    if (c > 0x20 && c < 0x7f && c != '%') {
      out += c;
    } else {
      char escape[4];
      std::snprintf(escape, sizeof escape, "%%%02x", static_cast<unsigned char>(c));
      out += escape;
    }
  }
  return out;
}

// Takes words off a line; ok turns false at the first that is not there or not a number.
struct Words {
  std::string_view rest;
  bool ok = true;
  std::string_view word() {
    size_t end = std::min(rest.find(' '), rest.size());
    auto out = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    ok = ok && !out.empty();
    return out;
  }
  uint64_t number(int base) {
    auto text = word();
    uint64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    ok = ok && error == std::errc{} && end == text.data() + text.size();
    return value;
  }
};

std::string decode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    bool escape = text[i] == '%' && i + 2 < text.size() &&
                  std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ec == std::errc{};
    out += escape ? static_cast<char>(value) : text[i];
    if (escape) i += 2;
  }
  return out;
}

std::string_view take_line(std::string_view& text) {
  size_t end = std::min(text.find('\n'), text.size());
  auto line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

struct Header {
  LayerFiles layer;
  uint32_t lines_checksum = 0;
};

Result<Header> parse_first_line(std::string_view line) {
  Words words{line};
  Header out;
  bool magic = words.word() == "kring-layer" && words.number(10) == 1;
  out.layer.diff_id = words.word();
  out.layer.tar_bytes = words.number(10);
  out.layer.bytes = words.number(10);
  out.lines_checksum = static_cast<uint32_t>(words.number(16));
  if (!magic || !words.ok) return Error{Reason::corrupt, "the list of files is damaged"};
  return out;
}

// The checksum of a file's content, or nothing when it cannot be read.
Result<uint32_t> file_checksum(int fd) {
  std::vector<uint8_t> buffer(256 * 1024);
  uint32_t sum = 0;
  while (true) {
    ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error("read", errno);
    if (got == 0) return sum;
    sum = crc32c(std::span{buffer}.first(static_cast<size_t>(got)), sum);
  }
}

char kind_of(mode_t mode) { return S_ISREG(mode) ? 'f' : S_ISDIR(mode) ? 'd' : S_ISLNK(mode) ? 'l' : 'o'; }

// What is wrong with one file; empty when nothing is.
std::string check_file(int root, const LayerFile& expected) {
  auto entry = open_without_links(root, expected.path, O_PATH | O_NOFOLLOW);
  if (entry.has_error()) return "is missing";
  struct stat info {};
  if (::fstat(entry->get(), &info) != 0) return "cannot be read";
  if (kind_of(info.st_mode) != expected.kind) return "is of another kind";
  if (expected.kind == 'l') {
    char target[4096];
    ssize_t length = ::readlinkat(entry->get(), "", target, sizeof target);
    bool same = length >= 0 && checksum({target, static_cast<size_t>(length)}) == expected.checksum;
    return same ? "" : "leads elsewhere";
  }
  if ((info.st_mode & 07777) != expected.mode) return "has another mode";
  if (expected.kind != 'f') return "";
  auto size = static_cast<uint64_t>(info.st_size);
  if (size != expected.size) {
    return "has " + std::to_string(size) + " bytes instead of " + std::to_string(expected.size);
  }
  auto content = open_without_links(root, expected.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (content.has_error()) return "cannot be opened";
  auto sum = file_checksum(content->get());
  if (sum.has_error()) return "cannot be read";
  return *sum == expected.checksum ? "" : "has other content than when it was unpacked";
}

}  // namespace

std::string print_layer_file(const LayerFile& file) {
  char start[80];
  std::snprintf(start, sizeof start, "%c %08x %llu %o ", file.kind, file.checksum,
                static_cast<unsigned long long>(file.size), file.mode);
  return start + encode(file.path) + "\n";
}

std::string print_layer_files(std::string_view diff_id, uint64_t tar_bytes, uint64_t bytes, std::string_view lines) {
  char sum[16];
  std::snprintf(sum, sizeof sum, "%08x", checksum(lines));
  return "kring-layer 1 " + std::string{diff_id} + " " + std::to_string(tar_bytes) + " " + std::to_string(bytes) + " " +
         sum + "\n" + std::string{lines};
}

Result<LayerFiles> parse_layer_header(std::string_view text) {
  KRING_TRY(auto header, parse_first_line(take_line(text)));
  return std::move(header.layer);
}

Result<LayerFiles> parse_layer_files(std::string_view text) {
  KRING_TRY(auto header, parse_first_line(take_line(text)));
  if (checksum(text) != header.lines_checksum) return Error{Reason::corrupt, "the list of files is damaged"};
  while (!text.empty()) {
    Words words{take_line(text)};
    LayerFile file;
    auto kind = words.word();
    file.kind = kind.empty() ? '?' : kind[0];
    file.checksum = static_cast<uint32_t>(words.number(16));
    file.size = words.number(10);
    file.mode = static_cast<uint32_t>(words.number(8));
    if (!words.ok) return Error{Reason::corrupt, "the list of files is damaged"};
    file.path = decode(words.rest);  // empty for the root
    header.layer.files.push_back(std::move(file));
  }
  return std::move(header.layer);
}

std::vector<std::string> check_layer_files(int root, const LayerFiles& expected) {
  std::vector<std::string> out;
  for (const auto& file : expected.files) {
    std::string problem = check_file(root, file);
    if (problem.empty()) continue;
    if (out.size() == findings_max) {
      out.push_back("and more");
      break;
    }
    out.push_back("/" + encode(file.path) + " " + problem);
  }
  return out;
}

}  // namespace kring::images
