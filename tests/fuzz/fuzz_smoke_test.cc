// Runs every fuzz target over its corpus and over seeded mutations of it, so that CI keeps the targets working and the
// inputs that once broke something stay checked. Long runs are the fuzz preset's.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "tests/fuzz/targets.h"

namespace kring::fuzz {
namespace {

constexpr int mutations_per_input = 300;

std::vector<std::string> corpus_of(std::string_view target) {
  std::vector<std::filesystem::path> paths;
  const std::filesystem::path folder = std::filesystem::path{KRING_SOURCE_DIR} / "tests/fuzz/corpus" / target;
  for (const auto& entry : std::filesystem::directory_iterator{folder}) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> inputs;
  for (const auto& path : paths) {
    std::ifstream file{path, std::ios::binary};
    inputs.emplace_back(std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{});
  }
  return inputs;
}

// A few edits of the kind that find bugs in parsers: changed, dropped, repeated and swapped pieces, odd bytes.
std::string mutated(std::string input, std::mt19937& random) {
  static constexpr std::string_view tokens[] = {"{",  "}",   "[",  "]",    "\"",   ":",    ",", "\\u0000",
                                                "null", "-", "1e9", "$patch", "\n", "  ",   "&a ", "*a",
                                                "<<: ", "\xFF", "\xC3", "0",  "/",    "~1",   "%"};
  auto pick = [&](size_t below) { return std::uniform_int_distribution<size_t>{0, below - 1}(random); };
  for (size_t edits = 1 + pick(4); edits > 0; --edits) {
    const size_t at = pick(input.size() + 1), length = std::min(pick(16), input.size() - at);
    switch (pick(5)) {
      case 0: input.erase(at, length); break;
      case 1: input.insert(at, tokens[pick(std::size(tokens))]); break;
      case 2: input.insert(pick(input.size() + 1), input.substr(at, length)); break;
      case 3:
        if (at < input.size()) input[at] = static_cast<char>(pick(256));
        break;
      default: input.resize(at); break;
    }
  }
  return input;
}

class FuzzSmoke : public testing::TestWithParam<Target> {};

TEST_P(FuzzSmoke, HoldsOverTheCorpusAndMutationsOfIt) {
  // security-checklist A3: malformed and hostile texts neither crash nor break what must hold.
  const std::vector<std::string> inputs = corpus_of(GetParam().name);
  ASSERT_FALSE(inputs.empty());
  std::mt19937 random{20'240'101};
  GetParam().run("");
  for (const std::string& input : inputs) {
    GetParam().run(input);
    for (int i = 0; i < mutations_per_input; ++i) GetParam().run(mutated(input, random));
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, FuzzSmoke, testing::ValuesIn(all_targets().begin(), all_targets().end()),
                         [](const testing::TestParamInfo<Target>& info) { return std::string{info.param.name}; });

}  // namespace
}  // namespace kring::fuzz
