// store_bench [DIRECTORY] [SECONDS]: durable commits a second on a real disk, beside a plain loop of pwrite and
// fdatasync on the same disk in the same run. Rounds are interleaved and the median is printed, because a disk shared
// with others is never quiet. The directory (default: ./store_bench.tmp) is made and removed.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "objects/kinds.h"
#include "objects/schema/meta_generated.h"
#include "runtime/env/linux/linux_env.h"
#include "runtime/store/store.h"
#include "runtime/tasks/task_group.h"

namespace kring {
namespace {

constexpr size_t record_bytes = 512;
constexpr int rounds = 3;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double cpu_seconds() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

struct Rate {
  double commits = 0;      // a second
  double cpu_us = 0;       // a commit
  double p99_us = 0;
};

// The floor: `group` records written one after the other, then one fdatasync, on a file written in advance.
Rate plain_loop(const std::string& directory, size_t group, double seconds) {
  const std::string path = directory + "/plain";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  const std::vector<char> zeros(8 << 20);
  if (fd < 0 || ::pwrite(fd, zeros.data(), zeros.size(), 0) < 0 || ::fsync(fd) != 0) std::exit(1);
  const std::vector<char> record(record_bytes, 'r');
  uint64_t commits = 0;
  off_t at = 0;
  std::vector<double> took;
  const double cpu = cpu_seconds();
  const auto start = std::chrono::steady_clock::now();
  while (seconds_since(start) < seconds) {
    const auto one = std::chrono::steady_clock::now();
    for (size_t i = 0; i < group; ++i) {
      if (::pwrite(fd, record.data(), record.size(), at) < 0) std::exit(1);
      at = (at + static_cast<off_t>(record_bytes)) % static_cast<off_t>(zeros.size());
    }
    if (::fdatasync(fd) != 0) std::exit(1);
    commits += group;
    took.push_back(seconds_since(one) * 1e6);
  }
  const double elapsed = seconds_since(start);
  ::close(fd);
  ::unlink(path.c_str());
  std::sort(took.begin(), took.end());
  return {static_cast<double>(commits) / elapsed, (cpu_seconds() - cpu) * 1e6 / static_cast<double>(commits),
          took[took.size() * 99 / 100]};
}

struct Run {
  store::Store* store = nullptr;
  bool over = false;
  uint64_t commits = 0;
  std::vector<double> took;
};

Bytes object_of(const std::string& name) {
  flatbuffers::FlatBufferBuilder builder;
  const auto name_text = builder.CreateString(name), ns = builder.CreateString("default");
  const auto filler = builder.CreateString(std::string(record_bytes - 256, 'x'));
  meta::ObjectMetaBuilder metadata{builder};
  metadata.add_name(name_text);
  metadata.add_namespace_(ns);
  metadata.add_generate_name(filler);
  const auto meta = metadata.Finish();
  const auto start = builder.StartTable();
  builder.AddOffset(8, meta);
  builder.Finish(flatbuffers::Offset<flatbuffers::Table>{builder.EndTable(start)});
  return own(builder.Release());
}

Task<Result<void>> writer_loop(Run& run, int number) {
  const store::Key key{&kinds::config_map(), "default", "writer-" + std::to_string(number)};
  const Bytes bytes = object_of(key.name);
  Revision revision = 0;
  while (!run.over) {
    const auto start = std::chrono::steady_clock::now();
    Result<ObjectPtr> written{Error{}};
    if (revision == 0) {
      written = co_await run.store->create(key, bytes, store::Durability::durable);
    } else {
      written = co_await run.store->update(key, bytes, revision, store::Durability::durable);
    }
    if (written.has_error()) co_return std::move(written).error();
    revision = (*written)->revision();
    ++run.commits;
    run.took.push_back(seconds_since(start) * 1e6);
  }
  co_return Result<void>{};
}

Task<Result<void>> store_loop(store::Store& store) { co_return co_await store.run_loop(); }

Task<Result<void>> measure(Env& env, std::string directory, int writers, double seconds, Rate& rate) {
  store::Options options;
  options.directory = directory + "/store";
  KRING_CO_TRY(auto opened, co_await store::open(env, options));
  TaskGroup store_group{env, "store"};
  store_group.spawn("store", store_loop, std::ref(*opened.store));
  Run run{.store = opened.store.get()};
  TaskGroup group{env, "writers"};
  const double cpu = cpu_seconds();
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < writers; ++i) group.spawn("writer", writer_loop, std::ref(run), i);
  auto slept = co_await env.clock.sleep_ms(static_cast<int64_t>(seconds * 1000));
  const double elapsed = seconds_since(start), used = cpu_seconds() - cpu;
  run.over = true;
  auto joined = co_await group.join();
  store_group.cancel();
  auto stopped = co_await store_group.join();
  if (slept.has_error()) co_return slept;
  std::sort(run.took.begin(), run.took.end());
  rate = {static_cast<double>(run.commits) / elapsed, used * 1e6 / static_cast<double>(run.commits),
          run.took.empty() ? 0 : run.took[run.took.size() * 99 / 100]};
  co_return joined;
}

Rate median(std::vector<Rate> rates) {
  std::sort(rates.begin(), rates.end(), [](const Rate& a, const Rate& b) { return a.commits < b.commits; });
  return rates[rates.size() / 2];
}

void print(const char* what, const Rate& rate, double floor) {
  std::printf("%-34s %10.0f %8.2f %8.1f %8.0f\n", what, rate.commits, rate.commits / floor, rate.cpu_us, rate.p99_us);
}

int run(const std::string& directory, double seconds) {
  auto env = LinuxEnv::make({.log_level = LogLevel::warn});
  if (env.has_error()) {
    std::fprintf(stderr, "%s\n", env.error().message.c_str());
    return 1;
  }
  std::printf("%-34s %10s %8s %8s %8s\n", "512-byte records, durable", "commits/s", "ratio", "cpu us", "p99 us");
  for (const int writers : {1, 16, 64}) {
    std::vector<Rate> plain, grouped, ours;
    for (int round = 0; round < rounds; ++round) {
      plain.push_back(plain_loop(directory, 1, seconds));
      grouped.push_back(plain_loop(directory, static_cast<size_t>(writers), seconds));
      Rate rate;
      const auto result = (*env)->run(measure((*env)->env(), directory, writers, seconds, rate));
      if (result.has_error()) {
        std::fprintf(stderr, "%s\n", to_string(result.error()).c_str());
        return 1;
      }
      ours.push_back(rate);
      std::filesystem::remove_all(directory + "/store");
    }
    const double floor = median(plain).commits;
    const std::string n = std::to_string(writers);
    print("plain loop, one record a sync", median(plain), floor);
    if (writers > 1) print(("plain loop, " + n + " records a sync").c_str(), median(grouped), floor);
    print(("kring store, " + n + (writers == 1 ? " writer" : " writers")).c_str(), median(ours), floor);
  }
  return 0;
}

}  // namespace
}  // namespace kring

int main(int argc, char** argv) {
  const std::string directory = argc > 1 ? argv[1] : "store_bench.tmp";
  const double seconds = argc > 2 ? std::atof(argv[2]) : 1.0;
  std::filesystem::create_directories(directory);
  const int code = kring::run(std::filesystem::absolute(directory), seconds);
  std::filesystem::remove_all(directory);
  return code;
}
