// Goal: what the store writes reads back, and nothing else is taken for it. Method: round trips, then every byte
// changed in turn.
#include "objects/state.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "objects/crc32c.h"

namespace kring::state {
namespace {

FileHeader log_header() {
  FileHeader header;
  header.type = FileType::log;
  header.salt = 0x1122334455667788;
  header.sequence = 7;
  header.revision = 42;
  header.frame_sequence = 9;
  header.frame_check = 0xdeadbeef;
  return header;
}

// A frame in memory aligned as the readers' buffers are.
std::vector<uint8_t> frame_of(FrameHeader& header, size_t records, size_t object_bytes) {
  FrameBuilder builder;
  std::vector<std::vector<uint8_t>> objects;
  for (size_t i = 0; i < records; ++i) {
    objects.emplace_back(object_bytes + i, static_cast<uint8_t>('a' + i));
    const std::string name = "object-" + std::to_string(i);
    Record record{.revision = 100 + i, .op = Op::put, .kind = "/Pod", .ns = "default", .name = name};
    record.object = objects.back();
    builder.add(record);
  }
  builder.add({.revision = 100 + records, .op = Op::remove, .kind = "/Node", .ns = {}, .name = "gone"});
  std::vector<uint8_t> out;
  const size_t estimate = builder.bytes();
  builder.finish(header, out);
  EXPECT_LE(out.size(), estimate);
  return out;
}

FrameHeader some_header() {
  FrameHeader header;
  header.salt = 5;
  header.sequence = 3;
  header.previous_check = 77;
  header.revision = 103;
  header.ceiling = 1000;
  return header;
}

TEST(StateFile, HeaderReadsBackFromEitherCopy) {
  const auto bytes = encode_file_header(log_header());
  ASSERT_EQ(bytes.size(), frames_offset);
  auto read = decode_file_header(FileType::log, bytes);
  EXPECT_EQ(read.state, FileHeaders::State::valid);
  EXPECT_TRUE(read.both);
  EXPECT_EQ(read.header, log_header());
  for (size_t damaged : {size_t{20}, file_header_copy_offset + 20}) {
    auto one = bytes;
    one[damaged] ^= 1;
    read = decode_file_header(FileType::log, one);
    EXPECT_EQ(read.state, FileHeaders::State::valid);
    EXPECT_FALSE(read.both);
    EXPECT_EQ(read.header, log_header());
  }
}

TEST(StateFile, OfTwoCopiesTheOneWrittenLaterCounts) {
  auto later = log_header();
  later.sequence = 8;
  auto bytes = encode_file_header(log_header());
  const auto torn = encode_file_header(later);
  std::memcpy(bytes.data() + file_header_copy_offset, torn.data() + file_header_copy_offset, sector_bytes);
  const auto read = decode_file_header(FileType::log, bytes);
  EXPECT_EQ(read.header.sequence, 8u);
  EXPECT_FALSE(read.both);
}

TEST(StateFile, TellsBlankDamagedNewerAndForeignApart) {
  using State = FileHeaders::State;
  EXPECT_EQ(decode_file_header(FileType::log, {}).state, State::blank);
  EXPECT_EQ(decode_file_header(FileType::log, std::vector<uint8_t>(100)).state, State::blank);
  EXPECT_EQ(decode_file_header(FileType::log, std::vector<uint8_t>(frames_offset)).state, State::blank);
  auto damaged = encode_file_header(log_header());
  damaged[30] ^= 1;
  damaged[file_header_copy_offset + 40] ^= 1;
  EXPECT_EQ(decode_file_header(FileType::log, damaged).state, State::damaged);
  auto newer = encode_file_header(log_header());
  newer[8] = newer[file_header_copy_offset + 8] = format + 1;
  EXPECT_EQ(decode_file_header(FileType::log, newer).state, State::newer);
  EXPECT_EQ(decode_file_header(FileType::log, newer).newer_format, format + 1);
  EXPECT_EQ(decode_file_header(FileType::snapshot, encode_file_header(log_header())).state, State::foreign);
  EXPECT_EQ(decode_file_header(FileType::log, std::vector<uint8_t>(frames_offset, 'x')).state, State::foreign);
}

TEST(StateFrame, RecordsReadBack) {
  FrameHeader header = some_header();
  const auto bytes = frame_of(header, 3, 50);
  EXPECT_EQ(bytes.size() % sector_bytes, 0u);
  const auto found = decode_frame_header(bytes);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->sequence, 3u);
  EXPECT_EQ(found->previous_check, 77u);
  EXPECT_EQ(found->ceiling, 1000u);
  EXPECT_EQ(found->check, header.check);
  EXPECT_EQ(found->frame_bytes(), bytes.size());
  const auto records = decode_frame(*found, bytes);
  ASSERT_TRUE(records.has_value());
  ASSERT_EQ(records->size(), 4u);
  EXPECT_EQ((*records)[1].name, "object-1");
  EXPECT_EQ((*records)[1].ns, "default");
  EXPECT_EQ((*records)[1].revision, 101u);
  EXPECT_EQ((*records)[1].object.size(), 51u);
  EXPECT_EQ((*records)[1].object[0], 'b');
  EXPECT_EQ(reinterpret_cast<uintptr_t>((*records)[1].object.data()) % 8, 0u);
  EXPECT_EQ((*records)[3].op, Op::remove);
  EXPECT_TRUE((*records)[3].ns.empty());
}

TEST(StateFrame, BuilderIsUsedAgain) {
  FrameBuilder builder;
  for (int round = 0; round < 3; ++round) {
    builder.add({.revision = 1, .op = Op::remove, .kind = "/Pod", .ns = "a", .name = "b"});
    FrameHeader header = some_header();
    std::vector<uint8_t> out;
    builder.finish(header, out);
    EXPECT_EQ(header.records, 1u);
    EXPECT_TRUE(decode_frame(header, out).has_value());
    EXPECT_EQ(builder.records(), 0u);
  }
}

TEST(StateFrame, AnyChangedByteIsNoticed) {
  FrameHeader header = some_header();
  const auto good = frame_of(header, 2, 30);
  for (size_t i = 0; i < frame_header_bytes + header.payload_bytes; ++i) {
    auto bytes = good;
    bytes[i] ^= 0x40;
    const auto found = decode_frame_header(bytes);
    if (i < frame_header_bytes) {
      EXPECT_FALSE(found.has_value()) << i;
    } else {
      ASSERT_TRUE(found.has_value()) << i;
      const auto records = decode_frame(*found, bytes);
      ASSERT_TRUE(records.has_error()) << i;
      EXPECT_EQ(records.error().reason, Reason::corrupt);
    }
  }
}

// A checksum proves that the bytes are those that were written, not that a kring wrote them.
TEST(StateFrame, AWrongStructureUnderARightChecksumNeverLeavesTheBytes) {
  FrameHeader header = some_header();
  const auto good = frame_of(header, 3, 30);
  uint64_t dice = 12345;
  const auto roll = [&dice](uint64_t n) {
    dice = dice * 6364136223846793005ULL + 1442695040888963407ULL;
    return (dice >> 33) % n;
  };
  size_t refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    auto bytes = good;
    for (uint64_t i = roll(4) + 1; i > 0; --i)
      bytes[frame_header_bytes + roll(header.payload_bytes)] = static_cast<uint8_t>(roll(256));
    FrameHeader forged = header;
    forged.payload_crc = crc32c(std::span{bytes}.subspan(frame_header_bytes, header.payload_bytes));
    const auto records = decode_frame(forged, bytes);
    if (records.has_error()) {
      ++refused;
      continue;
    }
    for (const Record& record : *records) {
      for (const auto part : {record.kind, record.ns, record.name})
        ASSERT_TRUE(part.empty() || (part.data() >= reinterpret_cast<const char*>(bytes.data()) &&
                                     part.data() + part.size() <= reinterpret_cast<const char*>(bytes.data() + bytes.size())));
      ASSERT_TRUE(record.object.empty() || (record.object.data() >= bytes.data() &&
                                            record.object.data() + record.object.size() <= bytes.data() + bytes.size()));
    }
  }
  EXPECT_GT(refused, 1000u);
}

TEST(StateFrame, CutShortIsNoFrame) {
  FrameHeader header = some_header();
  const auto good = frame_of(header, 2, 30);
  EXPECT_FALSE(decode_frame_header(std::span{good}.first(frame_header_bytes - 1)).has_value());
  EXPECT_TRUE(decode_frame(header, std::span{good}.first(frame_header_bytes + header.payload_bytes - 1)).has_error());
}

}  // namespace
}  // namespace kring::state
