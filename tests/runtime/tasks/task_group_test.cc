// Structured concurrency keeps its promises (style 3.7 and 3.8), trap by trap. Method: tasks that wait on Signals of
// the real loop; no test depends on how long something takes.
#include "runtime/tasks/task_group.h"

#include <gtest/gtest.h>

#include "runtime/env/linux/linux_env.h"
#include "runtime/tasks/signal.h"

namespace kring {
namespace {

class TaskGroupTest : public testing::Test {
 protected:
  TaskGroupTest() : world_(LinuxEnv::make()), env(world_.value()->env()) {}
  Result<void> run(Task<Result<void>> task) { return run_to_end(env, "test", std::move(task)); }

 private:
  Result<std::unique_ptr<LinuxEnv>> world_;

 protected:
  Env& env;
};
using ShieldedTest = TaskGroupTest;
using DeadlineTest = TaskGroupTest;
using SignalTest = TaskGroupTest;
using QueueTest = TaskGroupTest;

Task<Result<void>> wait_for(Signal& signal) { return signal.wait(); }
Task<Result<void>> fail(std::string message) { co_return Error{Reason::conflict, message}; }
Task<Result<void>> turns(Env& env, int n) {
  for (int i = 0; i < n; ++i) KRING_CO_TRY_VOID(co_await env.clock.sleep_ms(1));
  co_return Result<void>{};
}

// Marks the end of a task's frame, arguments included.
struct Ended {
  explicit Ended(bool& f) : flag(&f) {}
  Ended(Ended&& other) noexcept : flag(std::exchange(other.flag, nullptr)) {}
  Ended(const Ended&) = delete;
  ~Ended() {
    if (flag != nullptr) *flag = true;
  }
  bool* flag;
};
Task<Result<void>> wait_owning(Signal& signal, Ended ended) {
  EXPECT_NE(ended.flag, nullptr);
  co_return co_await signal.wait();
}

Task<Result<void>> spawn_and_look(Env& env) {
  TaskGroup group{env, "g"};
  Signal never{env};
  bool ended = false;
  group.spawn("child", wait_owning, std::ref(never), Ended{ended});
  EXPECT_EQ(group.size(), 1u);
  group.cancel();
  EXPECT_FALSE(ended);  // not before a later turn
  const auto joined = co_await group.join();
  EXPECT_TRUE(ended);  // the frame with its arguments is gone
  EXPECT_TRUE(group.empty());
  co_return joined;
}
TEST_F(TaskGroupTest, JoinReturnsAfterTheChildrensFramesAreGone) { EXPECT_FALSE(run(spawn_and_look(env)).has_error()); }

Task<Result<void>> set_true(bool& flag) {
  flag = true;
  co_return Result<void>{};
}
Task<Result<void>> spawn_later(Env& env) {
  TaskGroup group{env, "g"};
  bool ran = false;
  group.spawn("child", set_true, std::ref(ran));
  EXPECT_FALSE(ran);
  group.cancel();
  const auto joined = co_await group.join();
  EXPECT_TRUE(ran);  // a child that was cancelled before it ran still runs, and sees the cancellation
  co_return joined;
}
TEST_F(TaskGroupTest, AChildStartsInALaterTurnEvenWhenCancelledBefore) {
  EXPECT_FALSE(run(spawn_later(env)).has_error());
}

Task<Result<void>> see_cancelled(bool& seen) {
  seen = co_await cancelled();
  co_return Result<void>{};
}
Task<Result<void>> early_cancel(Env& env) {
  TaskGroup group{env, "g"};
  bool seen = false;
  group.spawn("child", see_cancelled, std::ref(seen));
  group.cancel();
  const auto joined = co_await group.join();
  EXPECT_TRUE(seen);
  co_return joined;
}
TEST_F(TaskGroupTest, ACancelBeforeTheFirstTurnIsNotLost) { EXPECT_FALSE(run(early_cancel(env)).has_error()); }

Task<Result<void>> first_error(Env& env) {
  TaskGroup group{env, "g"};
  Signal never{env};
  group.spawn("sibling", wait_for, std::ref(never));
  group.spawn("failing", fail, std::string{"first"});
  group.spawn("late", fail, std::string{"second"});
  co_return co_await group.join();
}
TEST_F(TaskGroupTest, TheFirstErrorCancelsTheSiblingsAndIsJoined) {
  const auto result = run(first_error(env));
  ASSERT_TRUE(result.has_error());
  EXPECT_EQ(result.error().message, "first");
}

Task<Result<void>> join_children(Env& env, Signal& never, bool& ended) {
  TaskGroup group{env, "inner"};
  group.spawn("child", wait_owning, std::ref(never), Ended{ended});
  const auto joined = co_await group.join();
  EXPECT_TRUE(ended);
  co_return joined;
}
Task<Result<void>> cancel_parent(Env& env) {
  TaskGroup group{env, "outer"};
  Signal never{env};
  bool ended = false;
  group.spawn("parent", join_children, std::ref(env), std::ref(never), std::ref(ended));
  KRING_CO_TRY_VOID(co_await turns(env, 2));
  EXPECT_FALSE(ended);
  group.cancel();
  const auto joined = co_await group.join();
  EXPECT_TRUE(ended);
  co_return joined;
}
TEST_F(TaskGroupTest, ACancelledParentForwardsToItsChildrenAndWaitsForThem) {
  EXPECT_FALSE(run(cancel_parent(env)).has_error());
}

// The trap: Asio's cancellation stops the wait in progress only, so each operation looks first.
// Ends with its cancellation, but not without a new sibling.
Task<Result<void>> leave_a_sibling(TaskGroup& group, Signal& never) {
  auto woken = co_await never.wait();
  group.spawn("late", wait_for, std::ref(never));
  co_return woken;
}
Task<Result<void>> join_with_a_late_child(Env& env, Signal& never) {
  TaskGroup group{env, "g"};
  group.spawn("early", leave_a_sibling, std::ref(group), std::ref(never));
  co_return co_await group.join();
}
Task<Result<void>> cancel_with_a_late_child(Env& env) {
  Signal never{env};
  TaskGroup outer{env, "outer"};
  outer.spawn("parent", join_with_a_late_child, std::ref(env), std::ref(never));
  KRING_CO_TRY_VOID(co_await turns(env, 2));
  outer.cancel();
  auto joined = co_await outer.join();
  EXPECT_FALSE(joined.has_error());
  co_return Result<void>{};
}
TEST_F(TaskGroupTest, AChildThatStartsWhileItsGroupEndsIsCancelledToo) {
  EXPECT_FALSE(run(cancel_with_a_late_child(env)).has_error());
}

Task<Result<void>> keep_waiting(Env& env, Signal& never, int& refused) {
  for (int i = 0; i < 3; ++i) {
    const auto woken = co_await never.wait();
    if (woken.has_error() && woken.error().reason == Reason::canceled) ++refused;
  }
  const auto slept = co_await env.clock.sleep_ms(3'600'000);
  if (slept.has_error() && slept.error().reason == Reason::canceled) ++refused;
  const auto opened = co_await env.disk.list("/");
  if (opened.has_error() && opened.error().reason == Reason::canceled) ++refused;
  EXPECT_TRUE(co_await cancelled());
  co_return canceled_error();
}
Task<Result<void>> sticky(Env& env) {
  TaskGroup group{env, "g"};
  Signal never{env};
  int refused = 0;
  group.spawn("stubborn", keep_waiting, std::ref(env), std::ref(never), std::ref(refused));
  KRING_CO_TRY_VOID(co_await turns(env, 2));
  group.cancel();
  const auto joined = co_await group.join();
  EXPECT_EQ(refused, 5);
  co_return joined;
}
TEST_F(TaskGroupTest, CancellationSticksToEveryLaterWait) { EXPECT_FALSE(run(sticky(env)).has_error()); }

Task<Result<void>> throw_now() {
  throw std::runtime_error("surprise");
  co_return Result<void>{};
}
Task<Result<void>> spawn_thrower(Env& env) {
  TaskGroup group{env, "g"};
  group.spawn("thrower", throw_now);
  co_return co_await group.join();
}
TEST_F(TaskGroupTest, AnExceptionInAChildEndsTheProcessWithItsName) {
  EXPECT_DEATH((void)run(spawn_thrower(env)), "task thrower: surprise");
}

Task<Result<void>> forget_join(Env& env, Signal& never) {
  TaskGroup group{env, "careless"};
  group.spawn("orphan", wait_for, std::ref(never));
  co_return Result<void>{};
}
TEST_F(TaskGroupTest, DestroyingAGroupWithLivingChildrenEndsTheProcess) {
  Signal never{env};
  EXPECT_DEATH((void)run(forget_join(env, never)), "task group careless ends with child orphan");
}

struct Worker {
  Env& env;
  int done = 0;
  Task<Result<void>> work(int n) {
    KRING_CO_TRY_VOID(co_await turns(env, 1));
    done += n;
    co_return Result<void>{};
  }
};
Task<Result<void>> reuse(Env& env) {
  TaskGroup group{env, "g"};
  Worker worker{env};
  group.spawn("member", &Worker::work, std::ref(worker), 1);
  KRING_CO_TRY_VOID(co_await group.join());
  group.spawn("member", &Worker::work, std::ref(worker), 10);
  group.spawn(
      "lambda", [](Worker& w) { return w.work(100); }, std::ref(worker));
  KRING_CO_TRY_VOID(co_await group.wait_empty());
  EXPECT_EQ(worker.done, 111);
  co_return co_await group.join();
}
TEST_F(TaskGroupTest, SpawnsMembersAndLambdasAndCanBeUsedAgain) { EXPECT_FALSE(run(reuse(env)).has_error()); }

template <class... Args>
concept Spawnable = (SpawnArgument<Args> && ...);
static_assert(Spawnable<int, std::string, std::unique_ptr<int>, std::reference_wrapper<Env>>);
static_assert(!Spawnable<const char*>);
static_assert(!Spawnable<std::string_view>);
static_assert(!Spawnable<std::span<const uint8_t>>);

// shielded: the cleanup runs to its end, the cancellation is seen after it.
Task<Result<void>> cleanup(Env& env, bool& finished) {
  EXPECT_FALSE(co_await cancelled());
  KRING_CO_TRY_VOID(co_await turns(env, 3));
  finished = true;
  co_return Error{Reason::io, "cleanup's own result"};
}
Task<Result<void>> shield(Env& env, Signal& entered, bool& finished) {
  entered.notify();
  const auto undone = co_await shielded(env, cleanup(env, finished));
  EXPECT_TRUE(finished);
  EXPECT_EQ(undone.error().message, "cleanup's own result");
  EXPECT_TRUE(co_await cancelled());
  co_return canceled_error();
}
Task<Result<void>> cancel_shielded(Env& env) {
  TaskGroup group{env, "g"};
  Signal entered{env};
  bool finished = false;
  group.spawn("shield", shield, std::ref(env), std::ref(entered), std::ref(finished));
  KRING_CO_TRY_VOID(co_await entered.wait());
  group.cancel();
  const auto joined = co_await group.join();
  EXPECT_TRUE(finished);
  co_return joined;
}
TEST_F(ShieldedTest, RunsToItsEndAndTheCallerSeesTheCancellationAfterwards) {
  EXPECT_FALSE(run(cancel_shielded(env)).has_error());
}

Task<Result<void>> deadline(Env& env, int64_t ms, Task<Result<void>> task) {
  return with_deadline(env, ms, std::move(task));
}
TEST_F(DeadlineTest, PassesOnTheResultOfATaskThatIsInTime) {
  EXPECT_FALSE(run(deadline(env, 60'000, turns(env, 1))).has_error());
  EXPECT_EQ(run(deadline(env, 60'000, fail("mine"))).error().message, "mine");
}
TEST_F(DeadlineTest, CancelsALateTaskAndReportsTimeout) {
  Signal never{env};
  EXPECT_EQ(run(deadline(env, 2, wait_for(never))).error().reason, Reason::timeout);
}
TEST_F(DeadlineTest, WaitsForTheLateTasksCleanup) {
  Signal never{env};
  bool ended = false;
  EXPECT_EQ(run(deadline(env, 2, wait_owning(never, Ended{ended}))).error().reason, Reason::timeout);
  EXPECT_TRUE(ended);
}
Task<Result<void>> cancel_in_deadline(Env& env) {
  TaskGroup group{env, "g"};
  Signal never{env};
  Reason reason{};
  group.spawn(
      "waiter",
      [](Env& e, Signal& s, Reason& r) -> Task<Result<void>> {
        const auto result = co_await with_deadline(e, 3'600'000, s.wait());
        r = result.error().reason;
        co_return result;
      },
      std::ref(env), std::ref(never), std::ref(reason));
  KRING_CO_TRY_VOID(co_await turns(env, 2));
  group.cancel();
  const auto joined = co_await group.join();
  EXPECT_EQ(reason, Reason::canceled);
  co_return joined;
}
TEST_F(DeadlineTest, ACancelledCallerEndsTheTaskAsCanceled) { EXPECT_FALSE(run(cancel_in_deadline(env)).has_error()); }

TEST_F(SignalTest, ANotifyBeforeTheWaitIsKeptOnce) {
  Signal signal{env};
  signal.notify();
  signal.notify();
  EXPECT_FALSE(run(signal.wait()).has_error());
  EXPECT_EQ(run(signal.wait_until(env.clock.now())).error().reason, Reason::timeout);
}
TEST_F(SignalTest, WaitUntilTimesOut) {
  Signal signal{env};
  EXPECT_EQ(run(signal.wait_until(env.clock.now() + ms_to_ns(2))).error().reason, Reason::timeout);
}
Task<Result<void>> count_wake(Signal& signal, Mono deadline, int& woken) {
  KRING_CO_TRY_VOID(co_await signal.wait_until(deadline));
  ++woken;
  co_return Result<void>{};
}
Task<Result<void>> wake_all(Env& env) {
  TaskGroup group{env, "g"};
  Signal signal{env};
  int woken = 0;
  const Mono far = env.clock.now() + ms_to_ns(3'600'000);
  for (int i = 0; i < 3; ++i) group.spawn("waiter", count_wake, std::ref(signal), far, std::ref(woken));
  KRING_CO_TRY_VOID(co_await turns(env, 2));
  signal.notify();
  const auto joined = co_await group.join();
  EXPECT_EQ(woken, 3);
  co_return joined;
}
TEST_F(SignalTest, NotifyWakesEveryWaiter) { EXPECT_FALSE(run(wake_all(env)).has_error()); }

Task<Result<void>> produce_and_consume(Env& env) {
  Queue<std::unique_ptr<int>> queue{env, 2};
  EXPECT_TRUE(queue.push(std::make_unique<int>(1)));
  EXPECT_TRUE(queue.push(std::make_unique<int>(2)));
  EXPECT_FALSE(queue.push(std::make_unique<int>(3)));
  KRING_CO_TRY(const auto first, co_await queue.pop());
  EXPECT_EQ(*first, 1);
  EXPECT_EQ(**queue.try_pop(), 2);
  EXPECT_FALSE(queue.try_pop());
  co_return Result<void>{};
}
TEST_F(QueueTest, IsBoundedAndKeepsTheOrder) { EXPECT_FALSE(run(produce_and_consume(env)).has_error()); }

}  // namespace
}  // namespace kring
