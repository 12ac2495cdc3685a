#include "tests/runtime/images/harness.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "objects/check.h"

namespace kring::images {

TempDirectory::TempDirectory() {
  char name[] = "/tmp/kring-images-test-XXXXXX";
  path_ = ::mkdtemp(name);
}
TempDirectory::~TempDirectory() { std::filesystem::remove_all(path_); }

void write_text(const std::string& path, std::string_view text) {
  std::ofstream out{path, std::ios::binary | std::ios::trunc};
  out << text;
}

std::string read_text(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

void write_layout(const std::string& directory, const std::map<std::string, std::string>& files) {
  for (const auto& [name, content] : files) {
    std::filesystem::create_directories(std::filesystem::path{directory + "/" + name}.parent_path());
    write_text(directory + "/" + name, content);
  }
}

mkimage::Image image_of(std::vector<mkimage::Entry> entries, std::string tag) {
  mkimage::Image out;
  out.layers = {mkimage::tar(entries)};
  if (!tag.empty()) out.tags = {std::move(tag)};
  out.entrypoint = {"/run"};
  return out;
}

ImagesTest::ImagesTest() {
  LinuxEnvOptions options;
  options.log_level = LogLevel::error;
  auto world = LinuxEnv::make(options);
  KRING_CHECK(world.has_value());
  world_ = std::move(*world);
}

std::unique_ptr<Images> ImagesTest::open_store(StoreOptions options) {
  auto store = await(open(env(), temporary_.path("images"), options));
  EXPECT_TRUE(store.has_value()) << (store.has_error() ? store.error().message : "");
  return store.has_value() ? std::move(*store) : nullptr;
}

Result<std::vector<Image>> ImagesTest::import_files(Images& store, const std::map<std::string, std::string>& files,
                                                    std::string tag) {
  return import_bytes(store, mkimage::archive(files), std::move(tag));
}

Result<std::vector<Image>> ImagesTest::import_bytes(Images& store, std::string_view bytes, std::string tag) {
  write_text(temporary_.path("archive"), bytes);
  return await(store.import(temporary_.path("archive"), std::move(tag)));
}

}  // namespace kring::images
