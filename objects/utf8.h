// UTF-8 as Go's unicode/utf8 reads it: surrogates, overlong forms and anything above U+10FFFF are invalid.
// Source: RFC 3629.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace kring::utf8 {

inline constexpr uint32_t replacement = 0xFFFD;

struct Rune {
  uint32_t value = replacement;
  uint32_t bytes = 1;  // consumed; 1 for an invalid byte
  bool valid = false;
};

// The first rune of a text. REQUIRES: text is not empty.
Rune decode(std::string_view text);
void append(std::string& out, uint32_t rune);
bool valid(std::string_view text);
// Every invalid byte becomes U+FFFD, as Go converts.
std::string sanitized(std::string_view text);
// Runes in the text; an invalid byte counts as one (Go's utf8.RuneCountInString).
size_t count(std::string_view text);

}  // namespace kring::utf8
