#include "runtime/env/linux/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>

#include "objects/check.h"
#include "runtime/env/linux/unique_fd.h"

namespace kring {
namespace {

// One read or write call moves at most INT_MAX bytes rounded down to a page; stay well below.
constexpr size_t transfer_bytes_max = size_t{1} << 30;

class LinuxFile final : public File {
 public:
  LinuxFile(DiskRing& ring, UniqueFd fd, std::string path) : ring_(ring), fd_(std::move(fd)), path_(std::move(path)) {}

  Task<Result<size_t>> read(uint64_t offset, std::span<uint8_t> out) override {
    size_t done = 0;
    while (done < out.size()) {
      if (co_await cancelled()) co_return canceled_error();
      const auto part = out.subspan(done, std::min(out.size() - done, transfer_bytes_max));
      io_uring_sqe* sqe = ring_.entry();
      io_uring_prep_read(sqe, fd_.get(), part.data(), static_cast<unsigned>(part.size()), offset + done);
      const int n = co_await ring_.run(sqe);
      if (n == -EINTR || n == -EAGAIN) continue;
      if (n < 0) co_return io_error("read " + path_, -n);
      if (n == 0) break;
      done += static_cast<size_t>(n);
    }
    co_return done;
  }

  Task<Result<void>> write(uint64_t offset, std::span<const uint8_t> data, bool dsync) override {
    if (co_await cancelled()) co_return canceled_error();
    // Once begun it goes on to the end: half a record helps nobody.
    while (!data.empty()) {
      const auto part = data.first(std::min(data.size(), transfer_bytes_max));
      io_uring_sqe* sqe = ring_.entry();
      io_uring_prep_write(sqe, fd_.get(), part.data(), static_cast<unsigned>(part.size()), offset);
      if (dsync) sqe->rw_flags = RWF_DSYNC;
      const int n = co_await ring_.run(sqe);
      if (n == -EINTR || n == -EAGAIN) continue;
      if (n < 0) co_return io_error("write " + path_, -n);
      if (n == 0) co_return io_error("write " + path_, EIO);
      data = data.subspan(static_cast<size_t>(n));
      offset += static_cast<uint64_t>(n);
    }
    co_return Result<void>{};
  }

  Task<Result<void>> sync() override {
    if (co_await cancelled()) co_return canceled_error();
    io_uring_sqe* sqe = ring_.entry();
    io_uring_prep_fsync(sqe, fd_.get(), IORING_FSYNC_DATASYNC);
    const int result = co_await ring_.run(sqe);
    if (result < 0) co_return io_error("sync " + path_, -result);
    co_return Result<void>{};
  }

  // IORING_OP_FTRUNCATE needs Linux 6.9; changing the size of a small file does not wait for the medium.
  Task<Result<void>> truncate(uint64_t size) override {
    if (co_await cancelled()) co_return canceled_error();
    if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) co_return io_error("truncate " + path_, errno);
    co_return Result<void>{};
  }

  Result<uint64_t> size() const override {
    struct stat info {};
    if (::fstat(fd_.get(), &info) != 0) return io_error("stat " + path_, errno);
    return static_cast<uint64_t>(info.st_size);
  }

 private:
  DiskRing& ring_;
  UniqueFd fd_;
  std::string path_;
};

int open_flags(OpenMode mode) {
  switch (mode) {
    case OpenMode::read:
      return O_RDONLY;
    case OpenMode::write:
      return O_RDWR;
    case OpenMode::create:
      return O_RDWR | O_CREAT;
    case OpenMode::create_new:
      return O_RDWR | O_CREAT | O_EXCL;
  }
  return O_RDONLY;
}

}  // namespace

// The path and the open_how live in this frame until the kernel is done.
Task<int> LinuxDisk::open_descriptor(std::string path, int flags) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC | O_NOFOLLOW);
  how.mode = (flags & O_CREAT) != 0 ? 0600 : 0;
  int fd = -EINTR;
  while (fd == -EINTR || fd == -EAGAIN) {
    io_uring_sqe* sqe = ring_.entry();
    io_uring_prep_openat2(sqe, AT_FDCWD, path.c_str(), &how);
    fd = co_await ring_.run(sqe);
  }
  co_return fd;
}

Task<Result<std::unique_ptr<File>>> LinuxDisk::open(std::string path, OpenMode mode) {
  if (co_await cancelled()) co_return canceled_error();
  const int fd = co_await open_descriptor(path, open_flags(mode));
  if (fd < 0) co_return io_error("open " + path, -fd);
  UniqueFd owned{fd};
  struct stat info {};
  if (::fstat(fd, &info) != 0) co_return io_error("stat " + path, errno);
  if (S_ISDIR(info.st_mode)) co_return io_error("open " + path, EISDIR);
  std::unique_ptr<File> file = std::make_unique<LinuxFile>(ring_, std::move(owned), std::move(path));
  co_return file;
}

Task<Result<Mapping>> LinuxDisk::map(std::string path) {
  if (co_await cancelled()) co_return canceled_error();
  const UniqueFd fd{co_await open_descriptor(path, O_RDONLY)};
  if (!fd.valid()) co_return io_error("open " + path, -fd.get());
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) co_return io_error("stat " + path, errno);
  const auto size = static_cast<size_t>(info.st_size);
  if (size == 0) co_return Mapping{};
  void* bytes = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (bytes == MAP_FAILED) co_return io_error("mmap " + path, errno);
  Mapping mapping;
  mapping.data = {static_cast<const uint8_t*>(bytes), size};
  mapping.owner = std::shared_ptr<void>(bytes, [size](void* address) { ::munmap(address, size); });
  co_return mapping;
}

Task<Result<void>> LinuxDisk::rename(std::string from, std::string to) {
  if (co_await cancelled()) co_return canceled_error();
  io_uring_sqe* sqe = ring_.entry();
  io_uring_prep_renameat(sqe, AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), 0);
  const int result = co_await ring_.run(sqe);
  if (result < 0) co_return io_error("rename " + from + " to " + to, -result);
  co_return Result<void>{};
}

Task<Result<void>> LinuxDisk::remove(std::string path) {
  if (co_await cancelled()) co_return canceled_error();
  io_uring_sqe* sqe = ring_.entry();
  io_uring_prep_unlinkat(sqe, AT_FDCWD, path.c_str(), 0);
  int result = co_await ring_.run(sqe);
  if (result == -EISDIR) {
    sqe = ring_.entry();
    io_uring_prep_unlinkat(sqe, AT_FDCWD, path.c_str(), AT_REMOVEDIR);
    result = co_await ring_.run(sqe);
  }
  if (result < 0) co_return io_error("remove " + path, -result);
  co_return Result<void>{};
}

Task<Result<void>> LinuxDisk::make_directory(std::string path) {
  if (co_await cancelled()) co_return canceled_error();
  io_uring_sqe* sqe = ring_.entry();
  io_uring_prep_mkdirat(sqe, AT_FDCWD, path.c_str(), 0700);
  const int result = co_await ring_.run(sqe);
  struct stat info {};
  const bool there = result == -EEXIST && ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
  if (result < 0 && !there) co_return io_error("make directory " + path, -result);
  co_return Result<void>{};
}

Task<Result<void>> LinuxDisk::sync_directory(std::string path) {
  if (co_await cancelled()) co_return canceled_error();
  const UniqueFd fd{co_await open_descriptor(path, O_RDONLY | O_DIRECTORY)};
  if (!fd.valid()) co_return io_error("open " + path, -fd.get());
  io_uring_sqe* sqe = ring_.entry();
  io_uring_prep_fsync(sqe, fd.get(), 0);
  const int result = co_await ring_.run(sqe);
  if (result < 0) co_return io_error("sync " + path, -result);
  co_return Result<void>{};
}

Task<Result<std::vector<std::string>>> LinuxDisk::list(std::string path) {
  if (co_await cancelled()) co_return canceled_error();
  UniqueFd fd{co_await open_descriptor(path, O_RDONLY | O_DIRECTORY)};
  if (!fd.valid()) co_return io_error("open " + path, -fd.get());
  DIR* directory = ::fdopendir(fd.get());
  if (directory == nullptr) co_return io_error("list " + path, errno);
  fd.release();
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(directory)) {
    std::string name{entry->d_name};
    if (name != "." && name != "..") names.push_back(std::move(name));
  }
  const int error = errno;
  ::closedir(directory);
  if (error != 0) co_return io_error("list " + path, error);
  std::sort(names.begin(), names.end());
  co_return names;
}

// flock belongs to the open file, so it dies with the process however that ends.
Result<std::shared_ptr<void>> LinuxDisk::lock(std::string path) {
  UniqueFd fd{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
  // A directory is locked itself.
  if (!fd.valid() && errno == EISDIR) {
    fd = UniqueFd{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)};
  }
  if (!fd.valid()) return io_error("open " + path, errno);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return Error{Reason::conflict, path + " is locked by another process"};
    return io_error("lock " + path, errno);
  }
  return std::shared_ptr<void>(std::make_shared<UniqueFd>(std::move(fd)));
}

}  // namespace kring
