#include "examples/kuard/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "examples/kuard/text.h"

namespace kuard {
namespace {

constexpr size_t entries_max = 10'000;

// An O_PATH descriptor of `path` below `root`: links are followed, but neither they nor `..` leave the root, and the
// magic links of /proc (a process' root, its open files) are not followed at all.
int open_below(const std::string& root, const std::string& path) {
  int base = open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (base < 0) return -1;
  open_how how{.flags = O_PATH | O_CLOEXEC, .mode = 0, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
  int fd = static_cast<int>(syscall(SYS_openat2, base, path.c_str(), &how, sizeof how));
  int saved = errno;
  close(base);
  errno = saved;
  return fd;
}

// Opens for reading what an O_PATH descriptor found.
int reopen(int path_fd, int flags) {
  std::string self = "/proc/self/fd/" + std::to_string(path_fd);
  int fd = open(self.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags);
  return fd;
}

Response refuse(int error, std::string_view path) {
  int status = error == EACCES || error == EPERM ? 403 : error == ENOENT || error == ENOTDIR ? 404 : 500;
  Response out{.status = status};
  out.body = "<!doctype html><title>" + std::to_string(status) + "</title><p>" + html(path) + ": " +
             html(std::strerror(error)) + "</p>\n";
  return out;
}

struct Entry {
  std::string name;
  bool directory;
  std::string detail;
};

std::string kind_text(const struct stat& info, int directory, const char* name) {
  if (S_ISREG(info.st_mode)) return bytes_text(static_cast<uint64_t>(info.st_size));
  if (S_ISLNK(info.st_mode)) {
    char target[256];
    ssize_t length = readlinkat(directory, name, target, sizeof target);
    return length < 0 ? "link" : "-> " + std::string(target, static_cast<size_t>(length));
  }
  if (S_ISDIR(info.st_mode)) return "";
  return S_ISCHR(info.st_mode)    ? "character device"
         : S_ISBLK(info.st_mode)  ? "block device"
         : S_ISFIFO(info.st_mode) ? "pipe"
                                  : "socket";
}

Response listing(int path_fd, const std::string& path) {
  int fd = reopen(path_fd, O_DIRECTORY);
  DIR* directory = fd < 0 ? nullptr : fdopendir(fd);
  if (directory == nullptr) return refuse(errno, path);
  std::vector<Entry> entries;
  while (dirent* found = readdir(directory)) {
    std::string name = found->d_name;
    if (name == "." || name == ".." || entries.size() >= entries_max) continue;
    struct stat info {};
    if (fstatat(dirfd(directory), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    entries.push_back({name, S_ISDIR(info.st_mode), kind_text(info, dirfd(directory), name.c_str())});
  }
  closedir(directory);
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
  Response out;
  out.body =
      "<!doctype html><meta charset=\"utf-8\"><title>" + html(path) + "</title>\n<h1>" + html(path) + "</h1>\n<pre>\n";
  if (path != "/") out.body += "<a href=\"../\">../</a>\n";
  for (const auto& entry : entries) {
    std::string shown = entry.name + (entry.directory ? "/" : "");
    out.body += "<a href=\"./" + percent_encode(shown) + "\">" + html(shown) + "</a>  " + html(entry.detail) + "\n";
  }
  out.body += "</pre>\n";
  return out;
}

std::string_view content_type(int fd) {
  char start[512];
  ssize_t got = pread(fd, start, sizeof start, 0);
  for (ssize_t i = 0; i < got; ++i) {
    if (start[i] == '\0') return "application/octet-stream";
  }
  return "text/plain; charset=utf-8";  // never HTML: a file is shown, not run by the browser
}

Response regular_file(int path_fd, const struct stat& info, std::string_view path) {
  int fd = reopen(path_fd, 0);
  if (fd < 0) return refuse(errno, path);
  Response out{.content_type = std::string{content_type(fd)}};
  if (info.st_size > 0) {
    out.file = fd;
    out.file_bytes = static_cast<uint64_t>(info.st_size);
    return out;
  }
  // Files of /proc and /sys say they are empty: read what they have, bounded.
  char buffer[4096];
  ssize_t got;
  while (out.body.size() < (1 << 20) && (got = read(fd, buffer, sizeof buffer)) > 0) {
    out.body.append(buffer, static_cast<size_t>(got));
  }
  close(fd);
  return out;
}

}  // namespace

std::string read_small_file(const char* path) {
  std::string out(64 * 1024, '\0');
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t got = fd < 0 ? 0 : read(fd, out.data(), out.size());
  if (fd >= 0) close(fd);
  out.resize(got > 0 ? static_cast<size_t>(got) : 0);
  return out;
}

Response browse(const std::string& root, std::string_view path) {
  std::string wanted{path.empty() ? "/" : path};
  int fd = open_below(root, wanted);
  if (fd < 0) return refuse(errno, wanted);
  struct stat info {};
  fstat(fd, &info);
  Response out;
  if (S_ISDIR(info.st_mode)) {
    if (wanted.ends_with('/')) {
      out = listing(fd, wanted);
    } else {  // so that relative links work
      out = Response{.status = 301, .location = "./" + percent_encode(wanted.substr(wanted.rfind('/') + 1)) + "/"};
    }
  } else if (S_ISREG(info.st_mode)) {
    out = regular_file(fd, info, wanted);
  } else {
    out = refuse(EACCES, wanted);
  }
  close(fd);
  return out;
}

}  // namespace kuard
