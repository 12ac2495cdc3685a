// The data directory on Linux: every call that may wait for the medium runs on the ring; the few that have no such form
// (truncate, list, map) touch only small or cached state.
// Source: openat2(2), rename(2), flock(2); writes with RWF_DSYNC as pwritev2(2).
#pragma once

#include "runtime/env/disk.h"
#include "runtime/env/linux/disk_ring.h"

namespace kring {

class LinuxDisk final : public Disk {
 public:
  explicit LinuxDisk(asio::io_context& loop) : ring_(loop) {}
  Task<Result<std::unique_ptr<File>>> open(std::string path, OpenMode mode) override;
  Task<Result<Mapping>> map(std::string path) override;
  Task<Result<void>> rename(std::string from, std::string to) override;
  // A file, or an empty directory.
  Task<Result<void>> remove(std::string path) override;
  Task<Result<void>> make_directory(std::string path) override;
  Task<Result<void>> sync_directory(std::string path) override;
  Task<Result<std::vector<std::string>>> list(std::string path) override;
  Result<std::shared_ptr<void>> lock(std::string path) override;

 private:
  Task<int> open_descriptor(std::string path, int flags);

  DiskRing ring_;
};

}  // namespace kring
