// Base64 as Go's encoding/base64 with the standard alphabet; IntOrString beside it.
#include "objects/base64.h"

#include <gtest/gtest.h>

#include "objects/int_or_string.h"

namespace kring {
namespace {

TEST(Base64, TheVectorsOfRfc4648RoundTrip) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"", ""},         {"f", "Zg=="},        {"fo", "Zm8="},       {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"},
  };
  for (const auto& [text, encoded] : rows) {
    EXPECT_EQ(base64_encode(text), encoded);
    EXPECT_EQ(*base64_decode_text(encoded), text);
  }
}

TEST(Base64, EveryByteRoundTrips) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<char>(i));
  for (size_t length = 0; length <= bytes.size(); ++length) {
    const std::string part = bytes.substr(0, length);
    ASSERT_EQ(*base64_decode_text(base64_encode(part)), part);
    ASSERT_EQ(*base64url_decode(base64url_encode(part)), part);
  }
}

TEST(Base64, IgnoresLineBreaksAndNamesTheIllegalByte) {
  EXPECT_EQ(*base64_decode_text("Zm9v\nYmFy\r\n"), "foobar");
  EXPECT_EQ(*base64_decode_text("Zg=\n=\n"), "f");
  const std::pair<std::string_view, int> rows[] = {
      {"!", 0}, {"Zm9", 0 + 0}, {"Zm9v!", 4}, {"Zg", 0}, {"Zg=", 3}, {"Zg=x", 2}, {"=", 0}, {"Z===", 1},
      {"Zg==Zg==", 4}, {"Zm8=x", 4}, {"Zm 9v", 2}, {"Zm9vY", 4}, {"Zm9-", 3},
  };
  for (const auto& [text, at] : rows) {
    Result<std::vector<uint8_t>> bytes = base64_decode(text);
    ASSERT_TRUE(bytes.has_error()) << text;
    EXPECT_EQ(bytes.error().message, "illegal base64 data at input byte " + std::to_string(at)) << text;
  }
}

TEST(Base64, TheUrlFormHasItsOwnAlphabetAndNoPadding) {
  EXPECT_EQ(base64url_encode("\xFB\xFF\xFE"), "-__-");
  EXPECT_EQ(base64url_encode("f"), "Zg");
  EXPECT_TRUE(base64url_decode("Zg==").has_error());
  EXPECT_TRUE(base64url_decode("Z").has_error());
  EXPECT_TRUE(base64url_decode("+_").has_error());
}

TEST(IntOrString, KnowsItsTwoTypes) {
  EXPECT_TRUE(is_int_or_string(json::Value{80}));
  EXPECT_TRUE(is_int_or_string(json::Value{"http"}));
  EXPECT_FALSE(is_int_or_string(json::Value{int64_t{1} << 40}));
  EXPECT_FALSE(is_int_or_string(json::Value{1.5}));
  EXPECT_EQ(int_or_string_text(json::Value{80}), "80");
  EXPECT_EQ(int_or_string_text(json::Value{"http"}), "http");
  EXPECT_EQ(parse_int_or_string("8080"), json::Value{8080});
  EXPECT_EQ(parse_int_or_string("99999999999"), json::Value{"99999999999"});
  EXPECT_EQ(parse_int_or_string("25%"), json::Value{"25%"});
}

TEST(IntOrString, ScalesPercentagesUpOrDown) {
  EXPECT_EQ(*scaled_int_or_percent(json::Value{3}, 10, true), 3);
  EXPECT_EQ(*scaled_int_or_percent(json::Value{"25%"}, 10, true), 3);
  EXPECT_EQ(*scaled_int_or_percent(json::Value{"25%"}, 10, false), 2);
  EXPECT_EQ(*scaled_int_or_percent(json::Value{"100%"}, 7, false), 7);
  EXPECT_EQ(scaled_int_or_percent(json::Value{"5"}, 7, false).error().message,
            "invalid value for IntOrString: invalid type: string is not a percentage");
  EXPECT_TRUE(scaled_int_or_percent(json::Value{"x%"}, 7, false).has_error());
  EXPECT_TRUE(scaled_int_or_percent(json::Value{true}, 7, false).has_error());
}

}  // namespace
}  // namespace kring
