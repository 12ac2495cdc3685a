// Goal: keep the rules of the house by machine. Method: every rule runs over a violating snippet (it must bite) and
// over the real tree (it must find nothing).
#include "tests/tidy/tidy.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

namespace kring::tidy {
namespace {

const std::vector<std::string> tops = {"objects", "dns", "probes", "runtime", "examples", "tests"};

std::string read(const std::string& path) {
  std::ifstream in{std::string{KRING_SOURCE_DIR} + "/" + path, std::ios::binary};
  return std::string{std::istreambuf_iterator<char>{in}, {}};
}

const std::vector<SourceFile>& tree() {
  static const std::vector<SourceFile> files = read_tree(KRING_SOURCE_DIR, tops);
  return files;
}

std::string joined(const std::vector<std::string>& findings) {
  std::string out;
  for (const std::string& f : findings) out += f + "\n";
  return out;
}

template <class Rule>
std::string over_tree(Rule rule) {
  std::string out;
  for (const SourceFile& file : tree()) out += joined(rule(file));
  return out;
}

TEST(Tidy, ReadsTheTree) { EXPECT_GT(tree().size(), 50U); }

TEST(Tidy, LayersPointOneWay) {
  EXPECT_EQ(check_layers({"objects/x.cc", "#include \"runtime/env/env.h\"\n"}).size(), 1U);
  EXPECT_EQ(check_layers({"objects/x.cc", "#include <boost/asio/io_context.hpp>\n"}).size(), 1U);
  EXPECT_EQ(check_layers({"runtime/api/x.cc", "#include \"runtime/pods/agent.h\"\n"}).size(), 1U);
  EXPECT_EQ(check_layers({"runtime/store/x.cc", "#include \"runtime/env/linux/fd.h\"\n"}).size(), 1U);
  EXPECT_EQ(check_layers({"runtime/node.cc", "#include \"tests/sim/sim_env.h\"\n"}).size(), 1U);
  EXPECT_EQ(check_layers({"runtime/pods/x.cc", "#include \"runtime/client/client.h\"\n"}).size(), 0U);
  EXPECT_EQ(over_tree(check_layers), "");
}

TEST(Tidy, WordsStayInTheirRooms) {
  EXPECT_EQ(check_words({"runtime/pods/x.cc", "auto t = std::chrono::steady_clock::now();\n"}).size(), 1U);
  EXPECT_EQ(check_words({"runtime/pods/x.cc", "asio::co_spawn(a, b, c);\n"}).size(), 1U);
  EXPECT_EQ(check_words({"runtime/pods/x.cc", "std::thread t;\n"}).size(), 1U);
  EXPECT_EQ(check_words({"runtime/pods/x.cc",
                         "// FIX"
                         "ME later\n"})
                .size(),
            1U);
  EXPECT_EQ(check_words({"tests/runtime/x.cc",
                         "GTEST_SK"
                         "IP();\n"})
                .size(),
            1U);
  EXPECT_EQ(check_words({"runtime/pods/x.cc", std::string(121, 'x') + "\n"}).size(), 1U);
  EXPECT_EQ(check_words({"runtime/pods/x.cc", "// a comment about co_spawn\n"}).size(), 0U);
  EXPECT_EQ(over_tree(check_words), "");
}

TEST(Tidy, HeadersSayWhatTheyAre) {
  EXPECT_EQ(check_header({"objects/x.h", "#pragma once\n"}).size(), 2U);
  EXPECT_EQ(check_header({"objects/x.h", "// It is x.\n#pragma once\n"}).size(), 0U);
  EXPECT_EQ(over_tree(check_header), "");
}

TEST(Tidy, CoroutinesTakeValues) {
  EXPECT_EQ(
      check_coroutine_parameters({"runtime/x.h", "Task<Result<void>> f(Env& env, const std::string& name);\n"}).size(),
      1U);
  EXPECT_EQ(check_coroutine_parameters({"runtime/x.h", "Task<Result<void>> f(Env& env, std::string name);\n"}).size(),
            0U);
  EXPECT_EQ(over_tree(check_coroutine_parameters), "");
}

TEST(Tidy, SpawnedFunctionsAreNamedAsTasks) {
  EXPECT_EQ(check_spawned_names({"runtime/x.cc", "group.spawn(\"a\", do_it, std::ref(env));\n"}).size(), 1U);
  EXPECT_EQ(check_spawned_names({"runtime/x.cc", "group.spawn(\"a\", &Worker::run_loop, std::ref(w));\n"}).size(), 0U);
  EXPECT_EQ(over_tree(check_spawned_names), "");
}

TEST(Tidy, EveryTestIsBuilt) {
  const std::vector<SourceFile> orphan = {{"tests/objects/x_test.cc", ""}};
  EXPECT_EQ(check_tests_are_built(orphan, "kring_tests(test_dns dns LINK a)").size(), 1U);
  EXPECT_EQ(check_tests_are_built(orphan, "kring_tests(test_objects objects LINK a)").size(), 0U);
  std::string cmake;
  for (const SourceFile& file : tree()) {
    if (file.path.find("CMakeLists.txt") != std::string::npos) cmake += file.text;
  }
  EXPECT_EQ(joined(check_tests_are_built(tree(), cmake)), "");
}

TEST(Tidy, EveryExampleIsRun) {
  EXPECT_EQ(check_examples_are_run({{"examples/a.yaml", ""}}).size(), 1U);
  EXPECT_EQ(check_examples_are_run({{"examples/a.yaml", ""}, {"tests/e2e/x.sh", "kubectl apply -f a.yaml"}}).size(),
            0U);
  EXPECT_EQ(joined(check_examples_are_run(tree())), "");
}

TEST(Tidy, TheReadmeShowsTheRealTree) {
  EXPECT_EQ(check_readme_tree("objects/   x\n", {"objects", "dns"}).size(), 1U);
  EXPECT_EQ(check_readme_tree("objects/   x\ngone/   y\n", {"objects"}).size(), 1U);
  std::vector<std::string> folders;
  for (const std::string& top : tops) {
    const auto path = std::filesystem::path{KRING_SOURCE_DIR} / top;
    if (std::filesystem::exists(path) && !std::filesystem::is_empty(path)) folders.push_back(top);
  }
  for (const auto& entry : std::filesystem::directory_iterator{std::string{KRING_SOURCE_DIR} + "/runtime"}) {
    const bool filled = entry.is_directory() && !std::filesystem::is_empty(entry.path());
    if (filled) folders.push_back("runtime/" + entry.path().filename().string());
  }
  EXPECT_EQ(joined(check_readme_tree(read("README.md"), folders)), "");
}

TEST(Tidy, NamesTheLargestFiles) {
  EXPECT_EQ(largest({{"a.cc", "1\n2\n"}, {"b.cc", "1\n"}}, 1), std::vector<std::string>{"2 lines  a.cc"});
  for (const std::string& row : largest(tree(), 10)) std::cout << row << "\n";
}

}  // namespace
}  // namespace kring::tidy
