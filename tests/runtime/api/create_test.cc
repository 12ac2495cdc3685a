// POST: what is stored, what is filled in, and every way to be refused, with the words clients show.
#include <gtest/gtest.h>

#include "tests/runtime/api/api_world.h"

namespace kring::api {
namespace {

constexpr auto pods = "/api/v1/namespaces/default/pods";
constexpr auto config_maps = "/api/v1/namespaces/default/configmaps";

std::string map(const std::string& name, const std::string& more = "") {
  return R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":")" + name + "\"}" + more + "}";
}

TEST(Create, StampsMetadataAndAnswersTheObject) {
  ApiWorld api;
  const Answer made = api.post(config_maps, map("a", R"(,"data":{"k":"v"})"));
  ASSERT_EQ(made.status, 201) << made.body;
  const json::Value object = made.value();
  const json::Value& meta = *object.find("metadata");
  EXPECT_EQ(object.string_or("kind"), "ConfigMap");
  EXPECT_EQ(object.string_or("apiVersion"), "v1");
  EXPECT_EQ(meta.string_or("namespace"), "default");
  EXPECT_EQ(meta.string_or("uid").size(), 36u);
  EXPECT_EQ(meta.string_or("creationTimestamp").substr(0, 4), "2023");
  EXPECT_EQ(meta.string_or("resourceVersion"), std::to_string(api.store->revision()));
  EXPECT_EQ(api.get(std::string{config_maps} + "/a").body, made.body);
}

TEST(Create, IgnoresMetadataThatOnlyTheServerSets) {
  ApiWorld api;
  const Answer made = api.post(config_maps, R"({"metadata":{"name":"a","uid":"mine","creationTimestamp":"1999-01-01T00:00:00Z",
      "deletionTimestamp":"1999-01-01T00:00:00Z","generation":7,"selfLink":"/x"}})");
  ASSERT_EQ(made.status, 201) << made.body;
  const json::Value object = made.value();
  const json::Value& meta = *object.find("metadata");
  EXPECT_NE(meta.string_or("uid"), "mine");
  EXPECT_NE(meta.string_or("creationTimestamp"), "1999-01-01T00:00:00Z");
  EXPECT_EQ(meta.find("deletionTimestamp"), nullptr);
  EXPECT_EQ(meta.find("selfLink"), nullptr);
}

TEST(Create, AcceptsYaml) {
  ApiWorld api;
  const Answer made = api.post(config_maps, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: yam\ndata:\n  a: b\n",
                               "application/yaml");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.value().at({"data", "a"})->as_string(), "b");
}

TEST(Create, MakesNamesFromGenerateName) {
  ApiWorld api;
  const std::string body = R"({"metadata":{"generateName":"web-"}})";
  const Answer first = api.post(config_maps, body);
  const Answer second = api.post(config_maps, body);
  ASSERT_EQ(first.status, 201) << first.body;
  ASSERT_EQ(second.status, 201);
  const json::Value value = first.value();
  const std::string name{value.find("metadata")->string_or("name")};
  EXPECT_EQ(name.substr(0, 4), "web-");
  EXPECT_EQ(name.size(), 9u);
  EXPECT_NE(name, second.value().find("metadata")->string_or("name"));
}

TEST(Create, RefusesATakenName) {
  ApiWorld api;
  api.post(config_maps, map("a"));
  const Answer again = api.post(config_maps, map("a"));
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(again.reason(), "AlreadyExists");
  EXPECT_EQ(again.message(), R"(configmaps "a" already exists)");
  const json::Value details = *again.value().find("details");
  EXPECT_EQ(details.string_or("name"), "a");
  EXPECT_EQ(details.string_or("kind"), "configmaps");
}

TEST(Create, NamesTheGroupOfOtherKinds) {
  ApiWorld api;
  const std::string lease = R"({"metadata":{"name":"l"},"spec":{}})";
  const std::string leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
  ASSERT_EQ(api.post(leases, lease).status, 201);
  const Answer again = api.post(leases, lease);
  EXPECT_EQ(again.message(), R"(leases.coordination.k8s.io "l" already exists)");
  EXPECT_EQ(again.value().find("details")->string_or("group"), "coordination.k8s.io");
}

TEST(Create, NeedsAName) {
  ApiWorld api;
  const Answer refused = api.post(config_maps, "{}");
  EXPECT_EQ(refused.status, 422) << refused.body;
  EXPECT_EQ(refused.reason(), "Invalid");
  EXPECT_EQ(refused.message(),
            R"(ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required)");
}

TEST(Create, NeedsItsNamespace) {
  ApiWorld api;
  const Answer refused = api.post("/api/v1/namespaces/nowhere/configmaps", map("a"));
  EXPECT_EQ(refused.status, 404);
  EXPECT_EQ(refused.message(), R"(namespaces "nowhere" not found)");
  EXPECT_EQ(refused.value().find("details")->string_or("kind"), "namespaces");
}

TEST(Create, RefusesATerminatingNamespace) {
  ApiWorld api;
  api.make_namespace("going");
  ASSERT_EQ(api.del("/api/v1/namespaces/going").status, 200);
  const Answer refused = api.post("/api/v1/namespaces/going/configmaps", map("a"));
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.message(),
            "configmaps \"a\" is forbidden: unable to create new content in namespace going because it is being "
            "terminated");
  const json::Value cause = refused.value().at({"details", "causes"})->as_array().front();
  EXPECT_EQ(cause.string_or("reason"), "NamespaceTerminating");
  EXPECT_EQ(cause.string_or("field"), "metadata.namespace");
}

struct Refusal {
  std::string body;
  int status;
  std::string message;
};

TEST(Create, RefusesBodiesThatAreNoSuchObject) {
  ApiWorld api;
  const Refusal cases[] = {
      {R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"}})", 400,
       R"(Secret in version "v1" cannot be handled as a ConfigMap: converting Secret to ConfigMap: unknown conversion)"},
      {R"({"apiVersion":"v1","kind":"Nothing","metadata":{"name":"a"}})", 400,
       R"(Nothing in version "v1" cannot be handled as a ConfigMap: no kind "Nothing" is registered for version "v1")"},
      {R"({"apiVersion":"apps/v1","kind":"ConfigMap","metadata":{"name":"a"}})", 400,
       "the API version in the data (apps/v1) does not match the expected API version (v1)"},
      {R"({"metadata":{"name":"a","namespace":"other"}})", 400,
       "the namespace of the provided object does not match the namespace sent on the request"},
      {R"({"metadata":{"name":"a","resourceVersion":"5"}})", 400,
       "resourceVersion should not be set on objects to be created"},
  };
  for (const Refusal& c : cases) {
    const Answer refused = api.post(config_maps, c.body);
    EXPECT_EQ(refused.status, c.status) << refused.body;
    EXPECT_EQ(refused.message(), c.message);
  }
  EXPECT_EQ(api.get(std::string{config_maps} + "/a").status, 404) << "nothing was stored";
}

TEST(Create, RefusesBodiesThatAreNoJson) {
  ApiWorld api;
  for (const std::string body : {"", "{", "nonsense", "[1,2]", "\"text\"", "{\"metadata\":}"}) {
    const Answer refused = api.post(config_maps, body);
    EXPECT_EQ(refused.status, 400) << body;
    EXPECT_EQ(refused.reason(), "BadRequest") << body;
    EXPECT_TRUE(refused.message().starts_with("the object provided is unrecognized (must be of type ConfigMap)"))
        << refused.message();
  }
  const Answer type = api.post(config_maps, map("a"), "application/cbor");
  EXPECT_EQ(type.status, 415);
  EXPECT_EQ(type.reason(), "UnsupportedMediaType");
}

TEST(Create, StrictValidationRefusesUnknownAndDuplicateFields) {
  ApiWorld api;
  const std::string body = R"({"metadata":{"name":"a"},"spec":{},"data":{"k":"1"},"data":{"k":"2"}})";
  const Answer refused = api.post(std::string{config_maps} + "?fieldValidation=Strict", body);
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.message(),
            "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: "
            "unknown field \"spec\", duplicate field \"data\"");
}

TEST(Create, WarnsOfUnknownFieldsByDefaultAndDropsThem) {
  ApiWorld api;
  const Answer made = api.post(config_maps, R"({"metadata":{"name":"a","labelz":{}},"data":{"k":"v"}})");
  ASSERT_EQ(made.status, 201);
  EXPECT_EQ(made.header("Warning"), R"(299 - "unknown field \"metadata.labelz\"")");
  EXPECT_EQ(made.body.find("labelz"), std::string::npos);
  const Answer silent = api.post(std::string{config_maps} + "?fieldValidation=Ignore",
                                 R"({"metadata":{"name":"b","labelz":{}}})");
  EXPECT_EQ(silent.header("Warning"), "");
  const Answer bad = api.post(std::string{config_maps} + "?fieldValidation=Maybe", map("c"));
  EXPECT_EQ(bad.status, 422);
}

TEST(Create, DryRunStoresNothing) {
  ApiWorld api;
  const Revision before = api.store->revision();
  const Answer dry = api.post(std::string{config_maps} + "?dryRun=All", map("a"));
  EXPECT_EQ(dry.status, 201);
  EXPECT_EQ(dry.value().find("metadata")->string_or("uid").size(), 36u);
  EXPECT_EQ(api.store->revision(), before);
  EXPECT_EQ(api.get(std::string{config_maps} + "/a").status, 404);
  EXPECT_EQ(api.post(std::string{config_maps} + "?dryRun=Some", map("a")).status, 422);
}

TEST(Create, ClusterScopedKindsHaveNoNamespace) {
  ApiWorld api;
  const Answer made = api.post("/api/v1/namespaces", R"({"metadata":{"name":"x","namespace":"default"}})");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.value().at({"metadata", "namespace"}), nullptr);
  EXPECT_EQ(made.value().at({"status", "phase"})->as_string(), "Active");
}

TEST(Create, RetiredVersionsAreStoredAsTodays) {
  ApiWorld api;
  const std::string body = R"({"apiVersion":"extensions/v1beta1","kind":"Deployment","metadata":{"name":"d"},"spec":{
      "template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}})";
  const Answer made = api.post("/apis/extensions/v1beta1/namespaces/default/deployments", body);
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.value().string_or("apiVersion"), "extensions/v1beta1");
  EXPECT_FALSE(made.header("Warning").empty());
  const Answer today = api.get("/apis/apps/v1/namespaces/default/deployments/d");
  EXPECT_EQ(today.status, 200);
  EXPECT_EQ(today.value().string_or("apiVersion"), "apps/v1");
  EXPECT_EQ(today.header("Warning"), "");
}

TEST(Create, PodsStartPendingWithGenerationOne) {
  ApiWorld api;
  const Answer made = api.post(pods, ApiWorld::pod("p"));
  ASSERT_EQ(made.status, 201) << made.body;
  const json::Value pod = made.value();
  EXPECT_EQ(pod.at({"status", "phase"})->as_string(), "Pending");
  EXPECT_EQ(pod.at({"status", "qosClass"})->as_string(), "BestEffort");
  EXPECT_EQ(pod.find("metadata")->int_or("generation", 0), 1);
}

}  // namespace
}  // namespace kring::api
