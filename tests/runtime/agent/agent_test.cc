// Goal: pods go through their lives in a whole cluster, over crashes of kring and of the machine.
// Method: everything real but the world outside (tests/sim); conditions are awaited in simulated time.
#include <gtest/gtest.h>

#include "tests/runtime/agent/cluster.h"

namespace kring::test {
namespace {

sim::Program runs(int64_t ms, int32_t exit_code) {
  sim::Program out;
  out.runs_ms = ms;
  out.exit_code = exit_code;
  return out;
}

TEST(NodeAgent, RegistersItsNodeAndTakesAPodFromPendingToSucceeded) {
  Cluster cluster;
  cluster.processes.programs["example/app:1"] = runs(5'000, 0);
  cluster.start();
  ASSERT_TRUE(cluster.run_pod("web", "example/app:1", "Never").has_value());
  ASSERT_TRUE(cluster.until([&] { return cluster.phase("web") == "Running" && cluster.ready("web"); }));
  json::Value node = cluster.get(kinds::node(), "", "node1");
  EXPECT_EQ(node.at({"status", "capacity"})->string_or("cpu"), "4");
  EXPECT_EQ(node.at({"metadata", "labels"})->string_or("kubernetes.io/arch"), "arm64");
  ASSERT_TRUE(cluster.until([&] { return cluster.phase("web") == "Succeeded"; }));
  ASSERT_TRUE(cluster.until([&] { return cluster.processes.pods() == 0; }));
  EXPECT_TRUE(cluster.has_event("web", "Scheduled: Successfully assigned default/web to node1"));
  EXPECT_TRUE(cluster.has_event("web", "Pulled: Container image \"example/app:1\" already present on machine"));
  EXPECT_TRUE(cluster.has_event("web", "Created: Created container: app"));
  EXPECT_TRUE(cluster.has_event("web", "Started: Started container app"));
}

TEST(NodeAgent, DeletionStopsThePodThenRemovesTheObjectAndEveryTrace) {
  Cluster cluster;
  cluster.start();
  ASSERT_TRUE(cluster.run_pod("web", "example/app:1").has_value());
  ASSERT_TRUE(cluster.until([&] { return cluster.phase("web") == "Running"; }));
  EXPECT_FALSE(cluster.remove(kinds::pod(), "default", "web").has_error());
  EXPECT_EQ(cluster.phase("web"), "Running") << "the object stays while its pod stops";
  ASSERT_TRUE(cluster.until([&] { return cluster.phase("web") == "gone"; }));
  EXPECT_EQ(cluster.processes.pods(), 0U);
  EXPECT_EQ(cluster.files.count_below("/data/pods"), 0U);
  EXPECT_EQ(cluster.files.count_below("/data/logs"), 0U);
  EXPECT_TRUE(cluster.has_event("web", "Killing: Stopping container app"));
  ASSERT_TRUE(cluster.until([&] { return cluster.agent->pods() == 0; }));
}

TEST(NodeAgent, APodThatIgnoresSignalsIsKilledAfterItsGrace) {
  Cluster cluster;
  cluster.processes.programs["example/app:1"].ignores_signals = true;
  cluster.start();
  ASSERT_TRUE(cluster.run_pod("web", "example/app:1").has_value());
  ASSERT_TRUE(cluster.until([&] { return cluster.phase("web") == "Running"; }));
  client::DeleteOptions options;
  options.grace_seconds = 7;
  Mono began = cluster.world.clock.now();
  EXPECT_FALSE(cluster.remove(kinds::pod(), "default", "web", options).has_error());
  ASSERT_TRUE(cluster.until([&] { return cluster.phase("web") == "gone"; }));
  int64_t took_ms = (cluster.world.clock.now() - began) / 1'000'000;
  EXPECT_GE(took_ms, 7'000);
  EXPECT_LE(took_ms, 7'500);
}

TEST(NodeAgent, AForcedDeletionLeavesNothingBehind) {
  Cluster cluster;
  cluster.start();
  ASSERT_TRUE(cluster.run_pod("web", "example/app:1").has_value());
  ASSERT_TRUE(cluster.until([&] { return cluster.phase("web") == "Running"; }));
  client::DeleteOptions options;
  options.grace_seconds = 0;
  EXPECT_FALSE(cluster.remove(kinds::pod(), "default", "web", options).has_error());
  EXPECT_EQ(cluster.phase("web"), "gone");
  ASSERT_TRUE(cluster.until([&] { return cluster.processes.pods() == 0 && cluster.agent->pods() == 0; }));
  EXPECT_EQ(cluster.files.count_below("/data/pods"), 0U);
}

TEST(NodeAgent, CrashLoopsAreCountedAndSlowDown) {
  Cluster cluster;
  cluster.processes.programs["example/app:1"] = runs(100, 1);
  cluster.start();
  ASSERT_TRUE(cluster.run_pod("web", "example/app:1").has_value());
  ASSERT_TRUE(cluster.until([&] { return cluster.waiting("web") == "CrashLoopBackOff"; }));
  ASSERT_TRUE(cluster.until([&] { return cluster.restarts("web") == 5; }));
  // 0 + 10 + 20 + 40 + 80 seconds
  int64_t seconds = cluster.world.clock.now().ns / 1'000'000'000;
  EXPECT_GE(seconds, 150);
  EXPECT_LE(seconds, 165);
  EXPECT_TRUE(cluster.has_event("web", "BackOff: Back-off restarting failed container app in pod web_default("));
}

TEST(NodeAgent, AnImageThatIsNotThereSaysSo) {
  Cluster cluster;
  cluster.start();
  ASSERT_TRUE(cluster.run_pod("web", "example/none:1").has_value());
  ASSERT_TRUE(cluster.until([&] { return cluster.waiting("web") == "ErrImagePull"; }));
  ASSERT_TRUE(cluster.until([&] { return cluster.waiting("web") == "ImagePullBackOff"; }));
  EXPECT_TRUE(cluster.has_event("web", "Failed: Error: ErrImagePull"));
  EXPECT_TRUE(cluster.has_event("web", "BackOff: Back-off pulling image \"example/none:1\""));
  EXPECT_EQ(cluster.phase("web"), "Pending");
  cluster.images.registry.insert("example/none:1");
  ASSERT_TRUE(cluster.until([&] { return cluster.phase("web") == "Running"; }));
}

TEST(NodeAgent, AMissingCommandIsAStartError) {
  Cluster cluster;
  cluster.processes.programs["example/app:1"].start_error = "exec \"/nope\": no such file or directory";
  cluster.start();
  ASSERT_TRUE(cluster.run_pod("web", "example/app:1", "Never").has_value());
  ASSERT_TRUE(cluster.until([&] { return cluster.phase("web") == "Failed"; }));
  json::Value pod = cluster.get(kinds::pod(), "default", "web");
  const json::Value* ended = pod.at({"status", "containerStatuses"})->as_array()[0].at({"state", "terminated"});
  ASSERT_NE(ended, nullptr);
  EXPECT_EQ(ended->string_or("reason"), "StartError");
  EXPECT_EQ(ended->int_or("exitCode", 0), 128);
  EXPECT_EQ(ended->string_or("message"), "exec \"/nope\": no such file or directory");
}

TEST(NodeAgent, AKilledKringAdoptsWhatRuns) {
  Cluster cluster;
  cluster.start();
  ASSERT_TRUE(cluster.run_pod("web", "example/app:1").has_value());
  ASSERT_TRUE(cluster.until([&] { return cluster.phase("web") == "Running" && cluster.ready("web"); }));
  size_t starts = cluster.processes.starts;
  for (int life = 0; life < 5; ++life) {
    cluster.kill();
    cluster.start();
    ASSERT_TRUE(cluster.until([&] { return cluster.phase("web") == "Running" && cluster.ready("web"); }));
    cluster.pass_seconds(60);
  }
  EXPECT_EQ(cluster.processes.starts, starts) << "nothing was started again";
  EXPECT_EQ(cluster.restarts("web"), 0);
}

TEST(NodeAgent, AnExitWhileKringWasAwayIsReported) {
  Cluster cluster;
  cluster.processes.programs["example/app:1"] = runs(30'000, 7);
  cluster.start();
  ASSERT_TRUE(cluster.run_pod("web", "example/app:1", "Never").has_value());
  ASSERT_TRUE(cluster.until([&] { return cluster.phase("web") == "Running"; }));
  cluster.kill();
  cluster.pass_seconds(60);
  cluster.start();
  ASSERT_TRUE(cluster.until([&] { return cluster.phase("web") == "Failed"; }));
  json::Value pod = cluster.get(kinds::pod(), "default", "web");
  const json::Value* ended = pod.at({"status", "containerStatuses"})->as_array()[0].at({"state", "terminated"});
  ASSERT_NE(ended, nullptr);
  EXPECT_EQ(ended->int_or("exitCode", 0), 7);
  EXPECT_EQ(cluster.restarts("web"), 0);
}

TEST(NodeAgent, APodDeletedAtTheLastMomentOfALifeIsRemovedInTheNext) {
  Cluster cluster;
  cluster.start();
  ASSERT_TRUE(cluster.run_pod("web", "example/app:1").has_value());
  ASSERT_TRUE(cluster.until([&] { return cluster.phase("web") == "Running"; }));
  client::DeleteOptions options;
  options.grace_seconds = 0;
  EXPECT_FALSE(cluster.remove(kinds::pod(), "default", "web", options).has_error());
  cluster.kill();
  EXPECT_EQ(cluster.processes.pods(), 1U);
  cluster.start();
  ASSERT_TRUE(cluster.until([&] { return cluster.processes.pods() == 0; }));
  ASSERT_TRUE(cluster.until([&] { return cluster.files.count_below("/data/pods") == 0; }));
}

TEST(NodeAgent, AfterAPowerCutPodsStartAgainWithTheirCounts) {
  Cluster cluster;
  cluster.start();
  ASSERT_TRUE(cluster.run_pod("web", "example/app:1").has_value());
  ASSERT_TRUE(cluster.until([&] { return cluster.phase("web") == "Running" && cluster.ready("web"); }));
  ASSERT_FALSE(cluster.world.run(cluster.store->snapshot()).has_error());
  cluster.cut_power();
  cluster.start();
  ASSERT_TRUE(cluster.until([&] { return cluster.restarts("web") == 1 && cluster.ready("web"); }));
  EXPECT_EQ(cluster.phase("web"), "Running");
}

TEST(NodeAgent, ALostKeeperMeansANewSandbox) {
  Cluster cluster;
  cluster.start();
  ASSERT_TRUE(cluster.run_pod("web", "example/app:1").has_value());
  ASSERT_TRUE(cluster.until([&] { return cluster.phase("web") == "Running"; }));
  json::Value pod = cluster.get(kinds::pod(), "default", "web");
  cluster.processes.lose_pod(std::string{pod.at({"metadata"})->string_or("uid")});
  ASSERT_TRUE(cluster.until([&] { return cluster.restarts("web") == 1 && cluster.ready("web"); }));
}

TEST(NodeAgent, EnvironmentFromAMissingConfigMapWaitsForIt) {
  Cluster cluster;
  cluster.start();
  ASSERT_TRUE(cluster
                  .create(kinds::pod(), R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"web"},"spec":{
      "containers":[{"name":"app","image":"example/app:1","envFrom":[{"configMapRef":{"name":"settings"}}]}]}})")
                  .has_value());
  ASSERT_TRUE(cluster.until([&] { return cluster.waiting("web") == "CreateContainerConfigError"; }));
  EXPECT_TRUE(
      cluster.until([&] { return cluster.has_event("web", "Failed: Error: configmap \"settings\" not found"); }));
  ASSERT_TRUE(cluster
                  .create(kinds::config_map(), R"({"apiVersion":"v1","kind":"ConfigMap",
      "metadata":{"name":"settings"},"data":{"COLOR":"blue"}})")
                  .has_value());
  Mono created = cluster.world.clock.now();
  ASSERT_TRUE(cluster.until([&] { return cluster.phase("web") == "Running"; }));
  EXPECT_LT(cluster.world.clock.now() - created, ms_to_ns(1'000)) << "its appearance is heard of, not polled for";
}

TEST(NodeAgent, AVolumeOfTheWrongTypeSaysWhy) {
  Cluster cluster;
  cluster.files.entries["/srv/data"] = {FileType::file, "", 0644, false};
  cluster.start();
  ASSERT_TRUE(cluster
                  .create(kinds::pod(), R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"web"},"spec":{
      "volumes":[{"name":"data","hostPath":{"path":"/srv/data","type":"Directory"}}],
      "containers":[{"name":"app","image":"example/app:1","volumeMounts":[{"name":"data","mountPath":"/d"}]}]}})")
                  .has_value());
  ASSERT_TRUE(cluster.until([&] {
    return cluster.has_event("web",
                             "FailedMount: MountVolume.SetUp failed for volume \"data\" : hostPath type check failed: "
                             "/srv/data is not a directory");
  }));
  EXPECT_EQ(cluster.waiting("web"), "ContainerCreating");
  cluster.files.entries["/srv/data"].type = FileType::directory;
  ASSERT_TRUE(cluster.until([&] { return cluster.phase("web") == "Running"; }));
}

TEST(NodeAgent, AFullDiskStopsOnlyThePodThatNeedsIt) {
  Cluster cluster;
  cluster.start();
  ASSERT_TRUE(cluster.run_pod("before", "example/app:1").has_value());
  ASSERT_TRUE(cluster.until([&] { return cluster.phase("before") == "Running"; }));
  cluster.files.fail_below = "/data/pods";
  ASSERT_TRUE(cluster.run_pod("after", "example/app:1").has_value());
  cluster.pass_seconds(30);
  EXPECT_EQ(cluster.phase("before"), "Running");
  EXPECT_EQ(cluster.phase("after"), "Pending");
  cluster.files.fail_below.clear();
  ASSERT_TRUE(cluster.until([&] { return cluster.phase("after") == "Running"; }));
}

TEST(NodeAgent, AnIdleNodeWritesNothingToTheDiskAndSeldomWakes) {
  Cluster cluster;
  cluster.start();
  ASSERT_TRUE(cluster.run_pod("web", "example/app:1").has_value());
  ASSERT_TRUE(cluster.until([&] { return cluster.phase("web") == "Running"; }));
  cluster.pass_seconds(60);
  uint64_t before = cluster.store->stats().log_bytes_written;
  uint64_t snapshots = cluster.store->stats().snapshots_written;
  cluster.pass_seconds(7200);
  EXPECT_EQ(cluster.store->stats().log_bytes_written, before);
  EXPECT_EQ(cluster.store->stats().snapshots_written, snapshots);
  json::Value lease = cluster.get(kinds::lease(), "kube-node-lease", "node1");
  EXPECT_EQ(lease.at({"spec"})->string_or("holderIdentity"), "node1");
}

TEST(NodeAgent, WhatAPersonSetOnTheNodeSurvivesHeartbeatsAndRestarts) {
  Cluster cluster;
  cluster.start();
  ASSERT_TRUE(cluster.until([&] { return !cluster.get(kinds::node(), "", "node1").is_null(); }));
  ASSERT_TRUE(cluster
                  .patch(kinds::node(), "", "node1", R"({"metadata":{"labels":{"disk":"fast"}},
      "spec":{"unschedulable":true}})")
                  .has_value());
  ASSERT_TRUE(
      cluster.patch(kinds::node(), "", "node1", R"({"status":{"capacity":{"example.com/fakecpu":"1000"}}})", "status")
          .has_value());
  cluster.pass_seconds(700);
  cluster.kill();
  cluster.start();
  cluster.pass_seconds(30);
  json::Value node = cluster.get(kinds::node(), "", "node1");
  EXPECT_EQ(node.at({"metadata", "labels"})->string_or("disk"), "fast");
  EXPECT_TRUE(node.find("spec")->bool_or("unschedulable", false));
  EXPECT_EQ(node.at({"status", "allocatable"})->string_or("example.com/fakecpu"), "1k");
}

}  // namespace
}  // namespace kring::test
