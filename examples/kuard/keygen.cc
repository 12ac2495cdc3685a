#include "examples/kuard/keygen.h"

#include <chrono>
#include <cstdio>

#include "examples/kuard/rsa.h"
#include "examples/kuard/text.h"

namespace kuard {

void Keygen::configure(KeygenConfig config) {
  std::lock_guard control{control_};
  stop();
  {
    std::lock_guard lock{mutex_};
    config_ = config;
  }
  if (!config.enable) return;
  stop_ = false;
  ++workload_;
  running_ = true;
  has_thread_ = pthread_create(&thread_, nullptr, thread_main, this) == 0;
  if (!has_thread_) {
    running_ = false;
    remember("the workload's thread could not be started");
  }
}

void Keygen::stop() {
  stop_ = true;
  if (has_thread_) pthread_join(thread_, nullptr);
  has_thread_ = false;
}

KeygenConfig Keygen::config() const {
  std::lock_guard lock{mutex_};
  return config_;
}

bool Keygen::apply(const std::map<std::string, std::string>& values, std::string& error) {
  KeygenConfig next = config();
  for (const auto& [key, value] : values) {
    bool flag = value == "true" || value == "on" || value == "1";
    auto number = parse_int(value);
    if (key == "enable") {
      next.enable = flag;
    } else if (key == "exitOnComplete") {
      next.exit_on_complete = flag;
    } else if (!number || *number < 0 || *number > 1'000'000'000) {
      error = key + " must be a number from 0";
      return false;
    } else if (key == "exitCode" && *number <= 255) {
      next.exit_code = static_cast<int>(*number);
    } else if (key == "numToGen") {
      next.keys = *number;
    } else if (key == "timeToRun") {
      next.seconds = *number;
    } else {
      error = "unknown or out of range: " + key;
      return false;
    }
  }
  configure(next);
  return true;
}

void* Keygen::thread_main(void* self) {
  static_cast<Keygen*>(self)->run();
  return nullptr;
}

void Keygen::run() {
  const KeygenConfig config = this->config();
  const std::string id = "(ID " + std::to_string(workload_);
  auto start = std::chrono::steady_clock::now();
  auto out_of_time = [&] {
    return config.seconds > 0 && std::chrono::steady_clock::now() - start >= std::chrono::seconds(config.seconds);
  };
  remember(id + ") Workload starting");
  for (int64_t done = 0; !stop_ && (config.keys == 0 || done < config.keys) && !out_of_time();) {
    auto key = generate_rsa_key(stop_);
    if (!key) break;
    ++done;
    ++generated_;
    std::string count = std::to_string(done) + (config.keys > 0 ? "/" + std::to_string(config.keys) : "");
    remember(id + " " + count + ") Item done: " + key->fingerprint);
  }
  running_ = false;
  if (stop_) {
    remember(id + ") Workload stopped");
    return;
  }
  remember(id + ") Workload exiting");
  if (config.exit_on_complete) exit_process_(config.exit_code);
}

void Keygen::remember(const std::string& line) {
  std::lock_guard lock{mutex_};
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
  history_.push_front(line);
  ++lines_;
  if (history_.size() > history_max) history_.pop_back();
}

std::string Keygen::json() const {
  std::lock_guard lock{mutex_};
  auto flag = [](bool value) { return value ? std::string{"true"} : std::string{"false"}; };
  std::string out =
      "{\"config\":{\"enable\":" + flag(config_.enable) + ",\"exitOnComplete\":" + flag(config_.exit_on_complete) +
      ",\"exitCode\":" + std::to_string(config_.exit_code) + ",\"numToGen\":" + std::to_string(config_.keys) +
      ",\"timeToRun\":" + std::to_string(config_.seconds) + "},\"running\":" + flag(running_) +
      ",\"generated\":" + std::to_string(generated_) + ",\"history\":[";
  for (size_t i = 0; i < history_.size(); ++i) {
    out += std::string{i == 0 ? "" : ","} + "{\"id\":" + std::to_string(lines_ - i) +
           ",\"data\":" + json_string(history_[i]) + "}";
  }
  return out + "]}\n";
}

std::string Keygen::history_text() const {
  std::lock_guard lock{mutex_};
  std::string out;
  for (const auto& line : history_) out += line + "\n";
  return out;
}

}  // namespace kuard
