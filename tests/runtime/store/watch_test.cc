// Goal: a watch gives every event of its kind and namespace once, in order, or says that it cannot. Method: watches on
// a store in the simulated world.
#include "tests/runtime/store/store_fixture.h"

namespace kring::store {
namespace {

class WatchTest : public StoreTest {
 protected:
  std::unique_ptr<Watch> watch(const Kind& kind, const std::string& ns, Revision since) {
    auto made = store->watch(kind, ns, since);
    EXPECT_TRUE(made.has_value()) << to_string(made.error());
    return std::move(*made);
  }
  // "added a1@1, modified a2@2": what there is now.
  static std::string take_all(Watch& watch) {
    static constexpr const char* names[] = {"added", "modified", "deleted"};
    std::string text;
    while (true) {
      auto event = watch.try_next();
      if (event.has_error()) return text + "error";
      if (!event->has_value()) return text;
      const Event& e = **event;
      text += (text.empty() ? "" : ", ") + std::string{names[static_cast<size_t>(e.type)]} + " " +
              std::string{e.object->uid()} + "@" + std::to_string(e.object->revision());
      if (e.previous != nullptr) text += " after " + std::to_string(e.previous->revision());
    }
  }
};

TEST_F(WatchTest, GivesEveryEventOfItsKindInOrder) {
  open();
  auto all = watch(kinds::config_map(), "", 0);
  create(key("a"), "a1");
  create(node("n"), "n1");
  update(key("a"), "a2", 1);
  create(key("b", "other"), "b1");
  remove(key("a"), 3);
  EXPECT_EQ(take_all(*all), "added a1@1, modified a2@3 after 1, added b1@4, deleted a2@5 after 3");
  EXPECT_EQ(take_all(*all), "");
  EXPECT_EQ(all->seen(), 5u);
  auto one = watch(kinds::config_map(), "other", 1);
  EXPECT_EQ(take_all(*one), "added b1@4");
  auto since = watch(kinds::config_map(), "", 3);
  EXPECT_EQ(take_all(*since), "added b1@4, deleted a2@5 after 3");
  auto now = watch(kinds::config_map(), "", 0);
  EXPECT_EQ(take_all(*now), "");
}

TEST_F(WatchTest, WakesWhenItsNamespaceChangesOnly) {
  open();
  auto one = watch(kinds::config_map(), "one", 0);
  std::string got;
  world.spawn("watcher", [](Watch& w, std::string& out) -> Task<Result<void>> {
    auto event = co_await w.next();
    if (event.has_value()) out = event->object->uid();
    co_return Result<void>{};
  }, std::ref(*one), std::ref(got));
  create(key("a", "two"), "two");
  create(node("n"), "node");
  world.run_until_idle();
  EXPECT_EQ(got, "");
  create(key("a", "one"), "one");
  world.run_until_idle();
  EXPECT_EQ(got, "one");
}

TEST_F(WatchTest, NextEndsWhenItsTaskIsCancelled) {
  open();
  auto all = watch(kinds::config_map(), "", 0);
  const auto result = world.run(with_deadline(world.env(), 5, [](Watch& w) -> Task<Result<void>> {
    auto event = co_await w.next();
    co_return event.has_error() ? Result<void>{event.error()} : Result<void>{};
  }(*all)));
  EXPECT_EQ(result.error().reason, Reason::timeout);
  create(key("a"), "a1");
  EXPECT_EQ(take_all(*all), "added a1@1") << "nothing was lost";
}

TEST_F(WatchTest, OneThatFallsBehindIsToldToListAgain) {
  options.watch_events_max = 4;
  open();
  create(key("a"), "a1");
  auto slow = watch(kinds::config_map(), "", 1);
  for (Revision r = 1; r <= 10; ++r) update(key("a"), "a", r);
  const auto event = slow->try_next();
  ASSERT_TRUE(event.has_error());
  EXPECT_EQ(event.error().reason, Reason::expired);
  const auto old = store->watch(kinds::config_map(), "", 2);
  EXPECT_EQ(old.error().reason, Reason::expired);
  EXPECT_EQ(old.error().message, "too old resource version: 2 (7)");
  auto recent = watch(kinds::config_map(), "", 7);
  EXPECT_EQ(take_all(*recent), "modified a@8 after 7, modified a@9 after 8, modified a@10 after 9, modified a@11 after 10");
}

TEST_F(WatchTest, ABusyKindDoesNotExpireTheWatchersOfAQuietOne) {
  options.watch_events_max = 4;
  open();
  create(node("n"), "n1");
  auto quiet = watch(kinds::node(), "", 1);
  create(key("a"), "a1");
  for (Revision r = 2; r <= 50; ++r) update(key("a"), "a", r);
  EXPECT_EQ(take_all(*quiet), "");
  EXPECT_EQ(quiet->seen(), store->revision());
  update(node("n"), "n2", 1);
  EXPECT_EQ(take_all(*quiet), "modified n2@52 after 1");
}

TEST_F(WatchTest, TheRingIsBoundedInBytesToo) {
  options.watch_events_bytes_max = 20'000;
  open();
  create(key("a"), "a1");
  for (int i = 0; i < 10; ++i) create(key("n" + std::to_string(i)), "t", Durability::durable, 5000);
  EXPECT_EQ(store->watch(kinds::config_map(), "", 1).error().reason, Reason::expired);
  EXPECT_TRUE(store->watch(kinds::config_map(), "", 10).has_value());
}

TEST_F(WatchTest, OneFromTheFutureIsRefused) {
  open();
  create(key("a"), "a1");
  const auto made = store->watch(kinds::config_map(), "", 2);
  EXPECT_EQ(made.error().reason, Reason::bad_request);
  EXPECT_EQ(made.error().message, "Too large resource version: 2, current: 1");
}

TEST_F(WatchTest, AfterARestartGoesOnFromTheCurrentRevisionOnly) {
  open();
  create(key("a"), "a1");
  create(key("b"), "b1");
  reopen();
  EXPECT_EQ(store->watch(kinds::config_map(), "", 1).error().reason, Reason::expired);
  auto current = watch(kinds::config_map(), "", 2);
  update(key("a"), "a2", 1);
  EXPECT_EQ(take_all(*current), "modified a2@3 after 1");
}

TEST_F(WatchTest, SeenTellsHowFarAFilteredWatchIs) {
  open();
  auto one = watch(kinds::config_map(), "one", 0);
  create(key("a", "two"), "x");
  create(key("a", "two"), "x");
  EXPECT_EQ(one->seen(), 1u);
  create(key("a", "one"), "y");
  create(key("b", "two"), "x");
  EXPECT_EQ(one->seen(), 1u) << "its own event is not taken yet";
  EXPECT_EQ(take_all(*one), "added y@2");
  EXPECT_EQ(one->seen(), 3u);
}

TEST_F(WatchTest, AThousandWatchersAllGetAWriteInOrder) {
  open();
  std::vector<std::unique_ptr<Watch>> watches;
  std::vector<Revision> last(1000);
  for (size_t i = 0; i < last.size(); ++i) {
    watches.push_back(watch(kinds::config_map(), i % 2 == 0 ? "" : "default", 0));
    world.spawn("watcher", [](Watch& w, Revision& seen) -> Task<Result<void>> {
      while (true) {
        auto event = co_await w.next();
        if (event.has_error()) co_return std::move(event).error();
        EXPECT_EQ(event->object->revision(), seen + 1);
        seen = event->object->revision();
      }
    }, std::ref(*watches[i]), std::ref(last[i]));
  }
  create(key("a"), "a1");
  for (Revision r = 1; r < 20; ++r) update(key("a"), "a", r);
  world.run_until_idle();
  for (Revision seen : last) ASSERT_EQ(seen, 20u);
  EXPECT_EQ(store->stats().watchers, 1000u);
  EXPECT_TRUE(world.stop());
  watches.clear();
  store.reset();
}

}  // namespace
}  // namespace kring::store
