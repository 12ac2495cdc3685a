#include "tests/tidy/tidy.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>
#include <string_view>

namespace kring::tidy {
namespace {

bool starts_with(std::string_view text, std::string_view prefix) { return text.substr(0, prefix.size()) == prefix; }
bool ends_with(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() && text.substr(text.size() - suffix.size()) == suffix;
}

bool is_code(const std::string& path) { return ends_with(path, ".h") || ends_with(path, ".cc"); }

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// The line without its comment and without what stands in quotes.
std::string code_of(const std::string& line) {
  std::string out;
  bool quoted = false;
  for (size_t i = 0; i < line.size(); ++i) {
    if (!quoted && line.compare(i, 2, "//") == 0) break;
    if (line[i] == '\\' && quoted) {
      ++i;
      continue;
    }
    if (line[i] == '"') quoted = !quoted;
    if (!quoted || line[i] == '"') out += line[i];
  }
  return out;
}

std::string finding(const SourceFile& file, size_t line, const std::string& what) {
  return file.path + ":" + std::to_string(line) + ": " + what;
}

// A room and the rooms it may include besides itself. The most specific prefix of a path decides.
struct Room {
  std::string_view folder;
  std::vector<std::string_view> may_include;
};
const std::vector<Room>& rooms() {
  static const std::vector<Room> table = {
      {"objects/", {}},
      {"dns/", {"objects/"}},
      {"probes/", {"objects/"}},
      {"runtime/env/", {"objects/"}},
      {"runtime/tasks/", {"objects/", "runtime/env/"}},
      {"runtime/env/linux/", {"objects/", "runtime/env/", "runtime/tasks/"}},
      {"runtime/store/", {"objects/", "runtime/env/", "runtime/tasks/"}},
      {"runtime/http/", {"objects/", "runtime/env/", "runtime/env/linux/", "runtime/tasks/"}},
      {"runtime/client/", {"objects/", "runtime/env/", "runtime/tasks/", "runtime/store/", "runtime/http/"}},
      {"runtime/images/", {"objects/", "runtime/env/", "runtime/env/linux/", "runtime/tasks/", "runtime/http/"}},
      {"runtime/network/",
       {"objects/", "dns/", "runtime/env/", "runtime/env/linux/", "runtime/tasks/", "runtime/store/",
        "runtime/client/"}},
      {"runtime/pods/",
       {"objects/", "probes/", "runtime/env/", "runtime/env/linux/", "runtime/tasks/", "runtime/store/",
        "runtime/client/", "runtime/http/", "runtime/images/", "runtime/network/"}},
      // The keeper is a program of its own; what both sides of its socket need lies in these four.
      {"runtime/pods/keeper/", {"objects/", "runtime/pods/mounts/"}},
      {"runtime/pods/mounts/", {"objects/", "runtime/pods/keeper/"}},
      {"runtime/pods/cgroup/", {"objects/", "runtime/env/", "runtime/pods/keeper/", "runtime/pods/mounts/"}},
      {"runtime/pods/sandbox/",
       {"objects/", "runtime/env/", "runtime/env/linux/", "runtime/tasks/", "runtime/pods/", "runtime/pods/keeper/",
        "runtime/pods/mounts/", "runtime/pods/cgroup/"}},
      {"runtime/scheduler/", {"objects/", "runtime/env/", "runtime/tasks/", "runtime/store/", "runtime/client/"}},
      {"runtime/controllers/", {"objects/", "runtime/env/", "runtime/tasks/", "runtime/store/", "runtime/client/"}},
      {"runtime/api/",
       {"objects/", "runtime/env/", "runtime/tasks/", "runtime/store/", "runtime/http/", "runtime/client/"}},
      {"runtime/cli/", {"objects/", "dns/", "probes/", "runtime/"}},
      {"runtime/", {"objects/", "dns/", "probes/", "runtime/"}},
      {"examples/", {"objects/"}},
      {"tests/", {"objects/", "dns/", "probes/", "runtime/", "tests/", "examples/"}},
  };
  return table;
}

const Room* room_of(std::string_view path) {
  const Room* best = nullptr;
  for (const Room& room : rooms()) {
    if (starts_with(path, room.folder) && (best == nullptr || room.folder.size() > best->folder.size())) best = &room;
  }
  return best;
}

// Words that have a better place or a better word. `allowed` lists path prefixes where they belong.
struct Word {
  std::vector<std::string_view> hints;  // one of them is in every match: most lines need no pattern
  std::regex pattern;
  std::vector<std::string_view> allowed;
  std::string instead;
};
const std::vector<Word>& words() {
  static const std::vector<Word> table = {
      {{"_clock::now"},
       std::regex{R"(\b(steady|system|high_resolution)_clock::now)"},
       {"runtime/env/linux/", "tests/bench/", "examples/"},
       "time comes from env.clock"},
      {{"steady_timer"}, std::regex{R"(\bsteady_timer\b)"}, {"runtime/env/linux/"}, "waits go through env.clock"},
      {{"random_device", "rand("},
       std::regex{R"(\brandom_device\b|\bsrand\(|[^_\w]rand\()"},
       {"runtime/env/linux/", "tests/"},
       "randomness comes from env.random"},
      {{"thread", "std::async"},
       std::regex{R"(std::j?thread\b|std::async\b|pthread_create)"},
       {"tests/", "examples/"},
       "kring has one thread"},
      {{"co_spawn"}, std::regex{R"(\bco_spawn\b)"}, {"runtime/tasks/", "tests/"}, "tasks start in a TaskGroup"},
      {{"detached"}, std::regex{R"(asio::detached\b)"}, {}, "tasks are owned by a TaskGroup"},
      {{"any_io_executor"},
       std::regex{R"(\bany_io_executor\b)"},
       {},
       "the executor type is concrete (runtime/env/task.h)"},
      {{"sleep"},
       std::regex{R"(\bsleep_for\b|\busleep\(|[^_\w.>:]sleep\()"},
       {"tests/bench/", "tests/soak/", "examples/"},
       "waits go through env.clock"},
      {{"GTEST_SKIP", "DISABLED_"},
       std::regex{R"(\bGTEST_SKIP\b|\bDISABLED_)"},
       {"tests/runtime/pods/"},
       "a test that cannot run is not a test"},
      {{"assert("},
       std::regex{R"(\bassert\()"},
       {"runtime/pods/keeper/", "examples/"},
       "KRING_CHECK is on in release too"},
      {{"signal_set"}, std::regex{R"(\bsignal_set\b)"}, {"runtime/env/linux/"}, "signals come from env/linux"},
      {{"ip::"},
       std::regex{R"(\bip::(tcp|udp)\b)"},
       {"runtime/env/linux/", "runtime/http/", "runtime/network/", "tests/"},
       "sockets belong to http and network"},
  };
  return table;
}

}  // namespace

std::vector<SourceFile> read_tree(const std::string& root, const std::vector<std::string>& folders) {
  namespace fs = std::filesystem;
  std::vector<SourceFile> files;
  for (const std::string& folder : folders) {
    const fs::path top = fs::path{root} / folder;
    if (!fs::exists(top)) continue;
    for (const auto& entry : fs::recursive_directory_iterator{top}) {
      const std::string path = fs::relative(entry.path(), root).string();
      const std::string extension = entry.path().extension().string();
      const bool wanted = extension == ".h" || extension == ".cc" || extension == ".yaml" || extension == ".sh" ||
                          extension == ".fbs" || extension == ".txt" || extension == ".md";
      if (!entry.is_regular_file() || !wanted) continue;
      std::ifstream in{entry.path(), std::ios::binary};
      files.push_back({path, std::string{std::istreambuf_iterator<char>{in}, {}}});
    }
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return files;
}

std::vector<std::string> check_layers(const SourceFile& file) {
  std::vector<std::string> findings;
  const Room* room = room_of(file.path);
  if (room == nullptr || !is_code(file.path)) return findings;
  static const std::regex include{R"re(^\s*#include\s+"([^"]+)")re"};
  static const std::regex boost_asio{R"(^\s*#include\s+<(boost/asio|boost/beast|liburing))"};
  size_t number = 0;
  for (const std::string& line : lines_of(file.text)) {
    ++number;
    std::smatch match;
    if (line.find("#include") == std::string::npos) continue;
    if (std::regex_search(line, match, include)) {
      const std::string target = match[1];
      const Room* other = room_of(target);
      const bool own = other == room;
      const bool listed =
          other != nullptr && std::any_of(room->may_include.begin(), room->may_include.end(), [&](auto f) {
            return other->folder == f || (f == "runtime/" && starts_with(other->folder, "runtime/"));
          });
      if (!own && !listed)
        findings.push_back(finding(file, number, std::string{room->folder} + " must not include \"" + target + "\""));
    }
    const bool pure =
        starts_with(file.path, "objects/") || starts_with(file.path, "dns/") || starts_with(file.path, "probes/");
    if (pure && std::regex_search(line, boost_asio))
      findings.push_back(finding(file, number, "pure rooms have no Asio"));
  }
  return findings;
}

std::vector<std::string> check_words(const SourceFile& file) {
  std::vector<std::string> findings;
  if (!is_code(file.path) || starts_with(file.path, "tests/tidy/")) return findings;
  static const std::regex unfinished{R"(\b(TODO|FIXME|XXX|HACK)\b)"};
  size_t number = 0;
  for (const std::string& line : lines_of(file.text)) {
    ++number;
    const bool upper = line.find(
                           "TO"
                           "DO") != std::string::npos ||
                       line.find(
                           "FIX"
                           "ME") != std::string::npos ||
                       line.find("XXX") != std::string::npos || line.find("HACK") != std::string::npos;
    if (upper && std::regex_search(line, unfinished))
      findings.push_back(finding(file, number, "finish it, or file it"));
    if (line.size() > 120 && !starts_with(file.path, "tests/"))
      findings.push_back(finding(file, number, "longer than 120 columns"));
    const std::string code = code_of(line);
    for (const Word& word : words()) {
      const bool allowed = std::any_of(word.allowed.begin(), word.allowed.end(),
                                       [&](auto prefix) { return starts_with(file.path, prefix); });
      const bool hinted = std::any_of(word.hints.begin(), word.hints.end(),
                                      [&](auto hint) { return code.find(hint) != std::string::npos; });
      if (hinted && !allowed && std::regex_search(code, word.pattern))
        findings.push_back(finding(file, number, word.instead));
    }
  }
  return findings;
}

std::vector<std::string> check_header(const SourceFile& file) {
  std::vector<std::string> findings;
  if (!ends_with(file.path, ".h")) return findings;
  if (!starts_with(file.text, "//")) findings.push_back(finding(file, 1, "a header opens with what it is"));
  if (file.text.find("\n#pragma once\n") == std::string::npos)
    findings.push_back(finding(file, 1, "#pragma once is missing"));
  return findings;
}

std::vector<std::string> check_coroutine_parameters(const SourceFile& file) {
  std::vector<std::string> findings;
  if (!ends_with(file.path, ".h") && !ends_with(file.path, ".cc")) return findings;
  if (starts_with(file.path, "tests/")) return findings;
  // A const reference to a value type in the parameters of a Task dies with the caller's temporary.
  static const std::regex risky{R"(\bTask<.*\)?.*\(.*const (std::string|std::vector<[^>]*>|json::Value|Bytes)&)"};
  size_t number = 0;
  for (const std::string& line : lines_of(file.text)) {
    ++number;
    if (line.find("Task<") != std::string::npos && std::regex_search(code_of(line), risky))
      findings.push_back(finding(file, number, "a coroutine takes values, not references to them"));
  }
  return findings;
}

std::vector<std::string> check_spawned_names(const SourceFile& file) {
  std::vector<std::string> findings;
  if (!is_code(file.path) || starts_with(file.path, "tests/") || starts_with(file.path, "runtime/tasks/"))
    return findings;
  // spawn("name", function, ...): the function's name says that it is a task of its own.
  static const std::regex spawn{R"re(\bspawn\(\s*[^,]*,\s*&?([A-Za-z_:]+))re"};
  size_t number = 0;
  for (const std::string& line : lines_of(file.text)) {
    ++number;
    std::smatch match;
    if (line.find("spawn(") == std::string::npos || !std::regex_search(line, match, spawn)) continue;
    std::string name = match[1];
    if (const size_t colon = name.rfind(':'); colon != std::string::npos) name = name.substr(colon + 1);
    if (!ends_with(name, "_loop") && !ends_with(name, "_task") && !starts_with(name, "serve_"))
      findings.push_back(finding(file, number, "a spawned function is named *_loop, *_task or serve_*: " + name));
  }
  return findings;
}

std::vector<std::string> check_tests_are_built(const std::vector<SourceFile>& files, const std::string& tests_cmake) {
  std::vector<std::string> findings;
  for (const SourceFile& file : files) {
    if (!starts_with(file.path, "tests/") || !ends_with(file.path, "_test.cc")) continue;
    const size_t slash = file.path.rfind('/');
    const std::string folder = file.path.substr(6, slash - 6);
    const std::string name = file.path.substr(slash + 1);
    const std::regex built{R"(kring_tests\(\s*\S+\s+)" + folder + R"([\s)])"};
    if (!std::regex_search(tests_cmake, built) && tests_cmake.find(name) == std::string::npos)
      findings.push_back(file.path + ":1: no kring_tests() builds this folder");
  }
  return findings;
}

std::vector<std::string> check_examples_are_run(const std::vector<SourceFile>& files) {
  std::vector<std::string> findings;
  std::string scripts;
  for (const SourceFile& file : files) {
    if (starts_with(file.path, "tests/e2e/") || file.path == "examples/quickstart.sh") scripts += file.text;
  }
  for (const SourceFile& file : files) {
    if (!starts_with(file.path, "examples/") || !ends_with(file.path, ".yaml")) continue;
    const std::string name = file.path.substr(file.path.rfind('/') + 1);
    if (scripts.find(name) == std::string::npos) findings.push_back(file.path + ":1: no end-to-end test runs it");
  }
  return findings;
}

std::vector<std::string> check_readme_tree(const std::string& readme, const std::vector<std::string>& folders) {
  std::vector<std::string> findings;
  for (const std::string& folder : folders) {
    if (readme.find(folder + "/") == std::string::npos)
      findings.push_back("README.md:1: the tree leaves out " + folder + "/");
  }
  static const std::regex entry{R"(^([a-z_]+(?:/[a-z_0-9]+)*)/\s+\S)"};
  size_t number = 0;
  for (const std::string& line : lines_of(readme)) {
    ++number;
    std::smatch match;
    if (!std::regex_search(line, match, entry)) continue;
    const std::string name = match[1];
    if (std::find(folders.begin(), folders.end(), name) == folders.end())
      findings.push_back("README.md:" + std::to_string(number) + ": the tree names " + name + "/, which is not there");
  }
  return findings;
}

std::vector<std::string> largest(const std::vector<SourceFile>& files, size_t count) {
  std::vector<std::pair<size_t, std::string>> sizes;
  for (const SourceFile& file : files) {
    if (is_code(file.path)) sizes.emplace_back(lines_of(file.text).size(), file.path);
  }
  std::sort(sizes.rbegin(), sizes.rend());
  std::vector<std::string> rows;
  for (size_t i = 0; i < std::min(count, sizes.size()); ++i)
    rows.push_back(std::to_string(sizes[i].first) + " lines  " + sizes[i].second);
  return rows;
}

}  // namespace kring::tidy
