// Every kind and version that Kubernetes has sample files for goes JSON -> FlatBuffer -> JSON without losing or
// inventing a field, and versions of stored kinds also through the stored shape and back. No kind is left out.
#include "objects/roundtrip.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "objects/codec.h"
#include "objects/kinds.h"

namespace kring {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> sample_files() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator{KRING_SOURCE_DIR "/tests/objects/roundtrip"})
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

std::string read_file(const fs::path& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

TEST(Roundtrip, NoSampleFileLosesOrGainsAField) {
  const auto files = sample_files();
  ASSERT_GE(files.size(), 129u);
  for (const fs::path& file : files) {
    const std::string input = read_file(file);
    fs::path after = file;
    after.replace_extension(".after_roundtrip.json");
    const auto outcome = roundtrip(input, fs::exists(after) ? read_file(after) : input);
    EXPECT_FALSE(outcome.has_error()) << file.filename() << ": " << outcome.error().message;
  }
}

// An object with every field of its type given, one element in every list and map.
json::Value full_value(const codec::TypeInfo& type, int depth);

json::Value full_element(const codec::FieldInfo& field, int depth) {
  using codec::FieldType;
  const std::string text = std::string{field.name} + "Value";
  auto map_of = [](json::Value value) { return json::Object{{"key", std::move(value)}}; };
  switch (field.type) {
    case FieldType::boolean:
      return true;
    case FieldType::int32:
      return 7;
    case FieldType::int64:
      return int64_t{1} << 40;
    case FieldType::float64:
      return 1.5;
    case FieldType::string:
      return text;
    case FieldType::bytes:
      return "AQID";
    case FieldType::quantity:
      return "1500m";
    case FieldType::time:
      return "2008-01-01T01:01:01Z";
    case FieldType::micro_time:
      return "2008-01-01T01:01:01.000007Z";
    case FieldType::duration:
      return "1m0s";
    case FieldType::int_or_string:
      return text;
    case FieldType::raw_json:
      return json::Object{{"b", 1}, {"a", json::Array{nullptr, true}}};
    case FieldType::message:
      return full_value(*field.message, depth + 1);
    case FieldType::map_string:
      return map_of(field.format == "time" ? "2008-01-01T01:01:01Z" : text);
    case FieldType::map_quantity:
      return map_of("1Gi");
    case FieldType::map_bytes:
      return map_of("AQID");
    case FieldType::map_message:
      return map_of(full_value(*field.message, depth + 1));
    case FieldType::map_string_list:
      return map_of(json::Array{text});
  }
  return nullptr;
}

// What a v1beta1 definition says for all versions cannot be said again by a version.
bool said_once(const codec::TypeInfo& type, const codec::FieldInfo& field) {
  if (type.table != "kring.apiextensions.v1beta1.CustomResourceDefinitionVersion") return false;
  return field.name == "schema" || field.name == "subresources" || field.name == "additionalPrinterColumns" ||
         field.name == "selectableFields";
}

json::Value full_value(const codec::TypeInfo& type, int depth) {
  json::Object object;
  if (type.name == "JSONSchemaProps" && depth > 5) return object;  // the one type that contains itself
  for (const codec::FieldInfo* field : type.printed) {
    if (said_once(type, *field)) continue;
    json::Value value = full_element(*field, depth);
    // Repeats another field: a definition's version is the name of its first version.
    if (type.table == "kring.apiextensions.v1beta1.CustomResourceDefinitionSpec" && field->name == "version")
      value = "nameValue";
    if (field->list) value = json::Array{std::move(value)};
    object.append(std::string{field->name}, std::move(value));
  }
  return object;
}

TEST(Roundtrip, EveryFieldOfEveryTypeSurvives) {
  size_t kinds = 0;
  for (const codec::TypeInfo* type : codec::all_types()) {
    for (std::string_view gvk : type->gvks) {
      json::Value value = full_value(*type, 0);
      const size_t slash = gvk.rfind('/');
      value["apiVersion"] = gvk.starts_with('/') ? gvk.substr(1, slash - 1) : gvk.substr(0, slash);
      value["kind"] = gvk.substr(slash + 1);
      const std::string text = json::print(value);
      const auto outcome = roundtrip(text, text);
      EXPECT_FALSE(outcome.has_error()) << gvk << ": " << outcome.error().message;
      ++kinds;
    }
  }
  EXPECT_GT(kinds, 120u);
}

TEST(Roundtrip, EveryFieldOfEveryServedVersionSurvivesTheStoredShape) {
  for (const Served& served : all_served()) {
    json::Value value = full_value(codec::type_of(served.table), 0);
    value["apiVersion"] = served.api_version();
    value["kind"] = served.kind_name;
    const std::string text = json::print(value);
    const auto outcome = roundtrip(text, text);
    EXPECT_FALSE(outcome.has_error()) << served.api_version() << " " << served.kind_name << ": "
                                      << outcome.error().message;
  }
}

TEST(Roundtrip, AFieldThatTheSchemaDoesNotKnowIsReportedAsLost) {
  const auto outcome = roundtrip(R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{},"dota":{}})",
                                 R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{},"dota":{}})");
  ASSERT_TRUE(outcome.has_error());
  EXPECT_EQ(outcome.error().message, "lost .dota");
}

TEST(Roundtrip, AChangedValueIsReportedWithItsPath) {
  const std::string input = R"({"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"name":"a"},{"name":"b"}]}})";
  std::string other = input;
  other.replace(other.find("\"b\""), 3, "\"c\"");
  const auto outcome = roundtrip(input, other);
  ASSERT_TRUE(outcome.has_error());
  EXPECT_EQ(outcome.error().message, "changed .spec.containers[1].name from \"c\" to \"b\"");
}

TEST(Roundtrip, AnInventedFieldIsReported) {
  const auto outcome = roundtrip(R"({"apiVersion":"v1","kind":"Pod","spec":{"hostname":""}})",
                                 R"({"apiVersion":"v1","kind":"Pod","spec":{}})");
  ASSERT_TRUE(outcome.has_error());
  EXPECT_EQ(outcome.error().message, "invented .spec.hostname");
}

TEST(Roundtrip, AKindWithoutSchemaIsSaidSo) {
  const auto outcome = roundtrip(R"({"apiVersion":"v9","kind":"Pod"})", "{}");
  ASSERT_TRUE(outcome.has_error());
  EXPECT_EQ(outcome.error().message, "no schema for v9 Pod");
}

}  // namespace
}  // namespace kring
