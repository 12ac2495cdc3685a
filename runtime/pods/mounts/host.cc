#include "runtime/pods/mounts/host.h"

#include <dirent.h>
#include <errno.h>
#include <sys/mount.h>

#include <algorithm>
#include <memory>

#include "runtime/pods/mounts/mount.h"

namespace kring::mounts {

namespace {

constexpr size_t depth_max = 32;

using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;

Directory read_directory(int fd) {
  const int copy = sys::openat(fd, ".", O_RDONLY | O_DIRECTORY);
  Directory open{copy < 0 ? nullptr : ::fdopendir(copy), ::closedir};
  if (open == nullptr && copy >= 0) sys::close(copy);
  return open;
}

// A mount point as /proc/self/mountinfo writes it: space, tab, newline and backslash are \ooo.
std::string unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && text[i + 1] >= '0' && text[i + 1] <= '3') {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::vector<std::string> mount_points() {
  std::vector<std::string> out;
  const sys::Fd file{sys::openat(AT_FDCWD, "/proc/self/mountinfo", O_RDONLY)};
  std::string content;
  char buffer[16384];
  long n = 0;
  while (file.ok() && (n = sys::read(file.get(), buffer, sizeof(buffer))) > 0) {
    content.append(buffer, static_cast<size_t>(n));
  }
  size_t start = 0;
  while (start < content.size()) {
    const size_t end = std::min(content.find('\n', start), content.size());
    size_t at = start;
    for (int field = 0; field < 4 && at < end; ++field) at = content.find(' ', at) + 1;
    if (at < end) out.push_back(unescape(std::string_view{content}.substr(at, content.find(' ', at) - at)));
    start = end + 1;
  }
  return out;
}

}  // namespace

TreeRemover::TreeRemover(std::string path) : path_(std::move(path)) {
  while (path_.size() > 1 && path_.back() == '/') path_.pop_back();
  const size_t slash = path_.rfind('/');
  if (slash == std::string::npos || path_ == "/") {
    fail("remove " + path_, EINVAL);
    done_ = true;
    return;
  }
  top_.reset(sys::openat(AT_FDCWD, path_.substr(0, std::max<size_t>(slash, 1)).c_str(), O_RDONLY | O_DIRECTORY));
  Level level;
  level.name = path_.substr(slash + 1);
  level.directory.reset(sys::openat(top_.get(), level.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  struct stat about {};
  if (top_.error() == ENOENT || level.directory.error() == ENOENT) {
    done_ = true;
  } else if (!level.directory.ok() || sys::fstat(level.directory.get(), &about) < 0) {
    fail("open " + path_, level.directory.error());
    done_ = true;
  } else {
    device_ = about.st_dev;
    levels_.push_back(std::move(level));
  }
}

bool TreeRemover::fail(const std::string& what, int error_number) {
  if (result_.has_value()) result_ = io_error(what, error_number);
  return false;
}

bool TreeRemover::list(Level& level) {
  const Directory open = read_directory(level.directory.get());
  if (open == nullptr) return fail("list a directory of " + path_, errno);
  constexpr size_t entries_at_once = 1024;  // more are listed again when these are gone
  while (const dirent* entry = ::readdir(open.get())) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    level.entries.emplace_back(name);
    if (level.entries.size() >= entries_at_once) break;
  }
  level.listed = level.entries.size() < entries_at_once;
  return true;
}

void TreeRemover::descend(Level& level, const std::string& name) {
  if (levels_.size() >= depth_max) {
    // Too deep for one descriptor a level: continue with it from the root of the tree.
    const std::string new_name = ".kring-removed-" + std::to_string(moved_++);
    const int moved = sys::renameat(level.directory.get(), name.c_str(), levels_[0].directory.get(), new_name.c_str());
    if (moved < 0) {
      fail("move a directory of " + path_, -moved);
    } else {
      levels_[0].listed = false;
    }
    return;
  }
  Level below;
  below.name = name;
  below.directory.reset(sys::openat(level.directory.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  struct stat about {};
  if (!below.directory.ok() || sys::fstat(below.directory.get(), &about) < 0) {
    fail("open a directory of " + path_, below.directory.error());
  } else if (about.st_dev != device_) {
    fail("something is mounted in " + path_, EBUSY);
  } else {
    levels_.push_back(std::move(below));
  }
}

void TreeRemover::leave() {
  const std::string name = levels_.back().name;
  levels_.pop_back();
  const int parent = levels_.empty() ? top_.get() : levels_.back().directory.get();
  const int removed = sys::unlinkat(parent, name.c_str(), AT_REMOVEDIR);
  if (removed < 0 && removed != -ENOENT) fail("remove a directory of " + path_, -removed);
  if (levels_.empty()) done_ = true;
}

bool TreeRemover::step(size_t entries) {
  for (; !done_ && entries > 0; --entries) {
    Level& level = levels_.back();
    if (level.entries.empty()) {
      if (!level.listed && result_.has_value() && list(level) && !level.entries.empty()) continue;
      leave();
      continue;
    }
    const std::string name = std::move(level.entries.back());
    level.entries.pop_back();
    const int removed = sys::unlinkat(level.directory.get(), name.c_str());
    if (removed == -EISDIR || removed == -EPERM) {
      descend(level, name);
    } else if (removed < 0 && removed != -ENOENT) {
      fail("remove a file of " + path_, -removed);
    }
  }
  return done_;
}

Result<void> unmount_below(const std::string& path) {
  std::vector<std::string> points = mount_points();
  std::erase_if(points, [&](const std::string& point) { return point != path && !point.starts_with(path + "/"); });
  std::sort(points.begin(), points.end(), [](const auto& a, const auto& b) { return a.size() > b.size(); });
  Result<void> result;
  for (const auto& point : points) {
    const long gone = sys::call(SYS_umount2, sys::raw(point.c_str()), MNT_DETACH | UMOUNT_NOFOLLOW);
    if (gone < 0 && gone != -EINVAL) result = io_error("unmount " + point, static_cast<int>(-gone));
  }
  return result;
}

Result<void> mount_tmpfs(const std::string& path, uint64_t bytes_max) {
  const std::string size = std::to_string(bytes_max);
  const Option options[] = {{"mode", "0777"}, {"size", size.c_str()}};
  const sys::Fd mount{new_filesystem("tmpfs", {options, bytes_max > 0 ? size_t{2} : size_t{1}}, MOUNT_ATTR_NODEV)};
  if (!mount.ok()) return io_error("make tmpfs", mount.error());
  const sys::Fd target{sys::openat(AT_FDCWD, path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW)};
  if (!target.ok()) return io_error("open " + path, target.error());
  const int attached = attach(mount.get(), target.get());
  if (attached < 0) return io_error("mount tmpfs at " + path, -attached);
  return {};
}

bool is_mount_point(const std::string& path) {
  const auto points = mount_points();
  return std::find(points.begin(), points.end(), path) != points.end();
}

Result<void> make_directories(const std::string& path) {
  for (size_t at = 1; at != std::string::npos && at < path.size();) {
    at = path.find('/', at);
    const std::string part = path.substr(0, at);
    const int made = sys::mkdirat(AT_FDCWD, part.c_str(), 0700);
    if (made < 0 && made != -EEXIST) return io_error("make directory " + part, -made);
    if (at != std::string::npos) ++at;
  }
  return {};
}

Result<std::string> read_small_file(const std::string& path, size_t bytes_max) {
  const sys::Fd file{sys::openat(AT_FDCWD, path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)};
  if (!file.ok()) return io_error("open " + path, file.error());
  struct stat about {};
  if (sys::fstat(file.get(), &about) < 0 || !S_ISREG(about.st_mode)) return io_error("read " + path, EINVAL);
  std::string content(std::min<size_t>(bytes_max, static_cast<size_t>(about.st_size)), '\0');
  size_t size = 0;
  while (size < content.size()) {
    const long n = sys::read(file.get(), content.data() + size, content.size() - size);
    if (n == -EINTR) continue;
    if (n < 0) return io_error("read " + path, static_cast<int>(-n));
    if (n == 0) break;
    size += static_cast<size_t>(n);
  }
  content.resize(size);
  return content;
}

Result<void> write_small_file(const std::string& path, std::string_view content) {
  const std::string next = path + ".new";
  const sys::Fd file{sys::openat(AT_FDCWD, next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600)};
  if (!file.ok()) return io_error("write " + next, file.error());
  if (const int failed = sys::write_all(file.get(), content.data(), content.size()); failed < 0) {
    return io_error("write " + next, -failed);
  }
  const int renamed = sys::renameat(AT_FDCWD, next.c_str(), AT_FDCWD, path.c_str());
  if (renamed < 0) return io_error("rename " + next, -renamed);
  return {};
}

Result<std::vector<std::string>> list_directories(const std::string& path) {
  const sys::Fd fd{sys::openat(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY)};
  std::vector<std::string> names;
  if (fd.error() == ENOENT) return names;
  if (!fd.ok()) return io_error("open " + path, fd.error());
  const Directory open = read_directory(fd.get());
  if (open == nullptr) return io_error("list " + path, errno);
  while (const dirent* entry = ::readdir(open.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != ".." && entry->d_type == DT_DIR) names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace kring::mounts
