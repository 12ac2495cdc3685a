// Bodies made to hurt: the right error, nothing stored, nothing huge built.
#include <gtest/gtest.h>

#include "tests/runtime/api/api_world.h"

namespace kring::api {
namespace {

const std::string config_maps = "/api/v1/namespaces/default/configmaps";
constexpr auto json_patch = "application/json-patch+json";

struct Hostile : ::testing::Test {
  ApiWorld api;
  void TearDown() override {
    EXPECT_EQ(api.store->count(kinds::config_map()), 0u) << "the store is untouched";
  }
};

// Security checklist A3: nesting bombs in JSON and YAML (CVE-2019-11254).
TEST_F(Hostile, DepthBombsAreRefused) {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  EXPECT_EQ(api.post(config_maps, R"({"metadata":{"name":"a"},"data":)" + deep + "}").status, 400);
  EXPECT_EQ(api.post(config_maps, "metadata: " + std::string(100'000, '['), "application/yaml").status, 400);
  std::string objects;
  for (int i = 0; i < 10'000; ++i) objects += R"({"a":)";
  EXPECT_EQ(api.post(config_maps, objects).status, 400);
}

// Security checklist A3: alias bombs (CVE-2019-11253).
TEST_F(Hostile, AliasBombsAreRefused) {
  std::string yaml = "a: &a [x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c <= 'i'; ++c) {
    yaml += std::string{c} + ": &" + c + " [";
    for (int i = 0; i < 9; ++i) yaml += std::string{"*"} + static_cast<char>(c - 1) + (i < 8 ? "," : "");
    yaml += "]\n";
  }
  const Answer refused = api.post(config_maps, yaml, "application/yaml");
  EXPECT_GE(refused.status, 400);
  EXPECT_LT(refused.status, 500) << refused.body;
}

// Security checklist A3: huge integers, NUL, invalid UTF-8.
TEST_F(Hostile, OddTextIsRefused) {
  for (const std::string& body :
       {std::string{R"({"metadata":{"name":"a","generation":123456789012345678901234567890}})"},
        std::string{R"({"metadata":{"name":"a)"} + '\0' + R"("}})", std::string{R"({"metadata":{"name":"a\u0000b"}})"},
        std::string{"{\"metadata\":{\"name\":\"a\xff\xfe\"}}"}, std::string{R"({"metadata":{"name":["a"]}})"},
        std::string{R"({"metadata":[]})"}, std::string{R"({"metadata":{"name":"../../etc"}})"},
        std::string{R"({"metadata":{"name":"a/b"}})"}, std::string{R"({"metadata":{"name":"A"}})"},
        std::string{R"({"metadata":{"name":")"} + std::string(300, 'a') + "\"}}"}) {
    const Answer refused = api.post(config_maps, body);
    EXPECT_GE(refused.status, 400) << body;
    EXPECT_LT(refused.status, 500) << refused.body;
    EXPECT_EQ(refused.value().string_or("kind"), "Status") << refused.body;
  }
}

// Security checklist A3: ten thousand patch operations at most, as kube-apiserver.
TEST_F(Hostile, EndlessPatchesAreRefused) {
  api.post("/api/v1/namespaces/default/secrets", R"({"metadata":{"name":"s"}})");
  std::string patch = "[";
  for (int i = 0; i < 10'001; ++i) patch += R"({"op":"test","path":"/metadata/name","value":"s"},)";
  patch.back() = ']';
  const Answer refused = api.patch("/api/v1/namespaces/default/secrets/s", patch, json_patch);
  EXPECT_EQ(refused.status, 413) << refused.body.substr(0, 300);
  EXPECT_EQ(refused.reason(), "RequestEntityTooLarge");
}

// Security checklist A3: a patch that copies into itself grows exponentially.
TEST_F(Hostile, GrowingPatchesAreRefused) {
  api.post("/api/v1/namespaces/default/secrets", R"({"metadata":{"name":"s","annotations":{"a":"b"}}})");
  std::string patch = "[";
  for (int i = 0; i < 60; ++i) {
    patch += R"({"op":"copy","from":"/metadata/annotations","path":"/metadata/annotations/x)" + std::to_string(i) + "\"},";
  }
  patch.back() = ']';
  const Answer refused = api.patch("/api/v1/namespaces/default/secrets/s", patch, json_patch);
  EXPECT_GE(refused.status, 400);
  EXPECT_LT(refused.status, 500) << refused.body.substr(0, 300);
}

// Security checklist A4: a body of nothing but unknown fields makes neither an endless head nor an endless message.
TEST_F(Hostile, WarningsAreBounded) {
  std::string body = R"({"metadata":{"name":"a"})";
  for (int i = 0; i < 20'000; ++i) body += ",\"unknown" + std::to_string(i) + "\":1";
  body += '}';
  const Answer made = api.post(config_maps + "?dryRun=All", body);
  ASSERT_EQ(made.status, 201) << made.body.substr(0, 300);
  size_t bytes = 0;
  for (const http::Header& header : made.headers) bytes += header.name.size() + header.value.size();
  EXPECT_LT(bytes, 8192u);
  EXPECT_EQ(made.header("Warning"), R"(299 - "unknown field \"unknown0\"")");
  const Answer strict = api.post(config_maps + "?fieldValidation=Strict", body);
  EXPECT_EQ(strict.status, 400);
  EXPECT_LT(strict.body.size(), 10'000u);
}

TEST_F(Hostile, AnObjectThatIsTooLargeIsRefused) {
  const Answer refused = api.post(
      config_maps, R"({"metadata":{"name":"a"},"data":{"k":")" + std::string(2'000'000, 'x') + "\"}}");
  EXPECT_GE(refused.status, 400);
  EXPECT_LT(refused.status, 500) << refused.body.substr(0, 300);
}

// Security checklist A4: a list of everything shares the objects and answers in one turn; endless pages are bounded by
// Lists.AForgottenPageIs410WithAWayOn.
TEST(Large, AListOfEverythingIsOneAnswer) {
  ApiWorld api;
  constexpr int count = 2000;
  for (int i = 0; i < count; ++i) api.post(config_maps, R"({"metadata":{"name":"m)" + std::to_string(i) + "\"}}");
  const Answer list = api.get("/api/v1/configmaps");
  EXPECT_EQ(list.value().find("items")->as_array().size(), static_cast<size_t>(count));
  EXPECT_EQ(api.get("/api/v1/configmaps?limit=-1").status, 400);
}

}  // namespace
}  // namespace kring::api
