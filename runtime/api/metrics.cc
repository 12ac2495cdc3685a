#include "runtime/api/metrics.h"

#include <cstdio>

namespace kring::api {
namespace {

std::string seconds(double value) {
  char text[32];
  const int length = std::snprintf(text, sizeof text, "%.9g", value);
  return std::string{text, static_cast<size_t>(length)};
}

std::string labels_of(const Served* served, std::string_view verb, std::string_view subresource) {
  std::string out = "verb=\"" + std::string{verb} + '"';
  if (served != nullptr) {
    out += ",group=\"" + std::string{served->group} + "\",version=\"" + std::string{served->version} +
           "\",resource=\"" + std::string{served->plural} + "\",subresource=\"" + std::string{subresource} + '"';
  }
  return out;
}

void family(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
  out += "# HELP " + std::string{name} + ' ' + std::string{help} + "\n# TYPE " + std::string{name} + ' ' +
         std::string{type} + '\n';
}

void single(std::string& out, std::string_view name, std::string_view type, std::string_view help, uint64_t value) {
  family(out, name, type, help);
  out += std::string{name} + ' ' + std::to_string(value) + '\n';
}

}  // namespace

void Metrics::count_stream(const Served* served, std::string_view verb, std::string_view subresource, int code) {
  ++requests_[{Series{served, verb, subresource}, code}];
}

void Metrics::count(const Served* served, std::string_view verb, std::string_view subresource, int code,
                    int64_t duration_ns) {
  count_stream(served, verb, subresource, code);
  Histogram& histogram = latency_[Series{served, verb, subresource}];
  size_t bucket = 0;
  while (bucket < bounds_us.size() && duration_ns > bounds_us[bucket] * 1000) ++bucket;
  ++histogram.buckets[bucket];
  ++histogram.count;
  histogram.sum_ns += duration_ns;
}

std::string Metrics::text(const store::Stats& stats, std::string_view version) const {
  std::string out;
  family(out, "kring_build_info", "gauge", "The program that answers.");
  out += "kring_build_info{version=\"" + std::string{version} + "\"} 1\n";
  family(out, "apiserver_request_total", "counter", "Requests by verb, resource and HTTP code.");
  for (const auto& [key, value] : requests_) {
    const auto& [served, verb, subresource] = key.first;
    out += "apiserver_request_total{" + labels_of(served, verb, subresource) + ",code=\"" +
           std::to_string(key.second) + "\"} " + std::to_string(value) + '\n';
  }
  family(out, "apiserver_request_duration_seconds", "histogram", "Time from the request to its answer.");
  for (const auto& [series, histogram] : latency_) {
    const auto& [served, verb, subresource] = series;
    const std::string labels = labels_of(served, verb, subresource);
    uint64_t below = 0;
    for (size_t i = 0; i <= bounds_us.size(); ++i) {
      below += histogram.buckets[i];
      const std::string bound = i < bounds_us.size() ? seconds(static_cast<double>(bounds_us[i]) / 1e6) : "+Inf";
      out += "apiserver_request_duration_seconds_bucket{" + labels + ",le=\"" + bound + "\"} " +
             std::to_string(below) + '\n';
    }
    out += "apiserver_request_duration_seconds_sum{" + labels + "} " +
           seconds(static_cast<double>(histogram.sum_ns) / 1e9) + '\n';
    out += "apiserver_request_duration_seconds_count{" + labels + "} " + std::to_string(histogram.count) + '\n';
  }
  single(out, "apiserver_longrunning_requests", "gauge", "Watches that are open.", watches_open);
  single(out, "kring_store_revision", "gauge", "The last revision.", stats.revision);
  single(out, "kring_store_objects", "gauge", "Objects stored.", stats.objects);
  single(out, "kring_store_log_bytes_total", "counter", "Bytes written to the log.", stats.log_bytes_written);
  single(out, "kring_store_log_syncs_total", "counter", "Synchronous writes of the log.", stats.log_syncs);
  single(out, "kring_store_snapshots_total", "counter", "Snapshots written.", stats.snapshots_written);
  single(out, "kring_store_watchers", "gauge", "Watchers of the store.", stats.watchers);
  single(out, "kring_store_poisoned", "gauge", "1 when writes are refused after a failed sync.",
         stats.poisoned.empty() ? 0 : 1);
  return out;
}

}  // namespace kring::api
