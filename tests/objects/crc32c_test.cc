// Goal: the checksum of everything on disk is CRC-32C, whatever the processor. Method: vectors of RFC 3720 B.4, and the
// instruction against the tables.
#include "objects/crc32c.h"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

namespace kring {
namespace {

std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

TEST(Crc32c, GivesTheVectorsOfRfc3720) {
  EXPECT_EQ(crc32c(std::vector<uint8_t>(32, 0x00)), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::vector<uint8_t>(32, 0xff)), 0x62a8ab43u);
  std::vector<uint8_t> rising(32);
  for (size_t i = 0; i < rising.size(); ++i) rising[i] = static_cast<uint8_t>(i);
  EXPECT_EQ(crc32c(rising), 0x46dd794eu);
  EXPECT_EQ(crc32c(bytes_of("123456789")), 0xe3069283u);
  EXPECT_EQ(crc32c({}), 0u);
}

TEST(Crc32c, IsTheSameByInstructionAndByTablesAtEveryLengthAndAlignment) {
  std::vector<uint8_t> data(300);
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<uint8_t>(i * 37 + (i >> 3));
  for (size_t from = 0; from < 9; ++from)
    for (size_t length = 0; from + length <= data.size(); ++length) {
      const std::span<const uint8_t> part{data.data() + from, length};
      ASSERT_EQ(crc32c(part), crc32c_portable(part)) << from << " " << length;
    }
}

TEST(Crc32c, ContinuesWhereItStopped) {
  const auto text = bytes_of("the whole text");
  EXPECT_EQ(crc32c(text.subspan(5), crc32c(text.first(5))), crc32c(text));
}

}  // namespace
}  // namespace kring
