// The machine around the node agent: facts for the Node object, and the files that pods get to see (volumes,
// /etc/hosts, ...). env/linux is the real one; tests have one in memory.
// All calls but remove_tree() are short and do not wait: they touch page cache, never the medium (nothing is synced;
// after a power cut the agent makes these files again).
// Errors: Reason::not_found, or Reason::io with the system's words ("mkdir /x: permission denied").
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/env/env.h"

namespace kring {

struct HostFacts {
  std::string hostname, kernel_version, os_image, machine_id, boot_id, system_uuid;
  std::string architecture;  // Go's names: amd64, arm64, arm, riscv64
  int64_t cpus = 0, memory_bytes = 0;
  std::map<std::string, int64_t> huge_pages;     // "hugepages-2Mi" -> bytes
  std::vector<std::string> addresses;            // not loopback, not link-local; best first, IPv4 before IPv6
  std::vector<std::string> missing_controllers;  // of cpu, memory, pids: what cannot be limited here
};

struct HostLoad {
  int64_t memory_available_bytes = 0;
  int64_t disk_bytes = 0, disk_available_bytes = 0, disk_files = 0, disk_files_free = 0;  // where the data is
  int64_t pids_max = 0, pids = 0;
};

class Host {
 public:
  virtual ~Host() = default;
  virtual HostFacts facts() = 0;
  virtual HostLoad load(const std::string& data_directory) = 0;
  // A small text file of the machine (/etc/resolv.conf), at most 64 KiB.
  virtual Result<std::string> read_text(const std::string& path) = 0;
};

enum class FileType : uint8_t { none, file, directory, socket, character_device, block_device, other };

// One file of a volume that is filled from objects.
struct VolumeFile {
  std::string path;  // relative, without ".."
  std::string data;
  uint32_t mode = 0644;
};

class HostFiles {
 public:
  virtual ~HostFiles() = default;
  // What a path leads to, symlinks followed.
  virtual Result<FileType> type(const std::string& path) = 0;
  // With its parents; parents get 0755. Success when it is there.
  virtual Result<void> make_directories(const std::string& path, uint32_t mode) = 0;
  // Sets mode (sticky and setgid bits too) and, where given, the group.
  virtual Result<void> set_access(const std::string& path, uint32_t mode, std::optional<int64_t> group) = 0;
  virtual Result<void> make_file(const std::string& path, uint32_t mode) = 0;  // empty; success when it is there
  // Replaces the whole file in place, so that a bind mount of it sees the new text.
  virtual Result<void> write_text(const std::string& path, const std::string& text, uint32_t mode) = 0;
  virtual Result<std::vector<std::string>> list(const std::string& path) = 0;  // names, sorted
  // Makes `relative` a directory below `base`, following no symlink on the way (a pod may have put one there).
  virtual Result<void> make_directories_beneath(const std::string& base, const std::string& relative,
                                                uint32_t mode) = 0;
  // none, file or directory below `base`; no symlink is followed.
  virtual Result<FileType> type_beneath(const std::string& base, const std::string& relative) = 0;
  // Fills a volume so that a reader sees either all old or all new files: the names in the volume are symlinks through
  // `..data`, which is swapped by a rename. Does nothing when the content is the same.
  virtual Result<void> publish(const std::string& directory, const std::vector<VolumeFile>& files,
                               std::optional<int64_t> group) = 0;
  // The folder in `directory` that holds what was last published.
  virtual Result<std::string> published(const std::string& directory) = 0;
  // Success when a tmpfs is mounted there already. `bytes_max` 0: half of the memory, the kernel's default.
  virtual Result<void> mount_tmpfs(const std::string& path, int64_t bytes_max, uint32_t mode) = 0;
  virtual Result<void> unmount(const std::string& path) = 0;  // success when nothing is mounted there
  // Bytes that a directory's files take, for size limits; stops counting at `bytes_max`.
  virtual Task<Result<int64_t>> usage(std::string path, int64_t bytes_max) = 0;
  // Never leaves the file system it starts on and follows no symlink. In slices: other tasks go on.
  virtual Task<Result<void>> remove_tree(std::string path) = 0;
};

}  // namespace kring
