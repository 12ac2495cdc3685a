#include "runtime/api/process_metrics.h"

#include <charconv>
#include <vector>

#include "runtime/env/disk.h"

namespace kring::api {
namespace {

constexpr size_t stat_bytes_max = 4096;
// USER_HZ, the unit of times in /proc/self/stat on every Linux.
constexpr double ticks_per_second = 100;
// Fields of /proc/self/stat after the command's closing parenthesis, counted from 0.
constexpr size_t field_utime = 11, field_stime = 12, field_vsize = 20, field_rss_pages = 21;
constexpr uint64_t page_bytes = 4096;

Task<std::string> read_small(Env& env, std::string path) {
  auto file = co_await env.disk.open(std::move(path), OpenMode::read);
  if (file.has_error()) co_return std::string{};
  std::vector<uint8_t> buffer(stat_bytes_max);
  const std::span<uint8_t> out{buffer};
  auto size = co_await (*file)->read(0, out);
  if (size.has_error()) co_return std::string{};
  co_return std::string{buffer.begin(), buffer.begin() + static_cast<ptrdiff_t>(*size)};
}

std::vector<uint64_t> stat_fields(std::string_view stat) {
  std::vector<uint64_t> fields;
  const size_t end_of_name = stat.rfind(')');
  if (end_of_name == std::string_view::npos) return fields;
  stat.remove_prefix(end_of_name + 1);
  while (!stat.empty()) {
    while (!stat.empty() && stat.front() == ' ') stat.remove_prefix(1);
    const std::string_view word = stat.substr(0, stat.find(' '));
    stat.remove_prefix(word.size());
    uint64_t value = 0;
    std::from_chars(word.data(), word.data() + word.size(), value);
    if (!word.empty()) fields.push_back(value);
  }
  return fields;
}

void gauge(std::string& out, std::string_view name, std::string_view type, std::string_view help,
           const std::string& value) {
  const std::string n{name};
  out += "# HELP " + n + ' ' + std::string{help} + "\n# TYPE " + n + ' ' + std::string{type} + '\n' + n + ' ' + value +
         '\n';
}

}  // namespace

Task<std::string> process_metrics(Env& env) {
  std::string out;
  const std::string stat = co_await read_small(env, "/proc/self/stat");
  const std::vector<uint64_t> fields = stat_fields(stat);
  if (fields.size() > field_rss_pages) {
    const double cpu = static_cast<double>(fields[field_utime] + fields[field_stime]) / ticks_per_second;
    gauge(out, "process_cpu_seconds_total", "counter", "CPU time used, user and system.", std::to_string(cpu));
    gauge(out, "process_virtual_memory_bytes", "gauge", "Address space.", std::to_string(fields[field_vsize]));
    gauge(out, "process_resident_memory_bytes", "gauge", "Resident memory.",
          std::to_string(fields[field_rss_pages] * page_bytes));
  }
  auto descriptors = co_await env.disk.list("/proc/self/fd");
  if (descriptors.has_value()) {
    gauge(out, "process_open_fds", "gauge", "Open descriptors.", std::to_string(descriptors->size()));
  }
  co_return out;
}

}  // namespace kring::api
