// DELETE: what goes at once, what waits for finalizers or the node agent, preconditions and their words.
#include <gtest/gtest.h>

#include "tests/runtime/api/api_world.h"

namespace kring::api {
namespace {

constexpr auto config_maps = "/api/v1/namespaces/default/configmaps";
constexpr auto map_a = "/api/v1/namespaces/default/configmaps/a";
constexpr auto pods = "/api/v1/namespaces/default/pods";
constexpr auto pod_p = "/api/v1/namespaces/default/pods/p";
constexpr auto merge = "application/merge-patch+json";

std::string map_with(const std::string& finalizers) {
  return R"({"metadata":{"name":"a","finalizers":)" + finalizers + "}}";
}

TEST(Delete, RemovesAndAnswersAStatus) {
  ApiWorld api;
  const Answer made = api.post(config_maps, map_with("[]"));
  const Answer gone = api.del(map_a);
  ASSERT_EQ(gone.status, 200);
  EXPECT_EQ(gone.value().string_or("kind"), "Status");
  EXPECT_EQ(gone.value().string_or("status"), "Success");
  EXPECT_EQ(gone.value().at({"details", "name"})->as_string(), "a");
  EXPECT_EQ(gone.value().at({"details", "kind"})->as_string(), "configmaps");
  EXPECT_EQ(gone.value().at({"details", "uid"})->as_string(), made.value().at({"metadata", "uid"})->as_string());
  const Answer again = api.del(map_a);
  EXPECT_EQ(again.status, 404);
  EXPECT_EQ(again.message(), R"(configmaps "a" not found)");
}

TEST(Delete, WaitsForFinalizers) {
  ApiWorld api;
  ASSERT_EQ(api.post(config_maps, map_with(R"(["example.com/hold"])")).status, 201);
  const Answer marked = api.del(map_a);
  ASSERT_EQ(marked.status, 200) << marked.body;
  EXPECT_NE(marked.value().at({"metadata", "deletionTimestamp"}), nullptr);
  EXPECT_EQ(api.get(map_a).status, 200);
  const Answer freed = api.patch(map_a, R"({"metadata":{"finalizers":null}})", merge);
  EXPECT_EQ(freed.status, 200) << freed.body;
  EXPECT_EQ(api.get(map_a).status, 404) << "the last finalizer took the object with it";
}

TEST(Delete, ADeletedObjectTakesNoNewFinalizers) {
  ApiWorld api;
  api.post(config_maps, map_with(R"(["example.com/hold"])"));
  api.del(map_a);
  const Answer refused =
      api.patch(map_a, R"({"metadata":{"finalizers":["example.com/hold","example.com/more"]}})", merge);
  EXPECT_EQ(refused.status, 422) << refused.body;
}

TEST(Delete, ChecksPreconditions) {
  ApiWorld api;
  const Answer made = api.post(config_maps, map_with("[]"));
  const std::string uid = made.value().at({"metadata", "uid"})->as_string();
  const Answer wrong_uid = api.del(map_a, R"({"preconditions":{"uid":"other"}})");
  EXPECT_EQ(wrong_uid.status, 409);
  EXPECT_EQ(wrong_uid.message(), "Operation cannot be fulfilled on ConfigMap \"a\": the UID in the precondition (other) "
                                 "does not match the UID in record (" + uid +
                                 "). The object might have been deleted and then recreated");
  const Answer wrong_revision = api.del(map_a, R"({"preconditions":{"resourceVersion":"1"}})");
  EXPECT_EQ(wrong_revision.status, 409);
  EXPECT_EQ(api.del(map_a, R"({"preconditions":{"uid":")" + uid + "\"}}").status, 200);
}

TEST(Delete, DryRunRemovesNothing) {
  ApiWorld api;
  api.post(config_maps, map_with("[]"));
  EXPECT_EQ(api.del(std::string{map_a} + "?dryRun=All").status, 200);
  EXPECT_EQ(api.del(map_a, R"({"dryRun":["All"]})").status, 200);
  EXPECT_EQ(api.get(map_a).status, 200);
}

TEST(Delete, PropagationIsAFinalizerUntilTheCollectorIsDone) {
  ApiWorld api;
  for (const auto& [policy, finalizer] : {std::pair{"Foreground", "foregroundDeletion"}, std::pair{"Orphan", "orphan"}}) {
    api.post(config_maps, map_with("[]"));
    const Answer marked = api.del(map_a, std::string{R"({"propagationPolicy":")"} + policy + "\"}");
    ASSERT_EQ(marked.status, 200) << marked.body;
    EXPECT_EQ(marked.value().at({"metadata", "finalizers"})->as_array().front().as_string(), finalizer);
    api.patch(map_a, R"({"metadata":{"finalizers":null}})", merge);
    EXPECT_EQ(api.get(map_a).status, 404);
  }
  api.post(config_maps, map_with("[]"));
  EXPECT_EQ(api.del(std::string{map_a} + "?propagationPolicy=Background").status, 200);
  EXPECT_EQ(api.get(map_a).status, 404);
}

TEST(Delete, OptionsAreChecked) {
  ApiWorld api;
  api.post(config_maps, map_with("[]"));
  const Answer both = api.del(map_a, R"({"propagationPolicy":"Orphan","orphanDependents":true})");
  EXPECT_EQ(both.status, 422);
  EXPECT_EQ(both.message(), "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Invalid value: \"Orphan\": "
                            "orphanDependents and deletionPropagation cannot be both set");
  EXPECT_EQ(api.del(map_a, R"({"propagationPolicy":"Sometimes"})").status, 422);
  EXPECT_EQ(api.get(map_a).status, 200);
}

TEST(DeletePod, AnUnscheduledPodGoesAtOnceAndIsAnswered) {
  ApiWorld api;
  api.post(pods, ApiWorld::pod("p"));
  const Answer gone = api.del(pod_p);
  EXPECT_EQ(gone.status, 200);
  EXPECT_EQ(gone.value().string_or("kind"), "Pod");
  EXPECT_EQ(api.get(pod_p).status, 404);
}

TEST(DeletePod, ABoundPodGetsItsGraceAndTheAgentEndsIt) {
  ApiWorld api;
  api.post(pods, ApiWorld::pod("p", "{}", "n1"));
  const Answer marked = api.del(pod_p);
  ASSERT_EQ(marked.status, 200);
  const json::Value pod = marked.value();
  EXPECT_EQ(pod.find("metadata")->int_or("deletionGracePeriodSeconds", -1), 30);
  EXPECT_NE(pod.at({"metadata", "deletionTimestamp"}), nullptr);
  EXPECT_EQ(pod.find("metadata")->int_or("generation", 0), 2);
  EXPECT_EQ(api.del(pod_p).status, 200) << "asking again changes nothing";
  EXPECT_EQ(api.get(pod_p).body, marked.body);
  const Answer shorter = api.del(pod_p, R"({"gracePeriodSeconds":5})");
  EXPECT_EQ(shorter.value().find("metadata")->int_or("deletionGracePeriodSeconds", -1), 5);
  const Answer longer = api.del(pod_p, R"({"gracePeriodSeconds":60})");
  EXPECT_EQ(longer.value().find("metadata")->int_or("deletionGracePeriodSeconds", -1), 5) << "never longer again";
  EXPECT_EQ(api.del(std::string{pod_p} + "?gracePeriodSeconds=0").status, 200);
  EXPECT_EQ(api.get(pod_p).status, 404);
}

TEST(DeletePod, APodThatIsOverGoesAtOnce) {
  ApiWorld api;
  api.post(pods, ApiWorld::pod("p", "{}", "n1"));
  api.patch(std::string{pod_p} + "/status", R"({"status":{"phase":"Succeeded"}})", merge);
  api.del(pod_p);
  EXPECT_EQ(api.get(pod_p).status, 404);
}

TEST(DeleteNamespace, TerminatesUntilItsFinalizerIsGone) {
  ApiWorld api;
  api.make_namespace("x");
  const Answer marked = api.del("/api/v1/namespaces/x");
  ASSERT_EQ(marked.status, 200);
  EXPECT_EQ(marked.value().at({"status", "phase"})->as_string(), "Terminating");
  EXPECT_EQ(api.del("/api/v1/namespaces/x").status, 200);
  json::Value ns = api.get("/api/v1/namespaces/x").value();
  ns.object("spec").set("finalizers", json::Array{});
  const Answer finalized = api.put("/api/v1/namespaces/x/finalize", json::print(ns));
  EXPECT_EQ(finalized.status, 200) << finalized.body;
  EXPECT_EQ(api.get("/api/v1/namespaces/x").status, 404);
}

TEST(DeleteNamespace, TheSystemsNamespacesStay) {
  ApiWorld api;
  const Answer refused = api.del("/api/v1/namespaces/default");
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.message(), R"(namespaces "default" is forbidden: this namespace may not be deleted)");
}

TEST(DeleteCollection, RemovesWhatTheSelectorNames) {
  ApiWorld api;
  for (const std::string name : {"a", "b", "c"}) {
    const std::string color = name == "b" ? "red" : "blue";
    api.post(config_maps, R"({"metadata":{"name":")" + name + R"(","labels":{"color":")" + color + "\"}}}");
  }
  const Answer gone = api.del(std::string{config_maps} + "?labelSelector=color%3Dblue");
  ASSERT_EQ(gone.status, 200) << gone.body;
  EXPECT_EQ(gone.value().string_or("kind"), "ConfigMapList");
  EXPECT_EQ(gone.value().find("items")->as_array().size(), 2u);
  EXPECT_EQ(api.get(config_maps).value().find("items")->as_array().size(), 1u);
}

TEST(Evict, ABudgetStopsTheEviction) {
  ApiWorld api;
  api.post(pods, ApiWorld::pod("p", R"({"app":"web"})", "n1"));
  api.patch(std::string{pod_p} + "/status", R"({"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}})", merge);
  const std::string budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
  const Answer budget =
      api.post(budgets, R"({"metadata":{"name":"b"},"spec":{"minAvailable":1,"selector":{"matchLabels":{"app":"web"}}}})");
  ASSERT_EQ(budget.status, 201) << budget.body;
  api.patch(budgets + "/b/status", R"({"status":{"observedGeneration":1,"disruptionsAllowed":0,"currentHealthy":1,
      "desiredHealthy":1,"expectedPods":1}})", merge);
  const std::string eviction = R"({"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"p"}})";
  const Answer refused = api.post(std::string{pod_p} + "/eviction", eviction);
  EXPECT_EQ(refused.status, 429) << refused.body;
  EXPECT_EQ(refused.message(), "Cannot evict pod as it would violate the pod's disruption budget.");
  EXPECT_EQ(refused.value().at({"details", "causes"})->as_array().front().string_or("message"),
            "The disruption budget b needs 1 healthy pods and has 1 currently");
  api.patch(budgets + "/b/status", R"({"status":{"disruptionsAllowed":1}})", merge);
  EXPECT_EQ(api.post(std::string{pod_p} + "/eviction", eviction).status, 201);
  EXPECT_NE(api.get(pod_p).value().at({"metadata", "deletionTimestamp"}), nullptr);
  EXPECT_EQ(api.get(budgets + "/b").value().find("status")->int_or("disruptionsAllowed", -1), 0);
}

}  // namespace
}  // namespace kring::api
