// Goal: the contract of store.h, one sentence a test. Method: a store on the simulated disk.
#include "tests/runtime/store/store_fixture.h"

namespace kring::store {
namespace {

TEST_F(StoreTest, GivesRevisionsThatIncreaseByOne) {
  open();
  EXPECT_EQ(store->revision(), 0u);
  EXPECT_EQ((*create(key("a"), "a1"))->revision(), 1u);
  EXPECT_EQ((*create(node("n"), "n1"))->revision(), 2u);
  EXPECT_EQ((*update(key("a"), "a2", 1))->revision(), 3u);
  EXPECT_EQ((*remove(key("a"), 3))->revision(), 4u);
  EXPECT_EQ(store->revision(), 4u);
  EXPECT_EQ(store->get(key("a")), nullptr);
  EXPECT_EQ(tag_of(node("n")), "n1");
}

TEST_F(StoreTest, RemoveReturnsTheLastStateAtTheRevisionOfTheDeletion) {
  open();
  create(key("a"), "a1");
  const auto removed = remove(key("a"), 1);
  ASSERT_TRUE(removed.has_value());
  EXPECT_EQ((*removed)->uid(), "a1");
  EXPECT_EQ((*removed)->revision(), 2u);
}

TEST_F(StoreTest, RefusesWhatDoesNotFitTheCurrentStateInKubernetesWords) {
  open();
  create(key("a"), "a1");
  auto again = create(key("a"), "a2");
  EXPECT_EQ(again.error().reason, Reason::already_exists);
  EXPECT_EQ(again.error().message, "configmaps \"a\" already exists");
  EXPECT_EQ(again.error().kind, "configmaps");
  EXPECT_EQ(again.error().name, "a");
  EXPECT_EQ(update(key("b"), "b1", 1).error().message, "configmaps \"b\" not found");
  EXPECT_EQ(remove(key("b"), 1).error().reason, Reason::not_found);
  auto stale = update(key("a"), "a2", 7);
  EXPECT_EQ(stale.error().reason, Reason::conflict);
  EXPECT_EQ(stale.error().message,
            "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes "
            "to the latest version and try again");
  EXPECT_EQ(remove(key("a"), 7).error().reason, Reason::conflict);
  EXPECT_EQ(store->revision(), 1u);
  EXPECT_EQ(tag_of(key("a")), "a1");
}

TEST_F(StoreTest, RefusesAnObjectWhoseMetadataNamesAnother) {
  open();
  EXPECT_EQ(wait(start_create(key("a"), object(key("other"), "x"))).error().reason, Reason::internal_error);
  EXPECT_EQ(wait(start_create(key("a"), own(std::vector<uint8_t>(40, 'x')))).error().reason, Reason::internal_error)
      << "not an object at all: after a restart nobody could read it";
  EXPECT_EQ(store->revision(), 0u);
}

TEST_F(StoreTest, RefusesAnObjectThatIsTooLarge) {
  open();
  EXPECT_EQ(create(key("a"), "a1", Durability::durable, 2 << 20).error().reason, Reason::request_entity_too_large);
}

TEST_F(StoreTest, OneOfTwoWritersOfTheSameRevisionWins) {
  open();
  create(key("a"), "a1");
  const auto one = start_update(key("a"), "one", 1);
  const auto two = start_update(key("a"), "two", 1);
  const auto three = start_remove(key("a"), 1);
  EXPECT_TRUE(wait(one).has_value());
  EXPECT_EQ(wait(two).error().reason, Reason::conflict);
  EXPECT_EQ(wait(three).error().reason, Reason::conflict);
  EXPECT_EQ(tag_of(key("a")), "one");
}

TEST_F(StoreTest, AnAnswerThatDependsOnAWriteOnItsWayWaitsForIt) {
  open();
  create(key("z"), "z");
  const auto made = start_create(key("a"), "a1");
  const auto refused = start_create(key("a"), "a2");
  world.run_until([&] { return refused->done; });
  EXPECT_TRUE(made->done);
  EXPECT_EQ(refused->result.error().reason, Reason::already_exists);
}

TEST_F(StoreTest, ListsByNamespaceThenNameAtOneRevision) {
  open();
  for (const char* name : {"b", "c", "a"})
    for (const char* ns : {"two", "one"}) create(key(name, ns), std::string{ns} + name);
  const auto all = store->list(kinds::config_map(), "");
  std::string order;
  for (const ObjectPtr& o : all.objects) order += std::string{o->uid()} + " ";
  EXPECT_EQ(order, "onea oneb onec twoa twob twoc ");
  EXPECT_EQ(all.revision, 6u);
  EXPECT_EQ(store->list(kinds::config_map(), "two").objects.size(), 3u);
  EXPECT_EQ(store->list(kinds::config_map(), "t").objects.size(), 0u);
  EXPECT_EQ(store->list(kinds::pod(), "").objects.size(), 0u);
  EXPECT_EQ(store->count(kinds::config_map()), 6u);
}

TEST_F(StoreTest, ReadersSeeAWriteOnlyOnceItIsDurable) {
  open();
  create(key("z"), "z");
  const auto made = start_create(key("a"), "a1");
  while (world.schedule.poll()) {
  }
  EXPECT_EQ(store->get(key("a")), nullptr) << "the write is on its way";
  EXPECT_EQ(store->revision(), 1u);
  wait(made);
  EXPECT_NE(store->get(key("a")), nullptr);
}

TEST_F(StoreTest, WritesThatArriveDuringACommitShareTheNext) {
  open();
  create(key("first"), "x");
  const uint64_t syncs = store->stats().log_syncs;
  std::vector<AnswerPtr> answers;
  for (int i = 0; i < 50; ++i) answers.push_back(start_create(key("n" + std::to_string(i)), "t"));
  for (const auto& answer : answers) EXPECT_TRUE(wait(answer).has_value());
  EXPECT_LE(store->stats().log_syncs - syncs, 3u);
  EXPECT_EQ(store->revision(), 51u);
}

TEST_F(StoreTest, AcknowledgedWritesSurvivePowerLossAndTheRestDoesNotComeBackInPart) {
  open();
  create(key("a"), "a1");
  create(key("b"), "b1");
  update(key("a"), "a2", 1);
  remove(key("b"), 2);
  cut_power();
  open();
  EXPECT_EQ(tag_of(key("a")), "a2");
  EXPECT_EQ(store->get(key("a"))->revision(), 3u);
  EXPECT_EQ(store->get(key("b")), nullptr);
  EXPECT_EQ(store->revision(), 4u);
  EXPECT_TRUE(notes.empty());
}

// A killed process leaves its last write in the page cache, where the next one reads it; a power cut may then take it.
TEST_F(StoreTest, WhatWasSeenAfterAKillSurvivesAPowerCutToo) {
  open();
  create(key("first"), "x");
  int seen = 0;
  for (int i = 0; i < 40; ++i) {
    const Revision before = store->revision();
    const auto on_its_way = start_create(key("n" + std::to_string(i)), "t");
    while (world.schedule.poll()) {
    }
    EXPECT_FALSE(on_its_way->done);
    kill();
    open();
    const Revision after = store->revision();
    if (after > before) ++seen;
    cut_power();
    open();
    ASSERT_EQ(store->revision(), after);
    ASSERT_TRUE(notes.empty());
  }
  EXPECT_GT(seen, 5);
}

TEST_F(StoreTest, AClientThatLeavesDoesNotUndoItsWrite) {
  open();
  create(key("z"), "z");
  auto left = world.run(with_deadline(world.env(), 0, [](Store& s, Key k, Bytes b) -> Task<Result<void>> {
    auto made = co_await s.create(std::move(k), std::move(b), Durability::durable);
    co_return made.has_error() ? Result<void>{made.error()} : Result<void>{};
  }(*store, key("a"), object(key("a"), "a1"))));
  EXPECT_TRUE(left.has_error());
  world.run_until_idle();
  EXPECT_EQ(tag_of(key("a")), "a1");
}

// Memory-only writes.

TEST_F(StoreTest, MemoryWritesAreSeenAtOnceAndWriteNothing) {
  open();
  create(key("a"), "a1", Durability::memory);  // reserves revisions once
  const uint64_t written = world.disk.bytes_written();
  const auto answer = start_create(key("b"), "b1", Durability::memory);
  while (world.schedule.poll()) {
  }
  EXPECT_TRUE(answer->done);
  EXPECT_EQ(tag_of(key("b")), "b1");
  for (int i = 0; i < 1000; ++i) {
    const Revision now = store->get(key("b"))->revision();
    ASSERT_TRUE(update(key("b"), "b", now, Durability::memory).has_value());
  }
  world.run_until_idle();
  EXPECT_EQ(world.disk.bytes_written(), written);
}

TEST_F(StoreTest, RevisionsOfLostMemoryWritesAreNotUsedAgain) {
  open();
  create(key("a"), "a1");
  create(key("m"), "m1", Durability::memory);
  for (int i = 0; i < 20; ++i) update(key("m"), "m", store->get(key("m"))->revision(), Durability::memory);
  const Revision last = store->revision();
  cut_power();
  open();
  EXPECT_EQ(store->get(key("m")), nullptr);
  EXPECT_EQ(tag_of(key("a")), "a1");
  EXPECT_GE(store->revision(), last);
  EXPECT_GT((*create(key("b"), "b1"))->revision(), last);
}

TEST_F(StoreTest, ADurableUpdateOfAMemoryWriteKeepsTheWholeObject) {
  open();
  create(key("m"), "m1", Durability::memory);
  update(key("m"), "m2", store->get(key("m"))->revision());
  cut_power();
  open();
  EXPECT_EQ(tag_of(key("m")), "m2");
}

TEST_F(StoreTest, ACleanStopSavesMemoryWritesAndTheExactRevision) {
  open();
  create(key("a"), "a1");
  create(key("m"), "m1", Durability::memory);
  const Revision last = store->revision();
  reopen();
  EXPECT_EQ(tag_of(key("m")), "m1");
  EXPECT_EQ(store->revision(), last);
  // Also when the memory-only state itself needs no saving any more.
  create(key("m2"), "x", Durability::memory);
  KRING_EXPECT(snapshot());
  const Revision then = store->revision();
  reopen();
  EXPECT_EQ(store->revision(), then);
}

TEST_F(StoreTest, AnIdleStoreWritesNothingAndWakesNobody) {
  open();
  create(key("a"), "a1");
  create(key("m"), "m1", Durability::memory);
  world.run_until_idle();
  const uint64_t written = world.disk.bytes_written();
  EXPECT_EQ(world.schedule.pending(), 0u) << "no timer";
  world.advance(ms_to_ns(86'400'000));
  EXPECT_EQ(world.disk.bytes_written(), written);
}

TEST_F(StoreTest, OpeningAndClosingAnUnusedStoreWritesNothing) {
  open();
  stop();
  EXPECT_EQ(world.disk.bytes_written(), 0u);
  open();
  EXPECT_EQ(store->revision(), 0u);
}

// Faults.

TEST_F(StoreTest, AFailedLogWritePoisonsItAndReadsGoOn) {
  open();
  create(key("a"), "a1");
  world.disk.faults.write_error = 1'000'000;
  EXPECT_EQ(create(key("b"), "b1").error().reason, Reason::service_unavailable);
  world.disk.faults.write_error = 0;
  const auto refused = create(key("c"), "c1");
  ASSERT_EQ(refused.error().reason, Reason::service_unavailable);
  EXPECT_NE(refused.error().message.find("Input/output error"), std::string::npos) << refused.error().message;
  EXPECT_EQ(create(key("m"), "m", Durability::memory).error().reason, Reason::service_unavailable);
  EXPECT_EQ(snapshot().error().reason, Reason::service_unavailable);
  EXPECT_FALSE(store->stats().poisoned.empty());
  EXPECT_EQ(tag_of(key("a")), "a1");
  EXPECT_EQ(store->list(kinds::config_map(), "").objects.size(), 1u);
  auto watch = store->watch(kinds::config_map(), "", store->revision());
  EXPECT_TRUE(watch.has_value());
  watch->reset();
  reopen();
  EXPECT_EQ(tag_of(key("a")), "a1");
  EXPECT_TRUE(create(key("d"), "d1").has_value());
}

TEST_F(StoreTest, AFullDiskRefusesWritesAndRecoversWhenThereIsRoom) {
  open();
  create(key("a"), "a1");
  world.disk.faults.capacity_bytes = world.disk.used_bytes();
  Result<ObjectPtr> last{Error{}};
  int made = 0;
  for (int i = 0; i < 100; ++i) {
    last = create(key("n" + std::to_string(i)), "t", Durability::durable, 400);
    if (last.has_error()) break;
    ++made;
  }
  ASSERT_TRUE(last.has_error());
  EXPECT_GT(made, 0) << "the room written ahead is used";
  EXPECT_EQ(last.error().reason, Reason::service_unavailable);
  EXPECT_NE(last.error().message.find("No space left on device"), std::string::npos) << last.error().message;
  EXPECT_TRUE(store->stats().poisoned.empty());
  EXPECT_EQ(tag_of(key("a")), "a1");
  world.disk.faults.capacity_bytes = UINT64_MAX;
  EXPECT_TRUE(create(key("later"), "t").has_value());
  EXPECT_EQ(store->get(key("later"))->revision(), store->revision());
  cut_power();
  open();
  EXPECT_EQ(store->count(kinds::config_map()), static_cast<size_t>(made) + 2);
}

TEST_F(StoreTest, ALogThatIsFullBecauseNoSnapshotCouldBeWrittenRecoversByItself) {
  options.segment_bytes = 16 * 1024;
  options.log_grow_bytes = 4 * 1024;
  options.snapshot_after_log_bytes = 8 * 1024;
  open();
  world.disk.faults.name_error = 1'000'000;  // renames and opens fail: no snapshot, no new segment
  Result<ObjectPtr> last{Error{}};
  for (int i = 0; i < 200 && (i == 0 || last.has_value()); ++i)
    last = create(key("n" + std::to_string(i)), "t", Durability::durable, 400);
  ASSERT_TRUE(last.has_error());
  EXPECT_TRUE(store->stats().poisoned.empty());
  world.disk.faults.name_error = 0;
  world.advance(ms_to_ns(2000));
  bool again = false;
  for (int i = 0; i < 5 && !again; ++i) {
    again = create(key("later" + std::to_string(i)), "t").has_value();
    world.run_until_idle();
  }
  EXPECT_TRUE(again);
}

TEST_F(StoreTest, TheDiskUsedStaysBounded) {
  options.segment_bytes = 16 * 1024;
  options.log_grow_bytes = 4 * 1024;
  options.snapshot_after_log_bytes = 16 * 1024;
  open();
  create(key("a"), "a1", Durability::durable, 500);
  for (int i = 0; i < 2000; ++i)
    ASSERT_TRUE(update(key("a"), "a", store->get(key("a"))->revision()).has_value());
  world.run_until_idle();
  EXPECT_GT(store->stats().snapshots_written, 10u);
  EXPECT_LE(world.disk.used_bytes(), 5 * options.segment_bytes + 2 * 16 * 1024);
}

TEST_F(StoreTest, TwoStoresNeverOpenOneDirectory) {
  open();
  auto first = std::move(store);
  const auto second = try_open();
  EXPECT_EQ(second.error().reason, Reason::conflict);
  store = std::move(first);
}

TEST_F(StoreTest, TooManyWaitingWritesAreRefused) {
  options.segment_bytes = 8 << 20;
  open();
  create(key("z"), "z");
  std::vector<AnswerPtr> answers;
  for (int i = 0; i < 40; ++i)
    answers.push_back(start_create(key("n" + std::to_string(i)), "t", Durability::durable, 1 << 20));
  size_t refused = 0;
  for (const auto& answer : answers) {
    const auto result = wait(answer);
    if (result.has_error() && result.error().reason == Reason::too_many_requests) ++refused;
  }
  EXPECT_GT(refused, 0u);
  EXPECT_TRUE(create(key("after"), "t").has_value());
}

}  // namespace
}  // namespace kring::store
