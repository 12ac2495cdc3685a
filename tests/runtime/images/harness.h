// What the tests of images share: a real loop, a temporary directory, images made by examples/mkimage.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "examples/mkimage/archive.h"
#include "runtime/env/linux/linux_env.h"
#include "runtime/images/store.h"
#include "runtime/tasks/task_group.h"

namespace kring::images {

class TempDirectory {
 public:
  TempDirectory();
  ~TempDirectory();
  std::string path(std::string_view name = {}) const { return name.empty() ? path_ : path_ + "/" + std::string{name}; }

 private:
  std::string path_;
};

void write_text(const std::string& path, std::string_view text);
std::string read_text(const std::string& path);
// Writes the files of an OCI layout as a directory.
void write_layout(const std::string& directory, const std::map<std::string, std::string>& files);

// An image of one layer with these entries.
mkimage::Image image_of(std::vector<mkimage::Entry> entries, std::string tag);

class ImagesTest : public testing::Test {
 protected:
  ImagesTest();
  Env& env() { return world_->env(); }
  template <class T>
  Result<T> await(Task<Result<T>> task) {
    std::optional<Result<T>> out;
    auto ran = run_to_end(env(), "test", keep(std::move(task), out));
    if (!out) return Error{Reason::internal_error, ran.has_error() ? ran.error().message : "not run"};
    return std::move(*out);
  }
  std::unique_ptr<Images> open_store(StoreOptions options = {});
  // Writes an archive and imports it.
  Result<std::vector<Image>> import_files(Images& store, const std::map<std::string, std::string>& files,
                                          std::string tag = "");
  Result<std::vector<Image>> import_bytes(Images& store, std::string_view bytes, std::string tag = "");

  TempDirectory temporary_;
  std::unique_ptr<LinuxEnv> world_;

 private:
  template <class T>
  static Task<Result<void>> keep(Task<Result<T>> task, std::optional<Result<T>>& out) {
    out = co_await std::move(task);
    co_return Result<void>{};
  }
};

}  // namespace kring::images
