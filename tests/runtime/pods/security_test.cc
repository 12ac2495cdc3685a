// What a hostile image or container must not reach. One test a row of the security checklist (S1-S17); the first
// comment of each names the row.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "runtime/pods/keeper/sys.h"
#include "tests/runtime/pods/node.h"

namespace kring {
namespace {

namespace fs = std::filesystem;

class Security : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = test::cannot_run(); !why.empty()) GTEST_SKIP() << why;
    node_ = std::make_unique<test::Node>();
  }
  test::Node& node() { return *node_; }
  Processes& processes() { return node_->processes(); }
  std::string error_of(const std::function<void(ContainerConfig&)>& change) {
    const std::string out = node().output("echo started", change);
    return out.starts_with("start error: ") ? out.substr(13, out.size() - 14) : out;
  }
  std::unique_ptr<test::Node> node_;
};

TEST_F(Security, TheStartingProgramIsASealedMemoryFileThatNoContainerCanChange) {
  // S1 (CVE-2019-5736): the keeper, seen through /proc/self/exe, is never open for writing.
  test::write_file(node().image() + "/self", "#!/proc/self/exe\n");
  fs::permissions(node().image() + "/self", fs::perms{0755});
  const auto pod = node().start_pod("a");
  auto config = node().shell("a", "main", "");
  config.args = {"/self"};
  // The interpreter is the keeper's own program: without its descriptors it does nothing.
  EXPECT_EQ(node().run_to_exit(config).exit_code, 127);
  const std::string exe = "/proc/" + std::to_string(pod.keeper_pid) + "/exe";
  const sys::Fd writing{sys::openat(AT_FDCWD, exe.c_str(), O_RDWR)};
  EXPECT_EQ(writing.error(), ETXTBSY);
  const sys::Fd reading{sys::openat(AT_FDCWD, exe.c_str(), O_RDONLY)};
  const int seals = sys::fcntl(reading.get(), F_GET_SEALS, 0);
  constexpr int all = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  EXPECT_EQ(seals & all, all);
  EXPECT_TRUE(fs::read_symlink(exe).string().starts_with("/memfd:kring-keeper"));
}

TEST_F(Security, NoDescriptorOfTheNodeIsLeftAndNoWorkingDirectoryLeadsToOne) {
  // S2 (CVE-2024-21626): WORKDIR /proc/self/fd/N for all N; only 0-2 are open in the program and in an exec.
  EXPECT_EQ(node().output("echo /proc/self/fd/*"),  // 3 is the directory being read
            "/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /proc/self/fd/3\n");
  node().start_pod("a");
  for (int fd = 0; fd < 20; ++fd) {
    auto config = node().shell("a", "main", "true");
    config.attempt = static_cast<uint32_t>(fd);
    config.working_directory = "/proc/self/fd/" + std::to_string(fd);
    const auto record = node().start(config);
    EXPECT_FALSE(record.running) << config.working_directory;
    EXPECT_TRUE(record.start_error.starts_with("chdir to cwd (\"" + config.working_directory + "\") failed: "))
        << record.start_error;
  }
  auto config = node().shell("a", "lasting", "exec sleep 1000");
  EXPECT_TRUE(node().start(config).running);
  const ExecConfig exec{.pod_uid = "a", .container = "lasting", .args = {"ls", "/proc/self/fd"}};
  EXPECT_EQ(node().run(processes().exec(exec, 10'000, 1000))->output, "0\n1\n2\n3\n");  // 3: ls reading the directory
}

TEST_F(Security, DeviceNodesAreMadeByTheKeeperWhateverTheImageCallsThem) {
  // S3 (CVE-2025-31133): /dev/null, /dev/console, /dev/pts as links of the image do not redirect a mask.
  fs::create_directories(node().image() + "/dev");
  for (const char* name : {"null", "console", "pts", "full"}) {
    fs::create_symlink("/proc/sysrq-trigger", node().image() + "/dev/" + std::string{name});
  }
  EXPECT_EQ(node().output("stat -c '%F %t:%T' /dev/null /dev/full; for f in kcore keys timer_list; do cat /proc/$f 2>/dev/null | wc "
                          "-c; done; ls /sys/firmware | wc -l; echo 1 > /proc/sys/kernel/panic"),
            "character special file 1:3\ncharacter special file 1:7\n0\n0\n0\n0\n"
            "/bin/sh: can't create /proc/sys/kernel/panic: Read-only file system\n");
}

TEST_F(Security, TheConsoleIsATerminalOfTheContainersOwnDevpts) {
  // S4 (CVE-2025-52565): the terminal is opened by descriptor, /dev/console of the image does not matter.
  fs::create_directories(node().image() + "/dev");
  fs::create_symlink("/etc/passwd", node().image() + "/dev/console");
  EXPECT_EQ(node().output("stat -c '%F %t' /dev/console; head -c4 /etc/passwd; echo",
                          [](ContainerConfig& config) { config.terminal = true; }),
            "character special file 88\r\nroot\r\n");
}

TEST_F(Security, ALinkInPlaceOfAKernelDirectoryIsRefused) {
  // S5 (CVE-2026-41579, CVE-2026-47766): /dev, /proc, /sys of the image as links: relative, absolute, upwards.
  for (const char* name : {"dev", "proc", "sys"}) {
    for (const char* target : {"/etc", "../../../../etc", "etc", "/"}) {
      const std::string image = test::make_image(node().directory() + "/hostile");
      fs::create_symlink(target, image + "/" + name);
      EXPECT_EQ(error_of([&](auto& config) { config.layers = {image}; }),
                "the image has a symbolic link on the way to /" + std::string{name});
      fs::remove_all(image);
    }
  }
}

TEST_F(Security, TheProcessFileSystemIsTheContainersOwn) {
  // S6 (CVE-2019-16884, CVE-2025-52881): nothing can be mounted over /proc, from where the set-up reads and writes.
  fs::create_directories(node().directory() + "/fake");
  for (const char* target : {"/proc", "/proc/self", "/proc/sys/kernel"}) {
    const std::string error = error_of([&](ContainerConfig& config) {
      config.mounts.push_back({.host_path = node().directory() + "/fake", .container_path = target});
    });
    EXPECT_TRUE(error.ends_with("the mount point is inside /proc: operation not permitted")) << error;
  }
  const std::string image = test::make_image(node().directory() + "/hostile");
  fs::create_symlink("/proc/1", image + "/data");
  const std::string error = error_of([&](ContainerConfig& config) {
    config.layers = {image};
    config.mounts.push_back({.host_path = node().directory() + "/fake", .container_path = "/data"});
  });
  EXPECT_TRUE(error.ends_with("the mount point is inside /proc: operation not permitted")) << error;
}

TEST_F(Security, AVolumeWhoseDirectoriesTurnIntoLinksNeverMountsOutsideTheRoot) {
  // S7 (CVE-2021-30465, CVE-2024-45310): the mount point lies in a volume where another swaps directory and link.
  const std::string volume = node().directory() + "/volume", outside = node().directory() + "/outside";
  fs::create_directories(volume + "/point");
  fs::create_directories(outside);
  test::write_file(node().directory() + "/source/secret", "");
  std::atomic<bool> stop = false;
  std::thread racer{[&] {
    while (!stop) {
      std::error_code ignored;
      fs::rename(volume + "/point", volume + "/aside", ignored);
      fs::create_symlink(outside, volume + "/point", ignored);
      fs::remove(volume + "/point", ignored);
      fs::rename(volume + "/aside", volume + "/point", ignored);
    }
  }};
  node().start_pod("a");
  for (uint32_t attempt = 0; attempt < 60; ++attempt) {
    auto config = node().shell("a", "main", "grep -c ' " + outside + "' /proc/self/mountinfo");
    config.attempt = attempt;
    config.mounts.push_back({.host_path = volume, .container_path = "/data"});
    config.mounts.push_back({.host_path = node().directory() + "/source", .container_path = "/data/point"});
    node().run_to_exit(config);
    EXPECT_TRUE(fs::is_empty(outside));
    const auto removed = node().run(processes().remove_container("a", "main", attempt));
    EXPECT_TRUE(removed.has_value()) << removed.error().message;
  }
  stop = true;
  racer.join();
  EXPECT_EQ(test::read_file("/proc/self/mountinfo").find(outside), std::string::npos);
}

TEST_F(Security, ASubPathNeverLeavesItsVolume) {
  // S8 (CVE-2017-1002101, CVE-2021-25741): links, "..", absolute links; what stays inside works, what is missing is made.
  const std::string volume = node().directory() + "/volume";
  test::write_file(volume + "/..data_1/key", "value");
  test::write_file(node().directory() + "/secret/key", "host");
  fs::create_directory_symlink("..data_1", volume + "/..data");
  fs::create_symlink("..data/key", volume + "/key");
  fs::create_directory_symlink("../secret", volume + "/up");
  fs::create_directory_symlink(node().directory() + "/secret", volume + "/absolute");
  fs::create_directory_symlink("/proc/self/root", volume + "/magic");
  struct Row {
    std::string sub_path, expected;
  };
  const Row table[] = {
      {"key", "value"},
      {"up", "start error"},
      {"up/key", "start error"},
      {"absolute", "start error"},
      {"magic", "start error"},
      {"../secret", "start error"},
      {"..data/../../secret", "start error"},
      {"new/deep", ""},
  };
  for (const auto& row : table) {
    const auto out = node().output("cat /mnt/sub 2>/dev/null || cat /mnt/sub/key 2>/dev/null", [&](ContainerConfig& config) {
      config.mounts.push_back(
          {.host_path = volume + "/" + row.sub_path, .host_base = volume, .container_path = "/mnt/sub"});
    });
    EXPECT_TRUE(out.starts_with(row.expected)) << row.sub_path << ": " << out;
    EXPECT_EQ(out.find("host"), std::string::npos) << row.sub_path;
  }
  EXPECT_TRUE(fs::is_directory(volume + "/new/deep"));
}

struct UserRow {
  std::string image_user;
  std::string expected;  // uid:gid, or the start error
};

TEST_F(Security, UsersOfTheImageAreResolvedInItsOwnDatabase) {
  // S9 (CVE-2026-30892): numbers, overflow, names, groups, nothing. Capabilities after exec are compared below.
  const UserRow table[] = {
      {"", "0:0"},
      {"0", "0:0"},
      {"1000", "1000:1001"},
      {"4711", "4711:0"},
      {"2147483647", "2147483647:0"},
      {"2147483648", "start error: unable to find user 2147483648: no matching entries in passwd file"},
      {"4294967295", "start error: unable to find user 4294967295: no matching entries in passwd file"},
      {"4294967296", "start error: unable to find user 4294967296: no matching entries in passwd file"},
      {"18446744073709551616", "start error: unable to find user 18446744073709551616: no matching entries in passwd file"},
      {"-1", "start error: unable to find user -1: no matching entries in passwd file"},
      {"+0", "start error: unable to find user +0: no matching entries in passwd file"},
      {"web", "1000:1001"},
      {"web:audio", "1000:29"},
      {"1000:5", "1000:5"},
      {"web:2147483648", "start error: unable to find group 2147483648: no matching entries in group file"},
      {":audio", "0:29"},
      {"nobody:", "65534:65534"},
      {"mallory", "start error: unable to find user mallory: no matching entries in passwd file"},
      {"web:nogroup", "start error: unable to find group nogroup: no matching entries in group file"},
      {"a:b:c", "start error: invalid USER value a:b:c"},
  };
  for (const auto& row : table) {
    EXPECT_EQ(node().output("echo $(id -u):$(id -g)", [&](auto& config) { config.security.image_user = row.image_user; }),
              row.expected + "\n")
        << row.image_user;
  }
}

TEST_F(Security, CapabilitiesAreTheDefaultSetAndAnExecHasNoMore) {
  // S9 (CVE-2022-27650): inheritable and ambient stay empty; a non-root user has none; exec equals the container.
  const std::string show = "grep ^Cap /proc/self/status; grep -E 'NoNewPrivs|Seccomp:' /proc/self/status";
  const std::string root =
      "CapInh:\t0000000000000000\nCapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\n"
      "CapAmb:\t0000000000000000\nNoNewPrivs:\t0\nSeccomp:\t2\n";
  const std::string user =
      "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t00000000a80425fb\n"
      "CapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n";
  const auto as_user = [](ContainerConfig& config) {
    config.security.run_as_user = 1000;
    config.security.allow_privilege_escalation = false;
  };
  EXPECT_EQ(node().output(show), root);
  EXPECT_EQ(node().output(show, as_user), user);
  EXPECT_EQ(node().output("grep CapEff /proc/self/status", [](ContainerConfig& config) {
    config.security.drop_capabilities = {"ALL"};
    config.security.add_capabilities = {"NET_BIND_SERVICE"};
  }), "CapEff:\t0000000000000400\n");
  node().start_pod("a");
  auto config = node().shell("a", "main", "exec sleep 1000");
  EXPECT_TRUE(node().start(config).running);
  auto other = node().shell("a", "user", "exec sleep 1000");
  as_user(other);
  EXPECT_TRUE(node().start(other).running);
  ExecConfig exec{.pod_uid = "a", .container = "main", .args = {"sh", "-c", show}};
  EXPECT_EQ(node().run(processes().exec(exec, 10'000, 1000))->output, root);
  exec.container = "user";
  EXPECT_EQ(node().run(processes().exec(exec, 10'000, 1000))->output, user);
}

TEST_F(Security, SupplementaryGroupsComeFromTheImageAndThePodOnly) {
  // S10 (CVE-2014-8989): none of the node's groups; passwd as a link out of the root, a device or too large is refused.
  EXPECT_EQ(node().output("id -G", [](ContainerConfig& config) {
    config.security.image_user = "web";
    config.security.supplemental_groups = {4242};
    config.security.fs_group = 555;
  }), "1001 29 44 555 4242\n");
  const std::string image = test::make_image(node().directory() + "/hostile");
  fs::remove(image + "/etc/passwd");
  test::write_file(node().directory() + "/outside", "mallory:x:0:0::/:\n");
  fs::create_symlink("../../../../../.." + node().directory() + "/outside", image + "/etc/passwd");
  const auto as_mallory = [&](ContainerConfig& config) {
    config.layers = {image};
    config.security.image_user = "mallory";
  };
  EXPECT_EQ(error_of(as_mallory), "unable to find user mallory: no matching entries in passwd file");
  fs::remove(image + "/etc/passwd");
  ASSERT_EQ(::mkfifo((image + "/etc/passwd").c_str(), 0644), 0);
  EXPECT_EQ(error_of(as_mallory), "etc/passwd of the image is not a regular file");
  fs::remove(image + "/etc/passwd");
  test::write_file(image + "/etc/passwd", "");
  fs::resize_file(image + "/etc/passwd", 1 << 30);
  EXPECT_EQ(error_of(as_mallory), "etc/passwd of the image is larger than 1 MiB");
}

TEST_F(Security, RunAsNonRootRefusesRootHoweverItIsSpelt) {
  // S9: the last word is the keeper's, after names were resolved.
  test::write_file(node().image() + "/etc/passwd", "toor:x:0:0::/:/bin/sh\nweb:x:1000:1001::/:/bin/sh\n");
  for (const char* user : {"", "0", "toor", "0:1000", "00"}) {
    EXPECT_EQ(error_of([&](ContainerConfig& config) {
      config.security.image_user = user;
      config.security.run_as_non_root = true;
    }), "container has runAsNonRoot and image will run as root") << user;
  }
  EXPECT_EQ(error_of([](ContainerConfig& config) {
    config.security.image_user = "web";
    config.security.run_as_non_root = true;
  }), "started\n");
}

TEST_F(Security, NamesThatArePathsAreRefused) {
  // S11: uid and names become directories.
  for (const std::string& name : std::vector<std::string>{"", ".", "..", "../x", "a/b", "/etc", ".hidden", "a\nb", std::string(254, 'a')}) {
    auto pod = node().pod_config("a");
    pod.uid = name;
    EXPECT_EQ(node().run(processes().start_pod(pod)).error().reason, Reason::invalid) << name;
    EXPECT_EQ(node().run(processes().remove_pod(name)).error().reason, Reason::invalid) << name;
  }
  node().start_pod("a");
  for (const char* name : {"", "..", "../../x", "a/b"}) {
    auto config = node().shell("a", "main", "true");
    config.name = name;
    EXPECT_EQ(node().run(processes().start_container(config)).error().reason, Reason::invalid) << name;
  }
}

TEST_F(Security, OnlySysctlsOfThePodsOwnNamespacesAreSet) {
  // S12 (CVE-2022-0811): exact names, no separators that smuggle in another setting.
  const std::pair<std::string, std::string> table[] = {
      {"kernel.core_pattern", "|/bin/sh"},        {"kernel.shm_rmid_forced+kernel.core_pattern", "1"},
      {"net.ipv4.ip_forward", "1\nkernel.core_pattern=|x"}, {"net/../kernel/core_pattern", "x"},
      {"net..ipv4", "1"},                         {"vm.swappiness", "0"},
      {"net.ipv4.ip_forward=1 kernel.core_pattern", "x"},
  };
  for (const auto& [name, value] : table) {
    auto pod = node().pod_config("a");
    pod.sysctls = {{name, value}};
    EXPECT_EQ(node().run(processes().start_pod(pod)).error().reason, Reason::forbidden) << name;
  }
  auto pod = node().pod_config("a");
  pod.host_network = true;
  pod.sysctls = {{"net.ipv4.ip_forward", "1"}};
  EXPECT_EQ(node().run(processes().start_pod(pod)).error().reason, Reason::forbidden);
}

TEST_F(Security, NoProcessOfAPodReachesAKeepersSocket) {
  // S14 (CVE-2020-15257): filesystem sockets of mode 0600, nothing in the abstract namespace of a host network pod.
  auto pod = node().pod_config("a");
  pod.host_network = true;
  ASSERT_TRUE(node().run(processes().start_pod(pod)).has_value());
  const std::string socket = node().options().data_dir + "/pods/a/keeper/socket";
  struct stat about {};
  ASSERT_EQ(::stat(socket.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0600u);
  auto config = node().shell("a", "main", "grep -c '@.*kring\\|@.*keeper' /proc/net/unix");
  node().run_to_exit(config);
  EXPECT_EQ(node().log(config), "stdout F 0\n");
  // Even one who gets at the path (here by its mode) is refused when it is not the keeper's own user.
  fs::permissions(socket, fs::perms{0666});
  for (fs::path path = fs::path{socket}.parent_path(); path != "/tmp"; path = path.parent_path()) {
    fs::permissions(path, fs::perms{0755});
  }
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setuid(65534) != 0) ::_exit(2);
    const int fd = ::socket(AF_UNIX, SOCK_SEQPACKET, 0);
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    socket.copy(address.sun_path, sizeof(address.sun_path) - 1);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) ::_exit(3);
    char byte = 0;
    ::_exit(::read(fd, &byte, 1) == 0 ? 0 : 4);  // hung up on
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(Security, OnlyHarmlessDevicesCanBeMadeOrOpened) {
  // S15: default-deny of the device cgroup, and no device nodes on the root file system.
  EXPECT_EQ(node().output("mknod /tmp/disk b 254 0; mknod /tmp/mem c 1 1; mknod /dev/shm/kmsg c 1 11; echo x > /dev/null && "
                          "head -c1 /dev/zero | od -An -tx1; mkfifo /tmp/fifo && echo fifo"),
            "mknod: /tmp/disk: Operation not permitted\nmknod: /tmp/mem: Operation not permitted\n"
            "mknod: /dev/shm/kmsg: Operation not permitted\n 00\nfifo\n");
}

TEST_F(Security, TheCgroupTreeIsReadOnlyAndEndsAtTheContainersOwnGroup) {
  // S16: no release_agent, no way up.
  EXPECT_EQ(node().output("find /sys/fs/cgroup -name release_agent 2>/dev/null | wc -l; grep -c '/\\.\\.' /proc/self/cgroup; "
                          "for d in /sys/fs/cgroup /sys/fs/cgroup/memory /sys/fs/cgroup/unified; do mkdir $d/x 2>/dev/null "
                          "&& echo made; done; mount -t tmpfs none /tmp 2>&1 | grep -c denied; cat /proc/self/cgroup | "
                          "grep -v ':/$' | grep -c kring"),
            "0\n0\n1\n0\n");
}

TEST_F(Security, AForkBombAndAFloodOfOutputEndAtTheirLimits) {
  // S17 (CVE-2022-1708): pids.max; output of an exec is bounded; a keeper does not grow with what is written.
  auto pod = node().pod_config("a");
  pod.limits.pids_max = 20;
  const auto record = node().run(processes().start_pod(pod));
  ASSERT_TRUE(record.has_value());
  auto bomb = node().shell("a", "bomb", "i=0; while [ $i -lt 100 ]; do sleep 100 & i=$((i+1)); done; echo survived");
  node().run_to_exit(bomb);
  EXPECT_NE(node().log(bomb).find("can't fork"), std::string::npos);
  auto flood = node().shell("a", "flood", "yes | head -c 30000000");
  flood.log_bytes_max = 1 << 20;
  flood.log_files_max = 2;
  node().run_to_exit(flood);
  uintmax_t size = 0;
  for (const auto& file : fs::directory_iterator(fs::path{flood.log_path}.parent_path())) size += file.file_size();
  EXPECT_LT(size, 3u << 20);
  const std::string status = test::read_file("/proc/" + std::to_string(record->keeper_pid) + "/status");
  const auto rss = std::stoi(status.substr(status.find("VmRSS:") + 6));
  EXPECT_LT(rss, 1024) << "KiB";
  EXPECT_TRUE(node().start(node().shell("a", "main", "exec sleep 1000")).running);
  const ExecConfig exec{.pod_uid = "a", .container = "main", .args = {"sh", "-c", "yes | head -c 20000000; exit 3"}};
  const auto result = node().run(processes().exec(exec, 60'000, 1000));
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->output.size(), 1000u);
  EXPECT_EQ(result->exit_code, 3);
}

}  // namespace
}  // namespace kring
