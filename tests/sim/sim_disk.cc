#include "tests/sim/sim_disk.h"

#include <algorithm>
#include <cerrno>

#include "objects/check.h"

namespace kring::sim {
namespace {

Error gone() { return Error{Reason::io, "the machine is off"}; }

}  // namespace

class SimFile final : public File {
 public:
  SimFile(SimDisk& disk, std::string path, SimDisk::InodePtr inode, bool writable)
      : disk_(disk), path_(std::move(path)), inode_(std::move(inode)), writable_(writable), life_(disk.life_) {
    ++disk_.open_files_;
  }
  ~SimFile() override { --disk_.open_files_; }

  Task<Result<size_t>> read(uint64_t offset, std::span<uint8_t> out) override;
  Task<Result<void>> write(uint64_t offset, std::span<const uint8_t> data, bool dsync) override;
  Task<Result<void>> sync() override;
  Task<Result<void>> truncate(uint64_t size) override;
  Result<uint64_t> size() const override { return inode_->cached.size(); }

 private:
  Result<void> sync_now();

  SimDisk& disk_;
  std::string path_;
  SimDisk::InodePtr inode_;
  bool writable_;
  uint64_t life_;
};

Task<Result<size_t>> SimFile::read(uint64_t offset, std::span<uint8_t> out) {
  KRING_CO_TRY_VOID(co_await disk_.begin("read", path_));
  KRING_CO_TRY_VOID(disk_.still_alive(life_));
  if (disk_.schedule_.dice().chance(disk_.faults.read_error)) co_return io_error("read " + path_, EIO);
  const uint64_t size = inode_->cached.size();
  const size_t count = offset >= size ? 0 : static_cast<size_t>(std::min<uint64_t>(out.size(), size - offset));
  const auto bad = inode_->unreadable.lower_bound(offset / SimDisk::sector);
  if (count > 0 && bad != inode_->unreadable.end() && *bad <= (offset + count - 1) / SimDisk::sector)
    co_return io_error("read " + path_, EIO);
  std::copy_n(inode_->cached.begin() + static_cast<ptrdiff_t>(offset), count, out.begin());
  co_return count;
}

Task<Result<void>> SimFile::write(uint64_t offset, std::span<const uint8_t> data, bool dsync) {
  KRING_CHECK(writable_, "a file opened for reading is not written");
  if (co_await cancelled()) co_return canceled_error();
  KRING_CO_TRY_VOID(disk_.still_alive(life_));
  SimDisk::Flight flight{inode_, offset, data, dsync};
  disk_.flights_.push_back(&flight);
  auto begun = co_await disk_.begin("write", path_);
  std::erase(disk_.flights_, &flight);
  KRING_CO_TRY_VOID(disk_.still_alive(life_));
  // A cancellation does not stop a write that is on its way.
  KRING_MAYBE(begun.has_error());
  disk_.schedule_.note("at", offset);
  Dice& dice = disk_.schedule_.dice();
  if (dice.chance(disk_.faults.write_error)) {
    disk_.put_some(flight);
    co_return io_error("write " + path_, EIO);
  }
  const uint64_t grows = offset + data.size() > inode_->cached.size() ? offset + data.size() - inode_->cached.size() : 0;
  if (grows > 0 && disk_.used_bytes() + grows > disk_.faults.capacity_bytes) {
    disk_.put_some(flight);
    co_return io_error("write " + path_, ENOSPC);
  }
  disk_.bytes_written_ += data.size();
  if (!data.empty()) {
    const size_t first = offset / SimDisk::sector, last = (offset + data.size() - 1) / SimDisk::sector;
    for (size_t i = first; i <= last; ++i) {
      disk_.put(*inode_, offset, data, i);
      if (dsync && !disk_.faults.lies_about_sync) disk_.persist(*inode_, i);
    }
    if (dsync && !disk_.faults.lies_about_sync) disk_.persist_size(*inode_);
  }
  disk_.write_back(*inode_);
  co_return Result<void>{};
}

Task<Result<void>> SimFile::sync() {
  KRING_CO_TRY_VOID(co_await disk_.begin("sync", path_));
  KRING_CO_TRY_VOID(disk_.still_alive(life_));
  co_return sync_now();
}

Result<void> SimFile::sync_now() {
  Dice& dice = disk_.schedule_.dice();
  const bool fails = dice.chance(disk_.faults.sync_error);
  if (disk_.faults.lies_about_sync) return {};
  const auto dirty = inode_->dirty;
  for (size_t index : dirty)
    if (!fails || dice.coin()) disk_.persist(*inode_, index);
  // What a failed sync did not write is dirty no more: the cache believes it tried.
  inode_->dirty.clear();
  if (fails) return io_error("sync " + path_, EIO);
  disk_.persist_size(*inode_);
  return {};
}

Task<Result<void>> SimFile::truncate(uint64_t size) {
  KRING_CHECK(writable_);
  KRING_CO_TRY_VOID(co_await disk_.begin("truncate", path_));
  KRING_CO_TRY_VOID(disk_.still_alive(life_));
  inode_->cached.resize(size);
  inode_->dirty.erase(inode_->dirty.lower_bound((size + SimDisk::sector - 1) / SimDisk::sector), inode_->dirty.end());
  inode_->grown = true;
  co_return Result<void>{};
}

// Names.

std::pair<std::string, std::string> SimDisk::split(const std::string& path) {
  const size_t slash = path.rfind('/');
  KRING_CHECK(slash != std::string::npos, "paths in the simulation are absolute");
  return {path.substr(0, slash), path.substr(slash + 1)};
}

const SimDisk::Inode* SimDisk::find(const std::string& path) const {
  const auto [directory, name] = split(path);
  const auto in = directories_.find(directory);
  if (in == directories_.end()) return nullptr;
  const auto it = in->second.names.find(name);
  return it == in->second.names.end() ? nullptr : it->second.get();
}

SimDisk::Inode& SimDisk::must_find(const std::string& path) const {
  const Inode* inode = find(path);
  KRING_CHECK(inode != nullptr, path);
  return const_cast<Inode&>(*inode);
}

Task<Result<void>> SimDisk::begin(std::string_view what, std::string_view path) {
  if (co_await cancelled()) co_return canceled_error();
  if (!alive_) co_return gone();
  const uint64_t life = life_;
  schedule_.note(what, path.size());
  Dice& dice = schedule_.dice();
  int64_t ns = static_cast<int64_t>(dice.between(static_cast<uint64_t>(faults.latency_ns_min),
                                                 static_cast<uint64_t>(faults.latency_ns_max)));
  if (dice.chance(faults.slow)) ns *= 20;
  co_await schedule_.operation(ns);
  co_return still_alive(life);
}

Result<void> SimDisk::still_alive(uint64_t life) const {
  if (!alive_ || life != life_) return gone();
  return {};
}

void SimDisk::apply(Directory& directory, const Change& change) {
  auto& names = directory.durable;
  if (change.what == Change::What::unlink) {
    names.erase(change.name);
    return;
  }
  if (change.what == Change::What::rename) {
    const auto from = names.find(change.name);
    if (from != names.end() && from->second == change.inode) names.erase(from);
  }
  names[change.what == Change::What::rename ? change.to : change.name] = change.inode;
}

Task<Result<std::unique_ptr<File>>> SimDisk::open(std::string path, OpenMode mode) {
  KRING_CO_TRY_VOID(co_await begin("open", path));
  if (schedule_.dice().chance(faults.name_error)) co_return io_error("open " + path, EIO);
  const auto [directory, name] = split(path);
  const auto in = directories_.find(directory);
  if (in == directories_.end()) co_return io_error("open " + path, ENOENT);
  const auto it = in->second.names.find(name);
  const bool there = it != in->second.names.end();
  if (there && mode == OpenMode::create_new) co_return io_error("open " + path, EEXIST);
  if (!there && (mode == OpenMode::read || mode == OpenMode::write)) co_return io_error("open " + path, ENOENT);
  InodePtr inode = there ? it->second : std::make_shared<Inode>();
  if (!there) {
    in->second.names[name] = inode;
    in->second.changes.push_back({Change::What::link, name, {}, inode});
  }
  co_return std::unique_ptr<File>{std::make_unique<SimFile>(*this, path, std::move(inode), mode != OpenMode::read)};
}

Task<Result<Mapping>> SimDisk::map(std::string path) {
  KRING_CO_TRY_VOID(co_await begin("map", path));
  if (schedule_.dice().chance(faults.read_error)) co_return io_error("map " + path, EIO);
  const Inode* inode = find(path);
  if (inode == nullptr) co_return io_error("map " + path, ENOENT);
  // Rounded up and aligned as a mapping is.
  auto copy = std::make_shared<std::vector<uint64_t>>((inode->cached.size() + 7) / 8);
  auto* bytes = reinterpret_cast<uint8_t*>(copy->data());
  std::copy(inode->cached.begin(), inode->cached.end(), bytes);
  co_return Mapping{{bytes, inode->cached.size()}, copy};
}

Task<Result<void>> SimDisk::rename(std::string from, std::string to) {
  KRING_CO_TRY_VOID(co_await begin("rename", from));
  const auto [directory, name] = split(from);
  const auto [to_directory, to_name] = split(to);
  KRING_CHECK(directory == to_directory, "renames in the simulation stay in one directory");
  if (schedule_.dice().chance(faults.name_error)) co_return io_error("rename " + from, EIO);
  const auto in = directories_.find(directory);
  if (in == directories_.end()) co_return io_error("rename " + from, ENOENT);
  const auto it = in->second.names.find(name);
  if (it == in->second.names.end()) co_return io_error("rename " + from, ENOENT);
  const InodePtr inode = it->second;
  in->second.names.erase(it);
  in->second.names[to_name] = inode;
  in->second.changes.push_back({Change::What::rename, name, to_name, inode});
  co_return Result<void>{};
}

Task<Result<void>> SimDisk::remove(std::string path) {
  KRING_CO_TRY_VOID(co_await begin("remove", path));
  const auto [directory, name] = split(path);
  const auto in = directories_.find(directory);
  if (in == directories_.end() || in->second.names.erase(name) == 0) co_return io_error("remove " + path, ENOENT);
  in->second.changes.push_back({Change::What::unlink, name, {}, nullptr});
  co_return Result<void>{};
}

Task<Result<void>> SimDisk::make_directory(std::string path) {
  KRING_CO_TRY_VOID(co_await begin("make_directory", path));
  const auto [parent, name] = split(path);
  if (!directories_.contains(parent)) co_return io_error("make_directory " + path, ENOENT);
  directories_.try_emplace(path);
  co_return Result<void>{};
}

Task<Result<void>> SimDisk::sync_directory(std::string path) {
  KRING_CO_TRY_VOID(co_await begin("sync_directory", path));
  const std::string key = path == "/" ? "" : path;
  const auto in = directories_.find(key);
  if (in == directories_.end()) co_return io_error("sync_directory " + path, ENOENT);
  if (schedule_.dice().chance(faults.sync_error)) co_return io_error("sync_directory " + path, EIO);
  if (faults.lies_about_sync) co_return Result<void>{};
  in->second.durable = in->second.names;
  in->second.changes.clear();
  for (auto& [name, directory] : directories_)
    if (!name.empty() && split(name).first == key) directory.linked = true;
  co_return Result<void>{};
}

Task<Result<std::vector<std::string>>> SimDisk::list(std::string path) {
  KRING_CO_TRY_VOID(co_await begin("list", path));
  if (!directories_.contains(path)) co_return io_error("list " + path, ENOENT);
  if (schedule_.dice().chance(faults.read_error)) co_return io_error("list " + path, EIO);
  co_return names(path);
}

Result<std::shared_ptr<void>> SimDisk::lock(std::string path) {
  // A directory, or a file in one; the file itself is of no interest.
  if (!directories_.contains(path) && !directories_.contains(split(path).first))
    return io_error("lock " + path, ENOENT);
  if (!locks_->insert(path).second) return Error{Reason::conflict, path + " is in use by another process"};
  return std::shared_ptr<void>{nullptr, [locks = locks_, path](void*) { locks->erase(path); }};
}

// Sectors.

void SimDisk::put(Inode& inode, uint64_t offset, std::span<const uint8_t> data, size_t index) {
  const uint64_t from = std::max<uint64_t>(offset, index * sector);
  const uint64_t to = std::min<uint64_t>(offset + data.size(), (index + 1) * sector);
  if (inode.cached.size() < to) {
    inode.cached.resize(to);
    inode.grown = true;
  }
  std::copy_n(data.begin() + static_cast<ptrdiff_t>(from - offset), to - from,
              inode.cached.begin() + static_cast<ptrdiff_t>(from));
  inode.dirty.insert(index);
}

void SimDisk::persist(Inode& inode, size_t index) {
  const size_t from = index * sector;
  const size_t to = std::min(inode.cached.size(), from + sector);
  if (inode.durable.size() < to) inode.durable.resize(to);
  if (from < to)
    std::copy(inode.cached.begin() + static_cast<ptrdiff_t>(from), inode.cached.begin() + static_cast<ptrdiff_t>(to),
              inode.durable.begin() + static_cast<ptrdiff_t>(from));
  inode.dirty.erase(index);
  inode.unreadable.erase(index);  // written anew, a bad sector is replaced
}

void SimDisk::persist_size(Inode& inode) {
  inode.durable.resize(inode.cached.size());
  inode.grown = false;
}

void SimDisk::put_some(const Flight& flight) {
  if (flight.data.empty()) return;
  Dice& dice = schedule_.dice();
  const size_t first = flight.offset / sector, last = (flight.offset + flight.data.size() - 1) / sector;
  // Sometimes a run from the start, sometimes any sectors. On a full disk the file does not grow.
  const bool run = dice.coin();
  const size_t stop = first + dice.below(last - first + 2);
  const bool full = used_bytes() + flight.data.size() > faults.capacity_bytes;
  for (size_t i = first; i <= last; ++i) {
    if (run ? i >= stop : dice.coin()) continue;
    if (full && (i + 1) * sector > flight.inode->cached.size()) continue;
    put(*flight.inode, flight.offset, flight.data, i);
    if (flight.dsync && dice.coin()) persist(*flight.inode, i);
  }
}

void SimDisk::write_back(Inode& inode) {
  if (inode.dirty.empty() || !schedule_.dice().chance(faults.writeback)) return;
  const auto dirty = inode.dirty;
  for (size_t index : dirty)
    if (schedule_.dice().coin()) persist(inode, index);
}

void SimDisk::end_life() {
  for (Flight* flight : flights_) put_some(*flight);
  flights_.clear();
  alive_ = false;
  ++life_;
}

void SimDisk::kill_process() { end_life(); }

void SimDisk::cut_power() {
  end_life();
  Dice& dice = schedule_.dice();
  for (auto it = directories_.begin(); it != directories_.end();) {
    Directory& directory = it->second;
    if (!directory.linked && dice.coin()) {
      it = directories_.erase(it);
      continue;
    }
    directory.linked = true;
    // A journal keeps the first few changes; others may keep any.
    const bool journal = dice.coin();
    const size_t kept = dice.below(directory.changes.size() + 1);
    for (size_t i = 0; i < directory.changes.size(); ++i)
      if (journal ? i < kept : dice.coin()) apply(directory, directory.changes[i]);
    directory.changes.clear();
    directory.names = directory.durable;
    ++it;
  }
  std::set<Inode*> seen;
  for (auto& [path, directory] : directories_) {
    for (auto& [name, inode] : directory.names) {
      if (!seen.insert(inode.get()).second) continue;
      const auto dirty = inode->dirty;
      for (size_t index : dirty)
        if (dice.coin()) persist(*inode, index);
      if (inode->grown && dice.coin()) persist_size(*inode);
      inode->dirty.clear();
      inode->grown = false;
      inode->cached = inode->durable;
    }
  }
}

// For tests.

std::vector<uint8_t> SimDisk::contents(const std::string& path) const { return must_find(path).cached; }

void SimDisk::set_contents(const std::string& path, std::vector<uint8_t> bytes) {
  const auto [directory, name] = split(path);
  Directory& in = directories_.at(directory);
  auto inode = std::make_shared<Inode>();
  inode->cached = inode->durable = std::move(bytes);
  in.names[name] = in.durable[name] = inode;
}

void SimDisk::flip(const std::string& path, uint64_t offset) {
  Inode& inode = must_find(path);
  KRING_CHECK(offset < inode.cached.size());
  inode.cached[offset] ^= 0x10;
  if (offset < inode.durable.size()) inode.durable[offset] ^= 0x10;
}

void SimDisk::make_unreadable(const std::string& path, uint64_t offset) {
  must_find(path).unreadable.insert(offset / sector);
}

void SimDisk::erase(const std::string& path) {
  const auto [directory, name] = split(path);
  directories_.at(directory).names.erase(name);
  directories_.at(directory).durable.erase(name);
}

std::vector<std::string> SimDisk::names(const std::string& directory) const {
  std::vector<std::string> found;
  const auto in = directories_.find(directory);
  if (in == directories_.end()) return found;
  for (const auto& [name, inode] : in->second.names) found.push_back(name);
  for (const auto& [path, below] : directories_)
    if (!path.empty() && split(path).first == directory) found.push_back(split(path).second);
  std::sort(found.begin(), found.end());
  return found;
}

uint64_t SimDisk::used_bytes() const {
  uint64_t used = 0;
  for (const auto& [path, directory] : directories_)
    for (const auto& [name, inode] : directory.names) used += inode->cached.size();
  return used;
}

}  // namespace kring::sim
