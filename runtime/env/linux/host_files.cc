#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <set>
#include <utility>

#include "objects/check.h"
#include "runtime/env/linux/host.h"

namespace kring {

namespace {

constexpr uint32_t entries_per_slice = 200;
constexpr long tmpfs_magic = 0x01021994;

class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

FileType type_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return FileType::file;
    case S_IFDIR:
      return FileType::directory;
    case S_IFSOCK:
      return FileType::socket;
    case S_IFCHR:
      return FileType::character_device;
    case S_IFBLK:
      return FileType::block_device;
    default:
      return FileType::other;
  }
}

// The parts of a relative path; empty for a path that is not one ("/x", "a/../b").
std::vector<std::string> parts_of(const std::string& relative) {
  std::vector<std::string> parts;
  if (relative.starts_with('/')) return {};
  for (size_t at = 0; at < relative.size();) {
    size_t end = std::min(relative.find('/', at), relative.size());
    std::string part = relative.substr(at, end - at);
    at = end + 1;
    if (part == "..") return {};
    if (!part.empty() && part != ".") parts.push_back(std::move(part));
  }
  return parts;
}

Result<void> write_all(int fd, std::string_view data, const std::string& path) {
  while (!data.empty()) {
    ssize_t wrote = ::write(fd, data.data(), data.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return io_error("write " + path, errno);
    data.remove_prefix(static_cast<size_t>(wrote));
  }
  return {};
}

// Opens base/parts one by one, never through a symlink; with `mode` makes what is missing.
Result<Fd> walk(const std::string& base, const std::vector<std::string>& parts, std::optional<uint32_t> mode) {
  Fd at{::open(base.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  if (!at.ok()) return io_error("open " + base, errno);
  for (const auto& part : parts) {
    constexpr int flags = O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC;
    Fd next{::openat(at.get(), part.c_str(), flags)};
    if (!next.ok() && errno == ENOENT && mode) {
      if (::mkdirat(at.get(), part.c_str(), *mode) != 0 && errno != EEXIST) return io_error("mkdir " + part, errno);
      ::fchmodat(at.get(), part.c_str(), *mode, 0);  // whatever the umask is
      next = Fd{::openat(at.get(), part.c_str(), flags)};
    }
    if (!next.ok()) return io_error("open " + base + "/.../" + part, errno);
    at = std::move(next);
  }
  return at;
}

bool is_mount_point(const std::string& path) {
  struct stat self {
  }, parent{};
  if (::lstat(path.c_str(), &self) != 0 || ::lstat((path + "/..").c_str(), &parent) != 0) return false;
  return self.st_dev != parent.st_dev;
}

Result<std::string> content_of(int directory, const char* name) {
  Fd file{::openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)};
  if (!file.ok()) return io_error(name, errno);
  std::string text;
  std::array<char, 4096> buffer{};
  ssize_t got = 0;
  while ((got = ::read(file.get(), buffer.data(), buffer.size())) > 0)
    text.append(buffer.data(), static_cast<size_t>(got));
  if (got < 0) return io_error(name, errno);
  return text;
}

// Whether the published files are these, with these modes; extra files are found by their number.
bool same_content(const std::string& directory, const std::vector<VolumeFile>& files) {
  std::string current = directory + "/..data";
  size_t found = 0;
  std::vector<std::string> open{current};
  while (!open.empty()) {
    std::string path = std::move(open.back());
    open.pop_back();
    DIR* listing = ::opendir(path.c_str());
    if (listing == nullptr) return false;
    while (const dirent* entry = ::readdir(listing)) {
      std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (entry->d_type == DT_DIR) {
        open.push_back(path + "/" + std::string{name});
      } else {
        ++found;
      }
    }
    ::closedir(listing);
  }
  if (found != files.size()) return false;
  for (const auto& file : files) {
    std::string path = current + "/" + file.path;
    struct stat about {};
    if (::lstat(path.c_str(), &about) != 0 || (about.st_mode & 07777) != file.mode) return false;
    auto text = content_of(AT_FDCWD, path.c_str());
    if (text.has_error() || *text != file.data) return false;
  }
  return true;
}

Result<void> write_file(const std::string& path, const VolumeFile& file, std::optional<int64_t> group) {
  Fd out{::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600)};
  if (!out.ok()) return io_error("create " + path, errno);
  KRING_TRY_VOID(write_all(out.get(), file.data, path));
  if (group && ::fchown(out.get(), static_cast<uid_t>(-1), static_cast<gid_t>(*group)) != 0)
    return io_error("chown " + path, errno);
  if (::fchmod(out.get(), file.mode) != 0) return io_error("chmod " + path, errno);
  return {};
}

std::set<std::string> names_in(const std::string& directory) {
  std::set<std::string> names;
  DIR* listing = ::opendir(directory.c_str());
  if (listing == nullptr) return names;
  while (const dirent* entry = ::readdir(listing)) names.insert(entry->d_name);
  ::closedir(listing);
  names.erase(".");
  names.erase("..");
  return names;
}

// A folder still to be emptied, by descriptor.
struct OpenFolder {
  DIR* listing;
  std::string name;  // in its parent
};

}  // namespace

Result<FileType> LinuxHostFiles::type(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) == 0) return type_of(about.st_mode);
  if (errno == ENOENT || errno == ENOTDIR) return FileType::none;
  return io_error("stat " + path, errno);
}

Result<void> LinuxHostFiles::make_directories(const std::string& path, uint32_t mode) {
  for (size_t at = 1; at <= path.size(); ++at) {
    if (at < path.size() && path[at] != '/') continue;
    std::string part = path.substr(0, at);
    if (part.back() == '/') continue;
    bool last = at + 1 >= path.size();
    uint32_t wanted = last ? mode : 0755;
    if (::mkdir(part.c_str(), wanted) == 0) {
      ::chmod(part.c_str(), wanted);
    } else if (errno != EEXIST) {
      return io_error("mkdir " + part, errno);
    }
  }
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) return io_error("mkdir " + path, errno);
  if (!S_ISDIR(about.st_mode)) return io_error("mkdir " + path, ENOTDIR);
  return {};
}

Result<void> LinuxHostFiles::set_access(const std::string& path, uint32_t mode, std::optional<int64_t> group) {
  Fd at{::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)};
  if (!at.ok()) return io_error("open " + path, errno);
  // chown clears setgid: the mode comes last.
  if (group && ::fchown(at.get(), static_cast<uid_t>(-1), static_cast<gid_t>(*group)) != 0)
    return io_error("chown " + path, errno);
  if (::fchmod(at.get(), mode) != 0) return io_error("chmod " + path, errno);
  return {};
}

Result<void> LinuxHostFiles::make_file(const std::string& path, uint32_t mode) {
  Fd at{::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, mode)};
  if (!at.ok()) return io_error("create " + path, errno);
  return {};
}

Result<void> LinuxHostFiles::write_text(const std::string& path, const std::string& text, uint32_t mode) {
  VolumeFile file{.path = path, .data = text, .mode = mode};
  return write_file(path, file, std::nullopt);
}

Result<std::vector<std::string>> LinuxHostFiles::list(const std::string& path) {
  DIR* listing = ::opendir(path.c_str());
  if (listing == nullptr) return io_error("open " + path, errno);
  ::closedir(listing);
  std::set<std::string> names = names_in(path);
  return std::vector<std::string>{names.begin(), names.end()};
}

Result<void> LinuxHostFiles::make_directories_beneath(const std::string& base, const std::string& relative,
                                                      uint32_t mode) {
  std::vector<std::string> parts = parts_of(relative);
  if (parts.empty()) return Error{Reason::invalid, "not a path below a volume: " + relative};
  KRING_TRY(auto at, walk(base, parts, mode));
  return {};
}

Result<FileType> LinuxHostFiles::type_beneath(const std::string& base, const std::string& relative) {
  std::vector<std::string> parts = parts_of(relative);
  if (parts.empty()) return Error{Reason::invalid, "not a path below a volume: " + relative};
  std::string last = parts.back();
  parts.pop_back();
  auto at = walk(base, parts, std::nullopt);
  if (at.has_error()) {
    if (at.error().reason == Reason::not_found) return FileType::none;
    return std::move(at).error();
  }
  struct stat about {};
  if (::fstatat(at->get(), last.c_str(), &about, AT_SYMLINK_NOFOLLOW) == 0) return type_of(about.st_mode);
  if (errno == ENOENT) return FileType::none;
  return io_error("stat " + relative, errno);
}

Result<void> LinuxHostFiles::publish(const std::string& directory, const std::vector<VolumeFile>& files,
                                     std::optional<int64_t> group) {
  if (same_content(directory, files)) return {};
  std::set<std::string> before = names_in(directory);
  std::string version = "..v" + std::to_string(env_.clock.wall().ns) + "." + env_.random.name_suffix(5);
  std::string folder = directory + "/" + version;
  KRING_TRY_VOID(make_directories(folder, 0755));
  if (group) KRING_TRY_VOID(set_access(folder, 0755, group));
  std::set<std::string> tops;
  for (const auto& file : files) {
    std::vector<std::string> parts = parts_of(file.path);
    if (parts.empty() || parts[0].starts_with(".."))
      return Error{Reason::invalid, "invalid path in a volume: " + file.path};
    std::string parent = folder;
    for (size_t i = 0; i + 1 < parts.size(); ++i) parent += "/" + parts[i];
    if (parts.size() > 1) KRING_TRY_VOID(make_directories(parent, 0755));
    KRING_TRY_VOID(write_file(parent + "/" + parts.back(), file, group));
    tops.insert(parts[0]);
  }
  std::string link = directory + "/..data_tmp";
  ::unlink(link.c_str());
  if (::symlink(version.c_str(), link.c_str()) != 0) return io_error("symlink " + link, errno);
  if (::rename(link.c_str(), (directory + "/..data").c_str()) != 0) return io_error("rename " + link, errno);
  for (const auto& top : tops) {
    std::string name = directory + "/" + top;
    if (::symlink(("..data/" + top).c_str(), name.c_str()) != 0 && errno != EEXIST)
      return io_error("symlink " + name, errno);
  }
  for (const auto& name : before) {
    std::string path = directory + "/" + name;
    if (name.starts_with("..v")) {
      // Old versions are small and ours alone: nothing else writes here.
      std::vector<std::string> folders{path};
      for (size_t i = 0; i < folders.size(); ++i) {
        for (const auto& entry : names_in(folders[i]))
          if (::unlink((folders[i] + "/" + entry).c_str()) != 0) folders.push_back(folders[i] + "/" + entry);
      }
      for (auto it = folders.rbegin(); it != folders.rend(); ++it) ::rmdir(it->c_str());
    } else if (!name.starts_with("..") && !tops.contains(name)) {
      ::unlink(path.c_str());
    }
  }
  return {};
}

Result<std::string> LinuxHostFiles::published(const std::string& directory) {
  std::array<char, 256> target{};
  std::string link = directory + "/..data";
  ssize_t size = ::readlink(link.c_str(), target.data(), target.size());
  if (size < 0) return io_error("readlink " + link, errno);
  return std::string{target.data(), static_cast<size_t>(size)};
}

Result<void> LinuxHostFiles::mount_tmpfs(const std::string& path, int64_t bytes_max, uint32_t mode) {
  struct statfs about {};
  if (::statfs(path.c_str(), &about) == 0 && about.f_type == tmpfs_magic && is_mount_point(path)) return {};
  std::array<char, 64> options{};
  if (bytes_max > 0) {
    std::snprintf(options.data(), options.size(), "mode=%o,size=%lld", mode, static_cast<long long>(bytes_max));
  } else {
    std::snprintf(options.data(), options.size(), "mode=%o", mode);
  }
  if (::mount("tmpfs", path.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, options.data()) != 0)
    return io_error("mount tmpfs at " + path, errno);
  return {};
}

Result<void> LinuxHostFiles::unmount(const std::string& path) {
  if (!is_mount_point(path)) return {};
  if (::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0 && errno != EINVAL && errno != ENOENT)
    return io_error("umount " + path, errno);
  return {};
}

Task<Result<int64_t>> LinuxHostFiles::usage(std::string path, int64_t bytes_max) {
  int64_t bytes = 0;
  uint32_t entries = 0;
  std::vector<std::string> open{std::move(path)};
  while (!open.empty() && bytes < bytes_max) {
    std::string at = std::move(open.back());
    open.pop_back();
    for (const auto& name : names_in(at)) {
      std::string entry = at + "/" + name;
      struct stat about {};
      if (::lstat(entry.c_str(), &about) != 0) continue;
      bytes += static_cast<int64_t>(about.st_blocks) * 512;
      if (S_ISDIR(about.st_mode)) open.push_back(std::move(entry));
      ++entries;
    }
    if (entries < entries_per_slice) continue;
    entries = 0;
    auto yielded = co_await env_.clock.sleep_until(env_.clock.now() + 1'000);
    if (yielded.has_error()) co_return yielded.error();
  }
  co_return bytes;
}

Task<Result<void>> LinuxHostFiles::remove_tree(std::string path) {
  struct stat root {};
  if (::lstat(path.c_str(), &root) != 0) {
    if (errno == ENOENT) co_return Result<void>{};
    co_return io_error("stat " + path, errno);
  }
  if (!S_ISDIR(root.st_mode)) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) co_return io_error("unlink " + path, errno);
    co_return Result<void>{};
  }
  Fd top{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
  if (!top.ok()) co_return io_error("open " + path, errno);
  std::vector<OpenFolder> stack{{::fdopendir(top.release()), path}};
  auto close_all = [&stack] {
    for (auto& folder : stack) ::closedir(folder.listing);
    stack.clear();
  };
  Result<void> out;
  uint32_t entries = 0;
  while (!stack.empty()) {
    if (++entries % entries_per_slice == 0) {
      auto yielded = co_await env_.clock.sleep_until(env_.clock.now() + 1'000);
      if (yielded.has_error()) {
        close_all();
        co_return yielded.error();
      }
    }
    const dirent* entry = ::readdir(stack.back().listing);
    if (entry == nullptr) {
      ::closedir(stack.back().listing);
      std::string name = std::move(stack.back().name);
      stack.pop_back();
      int parent = stack.empty() ? AT_FDCWD : ::dirfd(stack.back().listing);
      if (::unlinkat(parent, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT)
        out = io_error("rmdir " + name, errno);
      continue;
    }
    std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    int here = ::dirfd(stack.back().listing);
    if (::unlinkat(here, name.c_str(), 0) == 0 || errno == ENOENT) continue;
    if (errno != EISDIR && errno != EPERM) {
      out = io_error("unlink " + name, errno);
      continue;
    }
    Fd next{::openat(here, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    struct stat about {};
    if (!next.ok() || ::fstat(next.get(), &about) != 0 || about.st_dev != root.st_dev) {
      out = io_error("remove " + name + " (in use)", EBUSY);
      continue;
    }
    stack.push_back({::fdopendir(next.release()), std::move(name)});
  }
  co_return out;
}

}  // namespace kring
