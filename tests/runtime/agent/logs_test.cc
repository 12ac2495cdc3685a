// Goal: container logs are read whole, from their end, since a time and while they grow, over rotations, without gaps.
// Method: files on the simulated disk; a writer appends and rotates while a reader follows.
#include "runtime/pods/logs.h"

#include <gtest/gtest.h>

#include "objects/kinds.h"
#include "objects/schema/core_generated.h"
#include "runtime/pods/log_tail.h"
#include "tests/runtime/agent/objects.h"
#include "tests/sim/sim_world.h"

namespace kring::pods {
namespace {

constexpr const char* path = "/logs/0.log";

std::string line(int second, std::string_view text, char tag = 'F', std::string_view stream = "stdout") {
  char time[64];
  std::snprintf(time, sizeof time, "2024-05-01T10:%02d:%02d.000000000Z", second / 60, second % 60);
  return std::string{time} + " " + std::string{stream} + " " + tag + " " + std::string{text} + "\n";
}

class Output final : public LogOutput {
 public:
  std::string text;
  bool begun = false;
  Task<Result<void>> begin() override {
    begun = true;
    co_return Result<void>{};
  }
  Task<Result<void>> write(std::string_view data) override {
    text += data;
    co_return Result<void>{};
  }
};

Task<Result<void>> append(Env& env, std::string file_path, std::string text) {
  auto file = co_await env.disk.open(std::move(file_path), OpenMode::create);
  if (file.has_error()) co_return file.error();
  auto size = (*file)->size();
  std::span<const uint8_t> bytes{reinterpret_cast<const uint8_t*>(text.data()), text.size()};
  co_return co_await (*file)->write(*size, bytes, false);
}

Task<Result<void>> tail_into(Env& env, size_t lines, size_t bytes, std::string& out) {
  auto tail = co_await log_tail(env, path, lines, bytes);
  if (tail.has_error()) co_return tail.error();
  out = *tail;
  co_return Result<void>{};
}

class Logs : public ::testing::Test {
 protected:
  Logs() { EXPECT_FALSE(world.run(world.disk.make_directory("/logs")).has_error()); }
  void write(std::string text, std::string to = path) {
    ASSERT_FALSE(world.run(append(world.env(), std::move(to), std::move(text))).has_error());
  }
  std::string read(LogQuery query) {
    Output output;
    auto done = world.run(stream_log(
        world.env(), path, std::move(query), [] { return true; }, output));
    EXPECT_FALSE(done.has_error());
    EXPECT_TRUE(output.begun);
    return output.text;
  }
  sim::SimWorld world{1};
};

TEST_F(Logs, WholeWithTimestampsAndLimits) {
  write(line(1, "one") + line(2, "two", 'F', "stderr") + line(3, "three"));
  EXPECT_EQ(read({}), "one\ntwo\nthree\n");
  LogQuery query;
  query.timestamps = true;
  EXPECT_TRUE(read(query).starts_with("2024-05-01T10:00:01.000000000Z one\n"));
  query = {};
  query.stream = "Stderr";
  EXPECT_EQ(read(query), "two\n");
  query = {};
  query.limit_bytes = 6;
  EXPECT_EQ(read(query), "one\ntw");
  query = {};
  query.since_time = Wall{1714557603LL * 1'000'000'000};
  EXPECT_EQ(read(query), "three\n");
}

TEST_F(Logs, TheLastLines) {
  write(line(1, "one") + line(2, "tw", 'P') + line(2, "o") + line(3, "three"));
  for (int64_t n = 0; n <= 5; ++n) {
    LogQuery query;
    query.tail_lines = n;
    const char* wanted[] = {
        "", "three\n", "two\nthree\n", "one\ntwo\nthree\n", "one\ntwo\nthree\n", "one\ntwo\nthree\n"};
    EXPECT_EQ(read(query), wanted[n]) << n;
  }
}

TEST_F(Logs, TheLastLinesOfALargeFileAreFoundFromItsEnd) {
  std::string all;
  for (int i = 0; i < 5000; ++i) all += line(i % 3000, "line " + std::to_string(i) + std::string(60, '.'));
  write(all);
  LogQuery query;
  query.tail_lines = 2;
  std::string dots(60, '.');
  EXPECT_EQ(read(query), "line 4998" + dots + "\nline 4999" + dots + "\n");
  query.tail_lines = 2000;
  std::string text = read(query);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2000);
  EXPECT_TRUE(text.starts_with("line 3000."));
}

TEST_F(Logs, RotatedFilesComeFirst) {
  write(line(1, "oldest"), std::string{path} + ".2");
  write(line(2, "older"), std::string{path} + ".1");
  write(line(3, "new"));
  EXPECT_EQ(read({}), "oldest\nolder\nnew\n");
  LogQuery query;
  query.tail_lines = 2;
  EXPECT_EQ(read(query), "older\nnew\n");
}

Task<Result<void>> write_and_rotate(Env& env, int lines, int rotate_every, bool& ended) {
  for (int i = 0; i < lines; ++i) {
    if (i > 0 && i % rotate_every == 0) {
      for (int n = 4; n >= 1; --n) {
        auto moved = co_await env.disk.rename(std::string{path} + "." + std::to_string(n),
                                              std::string{path} + "." + std::to_string(n + 1));
        static_cast<void>(moved);  // there are fewer files at first
      }
      auto moved = co_await env.disk.rename(path, std::string{path} + ".1");
      if (moved.has_error()) co_return moved;
    }
    auto wrote = co_await append(env, path, line(i, "line " + std::to_string(i)));
    if (wrote.has_error()) co_return wrote;
    auto slept = co_await env.clock.sleep_ms(static_cast<int64_t>(env.random.below(60)));
    if (slept.has_error()) co_return slept;
  }
  ended = true;
  co_return Result<void>{};
}

TEST(LogFollow, MissesNoLineOverRotationsAndEndsWithTheContainer) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    sim::SimWorld world{seed};
    ASSERT_FALSE(world.run(world.disk.make_directory("/logs")).has_error());
    ASSERT_FALSE(world.run(append(world.env(), path, {})).has_error());
    bool ended = false;
    world.spawn("writer", write_and_rotate, std::ref(world.env()), 200, 7, std::ref(ended));
    LogQuery query;
    query.follow = true;
    Output output;
    auto done = world.run(stream_log(
        world.env(), path, query, [&ended] { return ended; }, output));
    ASSERT_FALSE(done.has_error());
    std::string wanted;
    for (int i = 0; i < 200; ++i) wanted += "line " + std::to_string(i) + "\n";
    ASSERT_EQ(output.text, wanted) << "seed " << seed;
  }
}

TEST_F(Logs, TheTailAsATerminationMessage) {
  write(line(1, "one") + line(2, "two") + line(3, "three"));
  std::string out;
  ASSERT_FALSE(world.run(tail_into(world.env(), 2, 100, out)).has_error());
  EXPECT_EQ(out, "two\nthree\n");
  ASSERT_FALSE(world.run(tail_into(world.env(), 2, 4, out)).has_error());
  EXPECT_EQ(out, "ree\n");
}

TEST(LogContainer, IsChosenOrAskedFor) {
  auto one = test::object_of(kinds::pod(), R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"web"},
      "spec":{"containers":[{"name":"a","image":"x"}]}})");
  EXPECT_EQ(*choose_container(*one->as<core::Pod>(), ""), "a");
  EXPECT_EQ(choose_container(*one->as<core::Pod>(), "b").error().message, "container b is not valid for pod web");
  auto two = test::object_of(kinds::pod(), R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"web"},
      "spec":{"containers":[{"name":"a","image":"x"},{"name":"b","image":"x"}]}})");
  EXPECT_EQ(choose_container(*two->as<core::Pod>(), "").error().message,
            "a container name must be specified for pod web, choose one of: [a b]");
}

TEST(LogAttempt, SaysWhyThereIsNone) {
  PodPlan plan;
  plan.name = "web";
  EXPECT_EQ(choose_attempt(plan, "a", nullptr, false).error().message,
            "container \"a\" in pod \"web\" is waiting to start: ContainerCreating");
  EXPECT_EQ(choose_attempt(plan, "a", nullptr, true).error().message,
            "previous terminated container \"a\" in pod \"web\" not found");
  ContainerState state;
  state.failure = StartFailure{"ErrImagePull", "no"};
  EXPECT_EQ(choose_attempt(plan, "a", &state, false).error().message,
            "container \"a\" in pod \"web\" is waiting to start: image can't be pulled");
}

}  // namespace
}  // namespace kring::pods
