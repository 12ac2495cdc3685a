// The forms of an answer: whole, metadata only, Tables, YAML, indented; and what cannot be given.
#include <gtest/gtest.h>

#include "tests/runtime/api/api_world.h"

namespace kring::api {
namespace {

const std::string config_maps = "/api/v1/namespaces/default/configmaps";
const std::string table = "application/json;as=Table;v=v1;g=meta.k8s.io";

struct Forms : ::testing::Test {
  ApiWorld api;
  void SetUp() override { api.post(config_maps, R"({"metadata":{"name":"a"},"data":{"k":"v"}})"); }
};

TEST_F(Forms, TablesHaveColumnsAndRowsWithMetadata) {
  const Answer answer = api.get(config_maps, table);
  ASSERT_EQ(answer.status, 200);
  const json::Value value = answer.value();
  EXPECT_EQ(value.string_or("kind"), "Table");
  EXPECT_EQ(value.string_or("apiVersion"), "meta.k8s.io/v1");
  const json::Value& column = value.find("columnDefinitions")->as_array().front();
  EXPECT_EQ(column.string_or("name"), "Name");
  EXPECT_EQ(column.string_or("format"), "name");
  const json::Array& rows = value.find("rows")->as_array();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].find("cells")->as_array().size(), value.find("columnDefinitions")->as_array().size());
  EXPECT_EQ(rows[0].at({"object", "kind"})->as_string(), "PartialObjectMetadata");
  EXPECT_EQ(rows[0].at({"object", "metadata", "name"})->as_string(), "a");
  EXPECT_EQ(rows[0].at({"object", "data"}), nullptr);
}

TEST_F(Forms, TableRowsCarryWhatIsAskedFor) {
  const json::Value none = api.get(config_maps + "?includeObject=None", table).value();
  EXPECT_EQ(none.find("rows")->as_array().front().find("object"), nullptr);
  const json::Value whole = api.get(config_maps + "?includeObject=Object", table).value();
  EXPECT_EQ(whole.find("rows")->as_array().front().at({"object", "data", "k"})->as_string(), "v");
  EXPECT_EQ(api.get(config_maps + "?includeObject=Some", table).status, 400);
}

TEST_F(Forms, OneObjectIsATableOfOneRow) {
  const json::Value value = api.get(config_maps + "/a", table).value();
  EXPECT_EQ(value.string_or("kind"), "Table");
  EXPECT_EQ(value.find("rows")->as_array().size(), 1u);
}

TEST_F(Forms, OldClientsGetTheirTableVersion) {
  const json::Value value = api.get(config_maps, "application/json;as=Table;v=v1beta1;g=meta.k8s.io").value();
  EXPECT_EQ(value.string_or("apiVersion"), "meta.k8s.io/v1beta1");
}

TEST_F(Forms, MetadataOnly) {
  const std::string accept = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
  const json::Value list = api.get(config_maps, accept).value();
  EXPECT_EQ(list.string_or("kind"), "PartialObjectMetadataList");
  const json::Value item = list.find("items")->as_array().front();
  EXPECT_EQ(item.string_or("kind"), "PartialObjectMetadata");
  EXPECT_EQ(item.find("data"), nullptr);
  const json::Value one =
      api.get(config_maps + "/a", "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io").value();
  EXPECT_EQ(one.string_or("kind"), "PartialObjectMetadata");
  EXPECT_EQ(one.at({"metadata", "name"})->as_string(), "a");
}

TEST_F(Forms, Yaml) {
  const Answer answer = api.get(config_maps + "/a", "application/yaml");
  EXPECT_EQ(answer.content_type, "application/yaml");
  EXPECT_NE(answer.body.find("data:\n  k: v\n"), std::string::npos) << answer.body;
  EXPECT_NE(api.get(config_maps, "application/yaml").body.find("kind: ConfigMapList"), std::string::npos);
}

TEST_F(Forms, Indented) {
  EXPECT_NE(api.get(config_maps + "/a?pretty=true").body.find("\n  \"kind\""), std::string::npos);
  EXPECT_EQ(api.get(config_maps + "/a").body.find('\n'), std::string::npos);
}

TEST_F(Forms, WhatCannotBeGivenIsNotAcceptable) {
  const Answer refused = api.get(config_maps, "application/vnd.kubernetes.protobuf");
  EXPECT_EQ(refused.status, 406);
  EXPECT_EQ(refused.reason(), "NotAcceptable");
  EXPECT_EQ(api.get(config_maps + "?watch=true", "application/yaml").status, 406);
}

TEST_F(Forms, PodTablesShowWhatKubectlPrints) {
  api.post("/api/v1/namespaces/default/pods", ApiWorld::pod("p"));
  const json::Value value = api.get("/api/v1/namespaces/default/pods", table).value();
  std::string names;
  for (const json::Value& column : value.find("columnDefinitions")->as_array()) {
    if (column.int_or("priority", 0) == 0) names += std::string{column.string_or("name")} + ' ';
  }
  EXPECT_EQ(names, "Name Ready Status Restarts Age ");
  const json::Array& cells = value.find("rows")->as_array().front().find("cells")->as_array();
  EXPECT_EQ(cells[0].as_string(), "p");
  EXPECT_EQ(cells[1].as_string(), "0/1");
  EXPECT_EQ(cells[2].as_string(), "Pending");
}

}  // namespace
}  // namespace kring::api
