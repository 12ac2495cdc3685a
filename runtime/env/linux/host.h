// The machine kring runs on: Host from /proc, /etc and getifaddrs; HostFiles by system calls.
// Lifetime: Env outlives them. Not copyable.
#pragma once

#include "runtime/env/host.h"

namespace kring {

class LinuxHost final : public Host {
 public:
  HostFacts facts() override;
  HostLoad load(const std::string& data_directory) override;
  Result<std::string> read_text(const std::string& path) override;
};

class LinuxHostFiles final : public HostFiles {
 public:
  explicit LinuxHostFiles(Env& env) : env_(env) {}
  LinuxHostFiles(const LinuxHostFiles&) = delete;
  LinuxHostFiles& operator=(const LinuxHostFiles&) = delete;

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
  Env& env_;
};

}  // namespace kring
