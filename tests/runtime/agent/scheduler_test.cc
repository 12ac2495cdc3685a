// Goal: the scheduler's decisions and words are Kubernetes'.
// Method: plain nodes and pods in, decisions out; then a few through the whole cluster.
#include <gtest/gtest.h>

#include "runtime/scheduler/decide.h"
#include "tests/runtime/agent/cluster.h"

namespace kring::scheduler {
namespace {

NodeInfo node(std::string name, int64_t cpu_milli = 4000, int64_t memory = 8LL << 30) {
  NodeInfo out;
  out.name = std::move(name);
  out.allocatable = {{"cpu", cpu_milli}, {"memory", memory}, {"pods", 110}};
  out.labels = {{"disk", "ssd"}, {"cores", "4"}};
  return out;
}

PodInfo pod(std::string name, int64_t cpu_milli = 0, int32_t priority = 0) {
  PodInfo out;
  out.uid = name;
  out.ns = "default";
  out.name = std::move(name);
  out.priority = priority;
  if (cpu_milli > 0) out.requests = {{"cpu", cpu_milli}};
  return out;
}

TEST(Schedule, SaysWhyAPodFitsNowhere) {
  EXPECT_EQ(decide(pod("p", 5000), {node("a")}).message,
            "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: "
            "1 Preemption is not helpful for scheduling.");
  NodeInfo full = node("a");
  full.pods.push_back(pod("other", 3000));
  EXPECT_EQ(decide(pod("p", 2000), {full}).message,
            "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: "
            "1 No preemption victims found for incoming pod.");
  NodeInfo cordoned = node("b");
  cordoned.unschedulable = true;
  EXPECT_EQ(decide(pod("p"), {cordoned}).message,
            "0/1 nodes are available: 1 node(s) were unschedulable. preemption: 0/1 nodes are available: "
            "1 Preemption is not helpful for scheduling.");
  EXPECT_EQ(decide(pod("p"), {}).message, "no nodes available to schedule pods");
}

TEST(Schedule, SelectorsAndAffinityMustMatch) {
  PodInfo it = pod("p");
  it.node_selector = {{"disk", "ssd"}};
  EXPECT_EQ(decide(it, {node("a")}).node, "a");
  it.node_selector = {{"disk", "hdd"}};
  EXPECT_NE(decide(it, {node("a")}).message.find("1 node(s) didn't match Pod's node affinity/selector"),
            std::string::npos);
  struct Case {
    std::string op;
    std::vector<std::string> values;
    bool fits;
  };
  for (const auto& c : std::vector<Case>{{"In", {"4", "8"}, true},
                                         {"In", {"8"}, false},
                                         {"NotIn", {"8"}, true},
                                         {"Exists", {}, true},
                                         {"DoesNotExist", {}, false},
                                         {"Gt", {"3"}, true},
                                         {"Gt", {"4"}, false},
                                         {"Lt", {"5"}, true},
                                         {"Lt", {"x"}, false}}) {
    PodInfo affine = pod("p");
    affine.required_affinity = std::vector<Term>{Term{{Requirement{"cores", c.op, c.values}}, {}}};
    EXPECT_EQ(decide(affine, {node("a")}).node == "a", c.fits) << c.op;
  }
  PodInfo nowhere = pod("p");
  nowhere.required_affinity = std::vector<Term>{Term{}};
  EXPECT_EQ(decide(nowhere, {node("a")}).node, "") << "a term without requirements matches nothing";
}

TEST(Schedule, TaintsNeedTolerations) {
  Taint taint{"dedicated", "db", "NoSchedule"};
  struct Case {
    Toleration toleration;
    bool tolerated;
  };
  for (const auto& c : std::vector<Case>{{{"dedicated", "Equal", "db", "NoSchedule"}, true},
                                         {{"dedicated", "", "db", ""}, true},
                                         {{"dedicated", "Equal", "web", ""}, false},
                                         {{"dedicated", "Exists", "", ""}, true},
                                         {{"", "Exists", "", ""}, true},
                                         {{"", "Equal", "", ""}, false},
                                         {{"dedicated", "Exists", "", "NoExecute"}, false}})
    EXPECT_EQ(tolerates({c.toleration}, taint), c.tolerated)
        << c.toleration.key << c.toleration.op << c.toleration.effect;
  NodeInfo tainted = node("a");
  tainted.taints = {taint};
  EXPECT_NE(decide(pod("p"), {tainted}).message.find("1 node(s) had untolerated taint {dedicated: db}"),
            std::string::npos);
}

TEST(Schedule, HostPortsDoNotCollide) {
  HostPort any{"", "TCP", 80}, one{"192.0.2.1", "TCP", 80}, other{"192.0.2.2", "TCP", 80}, udp{"", "UDP", 80};
  EXPECT_TRUE(conflicts(any, one));
  EXPECT_FALSE(conflicts(one, other));
  EXPECT_FALSE(conflicts(any, udp));
  NodeInfo taken = node("a");
  taken.pods.push_back(pod("other"));
  taken.pods[0].host_ports = {any};
  PodInfo it = pod("p");
  it.host_ports = {one};
  EXPECT_NE(decide(it, {taken}).message.find("1 node(s) didn't have free ports for the requested pod ports"),
            std::string::npos);
}

TEST(Schedule, TheEmptierNodeWins) {
  NodeInfo busy = node("a");
  busy.pods.push_back(pod("other", 3000));
  EXPECT_EQ(decide(pod("p", 500), {busy, node("b")}).node, "b");
  NodeInfo many = node("c");
  many.allocatable["pods"] = 0;
  EXPECT_NE(decide(pod("p"), {many}).message.find("1 Too many pods"), std::string::npos);
}

TEST(Schedule, MoreImportantPodsPushOutTheFewestAndLeastImportant) {
  NodeInfo full = node("a");
  full.pods = {pod("low", 2000, 1), pod("lower", 1000, 0), pod("high", 1000, 9)};
  Decision it = decide(pod("p", 1000, 5), {full});
  EXPECT_EQ(it.node, "");
  EXPECT_EQ(it.nominated, "a");
  ASSERT_EQ(it.victims.size(), 1U);
  EXPECT_EQ(it.victims[0].name, "lower");
  PodInfo polite = pod("p", 1000, 5);
  polite.may_preempt = false;
  EXPECT_TRUE(decide(polite, {full}).victims.empty());
}

TEST(Schedule, TheQueueIsByPriorityThenAge) {
  PodInfo old = pod("a"), young = pod("b"), important = pod("c", 0, 10);
  old.created = Wall{1};
  young.created = important.created = Wall{2};
  EXPECT_TRUE(before(important, old));
  EXPECT_TRUE(before(old, young));
  EXPECT_FALSE(before(young, old));
}

TEST(SchedulerLoop, APodThatFitsNowhereSaysSoAndGoesOnceItFits) {
  test::Cluster cluster;
  cluster.start();
  auto big = [](const std::string& name) {
    return R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":")" + name +
           R"("},"spec":{"containers":[{"name":"app","image":"example/app:1","resources":{"requests":{"cpu":"3"}}}]}})";
  };
  ASSERT_TRUE(cluster.create(kinds::pod(), big("first")).has_value());
  ASSERT_TRUE(cluster.until([&] { return cluster.phase("first") == "Running"; }));
  ASSERT_TRUE(cluster.create(kinds::pod(), big("second")).has_value());
  ASSERT_TRUE(cluster.until(
      [&] { return cluster.has_event("second", "FailedScheduling: 0/1 nodes are available: 1 Insufficient cpu."); }));
  json::Value pod = cluster.get(kinds::pod(), "default", "second");
  const json::Value& condition = pod.at({"status", "conditions"})->as_array()[0];
  EXPECT_EQ(condition.string_or("type"), "PodScheduled");
  EXPECT_EQ(condition.string_or("status"), "False");
  EXPECT_EQ(condition.string_or("reason"), "Unschedulable");
  cluster.pass_seconds(300);
  EXPECT_EQ(cluster.phase("second"), "Pending");
  EXPECT_FALSE(cluster.remove(kinds::pod(), "default", "first").has_error());
  ASSERT_TRUE(cluster.until([&] { return cluster.phase("second") == "Running"; }));
}

TEST(SchedulerLoop, AGatedPodWaitsForItsGate) {
  test::Cluster cluster;
  cluster.start();
  ASSERT_TRUE(cluster
                  .create(kinds::pod(), R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"web"},"spec":{
      "schedulingGates":[{"name":"example.com/wait"}],"containers":[{"name":"app","image":"example/app:1"}]}})")
                  .has_value());
  cluster.pass_seconds(120);
  json::Value pod = cluster.get(kinds::pod(), "default", "web");
  EXPECT_EQ(pod.find("spec")->string_or("nodeName"), "");
  ASSERT_TRUE(cluster.patch(kinds::pod(), "default", "web", R"({"spec":{"schedulingGates":null}})").has_value());
  ASSERT_TRUE(cluster.until([&] { return cluster.phase("web") == "Running"; }));
}

}  // namespace
}  // namespace kring::scheduler
