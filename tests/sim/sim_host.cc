#include "tests/sim/sim_host.h"

#include <cerrno>
#include <set>

namespace kring::sim {

SimHost::SimHost() {
  machine.hostname = "node1";
  machine.kernel_version = "6.1.0";
  machine.os_image = "Debian GNU/Linux 12 (bookworm)";
  machine.machine_id = "0123456789abcdef";
  machine.architecture = "arm64";
  machine.cpus = 4;
  machine.memory_bytes = 4LL << 30;
  machine.addresses = {"192.0.2.10"};
  usage.memory_available_bytes = 2LL << 30;
  usage.disk_bytes = 32LL << 30;
  usage.disk_available_bytes = 16LL << 30;
  usage.disk_files = 1'000'000;
  usage.disk_files_free = 900'000;
  usage.pids_max = 32768;
  usage.pids = 200;
  texts["/etc/resolv.conf"] = "nameserver 192.0.2.1\nsearch example.com\n";
  texts["/etc/hosts"] = "127.0.0.1 localhost\n";
}

Result<std::string> SimHost::read_text(const std::string& path) {
  auto found = texts.find(path);
  if (found == texts.end()) return io_error("open " + path, ENOENT);
  return found->second;
}

size_t SimHostFiles::count_below(const std::string& path) const {
  size_t count = 0;
  for (const auto& [name, entry] : entries) count += name.starts_with(path + "/") ? 1 : 0;
  return count;
}

Result<FileType> SimHostFiles::type(const std::string& path) {
  auto found = entries.find(path);
  return found == entries.end() ? FileType::none : found->second.type;
}

Result<void> SimHostFiles::make_directories(const std::string& path, uint32_t mode) {
  if (full(path)) return io_error("mkdir " + path, ENOSPC);
  for (size_t at = 1; at <= path.size(); ++at) {
    if (at < path.size() && path[at] != '/') continue;
    auto [it, made] = entries.try_emplace(path.substr(0, at), Entry{FileType::directory, {}, 0755, false});
    if (made && at == path.size()) it->second.mode = mode;
    if (it->second.type != FileType::directory) return io_error("mkdir " + path, ENOTDIR);
  }
  return {};
}

Result<void> SimHostFiles::set_access(const std::string& path, uint32_t mode, std::optional<int64_t>) {
  auto found = entries.find(path);
  if (found == entries.end()) return io_error("open " + path, ENOENT);
  found->second.mode = mode;
  return {};
}

Result<void> SimHostFiles::make_file(const std::string& path, uint32_t mode) {
  if (full(path)) return io_error("create " + path, ENOSPC);
  entries.try_emplace(path, Entry{FileType::file, {}, mode, false});
  return {};
}

Result<void> SimHostFiles::write_text(const std::string& path, const std::string& text, uint32_t mode) {
  if (full(path)) return io_error("write " + path, ENOSPC);
  entries[path] = Entry{FileType::file, text, mode, false};
  return {};
}

Result<std::vector<std::string>> SimHostFiles::list(const std::string& path) {
  if (!entries.contains(path)) return io_error("open " + path, ENOENT);
  std::set<std::string> names;
  for (const auto& [name, entry] : entries) {
    if (!name.starts_with(path + "/")) continue;
    std::string rest = name.substr(path.size() + 1);
    names.insert(rest.substr(0, rest.find('/')));
  }
  return std::vector<std::string>{names.begin(), names.end()};
}

Result<void> SimHostFiles::make_directories_beneath(const std::string& base, const std::string& relative,
                                                    uint32_t mode) {
  return make_directories(base + "/" + relative, mode);
}

Result<FileType> SimHostFiles::type_beneath(const std::string& base, const std::string& relative) {
  size_t slash = base.rfind("/v1");  // the version that published() names
  std::string volume = base.substr(0, slash);
  if (auto found = volumes.find(volume); slash != std::string::npos && found != volumes.end()) {
    for (const auto& file : found->second)
      if (file.path == relative) return FileType::file;
    return FileType::none;
  }
  return type(base + "/" + relative);
}

Result<void> SimHostFiles::publish(const std::string& directory, const std::vector<VolumeFile>& files,
                                   std::optional<int64_t>) {
  if (full(directory)) return io_error("write " + directory, ENOSPC);
  volumes[directory] = files;
  return {};
}

Result<std::string> SimHostFiles::published(const std::string& directory) {
  if (!volumes.contains(directory)) return io_error("readlink " + directory + "/..data", ENOENT);
  return std::string{"v1"};
}

Result<void> SimHostFiles::mount_tmpfs(const std::string& path, int64_t, uint32_t) {
  auto found = entries.find(path);
  if (found == entries.end()) return io_error("mount " + path, ENOENT);
  found->second.tmpfs = true;
  return {};
}

Result<void> SimHostFiles::unmount(const std::string& path) {
  auto found = entries.find(path);
  if (found != entries.end()) found->second.tmpfs = false;
  return {};
}

Task<Result<int64_t>> SimHostFiles::usage(std::string path, int64_t bytes_max) {
  auto found = sizes.find(path);
  co_return found == sizes.end() ? 0 : std::min(found->second, bytes_max);
}

Task<Result<void>> SimHostFiles::remove_tree(std::string path) {
  for (const auto& [name, entry] : entries)
    if (entry.tmpfs && (name == path || name.starts_with(path + "/"))) co_return io_error("remove " + name, EBUSY);
  std::erase_if(entries, [&](const auto& it) { return it.first == path || it.first.starts_with(path + "/"); });
  std::erase_if(volumes, [&](const auto& it) { return it.first.starts_with(path + "/"); });
  co_return Result<void>{};
}

}  // namespace kring::sim
