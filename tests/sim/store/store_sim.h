// One run of the store under the simulator: several lives on one disk, each with clients, watchers and faults, ended by
// a power cut, a kill, a clean stop or a poisoned log; then a life without faults in which everything must work.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "tests/sim/store/broken_store.h"

namespace kring::sim {

struct StoreSimOptions {
  uint64_t seed = 0;
  Break broken = Break::nothing;
  bool verbose = false;
};

struct StoreSimResult {
  std::string failure;       // empty: everything held
  uint64_t trace = 0;        // equal seeds, equal traces
  // What happened, so that a test can require that a run of seeds reaches everything.
  struct Counts {
    uint64_t lives = 0, events = 0, acked = 0, refused = 0, unavailable = 0, abandoned = 0, snapshots = 0, expired = 0,
             watched = 0, poisoned = 0, power_cuts = 0, kills = 0, clean_stops = 0, open_failures = 0,
             cuts_while_opening = 0, in_a_write = 0, torn = 0, full = 0;
    void add(const Counts& other);
    std::string text() const;
  } counts;
};

StoreSimResult run_store_sim(const StoreSimOptions& options);

}  // namespace kring::sim
