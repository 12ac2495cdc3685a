// Every kind and version that Kubernetes has sample files for goes JSON -> FlatBuffer -> JSON without losing or
// inventing a field, and versions of stored kinds also through the stored shape and back. No kind is left out.
#include "objects/roundtrip.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

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
