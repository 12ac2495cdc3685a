// kring_roundtrip DIR: takes every JSON file of a folder through the stored form and back, prints a line a file and
// exits non-zero when one of them lost, gained or changed a field. X.after_roundtrip.json, where there is one, is what
// X.json must become.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "objects/roundtrip.h"

namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

// False when the file did not survive.
bool judge(const fs::path& file) {
  const std::string input = read_file(file);
  fs::path after = file;
  after.replace_extension(".after_roundtrip.json");
  const auto outcome = kring::roundtrip(input, fs::exists(after) ? read_file(after) : input);
  const std::string name = file.filename().string();
  if (outcome.has_error()) {
    std::printf("FAIL %s: %s\n", name.c_str(), outcome.error().message.c_str());
  } else {
    std::printf("ok   %s: %s\n", name.c_str(), outcome->c_str());
  }
  return !outcome.has_error();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: kring_roundtrip DIR\n");
    return 2;
  }
  std::error_code error;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator{argv[1], error})
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  if (error) {
    std::fprintf(stderr, "kring_roundtrip: %s: %s\n", argv[1], error.message().c_str());
    return 2;
  }
  std::sort(files.begin(), files.end());
  size_t failed = 0;
  for (const fs::path& file : files) failed += judge(file) ? 0 : 1;
  std::printf("%zu files, %zu failed\n", files.size(), failed);
  return failed == 0 && !files.empty() ? 0 : 1;
}
