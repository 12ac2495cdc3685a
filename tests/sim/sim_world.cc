#include "tests/sim/sim_world.h"

#include <boost/asio/post.hpp>
#include <cstdio>

#include "objects/check.h"

namespace kring::sim {

void SimRandom::fill(std::span<uint8_t> out) {
  for (uint8_t& byte : out) byte = static_cast<uint8_t>(dice_.next() >> 24);
}

void SimLog::write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  static constexpr std::string_view names[] = {"debug", "info", "warn", "error"};
  std::string line = std::to_string(schedule_.now().ns / 1000) + " " + std::string{names[static_cast<size_t>(level)]} +
                     " " + std::string{message};
  for (const LogField& field : fields) line += " " + std::string{field.key} + "=" + field.value;
  if (echo) std::printf("    %s\n", line.c_str());
  if (lines.size() == lines_max) lines.erase(lines.begin(), lines.begin() + lines_max / 2);
  lines.push_back(std::move(line));
}

bool SimLog::contains(std::string_view text) const {
  for (const std::string& line : lines)
    if (line.find(text) != std::string::npos) return true;
  return false;
}

SimWorld::SimWorld(uint64_t seed)
    : schedule(loop, seed ^ 0x5c4ed01e),
      clock(schedule),
      random(seed ^ 0xdada),
      disk(schedule),
      log(schedule),
      env_{loop, clock, random, disk, log},
      root_(std::make_unique<TaskGroup>(env_, "world")) {}

SimWorld::~SimWorld() { KRING_CHECK(stop(), "a task does not end"); }

void SimWorld::run_until_idle() {
  do {
    while (schedule.poll()) {
    }
  } while (schedule.step(Mono{INT64_MAX}, false));
}

void SimWorld::advance(int64_t ns) {
  const Mono until = clock.now() + ns;
  do {
    while (schedule.poll()) {
    }
  } while (schedule.step(until, true));
  schedule.pass_until(until);
}

bool SimWorld::run_until(const std::function<bool()>& done, uint64_t steps_max) {
  for (uint64_t step = 0; step < steps_max; ++step) {
    while (!done() && schedule.poll()) {
    }
    if (done()) return true;
    if (!schedule.step(Mono{INT64_MAX}, true)) return false;
  }
  return false;
}

namespace {

struct Outcome {
  bool ended = false;
  Result<void> result;
};

Task<Result<void>> observe(std::shared_ptr<Outcome> outcome, std::shared_ptr<Task<Result<void>>> task) {
  auto result = co_await std::move(*task);
  outcome->result = std::move(result);
  outcome->ended = true;
  co_return Result<void>{};
}

}  // namespace

Result<void> SimWorld::run(Task<Result<void>> task) {
  auto outcome = std::make_shared<Outcome>();
  spawn("run", observe, outcome, std::make_shared<Task<Result<void>>>(std::move(task)));
  KRING_CHECK(run_until([&] { return outcome->ended; }), "the task ends");
  return outcome->result;
}

bool SimWorld::end_tasks() {
  // Inside the loop: Asio hands a cancellation from outside over by a later turn, when the task may be gone.
  asio::post(loop, [this] { root_->cancel(); });
  schedule.poll();
  const bool ended = run_until([this] { return root_->empty(); }, 100'000);
  if (ended) root_ = std::make_unique<TaskGroup>(env_, "world");
  return ended;
}

bool SimWorld::stop() { return end_tasks(); }

bool SimWorld::kill() {
  disk.kill_process();
  const bool ended = end_tasks();
  disk.start();
  return ended;
}

bool SimWorld::cut_power() {
  disk.cut_power();
  const bool ended = end_tasks();
  disk.start();
  return ended;
}

}  // namespace kring::sim
