// Pods and containers from start to removal, with the real keeper: what the node agent relies on.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "tests/runtime/pods/node.h"

namespace kring {
namespace {

namespace fs = std::filesystem;

class Pods : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = test::cannot_run(); !why.empty()) GTEST_SKIP() << why;
    node_ = std::make_unique<test::Node>();
  }
  test::Node& node() { return *node_; }
  Processes& processes() { return node_->processes(); }
  std::unique_ptr<test::Node> node_;
};

// A zombie that its new parent has not reaped yet does not run.
bool process_exists(int32_t pid) { return !test::read_file("/proc/" + std::to_string(pid) + "/cmdline").empty(); }

TEST_F(Pods, AContainerRunsLogsAndReportsItsExitCode) {
  node().start_pod("a");
  auto config = node().shell("a", "main", "echo hello; echo bad >&2; exit 3");
  const auto ended = node().run_to_exit(config);
  EXPECT_EQ(ended.start_error, "");
  EXPECT_EQ(ended.exit_code, 3);
  EXPECT_EQ(ended.signal, 0);
  EXPECT_FALSE(ended.running);
  EXPECT_GE(ended.finished_at.ns, ended.started_at.ns);
  const std::string log = node().log(config);
  EXPECT_NE(log.find("stdout F hello\n"), std::string::npos) << log;
  EXPECT_NE(log.find("stderr F bad\n"), std::string::npos) << log;
  EXPECT_TRUE(node().run(processes().remove_pod("a")).has_value());
}

TEST_F(Pods, TheKeeperNamesItselfAfterThePod) {
  const auto pod = node().start_pod("a");
  EXPECT_EQ(test::read_file("/proc/" + std::to_string(pod.keeper_pid) + "/cmdline"),
            std::string("kring: default/pod-a") + '\0');
}

TEST_F(Pods, StartingAPodTwiceSaysSo) {
  node().start_pod("a");
  const auto again = node().run(processes().start_pod(node().pod_config("a")));
  ASSERT_TRUE(again.has_error());
  EXPECT_EQ(again.error().reason, Reason::already_exists);
}

TEST_F(Pods, ContainersOfAPodShareNetworkHostNameAndSharedMemoryButNotProcesses) {
  node().start_pod("a");
  auto first = node().shell("a", "first", "hostname; echo shared > /dev/shm/x; exec sleep 1000");
  EXPECT_TRUE(node().start(first).running);
  auto second = node().shell("a", "second",
                             "while [ ! -s /dev/shm/x ]; do sleep 0.01; done; cat /dev/shm/x; hostname; readlink "
                             "/proc/self/ns/net; ps -o args | grep -c '^sleep 1000'; echo $$");
  node().run_to_exit(second);
  std::string net = fs::read_symlink("/proc/" + std::to_string(node().run(processes().adopt())->at(0).keeper_pid) + "/ns/net");
  EXPECT_EQ(node().log(second), "stdout F shared\nstdout F host-a\nstdout F " + net + "\nstdout F 0\nstdout F 1\n");
}

TEST_F(Pods, ASharedProcessNamespaceShowsTheOtherContainersAndAPauseProcess) {
  auto config = node().pod_config("a");
  config.share_process_namespace = true;
  ASSERT_TRUE(node().run(processes().start_pod(config)).has_value());
  EXPECT_TRUE(node().start(node().shell("a", "first", "exec sleep 1000")).running);
  auto second = node().shell("a", "second", "ps -o args | grep -c '^sleep 1000'; ls /proc/1/root | wc -l");
  second.security.add_capabilities = {"SYS_PTRACE"};
  const auto ended = node().run_to_exit(second);
  EXPECT_EQ(ended.exit_code, 0);
  // What the first process sees is an empty directory, not the node's root.
  EXPECT_EQ(node().log(second), "stdout F 1\nstdout F 0\n");
  EXPECT_TRUE(node().run(processes().remove_pod("a")).has_value());
}

TEST_F(Pods, OfASharedProcessNamespaceAnEndedContainerLeavesNothingBehind) {
  auto config = node().pod_config("a");
  config.share_process_namespace = true;
  ASSERT_TRUE(node().run(processes().start_pod(config)).has_value());
  node().run_to_exit(node().shell("a", "first", "sleep 4711 & exit 0"));
  auto second = node().shell("a", "second", "ps -o args | grep '^sleep 4711' | wc -l");
  node().run_to_exit(second);
  EXPECT_EQ(node().log(second), "stdout F 0\n");
}

TEST_F(Pods, LoopbackIsUpAndTheNodesNetworkIsNotSeen) {
  EXPECT_EQ(node().output("ip addr show lo | grep -c 'inet 127.0.0.1/8'; ip -o link | wc -l"), "1\n1\n");
}

TEST_F(Pods, AHostNetworkPodHasTheNodesNetworkAndHostName) {
  auto config = node().pod_config("a");
  config.host_network = true;
  config.hostname = "";
  const auto pod = node().run(processes().start_pod(config));
  ASSERT_TRUE(pod.has_value());
  EXPECT_EQ(fs::read_symlink("/proc/" + std::to_string(pod->keeper_pid) + "/ns/net"),
            fs::read_symlink("/proc/self/ns/net"));
  EXPECT_EQ(fs::read_symlink("/proc/" + std::to_string(pod->keeper_pid) + "/ns/uts"),
            fs::read_symlink("/proc/self/ns/uts"));
}

TEST_F(Pods, EnvironmentDirectoryAndArgumentsArriveUnchanged) {
  const auto out = node().output("", [](ContainerConfig& config) {
    config.args = {"/bin/sh", "-c", "pwd; echo \"$A|$HOME|$PATH|$HOSTNAME\"; echo \"$1|$2|$#\"", "sh", "x y", ""};
    config.env = {"A=b c=d"};
    config.working_directory = "/new/directory";
  });
  EXPECT_EQ(out, "/new/directory\nb c=d|/root|/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin|host-out-0\n"
                 "x y||2\n");
}

struct StartError {
  std::vector<std::string> args;
  std::string error;
};

TEST_F(Pods, WhatCannotBeExecutedSaysWhyInRuncsWords) {
  test::write_file(node().image() + "/plain", "#!/bin/sh\n");
  test::write_file(node().image() + "/script", "#!/no/such/interpreter\n");
  test::write_file(node().image() + "/garbage", "garbage");
  for (const char* name : {"/script", "/garbage"}) fs::permissions(node().image() + name, fs::perms{0755});
  const StartError table[] = {
      {{"nosuchprogram"}, "exec: \"nosuchprogram\": executable file not found in $PATH"},
      {{""}, "exec: \"\": executable file not found in $PATH"},
      {{"/no/such"}, "exec: \"/no/such\": stat /no/such: no such file or directory"},
      {{"/plain"}, "exec: \"/plain\": permission denied"},
      {{"/etc"}, "exec: \"/etc\": is a directory"},
      {{"/script"}, "exec /script: no such file or directory"},
      {{"/garbage"}, "exec /garbage: exec format error"},
  };
  node().start_pod("a");
  uint32_t attempt = 0;
  for (const auto& row : table) {
    auto config = node().shell("a", "main", "");
    config.attempt = attempt++;
    config.args = row.args;
    const auto record = node().start(config);
    EXPECT_EQ(record.start_error, row.error);
    EXPECT_FALSE(record.running);
    EXPECT_EQ(record.exit_code, 128);
    EXPECT_TRUE(node().run(processes().remove_container("a", "main", config.attempt)).has_value());
  }
}

TEST_F(Pods, AMissingMountSourceIsNamed) {
  node().start_pod("a");
  auto config = node().shell("a", "main", "true");
  config.mounts.push_back({.host_path = "/no/such/source", .container_path = "/data"});
  EXPECT_EQ(node().start(config).start_error,
            "error mounting \"/no/such/source\" to rootfs at \"/data\": open the source: no such file or directory");
}

TEST_F(Pods, AMissingLayerIsNamed) {
  node().start_pod("a");
  auto config = node().shell("a", "main", "true");
  config.layers = {"/no/such/layer"};
  EXPECT_EQ(node().start(config).start_error, "open image layer /no/such/layer: no such file or directory");
}

TEST_F(Pods, LayersLieOverEachOtherTopmostFirst) {
  test::write_file(node().directory() + "/top/etc/name", "top");
  test::write_file(node().directory() + "/middle/etc/name", "middle");
  test::write_file(node().directory() + "/middle/etc/other", "middle");
  const auto out = node().output("cat /etc/name /etc/other; echo; echo changed > /etc/name", [&](auto& config) {
    config.layers = {node().directory() + "/top", node().directory() + "/middle", node().image()};
  });
  EXPECT_EQ(out, "topmiddle\n");
  EXPECT_EQ(test::read_file(node().directory() + "/top/etc/name"), "top");
}

TEST_F(Pods, AHundredLayersFit) {
  std::vector<std::string> layers;
  for (int i = 0; i < 100; ++i) {
    layers.push_back(node().directory() + "/a-layer-with-a-long-name-as-digests-have/" + std::string(64, 'f') + std::to_string(i));
    test::write_file(layers.back() + "/l/" + std::to_string(i), "");
  }
  layers.push_back(node().image());
  EXPECT_EQ(node().output("ls /l | wc -l", [&](auto& config) { config.layers = layers; }), "100\n");
}

TEST_F(Pods, VolumesAreBoundWithTheirAttributesAndMissingMountPointsAreMade) {
  test::write_file(node().directory() + "/volume/file", "content\n");
  test::write_file(node().directory() + "/one-file", "single\n");
  const auto out = node().output(
      "cat /data/deep/file /etc/one; echo w > /data/deep/new; echo x > /ro/file; grep ' /tmp/mem ' /proc/mounts | grep -c "
      "size=1024k; echo nested > /data/deep/inner/f",
      [&](ContainerConfig& config) {
        // The deeper one comes first in the list, but is mounted last.
        config.mounts.push_back({.container_path = "/data/deep/inner", .tmpfs_bytes_max = 1 << 20});
        config.mounts.push_back({.host_path = node().directory() + "/volume", .container_path = "/data/deep"});
        config.mounts.push_back({.host_path = node().directory() + "/one-file", .container_path = "/etc/one"});
        config.mounts.push_back({.host_path = node().directory() + "/volume", .container_path = "/ro", .read_only = true});
        config.mounts.push_back({.container_path = "/tmp/mem", .tmpfs_bytes_max = 1 << 20});
      });
  EXPECT_EQ(out, "content\nsingle\n/bin/sh: can't create /ro/file: Read-only file system\n1\n");
  EXPECT_EQ(test::read_file(node().directory() + "/volume/new"), "w\n");
  EXPECT_TRUE(fs::is_empty(node().directory() + "/volume/inner"));
}

TEST_F(Pods, AReadOnlyRootRefusesWritesButItsVolumesTakeThem) {
  fs::create_directories(node().directory() + "/volume");
  const auto out = node().output("echo x > /file; echo y > /data/file && echo written", [&](ContainerConfig& config) {
    config.security.read_only_root = true;
    config.mounts.push_back({.host_path = node().directory() + "/volume", .container_path = "/data"});
  });
  EXPECT_EQ(out, "/bin/sh: can't create /file: Read-only file system\nwritten\n");
}

TEST_F(Pods, TheHostRootShowsTheNodesProgramsReadOnlyAndHidesItsSocketsAndKringsData) {
  test::write_file(node().options().data_dir + "/secret", "key");
  const auto out = node().output(
      "test -x /bin/busybox && echo program; ls /run /mnt | grep -c .; touch /usr/x 2>&1 | grep -c Read-only; ls " +
          node().options().data_dir + " 2>/dev/null | wc -l; echo x > /tmp/x && echo tmp; ls -d /volume",
      [&](ContainerConfig& config) {
        config.host_root = true;
        config.layers = {"/"};
        config.mounts.push_back({.host_path = node().directory(), .container_path = "/volume"});
      });
  EXPECT_EQ(out, "program\n2\n1\n0\ntmp\n/volume\n");
}

TEST_F(Pods, ATerminationMessageIsReadFromItsFileAndCutAtFourKilobytes) {
  node().start_pod("a");
  const auto ended = node().run_to_exit(node().shell("a", "main", "echo -n DONE > /dev/termination-log"));
  EXPECT_EQ(ended.termination_message, "DONE");
  auto config = node().shell("a", "long", "dd if=/dev/zero bs=1000 count=10 of=/var/run/custom/message");
  config.termination_message_path = "/var/run/custom/message";
  EXPECT_EQ(node().run_to_exit(config).termination_message.size(), 4096u);
}

TEST_F(Pods, ANonRootUserMayWriteItsTerminationMessage) {
  node().start_pod("a");
  auto config = node().shell("a", "main", "echo -n OK > /dev/termination-log");
  config.security.run_as_user = 1000;
  EXPECT_EQ(node().run_to_exit(config).termination_message, "OK");
}

TEST_F(Pods, ASignalReachesTheFirstProcessAndAKillEndsAll) {
  node().start_pod("a");
  auto config = node().shell("a", "main", "trap 'echo got; exit 5' TERM; while true; do sleep 0.02; done");
  EXPECT_TRUE(node().start(config).running);
  while (node().log(config).empty() && !node().run(processes().exec({.pod_uid = "a", .container = "main",
         .args = {"/bin/true"}}, 5000, 100)).has_value()) {
  }
  EXPECT_TRUE(node().run(processes().signal_container("a", "main", SIGTERM)).has_value());
  EXPECT_EQ(node().next_event().container.exit_code, 5);

  auto stubborn = node().shell("a", "stubborn", "trap '' TERM; sleep 1000 & sleep 1000");
  EXPECT_TRUE(node().start(stubborn).running);
  EXPECT_TRUE(node().run(processes().kill_container("a", "stubborn")).has_value());
  const auto ended = node().next_event().container;
  EXPECT_EQ(ended.exit_code, 137);
  EXPECT_EQ(ended.signal, 9);
  const auto late = node().run(processes().signal_container("a", "stubborn", SIGTERM));
  ASSERT_TRUE(late.has_error());
  EXPECT_EQ(late.error().reason, Reason::not_found);
}

TEST_F(Pods, AttemptsFollowEachOtherAndEachIsForgottenWhenRemoved) {
  node().start_pod("a");
  for (uint32_t attempt = 0; attempt < 3; ++attempt) {
    auto config = node().shell("a", "main", "exit " + std::to_string(attempt));
    config.attempt = attempt;
    EXPECT_EQ(node().run_to_exit(config).exit_code, static_cast<int32_t>(attempt));
  }
  auto again = node().shell("a", "main", "true");
  again.attempt = 1;
  EXPECT_EQ(node().run(processes().start_container(again)).error().message, "the attempt was made before");
  EXPECT_TRUE(node().run(processes().remove_container("a", "main", 0)).has_value());
  EXPECT_TRUE(node().run(processes().remove_container("a", "main", 0)).has_value());
  EXPECT_FALSE(fs::exists(node().options().data_dir + "/pods/a/keeper/main.0"));
  const auto records = node().run(processes().adopt());
  ASSERT_EQ(records->at(0).containers.size(), 2u);
  EXPECT_EQ(records->at(0).containers[0].attempt, 1u);
}

TEST_F(Pods, ARunningContainerIsNotRemoved) {
  node().start_pod("a");
  EXPECT_TRUE(node().start(node().shell("a", "main", "exec sleep 1000")).running);
  EXPECT_EQ(node().run(processes().remove_container("a", "main", 0)).error().reason, Reason::conflict);
}

TEST_F(Pods, RemovingAPodLeavesNothingAndCanBeRepeated) {
  const auto pod = node().start_pod("a");
  const auto container = node().start(node().shell("a", "main", "trap '' TERM; mkdir -p /a/b/c; while true; do sleep 1; done"));
  EXPECT_TRUE(node().run(processes().remove_pod("a")).has_value());
  EXPECT_TRUE(node().run(processes().remove_pod("a")).has_value());
  EXPECT_FALSE(process_exists(pod.keeper_pid));
  EXPECT_FALSE(process_exists(container.pid));
  EXPECT_FALSE(fs::exists(node().options().data_dir + "/pods/a/keeper"));
  EXPECT_EQ(test::read_file("/proc/self/mountinfo").find(node().options().data_dir), std::string::npos);
  EXPECT_EQ(test::shell("find /sys/fs/cgroup -path '*" + node().options().cgroup_prefix + "*' -name poda | grep -q ."), 256);
}

TEST_F(Pods, ExecRunsInTheContainersNamespacesAsItsUser) {
  node().start_pod("a");
  auto config = node().shell("a", "main", "exec sleep 1000");
  config.security.image_user = "web";
  config.env = {"GREETING=hi"};
  EXPECT_TRUE(node().start(config).running);
  ExecConfig exec{.pod_uid = "a", .container = "main",
                  .args = {"sh", "-c", "id; echo $GREETING; hostname; cat /proc/1/comm; echo err >&2; exit 7"}};
  const auto result = node().run(processes().exec(exec, 10'000, 1 << 16));
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(result->exit_code, 7);
  EXPECT_EQ(result->output,
            "uid=1000(web) gid=1001(web) groups=29(audio),44(video),1001(web)\nhi\nhost-a\nsleep\nerr\n");
}

TEST_F(Pods, ExecSaysWhatItCannotFindAndRefusesWhatDoesNotRun) {
  node().start_pod("a");
  EXPECT_TRUE(node().start(node().shell("a", "main", "exec sleep 1000")).running);
  ExecConfig exec{.pod_uid = "a", .container = "main", .args = {"nosuch"}};
  EXPECT_EQ(node().run(processes().exec(exec, 10'000, 100)).error().message,
            "exec: \"nosuch\": executable file not found in $PATH");
  exec.container = "other";
  EXPECT_EQ(node().run(processes().exec(exec, 10'000, 100)).error().reason, Reason::not_found);
}

TEST_F(Pods, AnExecThatTakesTooLongIsKilled) {
  node().start_pod("a");
  EXPECT_TRUE(node().start(node().shell("a", "main", "exec sleep 1000")).running);
  ExecConfig exec{.pod_uid = "a", .container = "main", .args = {"sh", "-c", "echo $$ > /tmp/pid; exec sleep 2000"}};
  EXPECT_EQ(node().run(processes().exec(exec, 300, 100)).error().reason, Reason::timeout);
  exec.args = {"sh", "-c", "while kill -0 $(cat /tmp/pid) 2>/dev/null; do sleep 0.02; done; echo gone"};
  EXPECT_EQ(node().run(processes().exec(exec, 10'000, 100))->output, "gone\n");
}

TEST_F(Pods, AfterACrashOfKringEverythingGoesOnAndExitsAreReported) {
  const auto pod = node().start_pod("a");
  auto lasting = node().shell("a", "lasting", "i=0; while true; do echo $i; i=$((i+1)); sleep 0.01; done");
  const auto running = node().start(lasting);
  const auto ending = node().start(node().shell("a", "ending", "while [ ! -e /dev/shm/go ]; do sleep 0.01; done; exit 9"));
  EXPECT_TRUE(ending.running);
  node().crash();
  const std::string record = node().options().data_dir + "/pods/a/keeper/ending.0/record";
  const std::string before = test::read_file(record);
  test::write_file("/proc/" + std::to_string(running.pid) + "/root/dev/shm/go", "");
  // The keeper alone sees the end.
  while (process_exists(ending.pid) || test::read_file(record) == before) {
  }
  const auto adopted = node().restart();
  ASSERT_EQ(adopted.size(), 1u);
  EXPECT_EQ(adopted[0].uid, "a");
  EXPECT_EQ(adopted[0].name, "pod-a");
  EXPECT_EQ(adopted[0].keeper_pid, pod.keeper_pid);
  const auto event = node().next_event();
  EXPECT_EQ(event.what, ProcessEvent::What::container_exited);
  EXPECT_EQ(event.container.name, "ending");
  EXPECT_EQ(event.container.exit_code, 9);
  for (const auto& container : adopted[0].containers) {
    if (container.name != "lasting") continue;
    EXPECT_TRUE(container.running);
    EXPECT_EQ(container.pid, running.pid);
    EXPECT_EQ(container.started_at.ns, running.started_at.ns);
  }
  EXPECT_TRUE(node().run(processes().kill_container("a", "lasting")).has_value());
  EXPECT_EQ(node().next_event().container.exit_code, 137);
  // Every line from 0 on is there, once.
  std::string expected;
  const std::string log = node().log(lasting);
  for (int i = 0; expected.size() < log.size(); ++i) expected += "stdout F " + std::to_string(i) + "\n";
  EXPECT_EQ(log, expected);
}

TEST_F(Pods, AnExitIsReportedAgainAfterEveryRestartUntilItIsRemoved) {
  node().start_pod("a");
  node().run_to_exit(node().shell("a", "main", "exit 4"));
  node().restart();
  EXPECT_EQ(node().next_event().container.exit_code, 4);
  node().restart();
  EXPECT_EQ(node().next_event().container.exit_code, 4);
  EXPECT_TRUE(node().run(processes().remove_container("a", "main", 0)).has_value());
  EXPECT_TRUE(node().restart()[0].containers.empty());
}

TEST_F(Pods, ADeadKeeperMeansALostPod) {
  const auto pod = node().start_pod("a");
  const auto container = node().start(node().shell("a", "main", "exec sleep 1000"));
  ::kill(pod.keeper_pid, SIGKILL);
  const auto event = node().next_event();
  EXPECT_EQ(event.what, ProcessEvent::What::pod_lost);
  EXPECT_EQ(event.pod_uid, "a");
  while (process_exists(container.pid)) {
  }
  const auto refused = node().run(processes().start_container(node().shell("a", "next", "true")));
  EXPECT_EQ(refused.error().reason, Reason::service_unavailable);
  EXPECT_TRUE(node().run(processes().remove_pod("a")).has_value());
  EXPECT_TRUE(node().restart().empty());
}

TEST_F(Pods, WhatAKeeperLeftBehindIsReadAfterItsDeath) {
  const auto pod = node().start_pod("a");
  node().run_to_exit(node().shell("a", "done", "exit 6"));
  EXPECT_TRUE(node().start(node().shell("a", "main", "exec sleep 1000")).running);
  node().crash();
  ::kill(pod.keeper_pid, SIGKILL);
  const auto adopted = node().restart();
  ASSERT_EQ(adopted.size(), 1u);
  EXPECT_EQ(adopted[0].keeper_pid, 0);
  ASSERT_EQ(adopted[0].containers.size(), 2u);
  EXPECT_EQ(adopted[0].containers[0].exit_code, 6);
  EXPECT_FALSE(adopted[0].containers[1].running);
  EXPECT_EQ(adopted[0].containers[1].exit_code, 137);
  EXPECT_EQ(node().next_event().what, ProcessEvent::What::pod_lost);
}

TEST_F(Pods, ResetRemovesWhatADataDirectoryMade) {
  const auto pod = node().start_pod("a");
  const auto container = node().start(node().shell("a", "main", "exec sleep 1000"));
  node().crash();
  EXPECT_TRUE(pods::reset_processes(node().options()).has_value());
  EXPECT_FALSE(fs::exists(node().options().data_dir + "/pods/a/keeper"));
  EXPECT_FALSE(process_exists(container.pid));
  EXPECT_TRUE(node().restart().empty());
  static_cast<void>(pod);
}

TEST_F(Pods, ATerminalIsTheContainersOwn) {
  const auto out = node().output("test -t 0 && test -t 1 && test -c /dev/console && echo terminal",
                                 [](ContainerConfig& config) { config.terminal = true; });
  EXPECT_EQ(out, "terminal\r\n");
}

TEST_F(Pods, APrivilegedContainerHasTheNodesDevicesAndRights) {
  const auto out = node().output("mount -t tmpfs none /tmp && echo mounted; grep Seccomp: /proc/self/status; test -c /dev/kmsg "
                                 "&& echo kmsg; echo 1 > /proc/sys/net/ipv4/ip_forward && echo sysctl",
                                 [](ContainerConfig& config) { config.security.privileged = true; });
  EXPECT_EQ(out, "mounted\nSeccomp:\t0\nkmsg\nsysctl\n");
}

TEST_F(Pods, MountsCrossAVolumeOnlyAsItsPropagationSays) {
  const std::string volume = node().directory() + "/shared";
  fs::create_directories(volume + "/mine");
  fs::create_directories(volume + "/theirs");
  ASSERT_EQ(test::shell("mount --bind " + volume + " " + volume + " && mount --make-shared " + volume), 0);
  node().start_pod("a");
  const std::string wait = "while [ ! -e /dev/shm/go ]; do sleep 0.01; done; ";
  auto none = node().shell("a", "none", wait + "ls /data/mine");
  auto slave = node().shell("a", "slave", wait + "ls /data/mine");
  auto both = node().shell("a", "both", "mount -t tmpfs none /data/theirs && touch /data/theirs/f /dev/shm/mounted; " + wait);
  both.security.privileged = true;
  none.mounts.push_back({.host_path = volume, .container_path = "/data"});
  slave.mounts.push_back({.host_path = volume, .container_path = "/data", .propagation = "HostToContainer"});
  both.mounts.push_back({.host_path = volume, .container_path = "/data", .propagation = "Bidirectional"});
  for (const auto& config : {none, slave, both}) EXPECT_TRUE(node().start(config).running);
  const std::string shm = "/proc/" + std::to_string(node().run(processes().adopt())->at(0).containers[0].pid) + "/root/dev/shm/";
  while (!fs::exists(shm + "mounted")) {
  }
  EXPECT_TRUE(fs::exists(volume + "/theirs/f"));
  ASSERT_EQ(test::shell("mount -t tmpfs none " + volume + "/mine && touch " + volume + "/mine/seen"), 0);
  test::write_file(shm + "go", "");
  for (int i = 0; i < 3; ++i) node().next_event();
  EXPECT_EQ(node().log(none), "");
  EXPECT_EQ(node().log(slave), "stdout F seen\n");
  EXPECT_TRUE(node().run(processes().remove_pod("a")).has_value());
  EXPECT_EQ(test::shell("umount -R " + volume), 0);
}

TEST_F(Pods, ADataDirectoryOnOverlayfsStillRunsContainers) {
  // A node in a container of another engine: overlayfs takes no writable layer that lies on overlayfs.
  const std::string base = node().directory() + "/outer";
  for (const char* name : {"/lower", "/upper", "/work", "/merged"}) fs::create_directories(base + name);
  ASSERT_EQ(test::shell("mount -t overlay overlay -o lowerdir=" + base + "/lower,upperdir=" + base + "/upper,workdir=" +
                        base + "/work " + base + "/merged"), 0);
  const pods::LinuxProcessesOptions options{.data_dir = base + "/merged/data", .cgroup_prefix = node().options().cgroup_prefix + "o"};
  {
    auto other = pods::make_linux_processes(node().env(), options);
    ASSERT_TRUE(other.has_value());
    ASSERT_TRUE(node().run((*other)->start_pod(node().pod_config("a"))).has_value());
    auto config = node().shell("a", "main", "echo x > /file && cat /file");
    const auto started = node().run((*other)->start_container(config));
    ASSERT_TRUE(started.has_value());
    EXPECT_EQ(started->start_error, "");
    EXPECT_EQ(node().run((*other)->next_event())->container.exit_code, 0);
    EXPECT_TRUE(node().run((*other)->remove_pod("a")).has_value());
  }
  EXPECT_TRUE(pods::reset_processes(options).has_value());
  EXPECT_EQ(test::shell("umount " + base + "/merged"), 0);
}

TEST_F(Pods, SysctlsOfThePodAreSet) {
  auto config = node().pod_config("a");
  config.sysctls = {{"net.ipv4.ip_local_port_range", "2000 3000"}, {"kernel.shm_rmid_forced", "1"}};
  ASSERT_TRUE(node().run(processes().start_pod(config)).has_value());
  auto container = node().shell("a", "main", "sysctl -n net.ipv4.ip_local_port_range kernel.shm_rmid_forced");
  node().run_to_exit(container);
  EXPECT_EQ(node().log(container), "stdout F 2000\t3000\nstdout F 1\n");
}

}  // namespace
}  // namespace kring
