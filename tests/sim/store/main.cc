// kring_sim: the store under the simulator.
//   kring_sim SEED [--verbose] [--break=WHAT]          one seed; the first line names it and the commit
//   kring_sim --seeds N [--from S] [--break=WHAT]      N seeds one after the other; stops at the first failure
// --break proves the checkers: the run must then fail (exit 0 when it was caught, 1 when it was not).
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "objects/check.h"
#include "tests/sim/store/store_sim.h"

namespace kring::sim {
namespace {

struct Arguments {
  uint64_t seed = 0, seeds = 1;
  bool many = false, verbose = false;
  Break broken = Break::nothing;
  std::string break_text;
};

int usage() {
  std::fprintf(stderr,
               "usage: kring_sim SEED [--verbose] [--break=WHAT]\n"
               "       kring_sim --seeds N [--from S] [--break=WHAT]\n"
               "WHAT: %s\n",
               std::string{break_names()}.c_str());
  return 2;
}

bool parse_number(const char* text, uint64_t& value) {
  char* end = nullptr;
  value = std::strtoull(text, &end, 0);
  return end != text && *end == '\0';
}

bool parse(int argc, char** argv, Arguments& out) {
  bool have_seed = false;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--verbose") {
      out.verbose = true;
    } else if (argument.starts_with("--break=")) {
      out.break_text = argument.substr(8);
      const auto what = break_of(out.break_text);
      if (!what.has_value()) return false;
      out.broken = *what;
    } else if (argument == "--seeds" && i + 1 < argc) {
      out.many = true;
      if (!parse_number(argv[++i], out.seeds)) return false;
    } else if (argument == "--from" && i + 1 < argc) {
      if (!parse_number(argv[++i], out.seed)) return false;
    } else if (!have_seed && parse_number(argv[i], out.seed)) {
      have_seed = true;
    } else {
      return false;
    }
  }
  return have_seed != out.many;
}

void report(const Arguments& arguments, uint64_t seed, const std::string& failure) {
  const std::string broken = arguments.break_text.empty() ? "" : " --break=" + arguments.break_text;
  std::printf("FAILED SEED=0x%" PRIx64 ": %s\n", seed, failure.c_str());
  std::printf("replay: kring_sim 0x%" PRIx64 " --verbose%s\n", seed, broken.c_str());
}

int run(const Arguments& arguments) {
  std::printf("SEED=0x%" PRIx64 " COMMIT=%s\n", arguments.seed, KRING_COMMIT);
  std::fflush(stdout);
  StoreSimResult::Counts counts;
  uint64_t failures = 0;
  for (uint64_t i = 0; i < arguments.seeds && failures == 0; ++i) {
    const uint64_t seed = arguments.seed + i;
    // For a failed check, which ends the process.
    const std::string context = "replay: kring_sim 0x" + [seed] {
      char text[17];
      std::snprintf(text, sizeof text, "%" PRIx64, seed);
      return std::string{text};
    }();
    set_check_context(context.c_str());
    const auto result = run_store_sim({seed, arguments.broken, arguments.verbose});
    set_check_context(nullptr);
    counts.add(result.counts);
    if (result.failure.empty()) continue;
    ++failures;
    report(arguments, seed, result.failure);
  }
  std::printf("%s\n", counts.text().c_str());
  if (arguments.broken != Break::nothing) {
    std::printf("%s\n", failures > 0 ? "caught" : "NOT CAUGHT");
    return failures > 0 ? 0 : 1;
  }
  if (failures == 0) std::printf("ok: %" PRIu64 " seeds\n", arguments.seeds);
  return failures > 0 ? 1 : 0;
}

}  // namespace
}  // namespace kring::sim

int main(int argc, char** argv) {
  kring::sim::Arguments arguments;
  if (!kring::sim::parse(argc, argv, arguments)) return kring::sim::usage();
  return kring::sim::run(arguments);
}
