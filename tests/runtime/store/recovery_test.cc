// Goal: what is on disk is either understood or left alone; what is lost is said. Method: surgery on the files of a
// store between two lives, then open() and fsck() must agree.
// Security: bytes of a client that look like a log record are not taken for one (the salt of the file is secret).
#include <algorithm>

#include "objects/base64.h"
#include "objects/codec.h"
#include "objects/state.h"
#include "tests/runtime/store/store_fixture.h"

namespace kring::store {
namespace {

class RecoveryTest : public StoreTest {
 protected:
  // n objects, each in a frame of its own.
  void fill(int n) {
    open();
    for (int i = 0; i < n; ++i) create(key("n" + std::to_string(i)), "t" + std::to_string(i));
  }
  // Byte offsets of the frames in a file.
  std::vector<size_t> frames(const std::string& name) {
    const auto bytes = world.disk.contents(path(name));
    std::vector<size_t> offsets;
    for (size_t at = state::frames_offset; at < bytes.size(); at += state::sector_bytes)
      if (state::decode_frame_header(std::span{bytes}.subspan(at)).has_value()) offsets.push_back(at);
    return offsets;
  }
  void expect_fsck(bool clean, size_t objects, std::string_view line) {
    const FsckReport report = check();
    EXPECT_EQ(report.clean, clean);
    EXPECT_EQ(report.objects, objects);
    const bool found = std::any_of(report.lines.begin(), report.lines.end(),
                                   [&](const std::string& l) { return l.find(line) != std::string::npos; });
    std::string all;
    for (const auto& l : report.lines) all += l + "\n";
    EXPECT_TRUE(found) << line << " in\n" << all;
  }
  // open() refuses and leaves every file as it was.
  void expect_refused(Reason reason, std::string_view message) {
    std::vector<std::vector<uint8_t>> before;
    const auto names = files();
    for (const auto& name : names) before.push_back(world.disk.contents(path(name)));
    const auto opened = try_open();
    ASSERT_TRUE(opened.has_error());
    EXPECT_EQ(opened.error().reason, reason);
    EXPECT_NE(opened.error().message.find(message), std::string::npos) << opened.error().message;
    EXPECT_EQ(files(), names);
    for (size_t i = 0; i < names.size(); ++i) EXPECT_EQ(world.disk.contents(path(names[i])), before[i]) << names[i];
    EXPECT_EQ(world.disk.locks(), 0u);
  }
};

TEST_F(RecoveryTest, ATornLastFrameIsDroppedAndSaidButIsNoDamage) {
  fill(5);
  stop();
  world.disk.flip(path("log.0"), frames("log.0").back() + state::frame_header_bytes + 8);
  expect_fsck(false, 4, "dropped frame 5");
  open();
  EXPECT_TRUE(noted("dropped frame 5"));
  EXPECT_EQ(store->revision(), 4u);
  EXPECT_EQ(create(key("n4"), "again").value()->revision(), 5u);
  reopen();
  EXPECT_TRUE(notes.empty());
  EXPECT_EQ(tag_of(key("n4")), "again");
  EXPECT_EQ(files(), std::vector<std::string>{"log.0"}) << "nothing is kept aside";
}

TEST_F(RecoveryTest, AHoleIsReportedLoudlyAndTheFileKeptAside) {
  fill(6);
  stop();
  const auto before = world.disk.contents(path("log.0"));
  const auto offsets = frames("log.0");
  for (const size_t damaged : {offsets[2] + 4, offsets[2] + state::frame_header_bytes + 4}) {
    world.disk.set_contents(path("log.0"), before);
    world.disk.flip(path("log.0"), damaged);
    expect_fsck(false, 2, "hole");
  }
  const auto evidence = world.disk.contents(path("log.0"));
  open();
  EXPECT_TRUE(noted("the log has a hole: frame 3 is missing or bad but frame 6 is there"));
  EXPECT_EQ(store->count(kinds::config_map()), 2u);
  EXPECT_GT(store->revision(), 6u) << "revisions of lost writes are not used again";
  const auto names = files();
  const auto aside = std::find_if(names.begin(), names.end(), [](const auto& n) { return n.starts_with("log.0.damaged"); });
  ASSERT_NE(aside, names.end());
  EXPECT_EQ(world.disk.contents(path(*aside)), evidence);
  const Revision made = create(key("after"), "x").value()->revision();
  reopen();
  EXPECT_TRUE(notes.empty()) << notes.front();
  EXPECT_EQ(store->revision(), made);
  EXPECT_EQ(tag_of(key("after")), "x");
}

TEST_F(RecoveryTest, AHoleSurvivesAPowerCutWhileItIsDealtWith) {
  fill(6);
  stop();
  world.disk.flip(path("log.0"), frames("log.0")[2] + 4);
  for (uint64_t steps = 1; steps < 40; steps += 3) {
    world.spawn("open", [](Env& env, Options o) -> Task<Result<void>> {
      auto opened = co_await store::open(env, std::move(o));
      co_return Result<void>{};
    }, std::ref(world.env()), options);
    world.run_until([] { return false; }, steps);
    ASSERT_TRUE(world.cut_power());
  }
  open();
  EXPECT_EQ(store->count(kinds::config_map()), 2u);
  EXPECT_TRUE(create(key("after"), "x").has_value());
}

TEST_F(RecoveryTest, OneBadCopyOfASegmentsHeaderLosesNothing) {
  fill(3);
  for (const size_t copy : {size_t{20}, state::file_header_copy_offset + 20}) {
    stop();
    std::string newest = "log.0";
    for (const auto& name : files())
      if (name.starts_with("log.")) newest = name;
    world.disk.flip(path(newest), copy);
    expect_fsck(true, static_cast<size_t>(store == nullptr ? 3 : 0), "one copy of the header is damaged");
    open();
    EXPECT_EQ(store->count(kinds::config_map()), 3u);
    EXPECT_EQ(tag_of(key("n2")), "t2");
  }
}

TEST_F(RecoveryTest, ASegmentWithoutAHeaderIsDamage) {
  fill(3);
  KRING_EXPECT(snapshot());
  create(key("later"), "x");
  stop();
  world.disk.flip(path("log.0"), 20);
  world.disk.flip(path("log.0"), state::file_header_copy_offset + 20);
  expect_fsck(false, 3, "the header is damaged");
  open();
  EXPECT_EQ(store->count(kinds::config_map()), 3u);
  EXPECT_TRUE(create(key("again"), "x").has_value());
  reopen();
  EXPECT_TRUE(notes.empty());
  EXPECT_EQ(store->count(kinds::config_map()), 4u);
}

TEST_F(RecoveryTest, AMissingLogIsDamage) {
  fill(3);
  KRING_EXPECT(snapshot());
  stop();
  world.disk.erase(path("log.0"));
  expect_fsck(false, 3, "is missing");
  open();
  EXPECT_TRUE(noted("is missing"));
  EXPECT_EQ(store->count(kinds::config_map()), 3u);
  EXPECT_TRUE(create(key("again"), "x").has_value());
  reopen();
  EXPECT_TRUE(notes.empty());
}

TEST_F(RecoveryTest, ADamagedNewestSnapshotIsReplacedByTheOlderAndTheLog) {
  fill(3);
  KRING_EXPECT(snapshot());  // .a
  create(key("between"), "x");
  KRING_EXPECT(snapshot());  // .b
  create(key("later"), "y");
  stop();
  ASSERT_TRUE(world.disk.exists(path("snapshot.b")));
  world.disk.flip(path("snapshot.b"), state::frames_offset + 100);
  expect_fsck(false, 5, "snapshot.b: damaged");
  open();
  EXPECT_EQ(store->count(kinds::config_map()), 5u);
  EXPECT_EQ(store->revision(), 5u);
  EXPECT_EQ(tag_of(key("later")), "y");
  EXPECT_TRUE(noted("kept aside"));
  EXPECT_FALSE(world.disk.exists(path("snapshot.b")));
  reopen();
  EXPECT_TRUE(notes.empty());
}

TEST_F(RecoveryTest, TheOlderSnapshotAndTheLogSufficeAlsoAfterManySnapshots) {
  options.segment_bytes = 16 * 1024;
  options.log_grow_bytes = 4 * 1024;
  options.snapshot_after_log_bytes = 8 * 1024;
  open();
  create(key("a"), "a0");
  for (int i = 1; i <= 300; ++i) update(key("a"), "a" + std::to_string(i), store->get(key("a"))->revision());
  world.run_until_idle();
  stop();
  for (const char* name : {"snapshot.a", "snapshot.b"}) {
    const auto whole = world.disk.contents(path(name));
    world.disk.flip(path(name), state::frames_offset + 70);
    const FsckReport report = check();
    EXPECT_EQ(report.revision, 301u) << name;
    world.disk.set_contents(path(name), whole);
  }
}

TEST_F(RecoveryTest, WithoutAnyReadableSnapshotNothingIsTouched) {
  options.segment_bytes = 16 * 1024;
  options.log_grow_bytes = 4 * 1024;
  options.snapshot_after_log_bytes = 8 * 1024;
  open();
  create(key("a"), "a0");
  for (int i = 1; i <= 300; ++i) update(key("a"), "a", store->get(key("a"))->revision());
  world.run_until_idle();
  stop();
  world.disk.flip(path("snapshot.a"), state::frames_offset + 70);
  world.disk.flip(path("snapshot.b"), state::frames_offset + 70);
  expect_refused(Reason::corrupt, "no snapshot can be read");
  expect_fsck(false, 0, "no snapshot can be read");
}

TEST_F(RecoveryTest, ANewerFormatIsRefusedAndNotTouched) {
  fill(2);
  KRING_EXPECT(snapshot());
  stop();
  for (const char* name : {"log.0", "snapshot.a"}) {
    const auto ours = world.disk.contents(path(name));
    auto newer = ours;
    newer[8] = newer[state::file_header_copy_offset + 8] = state::format + 1;
    world.disk.set_contents(path(name), newer);
    expect_refused(Reason::bad_request, "was written by a newer kring (format 2, this program knows 1)");
    world.disk.set_contents(path(name), ours);
  }
  open();
  EXPECT_EQ(store->count(kinds::config_map()), 2u);
}

TEST_F(RecoveryTest, AForeignFileIsRefusedAndNotTouched) {
  fill(2);
  stop();
  world.disk.set_contents(path("snapshot.a"), std::vector<uint8_t>(20'000, 'x'));
  expect_refused(Reason::corrupt, "is not a file of kring");
}

TEST_F(RecoveryTest, AnUnreadableSectorIsAnErrorAndNothingIsTouched) {
  fill(4);
  stop();
  world.disk.make_unreadable(path("log.0"), frames("log.0")[1]);
  expect_refused(Reason::io, "Input/output error");
}

TEST_F(RecoveryTest, ObjectsOfASnapshotAreUsedInPlace) {
  fill(3);
  KRING_EXPECT(snapshot());
  reopen();
  const auto one = store->get(key("n0"))->bytes(), two = store->get(key("n1"))->bytes();
  const auto distance = std::abs(one.data() - two.data());
  EXPECT_LT(distance, 1024) << "neighbours in one mapping";
  const ObjectPtr kept = store->get(key("n0"));
  stop();
  EXPECT_EQ(kept->uid(), "t0") << "a reader keeps the mapping";
  open();
}

TEST_F(RecoveryTest, StaleFramesOfAReusedSegmentAreNotTakenForRecords) {
  options.segment_bytes = 16 * 1024;
  options.log_grow_bytes = 8 * 1024;
  options.snapshot_after_log_bytes = 6 * 1024;
  open();
  create(key("a"), "a0");
  // At every state of the ring of files a restart finds exactly the last state.
  for (int i = 1; i <= 120; ++i) {
    const Revision revision = store->get(key("a"))->revision();
    ASSERT_TRUE(update(key("a"), "a" + std::to_string(i), revision).has_value());
    world.run_until_idle();
    cut_power();
    open();
    ASSERT_TRUE(notes.empty()) << notes.front();
    ASSERT_EQ(tag_of(key("a")), "a" + std::to_string(i));
  }
}

TEST_F(RecoveryTest, BytesOfAClientThatLookLikeAFrameAreNotTakenForOne) {
  open();
  create(key("a"), "a1");
  // A frame with the right sequence and chain, but without the secret salt, as the contents of an object.
  state::FrameHeader forged;
  forged.sequence = 99;
  forged.salt = 1;
  state::FrameBuilder builder;
  builder.add({.revision = 1000, .op = state::Op::remove, .kind = "/ConfigMap", .ns = "default", .name = "a"});
  std::vector<uint8_t> frame;
  builder.finish(forged, frame);
  std::string evil;
  for (int i = 0; i < 3; ++i) evil.append(frame.begin(), frame.end());
  for (size_t shift = 0; shift < state::sector_bytes; shift += 8) {
    const Key k = key("evil" + std::to_string(shift), "default", kinds::secret());
    json::Value secret;
    secret.object("metadata").set("name", k.name);
    secret.object("metadata").set("namespace", k.ns);
    secret.object("data").set("x", base64_encode(std::string(shift, ' ') + evil));
    const auto bytes = codec::encode(*k.kind, secret);
    ASSERT_TRUE(bytes.has_value()) << to_string(bytes.error());
    ASSERT_TRUE(wait(start_create(k, *bytes)).has_value());
  }
  cut_power();
  open();
  EXPECT_TRUE(notes.empty());
  EXPECT_EQ(tag_of(key("a")), "a1");
  EXPECT_EQ(store->count(kinds::secret()), state::sector_bytes / 8);
}

TEST_F(RecoveryTest, EveryByteOfALogMayBeWrongWithoutHarm) {
  fill(4);
  stop();
  const auto good = world.disk.contents(path("log.0"));
  const size_t end = frames("log.0").back() + state::sector_bytes;
  for (size_t at = 0; at < end; at += at < state::frames_offset && at % 512 > 64 ? 256 : 13) {
    world.disk.set_contents(path("log.0"), good);
    world.disk.flip(path("log.0"), at);
    const auto report = check();
    ASSERT_LE(report.objects, 4u);
    ASSERT_TRUE(!report.clean || report.objects == 4 || at >= frames("log.0").back()) << at;
  }
}

TEST_F(RecoveryTest, FsckOfAStoreInUseSaysSo) {
  fill(2);
  const FsckReport report = check();
  EXPECT_NE(report.lines.front().find("in use"), std::string::npos);
  EXPECT_EQ(report.objects, 2u);
}

TEST_F(RecoveryTest, FsckOfAMissingDirectoryIsAnError) {
  const auto result = world.run([](Env& env) -> Task<Result<void>> {
    auto report = co_await store::fsck(env, "/data/none");
    co_return report.has_error() ? Result<void>{report.error()} : Result<void>{};
  }(world.env()));
  EXPECT_EQ(result.error().reason, Reason::not_found);
}

}  // namespace
}  // namespace kring::store
