// The rules of the house as functions: each takes files as text and returns what is wrong, one line a finding, so that
// every rule has a test with a violating snippet.
#pragma once

#include <string>
#include <vector>

namespace kring::tidy {

struct SourceFile {
  std::string path;  // relative to the root: "runtime/store/wal.cc"
  std::string text;
};

// Files of the tree below the given top folders, sorted; binary and generated ones are left out.
std::vector<SourceFile> read_tree(const std::string& root, const std::vector<std::string>& folders);

std::vector<std::string> check_layers(const SourceFile& file);
std::vector<std::string> check_words(const SourceFile& file);
std::vector<std::string> check_header(const SourceFile& file);
std::vector<std::string> check_coroutine_parameters(const SourceFile& file);
std::vector<std::string> check_spawned_names(const SourceFile& file);
// Test sources whose folder no kring_tests() of the CMake text names.
std::vector<std::string> check_tests_are_built(const std::vector<SourceFile>& files, const std::string& tests_cmake);
// Manifests of examples/ that no end-to-end test names.
std::vector<std::string> check_examples_are_run(const std::vector<SourceFile>& files);
// Folders of the README's tree that do not exist, and folders that it does not mention.
std::vector<std::string> check_readme_tree(const std::string& readme, const std::vector<std::string>& folders);
// Not a failure: the longest files, for a person to look at.
std::vector<std::string> largest(const std::vector<SourceFile>& files, size_t count);

}  // namespace kring::tidy
