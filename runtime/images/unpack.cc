#include "runtime/images/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <unordered_map>

#include "objects/check.h"
#include "objects/crc32c.h"
#include "runtime/images/layer_files.h"
#include "runtime/images/paths.h"

namespace kring::images {
namespace {

constexpr std::string_view whiteout_prefix = ".wh.";
constexpr std::string_view opaque_marker = ".wh..wh..opq";

Error corrupt(std::string message) { return Error{Reason::corrupt, std::move(message)}; }
Error failed_at(std::string_view what, const std::string& path) {
  return io_error(std::string{what} + " /" + path + " of the layer", errno);
}

struct ArchiveDelete {
  void operator()(archive* a) const { archive_read_free(a); }
};
using ArchivePtr = std::unique_ptr<archive, ArchiveDelete>;

// Feeds libarchive from a Stream and keeps the stream's error, which says more than libarchive's.
struct Feed {
  Stream& stream;
  std::vector<uint8_t> buffer = std::vector<uint8_t>(128 * 1024);
  std::optional<Error> error;

  static la_ssize_t read(archive* a, void* self, const void** out) {
    auto& feed = *static_cast<Feed*>(self);
    auto got = feed.stream.read(feed.buffer);
    if (got.has_error()) {
      feed.error = got.error();
      archive_set_error(a, EIO, "%s", feed.error->message.c_str());
      return -1;
    }
    *out = feed.buffer.data();
    return static_cast<la_ssize_t>(*got);
  }
};

struct Member {
  std::string path, parent, base;  // clean; path "" is the root
  mode_t type = 0, permissions = 0;
  uint64_t size = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  timespec mtime{};
  std::string link;  // target of a symbolic link, name of a hard link's file
  bool hard_link = false;
};

Result<Member> read_member(archive_entry* entry) {
  const char* name = archive_entry_pathname(entry);
  if (name == nullptr) return corrupt("the archive has a name that is not UTF-8 in a header that must be");
  Member out;
  KRING_TRY(out.path, clean_member_name(name));
  size_t slash = out.path.rfind('/');
  out.parent = slash == std::string::npos ? "" : out.path.substr(0, slash);
  out.base = slash == std::string::npos ? out.path : out.path.substr(slash + 1);
  out.type = archive_entry_filetype(entry) & S_IFMT;
  out.permissions = archive_entry_perm(entry) & 07777;
  int64_t size = archive_entry_size(entry), uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);
  constexpr int64_t id_max = 0xfffffffe;  // the one above means "unchanged" to chown
  if (size < 0 || uid < 0 || gid < 0 || uid > id_max || gid > id_max) {
    return corrupt("/" + out.path + " has a size or an owner that cannot be");
  }
  out.size = static_cast<uint64_t>(size);
  out.uid = static_cast<uid_t>(uid);
  out.gid = static_cast<gid_t>(gid);
  out.mtime = {.tv_sec = archive_entry_mtime(entry), .tv_nsec = archive_entry_mtime_nsec(entry)};
  const char* hard = archive_entry_hardlink(entry);
  const char* symbolic = archive_entry_symlink(entry);
  out.hard_link = hard != nullptr;
  if (hard != nullptr || symbolic != nullptr) out.link = hard != nullptr ? hard : symbolic;
  return out;
}

class Unpacker {
 public:
  Unpacker(archive* input, Feed& feed, int root, const std::vector<int>& lower, const UnpackLimits& caps)
      : input_(input), feed_(feed), root_(root), lower_(lower), caps_(caps) {}

  Result<UnpackResult> run() {
    archive_entry* entry = nullptr;
    while (true) {
      int status = archive_read_next_header(input_, &entry);
      if (status == ARCHIVE_EOF) break;
      if (status != ARCHIVE_OK) return archive_error();
      if (++entries_ > caps_.layer_entries_max) {
        return corrupt("the layer has more than " + std::to_string(caps_.layer_entries_max) + " entries");
      }
      KRING_TRY(auto member, read_member(entry));
      KRING_TRY_VOID(apply(member, entry));
    }
    set_directory_times();
    KRING_TRY_VOID(list_directory(root_, ""));
    return std::move(result_);
  }

 private:
  Error archive_error() const {
    if (feed_.error) return *feed_.error;
    const char* text = archive_error_string(input_);
    return corrupt(std::string{"the layer is not a good tar archive: "} + (text == nullptr ? "?" : text));
  }

  Result<void> apply(const Member& member, archive_entry* entry) {
    if (member.path.empty()) {
      if (member.type != S_IFDIR || member.hard_link) return corrupt("the layer's root is not a directory");
      return set_metadata(root_, member, entry);
    }
    KRING_TRY(int parent, parent_directory(member.parent));
    if (member.base.starts_with(whiteout_prefix)) return whiteout(parent, member);
    if (member.hard_link) return hard_link(parent, member);
    switch (member.type) {
      case S_IFREG:
        return regular_file(parent, member, entry);
      case S_IFDIR:
        return directory(parent, member, entry);
      case S_IFLNK:
        return symbolic_link(parent, member);
      case S_IFIFO:
        return fifo(parent, member);
      case S_IFCHR:
      case S_IFBLK:
      case S_IFSOCK:
        ++result_.skipped_devices;
        return {};
      default:
        return corrupt("/" + member.path + " is of an unknown kind");
    }
  }

  // The last directory used stays open: archives list a directory's files together.
  Result<int> parent_directory(const std::string& path) {
    if (path.empty()) return root_;
    if (!cache_stale_ && cached_.valid() && path == cached_path_) return cached_.get();
    auto found = open_in_root(root_, path, O_RDONLY | O_DIRECTORY);
    if (found.has_error() && found.error().reason == Reason::not_found) {
      KRING_TRY_VOID(make_directories(path));
      found = open_in_root(root_, path, O_RDONLY | O_DIRECTORY);
    }
    if (found.has_error()) return std::move(found).error();
    cached_ = std::move(*found);
    cached_path_ = path;
    cache_stale_ = false;
    return cached_.get();
  }

  // Directories that the archive did not name.
  Result<void> make_directories(const std::string& path) {
    for (size_t end = path.find('/');; end = path.find('/', end + 1)) {
      std::string prefix = path.substr(0, end);
      auto there = open_in_root(root_, prefix, O_PATH | O_DIRECTORY);
      if (there.has_error()) {
        if (there.error().reason != Reason::not_found) return std::move(there).error();
        KRING_TRY_VOID(make_directory_like_below(prefix));
      }
      if (end == std::string::npos) return {};
    }
  }

  Result<void> make_directory_like_below(const std::string& path) {
    size_t slash = path.rfind('/');
    std::string parent_path = slash == std::string::npos ? "" : path.substr(0, slash);
    std::string base = slash == std::string::npos ? path : path.substr(slash + 1);
    KRING_TRY(auto parent, open_in_root(root_, parent_path, O_RDONLY | O_DIRECTORY));
    if (::mkdirat(parent.get(), base.c_str(), 0755) != 0) return failed_at("make", path);
    for (int lower : lower_) {
      auto below = open_without_links(lower, path, O_PATH | O_NOFOLLOW);
      if (below.has_error()) continue;
      struct stat info {};
      if (::fstat(below->get(), &info) != 0 || !S_ISDIR(info.st_mode)) break;  // deleted or replaced down there
      bool owned = ::fchownat(parent.get(), base.c_str(), info.st_uid, info.st_gid, AT_SYMLINK_NOFOLLOW) == 0;
      if (!owned || ::fchmodat(parent.get(), base.c_str(), info.st_mode & 07777, 0) != 0) return failed_at("set", path);
      break;
    }
    return {};
  }

  // Makes room for a member: what an earlier one left there goes, unless both are directories.
  struct Place {
    bool directory_stays = false, was_whiteout = false;
  };
  Result<Place> make_room(int parent, const Member& member) {
    struct stat info {};
    if (::fstatat(parent, member.base.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) return Place{};
      return failed_at("look at", member.path);
    }
    bool directory = member.type == S_IFDIR && !member.hard_link;
    if (S_ISDIR(info.st_mode) && directory) return Place{.directory_stays = true};
    Place out{.was_whiteout = S_ISCHR(info.st_mode) && info.st_rdev == 0};
    KRING_TRY_VOID(remove_tree_at(parent, member.base));
    cache_stale_ = true;  // a name on the way may mean another directory now
    return out;
  }

  Result<void> set_metadata(int fd, const Member& member, archive_entry* entry) {
    if (::fchown(fd, member.uid, member.gid) != 0) return failed_at("change the owner of", member.path);
    if (::fchmod(fd, member.permissions) != 0) return failed_at("change the mode of", member.path);
    KRING_TRY_VOID(set_attributes(fd, member, entry));
    if (member.type == S_IFDIR) {
      directory_times_.emplace_back(member.path, member.mtime);
    } else {
      set_time(fd, member.mtime);
    }
    return {};
  }

  static void set_time(int fd, timespec mtime) {
    timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, mtime};
    ::futimens(fd, times);  // a time the file system cannot hold is no reason to fail
  }
  void set_directory_times() {
    for (const auto& [path, mtime] : directory_times_) {
      auto fd = open_without_links(root_, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      if (fd.has_value()) set_time(fd->get(), mtime);
    }
  }

  static Result<void> set_attributes(int fd, const Member& member, archive_entry* entry) {
    const char* name = nullptr;
    const void* value = nullptr;
    size_t size = 0;
    for (int left = archive_entry_xattr_reset(entry); left > 0; --left) {
      if (archive_entry_xattr_next(entry, &name, &value, &size) != ARCHIVE_OK || name == nullptr) break;
      std::string_view key = name;
      bool capability = key == "security.capability";
      bool user = key.starts_with("user.") && !key.starts_with("user.overlay.") && key.size() <= 255;
      if (!capability && !user) continue;
      if (::fsetxattr(fd, name, value, size, 0) != 0 && (capability || errno != EOPNOTSUPP)) {
        return failed_at("set " + std::string{key} + " of", member.path);
      }
    }
    return {};
  }

  Result<void> regular_file(int parent, const Member& member, archive_entry* entry) {
    result_.bytes += member.size;
    if (result_.bytes > caps_.layer_bytes_max || member.size > caps_.layer_bytes_max) {
      return corrupt("the layer has more than " + std::to_string(caps_.layer_bytes_max) + " bytes");
    }
    KRING_TRY(auto place, make_room(parent, member));
    KRING_MAYBE(place.was_whiteout);
    UniqueFd fd{::openat(parent, member.base.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
    if (!fd.valid()) return failed_at("make", member.path);
    KRING_TRY(uint32_t sum, write_content(fd.get(), member));
    KRING_TRY_VOID(set_metadata(fd.get(), member, entry));
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0) return failed_at("look at", member.path);
    checksums_[info.st_ino] = sum;
    return {};
  }

  // Blocks come in order, with holes between them for sparse files.
  Result<uint32_t> write_content(int fd, const Member& member) {
    uint64_t position = 0;
    uint32_t sum = 0;
    while (true) {
      const void* data = nullptr;
      size_t size = 0;
      la_int64_t offset = 0;
      int status = archive_read_data_block(input_, &data, &size, &offset);
      if (status == ARCHIVE_EOF) break;
      if (status != ARCHIVE_OK) return archive_error();
      auto at = static_cast<uint64_t>(offset);
      if (offset < 0 || at < position || at > member.size || size > member.size - at) {
        return corrupt("/" + member.path + " has data outside of its size");
      }
      sum = checksum_zeros(at - position, sum);
      std::span bytes{static_cast<const uint8_t*>(data), size};
      sum = crc32c(bytes, sum);
      position = at + size;
      for (; !bytes.empty();) {
        ssize_t wrote = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(at));
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return failed_at("write", member.path);
        bytes = bytes.subspan(static_cast<size_t>(wrote));
        at += static_cast<uint64_t>(wrote);
      }
    }
    if (position < member.size && ::ftruncate(fd, static_cast<off_t>(member.size)) != 0) {
      return failed_at("extend", member.path);
    }
    return checksum_zeros(member.size - position, sum);
  }

  static uint32_t checksum_zeros(uint64_t count, uint32_t sum) {
    static const std::array<uint8_t, 65536> zeros{};
    for (; count > 0; count -= std::min<uint64_t>(count, zeros.size())) {
      sum = crc32c(std::span{zeros}.first(static_cast<size_t>(std::min<uint64_t>(count, zeros.size()))), sum);
    }
    return sum;
  }

  Result<void> directory(int parent, const Member& member, archive_entry* entry) {
    KRING_TRY(auto place, make_room(parent, member));
    if (!place.directory_stays && ::mkdirat(parent, member.base.c_str(), 0700) != 0) {
      return failed_at("make", member.path);
    }
    UniqueFd fd{::openat(parent, member.base.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    if (!fd.valid()) return failed_at("open", member.path);
    if (place.was_whiteout) KRING_TRY_VOID(make_opaque(fd.get(), member.path));
    return set_metadata(fd.get(), member, entry);
  }

  Result<void> symbolic_link(int parent, const Member& member) {
    if (member.link.empty()) return corrupt("/" + member.path + " is a link to nothing");
    KRING_TRY(auto place, make_room(parent, member));
    KRING_MAYBE(place.was_whiteout);
    const char* base = member.base.c_str();
    if (::symlinkat(member.link.c_str(), parent, base) != 0) return failed_at("make", member.path);
    if (::fchownat(parent, base, member.uid, member.gid, AT_SYMLINK_NOFOLLOW) != 0) {
      return failed_at("change the owner of", member.path);
    }
    timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, member.mtime};
    ::utimensat(parent, base, times, AT_SYMLINK_NOFOLLOW);
    return {};
  }

  Result<void> fifo(int parent, const Member& member) {
    KRING_TRY(auto place, make_room(parent, member));
    KRING_MAYBE(place.was_whiteout);
    const char* base = member.base.c_str();
    if (::mknodat(parent, base, S_IFIFO | 0600, 0) != 0) return failed_at("make", member.path);
    bool owned = ::fchownat(parent, base, member.uid, member.gid, AT_SYMLINK_NOFOLLOW) == 0;
    if (!owned || ::fchmodat(parent, base, member.permissions, 0) != 0) return failed_at("set", member.path);
    return {};
  }

  Result<void> hard_link(int parent, const Member& member) {
    KRING_TRY(auto target, clean_member_name(member.link));
    size_t slash = target.rfind('/');
    std::string target_base = slash == std::string::npos ? target : target.substr(slash + 1);
    std::string target_parent = slash == std::string::npos ? "" : target.substr(0, slash);
    if (target.empty() || target == member.path) return corrupt("/" + member.path + " is a hard link to itself");
    auto from = open_in_root(root_, target_parent, O_PATH | O_DIRECTORY);
    struct stat info {};
    if (from.has_error() || ::fstatat(from->get(), target_base.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 ||
        S_ISDIR(info.st_mode) || S_ISCHR(info.st_mode)) {
      return corrupt("/" + member.path + " is a hard link to /" + target + ", which is no file of this layer");
    }
    // Both names may lead to one place through a symbolic link: then there is nothing to do, and nothing to remove.
    struct stat mine {};
    if (::fstatat(parent, member.base.c_str(), &mine, AT_SYMLINK_NOFOLLOW) == 0 && mine.st_ino == info.st_ino)
      return {};
    KRING_TRY(auto place, make_room(parent, member));
    KRING_MAYBE(place.was_whiteout);
    if (::linkat(from->get(), target_base.c_str(), parent, member.base.c_str(), 0) != 0) {
      return failed_at("link", member.path);
    }
    return {};
  }

  static Result<void> make_opaque(int fd, const std::string& path) {
    if (::fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0) != 0) return failed_at("mark as opaque", path);
    return {};
  }

  Result<void> whiteout(int parent, const Member& member) {
    if (member.base == opaque_marker) return make_opaque(parent, member.parent);
    if (member.base.starts_with(".wh..wh.")) return {};  // AUFS' own bookkeeping
    std::string name = member.base.substr(whiteout_prefix.size());
    if (name.empty() || name == "." || name == "..") return corrupt("/" + member.path + " hides nothing");
    struct stat info {};
    if (::fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
      // This layer has such an entry itself: it stays, only what lower layers have there is hidden.
      if (!S_ISDIR(info.st_mode)) return {};
      UniqueFd fd{::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
      if (!fd.valid()) return failed_at("open", member.path);
      return make_opaque(fd.get(), member.path);
    }
    if (::mknodat(parent, name.c_str(), S_IFCHR, makedev(0, 0)) != 0)
      return failed_at("make the whiteout", member.path);
    return {};
  }

  // After all members: what is really there, sorted, so that one layer always has one list.
  Result<void> list_directory(int fd, const std::string& path) {
    struct stat info {};
    if (::fstat(fd, &info) != 0) return failed_at("look at", path);
    result_.list += print_layer_file({.kind = 'd', .mode = info.st_mode & 07777, .path = path});
    KRING_TRY(auto names, names_in(fd, path));
    for (const auto& name : names) {
      std::string child = path.empty() ? name : path + "/" + name;
      if (::fstatat(fd, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return failed_at("look at", child);
      if (S_ISDIR(info.st_mode)) {
        UniqueFd below{::openat(fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
        if (!below.valid()) return failed_at("open", child);
        KRING_TRY_VOID(list_directory(below.get(), child));
      } else {
        KRING_TRY_VOID(list_file(fd, name, child, info));
      }
    }
    return {};
  }

  static Result<std::vector<std::string>> names_in(int fd, const std::string& path) {
    int copy = ::openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR* directory = copy < 0 ? nullptr : ::fdopendir(copy);
    if (directory == nullptr) return failed_at("list", path);
    std::vector<std::string> names;
    while (dirent* entry = ::readdir(directory)) {
      std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    ::closedir(directory);
    std::sort(names.begin(), names.end());
    return names;
  }

  Result<void> list_file(int fd, const std::string& name, const std::string& path, const struct stat& info) {
    LayerFile file{.kind = 'o', .mode = info.st_mode & 07777, .path = path};
    if (S_ISREG(info.st_mode)) {
      file.kind = 'f';
      file.size = static_cast<uint64_t>(info.st_size);
      auto sum = checksums_.find(info.st_ino);
      if (sum == checksums_.end()) return corrupt("/" + path + " appeared by itself");
      file.checksum = sum->second;
      ++result_.files;
    } else if (S_ISLNK(info.st_mode)) {
      char target[4096];
      ssize_t length = ::readlinkat(fd, name.c_str(), target, sizeof target);
      if (length < 0) return failed_at("read", path);
      file.kind = 'l';
      file.mode = 0777;
      file.size = static_cast<uint64_t>(length);
      file.checksum = crc32c({reinterpret_cast<const uint8_t*>(target), static_cast<size_t>(length)});
    }
    result_.list += print_layer_file(file);
    return {};
  }

  archive* input_;
  Feed& feed_;
  const int root_;
  const std::vector<int>& lower_;
  const UnpackLimits caps_;
  UnpackResult result_;
  uint64_t entries_ = 0;
  UniqueFd cached_;
  std::string cached_path_;
  bool cache_stale_ = false;
  std::vector<std::pair<std::string, timespec>> directory_times_;
  std::unordered_map<ino_t, uint32_t> checksums_;  // of the content of every file written
};

}  // namespace

Result<UnpackResult> unpack_layer(Stream& tar, int root, const std::vector<int>& lower, const UnpackLimits& caps) {
  ArchivePtr input{archive_read_new()};
  KRING_CHECK(input != nullptr);
  archive_read_support_format_tar(input.get());
  archive_read_support_format_empty(input.get());
  Feed feed{tar};
  if (archive_read_open(input.get(), &feed, nullptr, Feed::read, nullptr) != ARCHIVE_OK) {
    if (feed.error) return *feed.error;
    return corrupt(std::string{"the layer is not a tar archive: "} + archive_error_string(input.get()));
  }
  return Unpacker{input.get(), feed, root, lower, caps}.run();
}

}  // namespace kring::images
