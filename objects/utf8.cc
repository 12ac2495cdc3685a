#include "objects/utf8.h"

#include <cstring>

namespace kring::utf8 {

namespace {

bool continues(uint8_t byte) { return (byte & 0xC0) == 0x80; }

}  // namespace

Rune decode(std::string_view text) {
  auto at = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = at(0);
  if (first < 0x80) return {first, 1, true};
  if (first >= 0xC2 && first <= 0xDF) {
    if (text.size() < 2 || !continues(at(1))) return {};
    return {(first & 0x1Fu) << 6 | (at(1) & 0x3Fu), 2, true};
  }
  if ((first & 0xF0) == 0xE0) {
    if (text.size() < 3 || !continues(at(1)) || !continues(at(2))) return {};
    const uint32_t rune = (first & 0x0Fu) << 12 | (at(1) & 0x3Fu) << 6 | (at(2) & 0x3Fu);
    if (rune < 0x800 || (rune >= 0xD800 && rune <= 0xDFFF)) return {};
    return {rune, 3, true};
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (text.size() < 4 || !continues(at(1)) || !continues(at(2)) || !continues(at(3))) return {};
    const uint32_t rune =
        (first & 0x07u) << 18 | (at(1) & 0x3Fu) << 12 | (at(2) & 0x3Fu) << 6 | (at(3) & 0x3Fu);
    if (rune < 0x10000 || rune > 0x10FFFF) return {};
    return {rune, 4, true};
  }
  return {};
}

void append(std::string& out, uint32_t rune) {
  if (rune > 0x10FFFF || (rune >= 0xD800 && rune <= 0xDFFF)) rune = replacement;
  if (rune < 0x80) {
    out.push_back(static_cast<char>(rune));
  } else if (rune < 0x800) {
    out.push_back(static_cast<char>(0xC0 | rune >> 6));
    out.push_back(static_cast<char>(0x80 | (rune & 0x3F)));
  } else if (rune < 0x10000) {
    out.push_back(static_cast<char>(0xE0 | rune >> 12));
    out.push_back(static_cast<char>(0x80 | (rune >> 6 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (rune & 0x3F)));
  } else {
    out.push_back(static_cast<char>(0xF0 | rune >> 18));
    out.push_back(static_cast<char>(0x80 | (rune >> 12 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (rune >> 6 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (rune & 0x3F)));
  }
}

namespace {

// How many bytes of plain ASCII the text begins with, in steps of eight.
size_t ascii_words(std::string_view text) {
  constexpr uint64_t high = 0x8080808080808080;
  size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + at, 8);
    if ((word & high) != 0) break;
  }
  return at;
}

}  // namespace

bool valid(std::string_view text) {
  while (true) {
    text.remove_prefix(ascii_words(text));
    if (text.empty()) return true;
    const Rune rune = decode(text);
    if (!rune.valid) return false;
    text.remove_prefix(rune.bytes);
  }
}

std::string sanitized(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Rune rune = decode(text);
    append(out, rune.value);
    text.remove_prefix(rune.bytes);
  }
  return out;
}

size_t count(std::string_view text) {
  size_t runes = 0;
  for (; !text.empty(); ++runes) text.remove_prefix(decode(text).bytes);
  return runes;
}

}  // namespace kring::utf8
