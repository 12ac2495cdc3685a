// The container log: lines, parts, rotation, a disk that is full.
#include "runtime/pods/keeper/log_writer.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <random>

#include "tests/runtime/pods/node.h"

namespace kring::keeper {
namespace {

namespace fs = std::filesystem;

class KeeperLogWriter : public ::testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/kring-log-XXXXXX";
    directory_ = ::mkdtemp(path);
  }
  void TearDown() override { fs::remove_all(directory_); }
  void open(uint64_t bytes_max, uint32_t files_max) {
    Fault fault;
    ASSERT_TRUE(log_.open(directory_ + "/made/on/demand/0.log", bytes_max, files_max, fault)) << fault.view();
  }
  std::string file(int number) const {
    return test::read_file(directory_ + "/made/on/demand/0.log" + (number == 0 ? "" : "." + std::to_string(number)));
  }
  std::string directory_;
  LogWriter log_;
};

constexpr int64_t noon = 1'767'323'045'678'901'234;
const std::string at = "2026-01-02T03:04:05.678901234Z ";

TEST_F(KeeperLogWriter, WholeLinesAreFullAndStreamsKeepTheirNames) {
  open(0, 1);
  log_.write(Stream::out, "a\nb\n", noon);
  log_.write(Stream::err, "\n", noon);
  EXPECT_EQ(file(0), at + "stdout F a\n" + at + "stdout F b\n" + at + "stderr F \n");
}

TEST_F(KeeperLogWriter, ALineThatComesInPiecesIsOneLine) {
  open(0, 1);
  log_.write(Stream::out, "one ", noon);
  log_.write(Stream::err, "other\n", noon);
  log_.write(Stream::out, "line", noon);
  EXPECT_EQ(file(0), at + "stderr F other\n");
  log_.write(Stream::out, "\nunfinished", noon);
  log_.finish(noon);
  EXPECT_EQ(file(0), at + "stderr F other\n" + at + "stdout F one line\n" + at + "stdout F unfinished\n");
}

TEST_F(KeeperLogWriter, ALineLongerThanSixteenKilobytesIsWrittenInParts) {
  open(0, 1);
  const std::string part(log_part_bytes_max, 'x');
  log_.write(Stream::out, part + part + "tail\n" + part + "\n", noon);
  EXPECT_EQ(file(0), at + "stdout P " + part + "\n" + at + "stdout P " + part + "\n" + at + "stdout F tail\n" + at +
                         "stdout F " + part + "\n");
}

TEST_F(KeeperLogWriter, RotationLosesNoLineAndKeepsSoManyFiles) {
  open(1000, 4);
  std::string written;
  for (int i = 0; i < 60; ++i) {
    const std::string line = "line " + std::to_string(i);
    log_.write(Stream::out, line + "\n", noon);
    written += at + "stdout F " + line + "\n";
  }
  const std::string kept = file(3) + file(2) + file(1) + file(0);
  EXPECT_EQ(kept, written.substr(written.size() - kept.size()));
  EXPECT_GT(kept.size(), 2000u);
  EXPECT_FALSE(fs::exists(directory_ + "/made/on/demand/0.log.4"));
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(file(i).empty() || file(i).back() == '\n');
}

TEST_F(KeeperLogWriter, ALineInPartsStaysInOneFileUntilItIsTooLong) {
  open(20'000, 3);
  const std::string part(log_part_bytes_max, 'x');
  log_.write(Stream::out, part + part + "end\n", noon);
  EXPECT_EQ(file(1).substr(file(1).size() - 13), "stdout F end\n");
  EXPECT_EQ(file(0), "");
  for (int i = 0; i < 20; ++i) log_.write(Stream::out, part, noon);
  EXPECT_LT(file(0).size() + file(1).size() + file(2).size(), 4 * 40'000u);
}

TEST_F(KeeperLogWriter, RandomPiecesGiveBackTheSameBytes) {
  open(50'000, 1000);
  std::mt19937 random{7};
  std::string sent;
  for (int i = 0; i < 500; ++i) {
    std::string piece(random() % 3000, 'a');
    for (char& c : piece) c = random() % 60 == 0 ? '\n' : static_cast<char>('a' + random() % 26);
    log_.write(Stream::out, piece, noon);
    sent += piece;
  }
  sent += sent.back() == '\n' ? "" : "\n";
  log_.finish(noon);
  std::string got;
  for (int i = 1000; i >= 0; --i) {
    const std::string text = file(i);
    for (size_t start = 0; start < text.size();) {
      const size_t end = text.find('\n', start);
      const std::string line = text.substr(start, end - start);
      got += line.substr(at.size() + 9) + (line[at.size() + 7] == 'F' ? "\n" : "");
      start = end + 1;
    }
  }
  EXPECT_EQ(got == sent, true);
}

TEST_F(KeeperLogWriter, AFullDiskCutsNoLineAndTheLossIsTold) {
  if (const auto why = test::cannot_run(); !why.empty()) GTEST_SKIP() << why;
  const std::string made = directory_ + "/made";
  fs::create_directories(made);
  ASSERT_EQ(::mount("tmpfs", made.c_str(), "tmpfs", 0, "size=64k"), 0);
  open(0, 1);
  const std::string line(1000, 'x');
  for (int i = 0; i < 100; ++i) log_.write(Stream::out, line + "\n", noon);
  EXPECT_GT(log_.lost(), 0u);
  const uint64_t lost = log_.lost();
  EXPECT_EQ(file(0).back(), '\n');
  EXPECT_EQ(file(0).size() % (at.size() + 9 + 1001), 0u) << "whole lines only";
  ASSERT_EQ(::mount("tmpfs", made.c_str(), "tmpfs", MS_REMOUNT, "size=1m"), 0);
  log_.write(Stream::out, "again\n", noon);
  const std::string end = file(0).substr(file(0).find("kring:"));
  EXPECT_EQ(end, "kring: " + std::to_string(lost) + " bytes of output are missing here, the log could not be written\n" + at +
                     "stdout F again\n");
  log_.close();
  ::umount2(made.c_str(), MNT_DETACH);
}

TEST_F(KeeperLogWriter, ALinkInPlaceOfTheLogIsNotFollowed) {
  fs::create_directories(directory_ + "/made/on/demand");
  test::write_file(directory_ + "/victim", "");
  fs::create_symlink(directory_ + "/victim", directory_ + "/made/on/demand/0.log");
  Fault fault;
  EXPECT_FALSE(log_.open(directory_ + "/made/on/demand/0.log", 0, 1, fault));
}

}  // namespace
}  // namespace kring::keeper
