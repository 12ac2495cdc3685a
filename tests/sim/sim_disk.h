// A disk that forgets. The fault model:
// - Writes go to a volatile cache of sectors of 512 bytes. A write with dsync, or a sync, makes sectors durable; now and
//   then the cache writes some sector back by itself.
// - A power cut keeps any subset of the sectors that were not durable, of finished and of unfinished writes alike: torn,
//   lost and reordered. The size of a file that grew is kept or not.
// - Names made, renamed or removed are durable after sync_directory; before that a power cut keeps the first few of the
//   changes, or any subset.
// - A killed process loses nothing of the cache, but its unfinished writes are done in part.
// - Injected: EIO for reads, writes (which then are done in part) and syncs (after which the cache forgets that the
//   sectors are dirty: a later sync succeeds without them); a full disk; sectors that cannot be read.
// Operations end in an order drawn from the seed. After a cut every operation of the old life fails.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "runtime/env/disk.h"
#include "tests/sim/sim_schedule.h"

namespace kring::sim {

struct DiskFaults {
  // Chances per million operations.
  uint32_t read_error = 0, write_error = 0, sync_error = 0, name_error = 0;
  uint32_t writeback = 100'000;        // per dirty sector and write
  int64_t latency_ns_min = 20'000, latency_ns_max = 400'000;
  uint32_t slow = 10'000;              // takes 20 times as long
  uint64_t capacity_bytes = UINT64_MAX;
  // For canaries: a disk that says it synced and did not.
  bool lies_about_sync = false;
};

class SimDisk final : public Disk {
 public:
  explicit SimDisk(Schedule& schedule) : schedule_(schedule) { directories_[""].linked = true; }

  Task<Result<std::unique_ptr<File>>> open(std::string path, OpenMode mode) override;
  Task<Result<Mapping>> map(std::string path) override;
  Task<Result<void>> rename(std::string from, std::string to) override;
  Task<Result<void>> remove(std::string path) override;
  Task<Result<void>> make_directory(std::string path) override;
  Task<Result<void>> sync_directory(std::string path) override;
  Task<Result<std::vector<std::string>>> list(std::string path) override;
  Result<std::shared_ptr<void>> lock(std::string path) override;

  DiskFaults faults;

  // The two ends of a life. After either, every operation fails until start().
  void cut_power();
  void kill_process();
  void start() { alive_ = true; }

  // For tests: the bytes of a file now, and surgery on them (durable at once).
  std::vector<uint8_t> contents(const std::string& path) const;
  void set_contents(const std::string& path, std::vector<uint8_t> bytes);
  void flip(const std::string& path, uint64_t offset);
  void make_unreadable(const std::string& path, uint64_t offset);
  void erase(const std::string& path);
  bool exists(const std::string& path) const { return find(path) != nullptr; }
  std::vector<std::string> names(const std::string& directory) const;
  uint64_t used_bytes() const;
  uint64_t bytes_written() const { return bytes_written_; }
  size_t writes_in_flight() const { return flights_.size(); }
  // Files and locks that are open: leaks when nobody should hold one.
  size_t open_files() const { return open_files_; }
  size_t locks() const { return locks_->size(); }

 private:
  friend class SimFile;
  static constexpr size_t sector = 512;
  struct Inode {
    std::vector<uint8_t> cached, durable;
    std::set<size_t> dirty;            // sectors of `cached` that `durable` does not have
    bool grown = false;                // the size is not durable
    std::set<size_t> unreadable;
  };
  using InodePtr = std::shared_ptr<Inode>;
  // A change of names that is not durable yet.
  struct Change {
    enum class What : uint8_t { link, unlink, rename } what;
    std::string name, to;
    InodePtr inode;
  };
  struct Directory {
    std::map<std::string, InodePtr> names, durable;
    std::vector<Change> changes;
    bool linked = false;               // its own name is durable
  };
  // A write on its way.
  struct Flight {
    InodePtr inode;
    uint64_t offset;
    std::span<const uint8_t> data;
    bool dsync;
  };

  static std::pair<std::string, std::string> split(const std::string& path);
  const Inode* find(const std::string& path) const;
  Inode& must_find(const std::string& path) const;
  // Waits as long as the operation takes and says whether it may go on.
  Task<Result<void>> begin(std::string_view what, std::string_view path);
  Result<void> still_alive(uint64_t life) const;
  static void apply(Directory& directory, const Change& change);
  void persist(Inode& inode, size_t index);
  void persist_size(Inode& inode);
  // Puts one sector's part of a write into the cache.
  void put(Inode& inode, uint64_t offset, std::span<const uint8_t> data, size_t index);
  void put_some(const Flight& flight);
  void write_back(Inode& inode);
  void end_life();

  Schedule& schedule_;
  std::map<std::string, Directory> directories_;
  std::shared_ptr<std::set<std::string>> locks_ = std::make_shared<std::set<std::string>>();
  std::vector<Flight*> flights_;       // in the order they began
  bool alive_ = true;
  uint64_t life_ = 0;                  // a handle of an earlier life is dead
  uint64_t bytes_written_ = 0;
  size_t open_files_ = 0;
};

}  // namespace kring::sim
