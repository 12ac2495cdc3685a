// Cleaning up on the node after strangers: trees, mounts, groups.
#include "runtime/pods/mounts/host.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "runtime/pods/cgroup/cgroups.h"
#include "runtime/pods/cgroup/device_filter.h"
#include "runtime/pods/mounts/in_root.h"
#include "tests/runtime/pods/node.h"

namespace kring::mounts {
namespace {

namespace fs = std::filesystem;

class HostFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/kring-host-XXXXXX";
    directory_ = ::mkdtemp(path);
  }
  void TearDown() override { fs::remove_all(directory_); }
  static Result<void> remove(const std::string& path) {
    TreeRemover remover{path};
    while (!remover.step(16)) {
    }
    return remover.result();
  }
  std::string directory_;
};

TEST_F(HostFiles, ATreeIsRemovedAndWhatItsLinksPointToIsNot) {
  test::write_file(directory_ + "/outside/kept", "x");
  test::write_file(directory_ + "/tree/a/b/file", "x");
  fs::create_directory_symlink(directory_ + "/outside", directory_ + "/tree/a/link");
  fs::create_symlink("/etc/passwd", directory_ + "/tree/passwd");
  for (int i = 0; i < 3000; ++i) test::write_file(directory_ + "/tree/many/" + std::to_string(i), "");
  EXPECT_TRUE(remove(directory_ + "/tree").has_value());
  EXPECT_FALSE(fs::exists(directory_ + "/tree"));
  EXPECT_TRUE(fs::exists(directory_ + "/outside/kept"));
  EXPECT_TRUE(remove(directory_ + "/tree").has_value()) << "what is gone is gone";
}

TEST_F(HostFiles, ATreeOfAnyDepthIsRemovedWithFewDescriptors) {
  fs::create_directories(directory_ + "/tree");
  int at = ::open((directory_ + "/tree").c_str(), O_PATH);
  for (int i = 0; i < 3000; ++i) {
    ASSERT_EQ(::mkdirat(at, "a-rather-long-name-of-a-directory", 0755), 0);
    const int next = ::openat(at, "a-rather-long-name-of-a-directory", O_PATH);
    ::close(at);
    at = next;
  }
  ::close(at);
  EXPECT_TRUE(remove(directory_ + "/tree").has_value());
  EXPECT_FALSE(fs::exists(directory_ + "/tree"));
}

TEST_F(HostFiles, ALinkIsNotATree) {
  test::write_file(directory_ + "/outside/kept", "x");
  fs::create_directory_symlink(directory_ + "/outside", directory_ + "/tree");
  EXPECT_TRUE(remove(directory_ + "/tree").has_error());
  EXPECT_TRUE(fs::exists(directory_ + "/outside/kept"));
}

TEST_F(HostFiles, DirectoriesSwappedForLinksMeanwhileAreNotFollowed) {
  // S7: somebody renames while the tree is removed.
  test::write_file(directory_ + "/outside/kept", "x");
  std::atomic<bool> stop = false;
  std::thread racer{[&] {
    while (!stop) {
      std::error_code ignored;
      fs::rename(directory_ + "/tree/d", directory_ + "/tree/e", ignored);
      fs::create_directory_symlink(directory_ + "/outside", directory_ + "/tree/d", ignored);
      fs::remove(directory_ + "/tree/d", ignored);
      fs::rename(directory_ + "/tree/e", directory_ + "/tree/d", ignored);
    }
  }};
  for (int i = 0; i < 200; ++i) {
    for (int k = 0; k < 5; ++k) {
      std::error_code ignored;
      fs::create_directories(directory_ + "/tree/d", ignored);
    }
    static_cast<void>(remove(directory_ + "/tree"));  // it may fail, it may not stray
    EXPECT_TRUE(fs::exists(directory_ + "/outside/kept"));
  }
  stop = true;
  racer.join();
}

TEST_F(HostFiles, AMountInTheTreeIsNotEntered) {
  if (const auto why = test::cannot_run(); !why.empty()) GTEST_SKIP() << why;
  fs::create_directories(directory_ + "/tree/mounted here");
  ASSERT_TRUE(mount_tmpfs(directory_ + "/tree/mounted here", 1 << 20).has_value());
  test::write_file(directory_ + "/tree/mounted here/kept", "x");
  EXPECT_TRUE(is_mount_point(directory_ + "/tree/mounted here"));
  EXPECT_TRUE(remove(directory_ + "/tree").has_error());
  EXPECT_TRUE(fs::exists(directory_ + "/tree/mounted here/kept"));
  EXPECT_TRUE(unmount_below(directory_ + "/tree").has_value());
  EXPECT_FALSE(is_mount_point(directory_ + "/tree/mounted here"));
  EXPECT_TRUE(remove(directory_ + "/tree").has_value());
}

TEST_F(HostFiles, PathsInARootAreMadeThroughDanglingLinksButNeverOutside) {
  fs::create_directories(directory_ + "/root/var");
  fs::create_symlink("/run", directory_ + "/root/var/run");
  fs::create_symlink("../../../../../../escape", directory_ + "/root/up");
  fs::create_symlink("loop", directory_ + "/root/loop");
  const sys::Fd root{sys::openat(AT_FDCWD, (directory_ + "/root").c_str(), O_PATH | O_DIRECTORY)};
  sys::Fd made{ensure_in_root(root.get(), "/var/run/secrets/token", Kind::file, 0644)};
  EXPECT_TRUE(made.ok());
  EXPECT_TRUE(fs::is_regular_file(directory_ + "/root/run/secrets/token"));
  made.reset(ensure_in_root(root.get(), "/up/x", Kind::directory, 0755));
  EXPECT_TRUE(made.ok());
  EXPECT_TRUE(fs::is_directory(directory_ + "/root/escape/x"));
  EXPECT_FALSE(fs::exists("/escape"));
  made.reset(ensure_in_root(root.get(), "loop/x", Kind::directory, 0755));
  EXPECT_EQ(made.error(), ELOOP);
  made.reset(ensure_in_root(root.get(), "../../../etc", Kind::directory, 0755));
  EXPECT_TRUE(fs::is_directory(directory_ + "/root/etc"));
  made.reset(ensure_in_root(root.get(), std::string(5000, 'a'), Kind::directory, 0755));
  EXPECT_EQ(made.error(), ENAMETOOLONG);
}

TEST(Cgroups, WeightsAreKubernetes) {
  // KEP-2254: 1 + (shares - 2) * 9999 / 262142; shares = milli * 1024 / 1000, at least 2.
  EXPECT_EQ(cgroup::cpu_shares(0), 2u);
  EXPECT_EQ(cgroup::cpu_shares(1000), 1024u);
  EXPECT_EQ(cgroup::cpu_shares(1'000'000), 262144u);
  EXPECT_EQ(cgroup::cpu_weight(0), 1u);
  EXPECT_EQ(cgroup::cpu_weight(1000), 39u);
  EXPECT_EQ(cgroup::cpu_weight(1'000'000), 10000u);
}

TEST(Cgroups, WhatIsMissingIsNamedAndNeverFatal) {
  cgroup::Cgroups none{{}, "kring-test-none"};
  EXPECT_EQ(none.missing().size(), 4u);
  EXPECT_EQ(none.missing()[0], "cgroup controller cpu is not available");
  EXPECT_TRUE(none.make_pod("besteffort/poda", {.memory_limit_bytes = 1 << 20}).has_value());
  EXPECT_TRUE(none.make_container("besteffort/poda/c.0", {}, cgroup::Devices::standard)->procs.empty());
  EXPECT_TRUE(none.remove("besteffort/poda"));
  EXPECT_TRUE(none.usage("besteffort/poda").has_error());
}

TEST(Cgroups, TheDeviceFilterOfVersionTwoRefusesAllButHarmlessDevices) {
  // S15, for nodes whose cgroups are unified: an eBPF program instead of the devices controller.
  if (const auto why = test::cannot_run(); !why.empty()) GTEST_SKIP() << why;
  std::string group;
  for (const char* mount : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
    if (fs::exists(std::string{mount} + "/cgroup.controllers")) group = std::string{mount} + "/kring-test-filter";
  }
  if (group.empty()) GTEST_SKIP() << "no cgroup v2";
  fs::create_directory(group);
  const auto attached = cgroup::attach_device_filter(group);
  EXPECT_TRUE(attached.has_value()) << (attached.has_value() ? "" : attached.error().message);
  const pid_t child = ::fork();
  if (child == 0) {
    test::write_file(group + "/cgroup.procs", "0");
    int wrong = 0;
    for (const char* allowed : {"/dev/null", "/dev/zero", "/dev/urandom"}) wrong += ::open(allowed, O_RDWR) < 0 ? 1 : 0;
    wrong += ::open("/dev/kmsg", O_RDONLY) >= 0 || errno != EPERM ? 16 : 0;
    wrong += ::mknod("/tmp/kring-test-disk", S_IFBLK | 0600, makedev(254, 0)) == 0 || errno != EPERM ? 32 : 0;
    ::_exit(wrong);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  ::unlink("/tmp/kring-test-disk");
  EXPECT_EQ(::rmdir(group.c_str()), 0);
}

class PodLimits : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = test::cannot_run(); !why.empty()) GTEST_SKIP() << why;
    if (const auto missing = pods::missing_controllers(); !missing.empty()) GTEST_SKIP() << missing[0];
    node_ = std::make_unique<test::Node>();
  }
  std::unique_ptr<test::Node> node_;
};

TEST_F(PodLimits, AContainerBeyondItsMemoryIsOomKilledAndItsNextAttemptIsNot) {
  node_->start_pod("a");
  auto config = node_->shell("a", "main", "dd if=/dev/zero of=/dev/null bs=64M count=1");
  config.limits.memory_limit_bytes = 24 << 20;
  const auto ended = node_->run_to_exit(config);
  EXPECT_TRUE(ended.oom_killed);
  EXPECT_EQ(ended.exit_code, 137);
  config = node_->shell("a", "main", "exit 1");
  config.attempt = 1;
  config.limits.memory_limit_bytes = 24 << 20;
  EXPECT_FALSE(node_->run_to_exit(config).oom_killed);
}

TEST_F(PodLimits, ThePodsOwnLimitHoldsForAllItsContainers) {
  auto pod = node_->pod_config("a");
  pod.limits.memory_limit_bytes = 24 << 20;
  ASSERT_TRUE(node_->run(node_->processes().start_pod(pod)).has_value());
  EXPECT_EQ(node_->run_to_exit(node_->shell("a", "main", "dd if=/dev/zero of=/dev/null bs=64M count=1")).exit_code, 137);
}

TEST_F(PodLimits, UsageCountsTimeAndMemory) {
  node_->start_pod("a");
  node_->run_to_exit(node_->shell("a", "main", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"));
  const auto usage = node_->processes().usage("a");
  ASSERT_TRUE(usage.has_value()) << usage.error().message;
  EXPECT_GT(usage->cpu_usage_ns, 1'000'000);
  EXPECT_GE(usage->memory_working_set_bytes, 0);
  EXPECT_TRUE(node_->processes().usage("nobody").has_error());
}

}  // namespace
}  // namespace kring::mounts
