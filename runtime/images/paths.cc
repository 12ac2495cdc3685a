#include "runtime/images/paths.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "objects/limits.h"

namespace kring::images {
namespace {

Result<UniqueFd> open_how_at(int root, const std::string& path, int flags, uint64_t resolve) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  how.resolve = resolve;
  const char* name = path.empty() ? "." : path.c_str();
  long fd;
  do {  // EAGAIN: a rename elsewhere disturbed the walk
    fd = ::syscall(SYS_openat2, root, name, &how, sizeof how);
  } while (fd < 0 && (errno == EINTR || errno == EAGAIN));
  if (fd < 0) return io_error("open " + path, errno);
  return UniqueFd{static_cast<int>(fd)};
}

// One directory that is being emptied.
struct Level {
  DIR* directory;
  std::string name;  // in its parent
};

Error errno_error(const std::string& what) { return io_error(what, errno); }

}  // namespace

Result<UniqueFd> open_in_root(int root, const std::string& path, int flags) {
  return open_how_at(root, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

Result<UniqueFd> open_without_links(int root, const std::string& path, int flags) {
  return open_how_at(root, path, flags, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

// Depth first with one open directory a level: a tree deeper than the limit on descriptors fails cleanly.
Result<void> remove_tree_at(int parent, const std::string& name) {
  if (::unlinkat(parent, name.c_str(), 0) == 0 || errno == ENOENT) return {};
  if (errno != EISDIR && errno != EPERM) return errno_error("remove " + name);
  std::vector<Level> levels;
  auto close_all = [&] {
    for (auto& level : levels) ::closedir(level.directory);
  };
  auto enter = [&](int at, const std::string& child) {
    int fd = ::openat(at, child.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR* directory = fd < 0 ? nullptr : ::fdopendir(fd);
    if (directory != nullptr) levels.push_back({directory, child});
    return directory != nullptr;
  };
  if (!enter(parent, name)) return errno_error("open " + name);
  while (!levels.empty()) {
    Level& level = levels.back();
    int at = ::dirfd(level.directory);
    dirent* entry = ::readdir(level.directory);
    if (entry == nullptr) {
      std::string done = level.name;
      ::closedir(level.directory);
      levels.pop_back();
      int above = levels.empty() ? parent : ::dirfd(levels.back().directory);
      if (::unlinkat(above, done.c_str(), AT_REMOVEDIR) == 0) continue;
      auto error = errno_error("remove " + done);
      close_all();
      return error;
    }
    std::string child = entry->d_name;
    if (child == "." || child == "..") continue;
    if (::unlinkat(at, child.c_str(), 0) == 0) continue;
    if ((errno == EISDIR || errno == EPERM) && enter(at, child)) continue;
    auto error = errno_error("remove " + child);
    close_all();
    return error;
  }
  return {};
}

Result<std::string> clean_member_name(std::string_view name) {
  auto refuse = [](const char* why) { return Error{Reason::corrupt, std::string{"the archive has a name "} + why}; };
  if (name.find('\0') != std::string_view::npos) return refuse("with a NUL byte");
  if (name.size() > limits::image_path_bytes_max) return refuse("that is too long");
  std::string out;
  uint32_t depth = 0;
  while (!name.empty()) {
    size_t slash = std::min(name.find('/'), name.size());
    std::string_view part = name.substr(0, slash);
    name.remove_prefix(std::min(slash + 1, name.size()));
    if (part.empty() || part == ".") continue;
    if (part == "..") return refuse("with \"..\"");
    if (part.size() > 255) return refuse("with a part of more than 255 bytes");
    if (++depth > limits::image_path_depth_max) return refuse("that is too deep");
    if (!out.empty()) out += '/';
    out += part;
  }
  return out;
}

}  // namespace kring::images
