// A machine that is all memory: facts that a test sets, files in a map. The files outlive "kring" as real ones do.
#pragma once

#include <map>
#include <string>

#include "runtime/env/host.h"

namespace kring::sim {

class SimHost final : public Host {
 public:
  SimHost();
  HostFacts machine;
  HostLoad usage;
  std::map<std::string, std::string> texts;

  HostFacts facts() override { return machine; }
  HostLoad load(const std::string&) override { return usage; }
  Result<std::string> read_text(const std::string& path) override;
};

class SimHostFiles final : public HostFiles {
 public:
  struct Entry {
    FileType type = FileType::file;
    std::string text;
    uint32_t mode = 0;
    bool tmpfs = false;
  };
  std::map<std::string, Entry> entries;
  std::map<std::string, std::vector<VolumeFile>> volumes;  // what was published, by directory
  std::map<std::string, int64_t> sizes;                    // answers of usage()
  std::string fail_below;                                  // writes below this path fail with ENOSPC

  size_t count_below(const std::string& path) const;

  Result<FileType> type(const std::string& path) override;
  Result<void> make_directories(const std::string& path, uint32_t mode) override;
  Result<void> set_access(const std::string& path, uint32_t mode, std::optional<int64_t> group) override;
  Result<void> make_file(const std::string& path, uint32_t mode) override;
  Result<void> write_text(const std::string& path, const std::string& text, uint32_t mode) override;
  Result<std::vector<std::string>> list(const std::string& path) override;
  Result<void> make_directories_beneath(const std::string& base, const std::string& relative, uint32_t mode) override;
  Result<FileType> type_beneath(const std::string& base, const std::string& relative) override;
  Result<void> publish(const std::string& directory, const std::vector<VolumeFile>& files,
                       std::optional<int64_t> group) override;
  Result<std::string> published(const std::string& directory) override;
  Result<void> mount_tmpfs(const std::string& path, int64_t bytes_max, uint32_t mode) override;
  Result<void> unmount(const std::string& path) override;
  Task<Result<int64_t>> usage(std::string path, int64_t bytes_max) override;
  Task<Result<void>> remove_tree(std::string path) override;

 private:
  bool full(const std::string& path) const { return !fail_below.empty() && path.starts_with(fail_below); }
};

}  // namespace kring::sim
