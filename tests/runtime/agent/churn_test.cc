// Goal: whatever happens to pods, to kring and to the machine, everything converges once it stops happening.
// Method: a seed draws creations, deletions, exits, lost keepers, failing starts, kills and power cuts (safety phase:
// SimProcesses checks what may never happen); then faults stop and the cluster must come to rest (liveness phase), and
// after deleting everything nothing is left. The seed is in every message.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/runtime/agent/cluster.h"

namespace kring::test {
namespace {

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr uint64_t seeds = 4;
#else
constexpr uint64_t seeds = 100;
#endif
#else
constexpr uint64_t seeds = 100;
#endif

class Churn {
 public:
  explicit Churn(uint64_t seed) : dice_(seed * 7919), cluster_(seed) {
    const char* names[] = {"forever:1", "stubborn:1", "quick:1", "failing:1", "leaky:1", "missing:1"};
    for (const char* name : names) cluster_.images.add(name);
    cluster_.processes.programs["stubborn:1"].ignores_signals = true;
    cluster_.processes.programs["quick:1"] = {.runs_ms = 3'000};
    cluster_.processes.programs["failing:1"] = {.runs_ms = 2'000, .exit_code = 1};
    cluster_.processes.programs["leaky:1"] = {.runs_ms = 9'000, .exit_code = 137, .out_of_memory = true};
    cluster_.processes.programs["missing:1"].start_error = "no such file or directory";
  }

  void run() {
    cluster_.start();
    cluster_.processes.start_failures_per_million = 50'000;
    for (int step = 0; step < 120; ++step) act();
    cluster_.processes.start_failures_per_million = 0;
    converge();
    end();
  }

 private:
  void act() {
    uint64_t what = dice_.below(100);
    if (what < 35) {
      create();
    } else if (what < 55) {
      remove();
    } else if (what < 60) {
      lose();
    } else if (what < 65) {
      restart(false);
    } else if (what < 67) {
      restart(true);
    } else {
      cluster_.world.advance(static_cast<int64_t>(dice_.between(1'000, 20'000'000'000)));
    }
  }

  void create() {
    const char* images[] = {"forever:1", "stubborn:1", "quick:1", "failing:1", "leaky:1", "missing:1"};
    const char* policies[] = {"Always", "OnFailure", "Never"};
    std::string name = "pod-" + std::to_string(next_++);
    auto made = cluster_.run_pod(name, images[dice_.below(6)], policies[dice_.below(3)]);
    // The moment after a start the namespace's account may not be there yet.
    if (made.has_value()) names_.push_back(name);
  }

  void remove() {
    if (names_.empty()) return;
    const std::string& name = names_[dice_.below(names_.size())];
    client::DeleteOptions options;
    if (dice_.coin()) options.grace_seconds = static_cast<int64_t>(dice_.below(20));
    static_cast<void>(cluster_.remove(kinds::pod(), "default", name, options));
  }

  void lose() {
    if (names_.empty()) return;
    json::Value pod = cluster_.get(kinds::pod(), "default", names_[dice_.below(names_.size())]);
    const json::Value* metadata = pod.find("metadata");
    if (metadata != nullptr) cluster_.processes.lose_pod(std::string{metadata->string_or("uid")});
  }

  void restart(bool power) {
    if (power) {
      cluster_.cut_power();
    } else {
      cluster_.kill();
    }
    cluster_.world.advance(static_cast<int64_t>(dice_.below(10'000'000'000)));
    cluster_.start();
  }

  bool resting(const std::string& name) {
    json::Value pod = cluster_.get(kinds::pod(), "default", name);
    if (pod.is_null()) return true;
    if (pod.at({"metadata", "deletionTimestamp"}) != nullptr) return false;
    std::string phase = cluster_.phase(name);
    if (phase == "Succeeded" || phase == "Failed") return true;
    return cluster_.ready(name) || cluster_.waiting(name) == "CrashLoopBackOff";
  }

  void converge() {
    EXPECT_TRUE(cluster_.until(
        [&] { return std::all_of(names_.begin(), names_.end(), [&](const auto& name) { return resting(name); }); }));
    // What runs is exactly what should.
    EXPECT_TRUE(cluster_.until([&] {
      size_t live = 0;
      for (const auto& name : names_) {
        std::string phase = cluster_.phase(name);
        live += phase != "gone" && phase != "Succeeded" && phase != "Failed" ? 1 : 0;
      }
      return cluster_.processes.pods() == live;
    }));
  }

  void end() {
    for (const auto& name : names_) static_cast<void>(cluster_.remove(kinds::pod(), "default", name));
    EXPECT_TRUE(cluster_.until([&] {
      return std::all_of(names_.begin(), names_.end(),
                         [&](const auto& name) { return cluster_.phase(name) == "gone"; });
    }));
    EXPECT_TRUE(cluster_.until([&] { return cluster_.processes.pods() == 0 && cluster_.agent->pods() == 0; }));
    EXPECT_EQ(cluster_.files.count_below("/data/pods"), 0U);
    EXPECT_EQ(cluster_.files.count_below("/data/logs"), 0U);
  }

  sim::Dice dice_;
  Cluster cluster_;
  std::vector<std::string> names_;
  int next_ = 0;
};

TEST(AgentChurn, EverythingConvergesWhateverHappened) {
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Churn{seed}.run();
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace kring::test
