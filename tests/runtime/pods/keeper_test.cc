// The parts of the keeper that need no process: its messages, specs, texts, times and user tables, hosted and under the
// sanitizers.
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "runtime/pods/keeper/log_writer.h"
#include "runtime/pods/keeper/program.h"
#include "runtime/pods/keeper/protocol.h"
#include "runtime/pods/keeper/user.h"

namespace kring::keeper {
namespace {

std::vector<uint8_t> encoded(const auto& value) {
  std::vector<uint8_t> bytes(64 * 1024);
  bytes.resize(encode(value, bytes));
  return bytes;
}

struct FullSpec {
  std::vector<std::string_view> args{"/bin/sh", "", "-c"}, env{"A=1"}, layers{"/top", "/bottom"};
  std::vector<uint32_t> groups{1, 2, 2147483647};
  std::vector<MountSpec> mounts{{.source = "/s", .base = "/b", .target = "/t", .flags = 3, .tmpfs_bytes = 7}};
  std::vector<uint8_t> filter = std::vector<uint8_t>(16, 0xab);
  ContainerSpec spec() {
    ContainerSpec out{.name = "main", .attempt = 7, .flags = 5};
    out.args = args;
    out.env = env;
    out.layers = layers;
    out.groups = groups;
    out.mounts = mounts;
    out.seccomp = filter;
    out.oom_score_adjust = -997;
    out.log_path = "/log";
    return out;
  }
};

TEST(KeeperSpec, AContainerComesThroughUnchanged) {
  FullSpec full;
  const auto bytes = encoded(full.spec());
  std::vector<uint8_t> arena(arena_bytes(bytes.size()));
  ContainerSpec out;
  ASSERT_TRUE(decode(bytes, arena, out));
  EXPECT_EQ(out.name, "main");
  EXPECT_EQ(out.attempt, 7u);
  ASSERT_EQ(out.args.size(), 3u);
  EXPECT_EQ(out.args[1], "");
  EXPECT_EQ(out.args[2].data()[2], '\0') << "texts are given to the kernel as they are";
  EXPECT_EQ(out.groups[2], 2147483647u);
  EXPECT_EQ(out.mounts[0].tmpfs_bytes, 7u);
  EXPECT_EQ(out.oom_score_adjust, -997);
  EXPECT_EQ(out.seccomp.size(), 16u);
}

TEST(KeeperSpec, EveryCutAndEveryChangedByteIsRefusedOrValidButNeverReadsOutside) {
  FullSpec full;
  const auto bytes = encoded(full.spec());
  for (size_t size = 0; size < bytes.size(); ++size) {
    std::vector<uint8_t> cut(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size));
    std::vector<uint8_t> arena(arena_bytes(size));
    ContainerSpec out;
    EXPECT_FALSE(decode(cut, arena, out)) << size;
  }
  std::mt19937 random{1};
  for (int i = 0; i < 20'000; ++i) {
    auto changed = bytes;
    changed[random() % changed.size()] = static_cast<uint8_t>(random());
    std::vector<uint8_t> arena(arena_bytes(changed.size()));
    ContainerSpec out;
    if (!decode(changed, arena, out)) continue;
    size_t sum = 0;
    for (const auto& arg : out.args) sum += arg.size();
    EXPECT_LE(sum, changed.size());
  }
}

TEST(KeeperSpec, WhatTheKernelCouldNotTakeIsNotEncoded) {
  FullSpec full;
  full.args[1] = std::string_view{"a\0b", 3};
  std::vector<uint8_t> bytes(64 * 1024);
  EXPECT_EQ(encode(full.spec(), bytes), 0u);
  full.args[1] = "ok";
  const std::string huge(text_bytes_max + 1, 'x');
  full.env.push_back(huge);
  std::vector<uint8_t> room(1 << 20);
  EXPECT_EQ(encode(full.spec(), room), 0u);
}

TEST(KeeperSpec, ASpecOfAnotherVersionIsRefused) {
  FullSpec full;
  auto bytes = encoded(full.spec());
  bytes[0] = 2;
  std::vector<uint8_t> arena(arena_bytes(bytes.size()));
  ContainerSpec out;
  EXPECT_FALSE(decode(bytes, arena, out));
}

TEST(KeeperProtocol, ADatagramMustBeExactlyOneMessage) {
  uint8_t buffer[256];
  const uint8_t body[] = {1, 2, 3};
  const size_t size = put_message(Type::signal, 42, body, buffer);
  Message message;
  ASSERT_TRUE(parse_message({buffer, size}, message));
  EXPECT_EQ(message.header.id, 42u);
  EXPECT_EQ(message.body.size(), 3u);
  EXPECT_FALSE(parse_message({buffer, size - 1}, message));
  EXPECT_FALSE(parse_message({buffer, size + 1}, message));
  EXPECT_FALSE(parse_message({buffer, 3}, message));
  buffer[0] ^= 1;  // magic
  EXPECT_FALSE(parse_message({buffer, size}, message));
  buffer[0] ^= 1;
  buffer[6] = 50;  // no such type
  EXPECT_FALSE(parse_message({buffer, size}, message));
  EXPECT_EQ(put_message(Type::signal, 1, body, {buffer, 20}), 0u);
}

TEST(KeeperProtocol, TheLegalOrderIsOneTable) {
  struct Row {
    Type type;
    Situation situation;
    std::string_view why;
  };
  const Row table[] = {
      {Type::hello, {}, ""},
      {Type::start, {.descriptors = 1}, "no hello yet"},
      {Type::start, {.greeted = true, .descriptors = 1}, ""},
      {Type::start, {.greeted = true}, "wrong number of descriptors"},
      {Type::start, {.greeted = true, .phase = Phase::running, .descriptors = 1}, "the container is running"},
      {Type::start, {.greeted = true, .phase = Phase::exited, .descriptors = 1}, ""},
      {Type::signal, {.greeted = true}, "no such container"},
      {Type::signal, {.greeted = true, .phase = Phase::starting}, ""},
      {Type::signal, {.greeted = true, .phase = Phase::exited}, "the container has exited"},
      {Type::remove, {.greeted = true, .phase = Phase::running}, "the container is running"},
      {Type::remove, {.greeted = true, .phase = Phase::exited}, ""},
      {Type::exec, {.greeted = true, .phase = Phase::starting, .descriptors = 2}, "the container is starting"},
      {Type::exec, {.greeted = true, .phase = Phase::running, .descriptors = 2}, ""},
      {Type::stop, {.greeted = true, .anything_runs = true}, "a container is still running"},
      {Type::stop, {.greeted = true}, ""},
      {Type::done, {.greeted = true}, "unknown request"},
  };
  for (const auto& row : table) EXPECT_EQ(illegal(row.type, row.situation), row.why);
}

TEST(KeeperText, CutsWhatDoesNotFitAndStaysTerminated) {
  Text<8> text;
  text << "1234567890";
  EXPECT_EQ(text.view(), "1234567");
  EXPECT_TRUE(text.overflowed());
  EXPECT_EQ(text.c_str()[7], '\0');
  Text<64> numbers;
  numbers << INT64_MIN << ' ' << UINT64_MAX << ' ' << 0 << ' ' << -1;
  EXPECT_EQ(numbers.view(), "-9223372036854775808 18446744073709551615 0 -1");
  Text<64> quoted;
  quoted.quoted("a\"b\\c\n\x7f");
  EXPECT_EQ(quoted.view(), "\"a\\\"b\\\\c\\x0a\\x7f\"");
}

TEST(KeeperText, NumbersParseWholeAndWithinTheirLimit) {
  uint64_t value = 0;
  EXPECT_TRUE(parse_number("18446744073709551615", UINT64_MAX, value));
  EXPECT_EQ(value, UINT64_MAX);
  for (const char* bad : {"", "-1", "+1", " 1", "1 ", "18446744073709551616", "99999999999999999999999"}) {
    EXPECT_FALSE(parse_number(bad, UINT64_MAX, value)) << bad;
  }
  EXPECT_FALSE(parse_number("8", 7, value));
  EXPECT_TRUE(parse_number("7", 7, value));
}

TEST(KeeperLog, TimesAreRfc3339InUtcWithNanoseconds) {
  const std::pair<int64_t, std::string_view> table[] = {
      {0, "1970-01-01T00:00:00.000000000Z"},
      {951'782'399'999'999'999, "2000-02-28T23:59:59.999999999Z"},
      {951'782'400'000'000'000, "2000-02-29T00:00:00.000000000Z"},
      {1'767'323'045'678'901'234, "2026-01-02T03:04:05.678901234Z"},
      {4'107'542'400'000'000'000, "2100-03-01T00:00:00.000000000Z"},
      {-1, "1969-12-31T23:59:59.999999999Z"},
  };
  for (const auto& [time, text] : table) {
    Text<64> out;
    put_time(out, time);
    EXPECT_EQ(out.view(), text);
  }
}

TEST(KeeperUser, DatabasesOfAnyShapeAreReadWithoutTrust) {
  const ContainerSpec spec{.image_user = "web"};
  Identity identity;
  Fault fault;
  // Lines that are no entries are passed over; the last line needs no end.
  EXPECT_TRUE(resolve_user(spec, "\n::::\nweb\nweb:x\nweb:x:-1:1\nweb:x:99999999999:1::/:\nweb:x:5:6::/h", "", identity, fault));
  EXPECT_EQ(identity.uid, 5u);
  EXPECT_EQ(identity.gid, 6u);
  EXPECT_EQ(identity.home.view(), "/h");
  std::string groups;
  for (int i = 0; i < 5000; ++i) groups += "g:x:" + std::to_string(i) + ":web,other\n";
  EXPECT_TRUE(resolve_user(spec, "web:x:5:6:", groups, identity, fault));
  EXPECT_EQ(identity.group_count, groups_max + 1) << "bounded";
  std::mt19937 random{2};
  for (int i = 0; i < 2000; ++i) {
    std::string noise(random() % 200, ' ');
    for (char& c : noise) c = ":\nweb,x01"[random() % 9];
    resolve_user(spec, noise, noise, identity, fault);
  }
}

TEST(KeeperProgram, ALookUpSearchesAbsoluteDirectoriesOnly) {
  Path out;
  Fault fault;
  EXPECT_TRUE(look_up("sh", "relative::/nonexistent:/bin:/usr/bin", out, fault));
  EXPECT_EQ(out.view(), "/bin/sh");
  EXPECT_FALSE(look_up("sh", ".:", out, fault));
  EXPECT_EQ(fault.view(), "exec: \"sh\": executable file not found in $PATH");
}

}  // namespace
}  // namespace kring::keeper
