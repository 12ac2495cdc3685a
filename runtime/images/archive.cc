#include "runtime/images/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "objects/check.h"
#include "objects/limits.h"
#include "runtime/images/paths.h"

namespace kring::images {
namespace {

Error corrupt(std::string message) { return Error{Reason::corrupt, std::move(message)}; }

class DirectoryArchive final : public Archive {
 public:
  explicit DirectoryArchive(int fd) : fd_(fd) {}
  Result<Region> find(const std::string& name) override {
    if (auto open = files_.find(name); open != files_.end()) return open->second.region;
    KRING_TRY(auto fd, open_without_links(fd_, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0) return io_error("stat " + name, errno);
    if (!S_ISREG(info.st_mode)) return corrupt(name + " is not a file");
    Region region{.fd = fd.get(), .offset = 0, .size = static_cast<uint64_t>(info.st_size)};
    if (files_.size() >= 64) files_.clear();  // one image has its documents and one layer open at a time
    files_[name] = Open{std::move(fd), region};
    return region;
  }

 private:
  struct Open {
    UniqueFd fd;
    Region region;
  };
  int fd_;
  std::map<std::string, Open> files_;
};

class TarArchive final : public Archive {
 public:
  Result<Region> find(const std::string& name) override {
    auto found = members_.find(name);
    // docker-save archives of old share layers by symbolic links, one step deep.
    if (found != members_.end() && !found->second.link.empty()) found = members_.find(found->second.link);
    if (found == members_.end() || !found->second.link.empty()) {
      return Error{Reason::not_found, "the archive has no " + name};
    }
    return found->second.region;
  }

  // Reads the archive's headers; `fd` is an uncompressed tar.
  Result<void> scan(int fd) {
    fd_ = fd;
    reader_ = archive_read_new();
    KRING_CHECK(reader_ != nullptr);
    archive_read_support_format_tar(reader_);
    auto result = archive_read_open_fd(reader_, fd, 128 * 1024) == ARCHIVE_OK ? members() : error();
    archive_read_free(reader_);
    return result;
  }
  void own(UniqueFd fd) { owned_ = std::move(fd); }

 private:
  struct Member {
    Region region;
    std::string link;  // another member's name
  };

  Result<void> error() {
    const char* text = archive_error_string(reader_);
    return corrupt(std::string{"it is not a good tar archive: "} + (text == nullptr ? "?" : text));
  }

  Result<void> members() {
    archive_entry* entry = nullptr;
    while (true) {
      int status = archive_read_next_header(reader_, &entry);
      if (status == ARCHIVE_EOF) return {};
      if (status != ARCHIVE_OK) return error();
      if (members_.size() > limits::image_archive_entries_max) return corrupt("the archive has too many members");
      KRING_TRY_VOID(add(entry));
    }
  }

  Result<void> add(archive_entry* entry) {
    const char* raw = archive_entry_pathname(entry);
    if (raw == nullptr) return corrupt("the archive has a name that cannot be read");
    KRING_TRY(auto name, clean_member_name(raw));
    Member member;
    const char* hard = archive_entry_hardlink(entry);
    if (hard != nullptr) {
      KRING_TRY(member.link, clean_member_name(hard));
    } else if (archive_entry_filetype(entry) == AE_IFLNK && archive_entry_symlink(entry) != nullptr) {
      member.link = beside(name, archive_entry_symlink(entry));
    } else if (archive_entry_filetype(entry) == AE_IFREG) {
      // What the reader has consumed now are the headers: the content follows. A sparse member would not be so, and
      // would then fail its digest.
      member.region = {.fd = fd_,
                       .offset = static_cast<uint64_t>(archive_filter_bytes(reader_, 0)),
                       .size = static_cast<uint64_t>(std::max<int64_t>(0, archive_entry_size(entry)))};
    } else {
      return {};
    }
    if (!members_.emplace(name, std::move(member)).second) return corrupt("the archive has " + name + " twice");
    return {};
  }

  // "a/layer.tar" -> "../b/layer.tar" is "b/layer.tar".
  static std::string beside(const std::string& name, std::string_view target) {
    std::string directory = name.substr(0, name.rfind('/') == std::string::npos ? 0 : name.rfind('/'));
    while (target.starts_with("../")) {
      target.remove_prefix(3);
      directory = directory.substr(0, directory.rfind('/') == std::string::npos ? 0 : directory.rfind('/'));
    }
    return directory.empty() ? std::string{target} : directory + "/" + std::string{target};
  }

  archive* reader_ = nullptr;
  int fd_ = -1;
  UniqueFd owned_;
  std::map<std::string, Member> members_;
};

// The uncompressed bytes of `fd` in a file without a name.
Result<UniqueFd> decompress_to_file(int fd, uint64_t size, int work, uint64_t bytes_max) {
  RegionStream source{{.fd = fd, .offset = 0, .size = size}};
  KRING_TRY(auto stream, make_decompressor(source));
  UniqueFd out{::openat(work, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)};
  if (!out.valid()) return io_error("make a temporary file", errno);
  std::vector<uint8_t> buffer(256 * 1024);
  for (uint64_t total = 0;;) {
    KRING_TRY(size_t got, stream->read(buffer));
    if (got == 0) break;
    total += got;
    if (total > bytes_max) return corrupt("the archive is larger than " + std::to_string(bytes_max) + " bytes");
    for (std::span<const uint8_t> rest = std::span{buffer}.first(got); !rest.empty();) {
      ssize_t wrote = ::write(out.get(), rest.data(), rest.size());
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote < 0) return io_error("write the unpacked archive", errno);
      rest = rest.subspan(static_cast<size_t>(wrote));
    }
  }
  ::lseek(out.get(), 0, SEEK_SET);
  return out;
}

bool is_compressed(int fd) {
  unsigned char magic[4] = {};
  if (::pread(fd, magic, sizeof magic, 0) != sizeof magic) return false;
  bool gzip = magic[0] == 0x1f && magic[1] == 0x8b;
  return gzip || (magic[0] == 0x28 && magic[1] == 0xb5 && magic[2] == 0x2f && magic[3] == 0xfd);
}

}  // namespace

Result<std::unique_ptr<Archive>> open_archive(int fd, int work, uint64_t bytes_max) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return io_error("stat the archive", errno);
  std::unique_ptr<Archive> out;
  if (S_ISDIR(info.st_mode)) {
    out = std::make_unique<DirectoryArchive>(fd);
    return out;
  }
  if (!S_ISREG(info.st_mode)) return corrupt("it is neither a file nor a directory");
  if (info.st_size == 0) return corrupt("the archive is empty");
  auto tar = std::make_unique<TarArchive>();
  int tar_fd = fd;
  if (is_compressed(fd)) {
    KRING_TRY(auto unpacked, decompress_to_file(fd, static_cast<uint64_t>(info.st_size), work, bytes_max));
    tar_fd = unpacked.get();
    tar->own(std::move(unpacked));
  }
  KRING_TRY_VOID(tar->scan(tar_fd));
  out = std::move(tar);
  return out;
}

Result<std::string> read_region(Region region, const std::string& name) {
  if (region.size > limits::image_document_bytes_max) return corrupt(name + " is too large");
  std::string out(region.size, '\0');
  RegionStream stream{region};
  for (size_t done = 0; done < out.size();) {
    KRING_TRY(size_t got, stream.read({reinterpret_cast<uint8_t*>(out.data()) + done, out.size() - done}));
    done += got;
  }
  return out;
}

Result<std::string> read_document(Archive& archive, const std::string& name) {
  KRING_TRY(auto region, archive.find(name));
  return read_region(region, name);
}

}  // namespace kring::images
