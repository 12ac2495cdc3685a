// Lists: order, selection, pages at one revision, revision semantics and their errors.
#include <gtest/gtest.h>

#include "tests/runtime/api/api_world.h"

namespace kring::api {
namespace {

constexpr auto config_maps = "/api/v1/namespaces/default/configmaps";

std::string labelled(const std::string& name, const std::string& label) {
  return R"({"metadata":{"name":")" + name + R"(","labels":{"color":")" + label + "\"}}}";
}

std::vector<std::string> names(const Answer& answer) {
  std::vector<std::string> out;
  const json::Value value = answer.value();
  const json::Value* items = value.find("items");
  if (items == nullptr) return out;
  for (const json::Value& item : items->as_array()) out.emplace_back(item.find("metadata")->string_or("name"));
  return out;
}

std::string meta(const Answer& answer, std::string_view key) {
  const json::Value value = answer.value();
  const json::Value* metadata = value.find("metadata");
  return metadata == nullptr ? std::string{} : std::string{metadata->string_or(key)};
}

struct Lists : ::testing::Test {
  ApiWorld api;
  void SetUp() override {
    for (const std::string name : {"d", "a", "c", "b", "e"}) {
      api.post(config_maps, labelled(name, name < "c" ? "red" : "blue"));
    }
  }
};
using Names = std::vector<std::string>;

TEST_F(Lists, AreSortedAndCarryARevision) {
  const Answer list = api.get(config_maps);
  ASSERT_EQ(list.status, 200);
  EXPECT_EQ(list.value().string_or("kind"), "ConfigMapList");
  EXPECT_EQ(list.value().string_or("apiVersion"), "v1");
  EXPECT_EQ(names(list), (Names{"a", "b", "c", "d", "e"}));
  EXPECT_EQ(meta(list, "resourceVersion"), std::to_string(api.store->revision()));
  const Answer none = api.get("/api/v1/namespaces/default/secrets");
  EXPECT_EQ(none.value().find("items")->as_array().size(), 0u);
  EXPECT_NE(meta(none, "resourceVersion"), "0");
}

TEST_F(Lists, SpanNamespacesInOrder) {
  api.make_namespace("alpha");
  api.post("/api/v1/namespaces/alpha/configmaps", labelled("z", "red"));
  EXPECT_EQ(names(api.get("/api/v1/configmaps")), (Names{"z", "a", "b", "c", "d", "e"}));
}

TEST_F(Lists, SelectByLabelsAndFields) {
  const std::string base = config_maps;
  EXPECT_EQ(names(api.get(base + "?labelSelector=color%3Dred")), (Names{"a", "b"}));
  EXPECT_EQ(names(api.get(base + "?labelSelector=color%20in%20(blue)")), (Names{"c", "d", "e"}));
  EXPECT_EQ(names(api.get(base + "?labelSelector=!color")), Names{});
  EXPECT_EQ(names(api.get(base + "?fieldSelector=metadata.name%3Dc")), Names{"c"});
  EXPECT_EQ(names(api.get(base + "?fieldSelector=metadata.name!%3Dc")), (Names{"a", "b", "d", "e"}));
  EXPECT_EQ(names(api.get("/api/v1/configmaps?fieldSelector=metadata.namespace%3Dnowhere")), Names{});
}

TEST_F(Lists, RefuseSelectorsThatMeanNothing) {
  const std::string base = config_maps;
  EXPECT_EQ(api.get(base + "?labelSelector=a%3D%3D%3Db").status, 400);
  const Answer field = api.get(base + "?fieldSelector=data.k%3D1");
  EXPECT_EQ(field.status, 400);
  EXPECT_TRUE(field.message().ends_with("field label not supported: data.k")) << field.message();
}

TEST_F(Lists, PodsAreSelectedByNodeAndPhase) {
  api.post("/api/v1/namespaces/default/pods", ApiWorld::pod("p", "{}", "n1"));
  api.post("/api/v1/namespaces/default/pods", ApiWorld::pod("q"));
  EXPECT_EQ(names(api.get("/api/v1/pods?fieldSelector=spec.nodeName%3Dn1")), Names{"p"});
  EXPECT_EQ(names(api.get("/api/v1/pods?fieldSelector=status.phase%3DPending,spec.nodeName%3D")), Names{"q"});
  EXPECT_EQ(names(api.get("/api/v1/pods?fieldSelector=status.phase!%3DPending")), Names{});
}

TEST_F(Lists, PagesShowOneRevision) {
  const std::string base = std::string{config_maps} + "?limit=2";
  const Answer first = api.get(base);
  EXPECT_EQ(names(first), (Names{"a", "b"}));
  EXPECT_EQ(first.value().find("metadata")->int_or("remainingItemCount", -1), 3);
  api.del(std::string{config_maps} + "/d");
  api.post(config_maps, labelled("bb", "red"));
  const Answer second = api.get(base + "&continue=" + meta(first, "continue"));
  EXPECT_EQ(names(second), (Names{"c", "d"})) << "the state of the first page";
  EXPECT_EQ(meta(second, "resourceVersion"), meta(first, "resourceVersion"));
  const Answer third = api.get(base + "&continue=" + meta(second, "continue"));
  EXPECT_EQ(names(third), Names{"e"});
  EXPECT_EQ(meta(third, "continue"), "");
}

TEST_F(Lists, PagesOfASelectionDoNotCountWhatRemains) {
  const Answer first = api.get(std::string{config_maps} + "?limit=2&labelSelector=color%3Dblue");
  EXPECT_EQ(names(first), (Names{"c", "d"}));
  EXPECT_EQ(first.value().at({"metadata", "remainingItemCount"}), nullptr);
  EXPECT_NE(meta(first, "continue"), "");
  const Answer all = api.get(std::string{config_maps} + "?limit=3&labelSelector=color%3Dblue");
  EXPECT_EQ(meta(all, "continue"), "") << "the last match ends the list";
}

TEST_F(Lists, AForgottenPageIs410WithAWayOn) {
  const Answer first = api.get(std::string{config_maps} + "?limit=2");
  // More lists than are kept, each at its own revision.
  for (size_t i = 0; i <= api::Lists::kept_max; ++i) {
    api.post(config_maps, labelled("x" + std::to_string(100 + i), "green"));
    api.get(std::string{config_maps} + "?limit=1");
  }
  EXPECT_EQ(api.server->context().lists.kept(), api::Lists::kept_max);
  const Answer gone = api.get(std::string{config_maps} + "?limit=2&continue=" + meta(first, "continue"));
  EXPECT_EQ(gone.status, 410);
  EXPECT_EQ(gone.reason(), "Expired");
  EXPECT_TRUE(gone.message().starts_with("The provided continue parameter is too old to display a consistent list"));
  const Answer on = api.get(std::string{config_maps} + "?limit=2&continue=" + meta(gone, "continue"));
  EXPECT_EQ(on.status, 200);
  EXPECT_EQ(names(on), (Names{"c", "d"}));
  EXPECT_NE(meta(on, "resourceVersion"), meta(first, "resourceVersion"));
}

TEST_F(Lists, ForgedContinueTokensAreRefused) {
  for (const std::string token : {"x", "e30", "bnVsbA", "eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ"}) {
    const Answer refused = api.get(std::string{config_maps} + "?limit=2&continue=" + token);
    EXPECT_EQ(refused.status, 400) << token;
  }
}

TEST_F(Lists, RevisionsMeanWhatKubernetesSays) {
  const std::string base = config_maps;
  const std::string now = std::to_string(api.store->revision());
  EXPECT_EQ(api.get(base + "?resourceVersion=0").status, 200);
  EXPECT_EQ(api.get(base + "?resourceVersion=" + now + "&resourceVersionMatch=Exact").status, 200);
  EXPECT_EQ(api.get(base + "?resourceVersion=1&resourceVersionMatch=NotOlderThan").status, 200);
  const Answer old = api.get(base + "?resourceVersion=1&resourceVersionMatch=Exact");
  EXPECT_EQ(old.status, 410);
  EXPECT_EQ(old.reason(), "Expired");
  const Answer future = api.get(base + "?resourceVersion=999999");
  EXPECT_EQ(future.status, 504);
  EXPECT_EQ(future.message(), "Too large resource version: 999999, current: " + now);
  EXPECT_EQ(future.value().at({"details", "causes"})->as_array().front().string_or("reason"), "ResourceVersionTooLarge");
  EXPECT_EQ(api.get(base + "?resourceVersion=abc").status, 400);
  const Answer lonely = api.get(base + "?resourceVersionMatch=Exact");
  EXPECT_EQ(lonely.status, 422);
  EXPECT_EQ(lonely.message(), "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: "
                              "resourceVersionMatch is forbidden unless resourceVersion is provided");
  EXPECT_EQ(api.get(base + "?resourceVersion=0&resourceVersionMatch=Exact").status, 422);
  EXPECT_EQ(api.get(base + "?sendInitialEvents=true").status, 422);
}

TEST_F(Lists, InProcessListsSelectToo) {
  client::Client& client = *api.client;
  const auto list = [](client::Client& c, size_t expected) -> Task<Result<void>> {
    client::ListOptions options;
    options.ns = "default";
    options.label_selector = "color=blue";
    auto found = co_await c.list(kinds::config_map(), std::move(options));
    if (found.has_error()) co_return std::move(found).error();
    EXPECT_EQ(found->objects.size(), expected);
    co_return Result<void>{};
  };
  EXPECT_TRUE(api.world.run(list(client, 3)).has_value());
}

}  // namespace
}  // namespace kring::api
