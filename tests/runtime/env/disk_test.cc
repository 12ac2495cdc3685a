// The Linux disk keeps the contract of runtime/env/disk.h. Method: a temporary directory, the real ring.
#include "runtime/env/disk.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "runtime/env/linux/linux_env.h"
#include "runtime/tasks/task_group.h"

namespace kring {
namespace {

std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

class LinuxDiskTest : public testing::Test {
 protected:
  LinuxDiskTest() : world_(LinuxEnv::make()) {
    char name[] = "/tmp/kring-disk-test-XXXXXX";
    directory_ = mkdtemp(name);
  }
  ~LinuxDiskTest() override { std::filesystem::remove_all(directory_); }
  Env& env() { return (*world_)->env(); }
  Disk& disk() { return env().disk; }
  std::string path(std::string_view name) const { return directory_ + "/" + std::string{name}; }
  Result<void> run(Task<Result<void>> task) { return run_to_end(env(), "test", std::move(task)); }

  Result<std::unique_ptr<LinuxEnv>> world_;
  std::string directory_;
};

Task<Result<void>> write_file(Disk& disk, std::string path, std::string text, bool dsync) {
  KRING_CO_TRY(auto file, co_await disk.open(path, OpenMode::create));
  KRING_CO_TRY_VOID(co_await file->write(0, bytes_of(text), dsync));
  co_return co_await file->sync();
}

Task<Result<void>> read_file(Disk& disk, std::string path, std::string& text) {
  KRING_CO_TRY(auto file, co_await disk.open(path, OpenMode::read));
  KRING_CO_TRY(const auto size, file->size());
  std::vector<uint8_t> bytes(size + 10);
  KRING_CO_TRY(const auto n, co_await file->read(0, bytes));
  text.assign(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(n));
  co_return Result<void>{};
}

TEST_F(LinuxDiskTest, ReadsBackWhatWasWrittenAndStopsAtTheEnd) {
  std::string text;
  ASSERT_FALSE(run(write_file(disk(), path("a"), "hello", true)).has_error());
  ASSERT_FALSE(run(read_file(disk(), path("a"), text)).has_error());
  EXPECT_EQ(text, "hello");
}

TEST_F(LinuxDiskTest, MakesFilesThatOnlyTheOwnerReads) {
  ASSERT_FALSE(run(write_file(disk(), path("a"), "x", false)).has_error());
  struct stat info{};
  ASSERT_EQ(stat(path("a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
}

Task<Result<void>> open_as(Disk& disk, std::string path, OpenMode mode) {
  KRING_CO_TRY(auto file, co_await disk.open(path, mode));
  co_return Result<void>{};
}

TEST_F(LinuxDiskTest, OpenModesSayWhatMustAndMustNotExist) {
  EXPECT_EQ(run(open_as(disk(), path("a"), OpenMode::read)).error().reason, Reason::not_found);
  EXPECT_EQ(run(open_as(disk(), path("a"), OpenMode::write)).error().reason, Reason::not_found);
  EXPECT_FALSE(run(open_as(disk(), path("a"), OpenMode::create_new)).has_error());
  EXPECT_EQ(run(open_as(disk(), path("a"), OpenMode::create_new)).error().reason, Reason::already_exists);
  EXPECT_FALSE(run(open_as(disk(), path("a"), OpenMode::create)).has_error());
  EXPECT_EQ(run(open_as(disk(), directory_, OpenMode::read)).error().reason, Reason::io);
}

TEST_F(LinuxDiskTest, NeverFollowsASymlinkAtTheLastComponent) {
  ASSERT_FALSE(run(write_file(disk(), path("target"), "secret", false)).has_error());
  std::filesystem::create_symlink("target", path("link"));
  EXPECT_TRUE(run(open_as(disk(), path("link"), OpenMode::read)).has_error());
  EXPECT_TRUE(run(open_as(disk(), path("link"), OpenMode::create)).has_error());
  EXPECT_TRUE(disk().lock(path("link")).has_error());
}

Task<Result<void>> rearrange(Disk& disk, std::string directory, std::vector<std::string>& names) {
  KRING_CO_TRY_VOID(co_await disk.make_directory(directory + "/sub"));
  KRING_CO_TRY_VOID(co_await disk.make_directory(directory + "/sub"));
  KRING_CO_TRY_VOID(co_await write_file(disk, directory + "/sub/b.tmp", "b", true));
  KRING_CO_TRY_VOID(co_await write_file(disk, directory + "/sub/a", "a", true));
  KRING_CO_TRY_VOID(co_await disk.rename(directory + "/sub/b.tmp", directory + "/sub/b"));
  KRING_CO_TRY_VOID(co_await disk.sync_directory(directory + "/sub"));
  KRING_CO_TRY(names, co_await disk.list(directory + "/sub"));
  KRING_CO_TRY_VOID(co_await disk.remove(directory + "/sub/a"));
  KRING_CO_TRY_VOID(co_await disk.remove(directory + "/sub/b"));
  co_return co_await disk.remove(directory + "/sub");
}

TEST_F(LinuxDiskTest, RenamesListsSortedAndRemoves) {
  std::vector<std::string> names;
  const auto result = run(rearrange(disk(), directory_, names));
  ASSERT_FALSE(result.has_error()) << to_string(result.error());
  EXPECT_EQ(names, (std::vector<std::string>{"a", "b"}));
  EXPECT_FALSE(std::filesystem::exists(path("sub")));
}

Task<Result<void>> map_file(Disk& disk, std::string path, Mapping& mapping) {
  KRING_CO_TRY(mapping, co_await disk.map(path));
  co_return Result<void>{};
}

TEST_F(LinuxDiskTest, AMappingOutlivesTheFilesName) {
  Mapping mapping;
  ASSERT_FALSE(run(write_file(disk(), path("a"), "mapped", false)).has_error());
  ASSERT_FALSE(run(map_file(disk(), path("a"), mapping)).has_error());
  std::filesystem::remove(path("a"));
  EXPECT_EQ(std::string(mapping.data.begin(), mapping.data.end()), "mapped");
}

TEST_F(LinuxDiskTest, AnEmptyFileMapsToNoBytes) {
  Mapping mapping;
  ASSERT_FALSE(run(write_file(disk(), path("a"), "", false)).has_error());
  ASSERT_FALSE(run(map_file(disk(), path("a"), mapping)).has_error());
  EXPECT_TRUE(mapping.data.empty());
}

TEST_F(LinuxDiskTest, ASecondLockIsAConflictUntilTheFirstIsDropped) {
  auto first = disk().lock(path("lock"));
  ASSERT_FALSE(first.has_error());
  EXPECT_EQ(disk().lock(path("lock")).error().reason, Reason::conflict);
  first->reset();
  EXPECT_FALSE(disk().lock(path("lock")).has_error());
}

TEST_F(LinuxDiskTest, AFullDeviceIsAnErrorOfTheWrite) {
  const auto result = run(write_file(disk(), "/dev/full", "x", false));
  ASSERT_TRUE(result.has_error());
  EXPECT_NE(result.error().message.find("No space left"), std::string::npos);
}

// A cancelled writer's buffer must not be in flight after its frame is gone: the write is seen to its end.
Task<Result<void>> write_much(Disk& disk, std::string path) {
  KRING_CO_TRY(auto file, co_await disk.open(path, OpenMode::create));
  const std::vector<uint8_t> data(4 << 20, 7);
  KRING_CO_TRY_VOID(co_await file->write(0, data, true));
  co_return co_await file->write(0, data, true);
}
Task<Result<void>> cancel_writer(Env& env, std::string path) {
  TaskGroup group{env, "writer"};
  group.spawn("write", write_much, std::ref(env.disk), path);
  while (!std::filesystem::exists(path)) KRING_CO_TRY_VOID(co_await env.clock.sleep_ms(1));
  group.cancel();
  co_return co_await group.join();
}

TEST_F(LinuxDiskTest, CancellingAWriterWaitsForTheWriteUnderWay) {
  EXPECT_FALSE(run(cancel_writer(env(), path("big"))).has_error());
  EXPECT_TRUE(std::filesystem::file_size(path("big")) == 0 || std::filesystem::file_size(path("big")) == 4u << 20);
}

}  // namespace
}  // namespace kring
