// Goal: namespaces are filled and emptied, owners take their dependents along, old events go.
// Method: the ownership graph as plain values, the loops in a whole simulated cluster.
#include <gtest/gtest.h>

#include "runtime/controllers/namespace_lifecycle.h"
#include "runtime/controllers/ownership.h"
#include "tests/runtime/agent/cluster.h"

namespace kring::controllers {
namespace {

using test::Cluster;
using What = Collection::What;

Owned object(std::string uid, std::vector<std::string> owners = {}, bool blocks = false) {
  Owned out;
  out.uid = uid;
  out.name = std::move(uid);
  for (auto& it : owners) out.owners.push_back({"v1", "Pod", it, it, blocks});
  return out;
}

constexpr auto nobody = [](const Owner&) { return false; };
constexpr auto everybody = [](const Owner&) { return true; };

TEST(Ownership, WhatHasLostAllItsOwnersGoes) {
  Ownership graph;
  graph.put(object("owner"));
  graph.put(object("child", {"owner"}));
  EXPECT_EQ(collect(graph, *graph.find("child"), nobody).what, What::nothing);
  EXPECT_EQ(graph.erase("owner"), (std::set<std::string>{"child"}));
  EXPECT_EQ(collect(graph, *graph.find("child"), nobody).what, What::remove);
  EXPECT_EQ(collect(graph, *graph.find("child"), everybody).what, What::nothing) << "the API knows better";
}

TEST(Ownership, WithOneOwnerLeftOnlyTheOtherReferenceGoes) {
  Ownership graph;
  graph.put(object("a"));
  graph.put(object("child", {"a", "b"}));
  Collection todo = collect(graph, *graph.find("child"), nobody);
  EXPECT_EQ(todo.what, What::drop_owners);
  EXPECT_EQ(todo.owners, (std::set<std::string>{"b"}));
}

TEST(Ownership, ForegroundWaitsForItsDependents) {
  Ownership graph;
  Owned owner = object("owner");
  owner.deleting = owner.foreground = true;
  graph.put(object("child", {"owner"}, true));
  EXPECT_EQ(graph.put(owner), (std::set<std::string>{"owner", "child"}));
  EXPECT_EQ(collect(graph, owner, nobody).what, What::remove_dependents);
  EXPECT_EQ(collect(graph, *graph.find("child"), nobody).what, What::remove);
  EXPECT_EQ(graph.erase("child"), (std::set<std::string>{"owner"}));
  EXPECT_EQ(collect(graph, owner, nobody).what, What::finish_foreground);
}

TEST(Ownership, OrphansAreReleased) {
  Ownership graph;
  Owned owner = object("owner");
  owner.deleting = owner.orphan = true;
  graph.put(owner);
  EXPECT_EQ(collect(graph, owner, nobody).what, What::release_dependents);
}

TEST(Ownership, ACycleIsLeftAlone) {
  Ownership graph;
  graph.put(object("a", {"c"}));
  graph.put(object("b", {"a"}));
  graph.put(object("c", {"b"}));
  for (const char* it : {"a", "b", "c"}) EXPECT_EQ(collect(graph, *graph.find(it), nobody).what, What::nothing);
}

std::string config_map(const std::string& name, const std::string& owner_uid = {}, const std::string& owner = {}) {
  std::string owners;
  if (!owner_uid.empty())
    owners = R"(,"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":")" + owner + R"(","uid":")" +
             owner_uid + R"(","blockOwnerDeletion":true}])";
  return R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":")" + name + "\"" + owners + "}}";
}

TEST(GarbageCollector, BackgroundDeletionTakesTheWholeTree) {
  Cluster cluster;
  cluster.start();
  auto root = cluster.create(kinds::config_map(), config_map("root"));
  ASSERT_TRUE(root.has_value());
  auto child = cluster.create(kinds::config_map(), config_map("child", std::string{(*root)->uid()}, "root"));
  ASSERT_TRUE(
      cluster.create(kinds::config_map(), config_map("leaf", std::string{(*child)->uid()}, "child")).has_value());
  cluster.pass_seconds(5);
  ASSERT_FALSE(cluster.get(kinds::config_map(), "default", "leaf").is_null());
  EXPECT_FALSE(cluster.remove(kinds::config_map(), "default", "root").has_error());
  ASSERT_TRUE(cluster.until([&] { return cluster.get(kinds::config_map(), "default", "leaf").is_null(); }));
  EXPECT_TRUE(cluster.get(kinds::config_map(), "default", "child").is_null());
}

TEST(GarbageCollector, OrphanDeletionKeepsTheDependents) {
  Cluster cluster;
  cluster.start();
  auto root = cluster.create(kinds::config_map(), config_map("root"));
  ASSERT_TRUE(
      cluster.create(kinds::config_map(), config_map("child", std::string{(*root)->uid()}, "root")).has_value());
  client::DeleteOptions options;
  options.propagation = "Orphan";
  EXPECT_FALSE(cluster.remove(kinds::config_map(), "default", "root", options).has_error());
  ASSERT_TRUE(cluster.until([&] { return cluster.get(kinds::config_map(), "default", "root").is_null(); }));
  cluster.pass_seconds(60);
  json::Value child = cluster.get(kinds::config_map(), "default", "child");
  ASSERT_FALSE(child.is_null());
  EXPECT_EQ(child.at({"metadata", "ownerReferences"}), nullptr);
}

TEST(GarbageCollector, ForegroundDeletionTakesTheDependentsFirst) {
  Cluster cluster;
  cluster.start();
  auto root = cluster.create(kinds::config_map(), config_map("root"));
  ASSERT_TRUE(
      cluster.create(kinds::config_map(), config_map("child", std::string{(*root)->uid()}, "root")).has_value());
  client::DeleteOptions options;
  options.propagation = "Foreground";
  EXPECT_FALSE(cluster.remove(kinds::config_map(), "default", "root", options).has_error());
  ASSERT_TRUE(cluster.until([&] { return cluster.get(kinds::config_map(), "default", "child").is_null(); }));
  ASSERT_TRUE(cluster.until([&] { return cluster.get(kinds::config_map(), "default", "root").is_null(); }));
}

TEST(Namespaces, AreFilledAndEmptied) {
  Cluster cluster;
  cluster.start();
  ASSERT_TRUE(
      cluster.create(kinds::ns(), R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}})").has_value());
  ASSERT_TRUE(cluster.until([&] {
    return !cluster.get(kinds::service_account(), "shop", "default").is_null() &&
           !cluster.get(kinds::config_map(), "shop", "kube-root-ca.crt").is_null();
  }));
  ASSERT_TRUE(cluster
                  .create(kinds::pod(), R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop"},
      "spec":{"containers":[{"name":"app","image":"example/app:1"}]}})")
                  .has_value());
  ASSERT_TRUE(cluster.until([&] { return cluster.processes.starts == 1; }));
  EXPECT_FALSE(cluster.remove(kinds::ns(), "", "shop").has_error());
  EXPECT_EQ(cluster.get(kinds::ns(), "", "shop").find("status")->string_or("phase"), "Terminating");
  Mono began = cluster.world.clock.now();
  ASSERT_TRUE(cluster.until([&] { return cluster.get(kinds::ns(), "", "shop").is_null(); }));
  EXPECT_LT(cluster.world.clock.now() - began, ms_to_ns(10'000));
  EXPECT_TRUE(cluster.get(kinds::pod(), "shop", "web").is_null());
  EXPECT_EQ(cluster.processes.pods(), 0U);
}

TEST(Namespaces, TheDefaultAccountComesBack) {
  Cluster cluster;
  cluster.start();
  ASSERT_TRUE(cluster.until([&] { return !cluster.get(kinds::service_account(), "default", "default").is_null(); }));
  EXPECT_FALSE(cluster.remove(kinds::service_account(), "default", "default").has_error());
  ASSERT_TRUE(cluster.until([&] { return !cluster.get(kinds::service_account(), "default", "default").is_null(); }));
}

TEST(Namespaces, ConditionsSayWhatRemains) {
  NamespaceContent content;
  content.remaining["pods."] = 2;
  json::Array conditions = namespace_conditions(content, nullptr, Wall{0});
  bool found = false;
  for (const auto& it : conditions) {
    if (it.string_or("type") != "NamespaceContentRemaining") continue;
    found = true;
    EXPECT_EQ(it.string_or("status"), "True");
    EXPECT_EQ(it.string_or("reason"), "SomeResourcesRemain");
    EXPECT_EQ(it.string_or("message"), "Some resources are remaining: pods. has 2 resource instances");
  }
  EXPECT_TRUE(found);
}

TEST(Events, GoAnHourAfterTheyWereLastSeen) {
  Cluster cluster;
  cluster.start();
  ASSERT_TRUE(cluster.run_pod("web", "example/app:1").has_value());
  ASSERT_TRUE(cluster.until([&] { return cluster.has_event("web", "Started"); }));
  cluster.pass_seconds(3'500);
  EXPECT_TRUE(cluster.has_event("web", "Started"));
  cluster.pass_seconds(300);
  EXPECT_FALSE(cluster.has_event("web", "Started"));
}

TEST(PodGc, PodsOfANodeThatIsGoneAreRemoved) {
  Cluster cluster;
  cluster.with_agent = false;
  cluster.start();
  ASSERT_TRUE(cluster
                  .create(kinds::pod(), R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"web"},
      "spec":{"nodeName":"lost","containers":[{"name":"app","image":"example/app:1"}]}})")
                  .has_value());
  cluster.pass_seconds(30);
  EXPECT_FALSE(cluster.get(kinds::pod(), "default", "web").is_null());
  cluster.pass_seconds(90);
  EXPECT_TRUE(cluster.get(kinds::pod(), "default", "web").is_null());
}

}  // namespace
}  // namespace kring::controllers
