// The batch workload: generates keys in a thread of its own until it has made enough, ran long enough or is told to
// stop; may then end the process with a chosen exit code (a Job, a failing Job, a CronJob).
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>

namespace kuard {

struct KeygenConfig {
  bool enable = false;
  bool exit_on_complete = false;
  int exit_code = 0;
  int64_t keys = 0;     // 0: no limit
  int64_t seconds = 0;  // 0: no limit
};

class Keygen {
 public:
  // `exit_process` is called from the workload's thread when it completes and exit_on_complete is set.
  explicit Keygen(std::function<void(int)> exit_process) : exit_process_(std::move(exit_process)) {}
  ~Keygen() { stop(); }

  void configure(KeygenConfig config);  // ends a running workload, starts the new one when enabled
  KeygenConfig config() const;
  // Changes what the members name (JSON names of json()); false and a reason when a value is not valid.
  bool apply(const std::map<std::string, std::string>& values, std::string& error);
  uint64_t generated() const { return generated_; }
  bool running() const { return running_; }
  std::string json() const;
  std::string history_text() const;  // newest first

 private:
  static void* thread_main(void* self);
  void run();
  void stop();
  void remember(const std::string& line);

  static constexpr size_t history_max = 50;
  std::function<void(int)> exit_process_;
  std::mutex control_;        // one configure() at a time
  mutable std::mutex mutex_;  // config_, history_
  KeygenConfig config_;
  std::deque<std::string> history_;
  uint64_t lines_ = 0;
  std::atomic<bool> stop_{false}, running_{false};
  std::atomic<uint64_t> generated_{0};
  uint64_t workload_ = 0;
  bool has_thread_ = false;
  pthread_t thread_{};
};

}  // namespace kuard
