// Counters of the API server, as Prometheus text.
// Invariant: the number of series is bounded by the table of kinds: names that a client makes up are counted as one.
// Source: Prometheus text format 0.0.4; names of kube-apiserver where the meaning is the same.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>

#include "objects/kinds.h"
#include "runtime/store/store.h"

namespace kring::api {

class Metrics {
 public:
  // `served` null: not a resource. `verb` and `subresource` are kept: they must be literals or live in the kinds table.
  void count(const Served* served, std::string_view verb, std::string_view subresource, int code, int64_t duration_ns);
  // Long-running requests are not in the latency histogram.
  void count_stream(const Served* served, std::string_view verb, std::string_view subresource, int code);

  std::string text(const store::Stats& stats, std::string_view version) const;
  uint32_t watches_open = 0;

 private:
  // Upper bounds of the buckets in microseconds; what takes longer is in +Inf.
  static constexpr std::array<int64_t, 10> bounds_us = {100,    250,     500,     1'000,     5'000,
                                                        25'000, 100'000, 500'000, 2'000'000, 10'000'000};
  struct Histogram {
    std::array<uint64_t, bounds_us.size() + 1> buckets{};
    uint64_t count = 0;
    int64_t sum_ns = 0;
  };
  using Series = std::tuple<const Served*, std::string_view, std::string_view>;
  std::map<std::pair<Series, int>, uint64_t> requests_;
  std::map<Series, Histogram> latency_;
};

}  // namespace kring::api
