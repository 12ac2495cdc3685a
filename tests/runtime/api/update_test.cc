// PUT and PATCH: optimistic concurrency, what a write may not change, subresources, conflict words.
#include <gtest/gtest.h>

#include "tests/runtime/api/api_world.h"

namespace kring::api {
namespace {

constexpr auto config_maps = "/api/v1/namespaces/default/configmaps";
constexpr auto map_a = "/api/v1/namespaces/default/configmaps/a";
constexpr auto pod_p = "/api/v1/namespaces/default/pods/p";
constexpr auto merge = "application/merge-patch+json";
constexpr auto strategic = "application/strategic-merge-patch+json";
constexpr auto json_patch = "application/json-patch+json";

std::string revision_of(const Answer& answer) {
  const json::Value value = answer.value();
  return std::string{value.find("metadata")->string_or("resourceVersion")};
}

std::string map_body(const std::string& revision, const std::string& data) {
  std::string meta = R"("name":"a")";
  if (!revision.empty()) meta += R"(,"resourceVersion":")" + revision + '"';
  return R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{)" + meta + R"(},"data":{"k":")" + data + "\"}}";
}

struct Maps : ::testing::Test {
  ApiWorld api;
  Answer made = api.post(config_maps, map_body("", "1"));
};

TEST_F(Maps, UpdateOfTheCurrentRevisionSucceeds) {
  const Answer updated = api.put(map_a, map_body(revision_of(made), "2"));
  ASSERT_EQ(updated.status, 200) << updated.body;
  EXPECT_EQ(updated.value().at({"data", "k"})->as_string(), "2");
  EXPECT_NE(revision_of(updated), revision_of(made));
  EXPECT_EQ(updated.value().at({"metadata", "uid"})->as_string(), made.value().at({"metadata", "uid"})->as_string());
}

TEST_F(Maps, UpdateOfAnOldRevisionConflicts) {
  api.put(map_a, map_body("", "2"));
  const Answer refused = api.put(map_a, map_body(revision_of(made), "3"));
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.reason(), "Conflict");
  EXPECT_EQ(refused.message(),
            "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes "
            "to the latest version and try again");
  EXPECT_EQ(api.get(map_a).value().at({"data", "k"})->as_string(), "2");
}

TEST_F(Maps, UpdateWithoutARevisionIsUnconditional) {
  EXPECT_EQ(api.put(map_a, map_body("", "2")).status, 200);
  EXPECT_EQ(api.put(map_a, map_body("", "3")).status, 200);
}

TEST_F(Maps, UpdateThatChangesNothingWritesNothing) {
  const Revision before = api.store->revision();
  const Answer same = api.put(map_a, map_body("", "1"));
  EXPECT_EQ(same.status, 200);
  EXPECT_EQ(revision_of(same), revision_of(made));
  EXPECT_EQ(api.store->revision(), before);
}

TEST_F(Maps, UpdateOfAnotherUidConflicts) {
  const Answer refused =
      api.put(map_a, R"({"metadata":{"name":"a","uid":"11111111-1111-1111-1111-111111111111"},"data":{"k":"2"}})");
  EXPECT_EQ(refused.status, 409) << refused.body;
}

TEST_F(Maps, UpdateNeedsTheNameOfItsUrl) {
  const Answer refused = api.put(map_a, R"({"metadata":{"name":"b"}})");
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.message(), "the name of the object (b) does not match the name on the URL (a)");
}

TEST_F(Maps, UpdateOfWhatIsNotThereIsNotFound) {
  const Answer refused = api.put(std::string{config_maps} + "/b", R"({"metadata":{"name":"b"}})");
  EXPECT_EQ(refused.status, 404);
  EXPECT_EQ(refused.message(), R"(configmaps "b" not found)");
}

TEST_F(Maps, MergePatchChangesAndRemoves) {
  const Answer patched = api.patch(map_a, R"({"data":{"k":null,"n":"x"},"metadata":{"labels":{"l":"1"}}})", merge);
  ASSERT_EQ(patched.status, 200) << patched.body;
  EXPECT_EQ(patched.value().at({"data", "k"}), nullptr);
  EXPECT_EQ(patched.value().at({"data", "n"})->as_string(), "x");
  EXPECT_EQ(patched.value().at({"metadata", "labels", "l"})->as_string(), "1");
}

TEST_F(Maps, JsonPatchTestsBeforeItChanges) {
  const Answer good = api.patch(
      map_a, R"([{"op":"test","path":"/data/k","value":"1"},{"op":"replace","path":"/data/k","value":"2"}])", json_patch);
  ASSERT_EQ(good.status, 200) << good.body;
  const Answer bad = api.patch(
      map_a, R"([{"op":"test","path":"/data/k","value":"1"},{"op":"replace","path":"/data/k","value":"3"}])", json_patch);
  EXPECT_EQ(bad.status, 422) << bad.body;
  EXPECT_EQ(api.get(map_a).value().at({"data", "k"})->as_string(), "2");
}

TEST_F(Maps, PatchWithAnOldRevisionConflicts) {
  api.put(map_a, map_body("", "2"));
  const Answer refused = api.patch(
      map_a, R"({"metadata":{"resourceVersion":")" + revision_of(made) + R"("},"data":{"k":"3"}})", merge);
  EXPECT_EQ(refused.status, 409) << refused.body;
}

TEST_F(Maps, PatchCannotRename) {
  const Answer refused = api.patch(map_a, R"({"metadata":{"name":"b"}})", merge);
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.message(), "the name of the object (b) does not match the name on the URL (a)");
}

TEST_F(Maps, StrictPatchRefusesUnknownFields) {
  const Answer refused =
      api.patch(std::string{map_a} + "?fieldValidation=Strict", R"({"extra":1})", strategic);
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(refused.message(),
            R"( "" is invalid: patch: Invalid value: "{\"extra\":1}": strict decoding error: unknown field "extra")");
  const Answer warned = api.patch(map_a, R"({"extra":1})", strategic);
  EXPECT_EQ(warned.status, 200);
  EXPECT_EQ(warned.header("Warning"), R"(299 - "unknown field \"extra\"")");
}

TEST_F(Maps, PatchTypesThatAreNotServedSaySo) {
  EXPECT_EQ(api.patch(map_a, "{}", "application/apply-patch+yaml").status, 415);
  EXPECT_EQ(api.patch(map_a, "{}", "application/json").status, 415);
  EXPECT_EQ(api.patch(map_a, "{", merge).status, 400);
}

TEST_F(Maps, DryRunOfAnUpdateStoresNothing) {
  const Answer dry = api.put(std::string{map_a} + "?dryRun=All", map_body("", "2"));
  EXPECT_EQ(dry.status, 200);
  EXPECT_EQ(dry.value().at({"data", "k"})->as_string(), "2");
  EXPECT_EQ(api.get(map_a).value().at({"data", "k"})->as_string(), "1");
}

struct Pods : ::testing::Test {
  ApiWorld api;
  Answer made = api.post("/api/v1/namespaces/default/pods", ApiWorld::pod("p", R"({"app":"web"})"));
};

TEST_F(Pods, TheObjectKeepsItsStatusAndTheStatusItsObject) {
  const Answer status = api.patch(std::string{pod_p} + "/status",
                                  R"({"status":{"phase":"Running"},"spec":{"priority":7}})", merge);
  ASSERT_EQ(status.status, 200) << status.body;
  EXPECT_EQ(status.value().at({"status", "phase"})->as_string(), "Running");
  EXPECT_EQ(status.value().find("spec")->int_or("priority", -1), 0);
  const Answer spec = api.patch(pod_p, R"({"status":{"phase":"Failed"},"metadata":{"labels":{"x":"y"}}})", merge);
  ASSERT_EQ(spec.status, 200) << spec.body;
  EXPECT_EQ(spec.value().at({"status", "phase"})->as_string(), "Running");
  EXPECT_EQ(spec.value().at({"metadata", "labels", "x"})->as_string(), "y");
}

TEST_F(Pods, StrategicPatchMergesContainersByName) {
  const Answer patched =
      api.patch(pod_p, R"({"spec":{"containers":[{"name":"app","image":"app:2"}]}})", strategic);
  ASSERT_EQ(patched.status, 200) << patched.body;
  const json::Value value = patched.value();
  const json::Array& containers = value.at({"spec", "containers"})->as_array();
  ASSERT_EQ(containers.size(), 1u);
  EXPECT_EQ(containers[0].string_or("image"), "app:2");
  EXPECT_EQ(value.find("metadata")->int_or("generation", 0), 2) << "the desired state changed";
}

TEST_F(Pods, BindingSetsTheNodeOnce) {
  const std::string binding =
      R"({"apiVersion":"v1","kind":"Binding","metadata":{"name":"p"},"target":{"kind":"Node","name":"n1"}})";
  const Answer bound = api.post(std::string{pod_p} + "/binding", binding);
  ASSERT_EQ(bound.status, 201) << bound.body;
  EXPECT_EQ(bound.value().string_or("status"), "Success");
  const json::Value pod = api.get(pod_p).value();
  EXPECT_EQ(pod.at({"spec", "nodeName"})->as_string(), "n1");
  EXPECT_EQ(pod.find("metadata")->int_or("generation", 0), 1) << "placing a pod is not a change of its spec's wish";
  const json::Value condition = pod.at({"status", "conditions"})->as_array().front();
  EXPECT_EQ(condition.string_or("type"), "PodScheduled");
  EXPECT_EQ(condition.string_or("status"), "True");
  const Answer again = api.post(std::string{pod_p} + "/binding", binding);
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(again.message(),
            R"(Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "n1")");
}

TEST_F(Pods, BindingNeedsANode) {
  const Answer refused = api.post(std::string{pod_p} + "/binding", R"({"metadata":{"name":"p"},"target":{}})");
  EXPECT_EQ(refused.status, 422) << refused.body;
  EXPECT_EQ(refused.message(), R"(Binding "p" is invalid: target.name: Required value)");
}

TEST_F(Pods, TheInProcessClientBindsToo) {
  client::Client& client = *api.client;
  const auto bind = [](client::Client& c) -> Task<Result<void>> { co_return co_await c.bind({"default", "p"}, "n2"); };
  ASSERT_TRUE(api.world.run(bind(client)).has_value());
  EXPECT_EQ(api.get(pod_p).value().at({"spec", "nodeName"})->as_string(), "n2");
}

TEST(Scale, ShowsAndSetsReplicas) {
  ApiWorld api;
  const std::string sets = "/apis/apps/v1/namespaces/default/replicasets";
  const Answer made = api.post(sets, R"({"metadata":{"name":"r"},"spec":{"replicas":2,"selector":{"matchLabels":{"a":"b"}},
      "template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}})");
  ASSERT_EQ(made.status, 201) << made.body;
  const json::Value scale = api.get(sets + "/r/scale").value();
  EXPECT_EQ(scale.string_or("kind"), "Scale");
  EXPECT_EQ(scale.string_or("apiVersion"), "autoscaling/v1");
  EXPECT_EQ(scale.find("spec")->int_or("replicas", 0), 2);
  EXPECT_EQ(scale.find("status")->string_or("selector"), "a=b");
  const Answer patched = api.patch(sets + "/r/scale", R"({"spec":{"replicas":5}})", merge);
  ASSERT_EQ(patched.status, 200) << patched.body;
  EXPECT_EQ(api.get(sets + "/r").value().find("spec")->int_or("replicas", 0), 5);
  const Answer put = api.put(sets + "/r/scale", R"({"metadata":{"name":"r","namespace":"default"},"spec":{"replicas":1}})");
  ASSERT_EQ(put.status, 200) << put.body;
  EXPECT_EQ(api.get(sets + "/r").value().find("spec")->int_or("replicas", 0), 1);
  const Answer negative = api.patch(sets + "/r/scale", R"({"spec":{"replicas":-1}})", merge);
  EXPECT_EQ(negative.status, 422);
}

TEST(Update, LeasesMustSayTheirRevision) {
  ApiWorld api;
  const std::string lease = "/apis/coordination.k8s.io/v1/namespaces/default/leases/l";
  const Answer made = api.put(lease, R"({"metadata":{"name":"l"},"spec":{"holderIdentity":"a"}})");
  ASSERT_EQ(made.status, 201) << "where there is none, PUT creates: " << made.body;
  const Answer refused = api.put(lease, R"({"metadata":{"name":"l"},"spec":{"holderIdentity":"b"}})");
  ASSERT_EQ(refused.status, 422) << refused.body;
  EXPECT_EQ(refused.message(),
            "Lease.coordination.k8s.io \"l\" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for "
            "an update");
}

TEST(Edit, RetriesUntilItFits) {
  ApiWorld api;
  api.post(config_maps, map_body("", "0"));
  client::Client& client = *api.client;
  const auto add = [](client::Client& c) -> Task<Result<void>> {
    std::function<bool(json::Value&)> change = [](json::Value& value) {
      json::Object& data = value.object("data");
      data.set("k", std::to_string(std::stoi(data["k"].as_string()) + 1));
      return true;
    };
    auto edited = co_await client::edit(c, kinds::config_map(), {"default", "a"}, {}, {}, std::move(change));
    if (edited.has_error()) co_return std::move(edited).error();
    co_return Result<void>{};
  };
  for (int i = 0; i < 20; ++i) api.world.spawn("edit", add, std::ref(client));
  api.settle();
  EXPECT_EQ(api.get(map_a).value().at({"data", "k"})->as_string(), "20");
}

}  // namespace
}  // namespace kring::api
