// Files of the data directory. The real one (env/linux) runs every call on io_uring; the simulated one tears, loses and
// reorders what was not synced. Paths are absolute or relative to the process' directory; no operation follows a
// symlink at the last component.
// Contract, as the store relies on it: bytes written with dsync, or followed by a successful sync(), survive power
// loss; others may survive in part, in any order, by sectors of 512 bytes. A rename survives only after sync_directory
// of its folder; before that either name may be seen after a crash.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/env/env.h"

namespace kring {

enum class OpenMode : uint8_t {
  read,        // must exist
  write,       // read and write, must exist
  create,      // read and write, made with mode 0600 when absent
  create_new,  // must not exist
};

class File {
 public:
  virtual ~File() = default;  // closes
  // Reads up to out.size() bytes; fewer only at the end of the file.
  virtual Task<Result<size_t>> read(uint64_t offset, std::span<uint8_t> out) = 0;
  // Writes all of the data or fails. `dsync`: returns when the data (and the size, if it grew) is on the medium.
  // The bytes must stay valid until the task is done, cancellation does not end it early.
  virtual Task<Result<void>> write(uint64_t offset, std::span<const uint8_t> data, bool dsync) = 0;
  virtual Task<Result<void>> sync() = 0;
  virtual Task<Result<void>> truncate(uint64_t size) = 0;
  virtual Result<uint64_t> size() const = 0;
};

// Read-only bytes of a file, mapped (real) or copied (simulated). Keep the shared_ptr as long as a view lives.
struct Mapping {
  std::span<const uint8_t> data;
  std::shared_ptr<const void> owner;
};

class Disk {
 public:
  virtual ~Disk() = default;
  virtual Task<Result<std::unique_ptr<File>>> open(std::string path, OpenMode mode) = 0;
  virtual Task<Result<Mapping>> map(std::string path) = 0;
  virtual Task<Result<void>> rename(std::string from, std::string to) = 0;
  virtual Task<Result<void>> remove(std::string path) = 0;
  virtual Task<Result<void>> make_directory(std::string path) = 0;  // mode 0700; success when it is there already
  virtual Task<Result<void>> sync_directory(std::string path) = 0;
  virtual Task<Result<std::vector<std::string>>> list(std::string path) = 0;  // names, sorted
  // Takes the exclusive lock of a data directory, held until the returned handle dies. Reason::conflict when another
  // process holds it.
  virtual Result<std::shared_ptr<void>> lock(std::string path) = 0;
};

}  // namespace kring
