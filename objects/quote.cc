#include "objects/quote.h"

#include <algorithm>
#include <vector>

#include "objects/utf8.h"

namespace kring {

namespace {

constexpr char hex[] = "0123456789abcdef";

// What unicode.IsPrint says, for the ranges that occur: controls, spaces other than ' ', format characters, surrogates,
// private use and non-characters are not printable.
bool printable(uint32_t rune) {
  if (rune < 0x20 || (rune >= 0x7F && rune <= 0xA0) || rune == 0xAD) return false;
  static constexpr struct {
    uint32_t first, last;
  } hidden[] = {{0x0600, 0x0605}, {0x061C, 0x061C}, {0x1680, 0x1680},   {0x180E, 0x180E},   {0x2000, 0x200F},
                {0x2028, 0x202F}, {0x205F, 0x206F}, {0x3000, 0x3000},   {0xD800, 0xF8FF},   {0xFEFF, 0xFEFF},
                {0xFFF0, 0xFFFB}, {0xFFFE, 0xFFFF}, {0xE0000, 0xE007F}, {0xF0000, 0x10FFFF}};
  return std::none_of(std::begin(hidden), std::end(hidden),
                      [&](const auto& range) { return rune >= range.first && rune <= range.last; });
}

void append_hex(std::string& out, uint32_t value, int digits) {
  for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4) out.push_back(hex[value >> shift & 15]);
}

void append_rune(std::string& out, uint32_t rune) {
  constexpr std::string_view named = "\a\b\t\n\v\f\r", letters = "abtnvfr";
  if (rune == '"' || rune == '\\') {
    out.push_back('\\');
    out.push_back(static_cast<char>(rune));
  } else if (rune >= 0x07 && rune <= 0x0D) {
    out.push_back('\\');
    out.push_back(letters[named.find(static_cast<char>(rune))]);
  } else if (printable(rune)) {
    utf8::append(out, rune);
  } else if (rune < 0x20 || rune == 0x7F) {
    out += "\\x";
    append_hex(out, rune, 2);
  } else if (rune < 0x10000) {
    out += "\\u";
    append_hex(out, rune, 4);
  } else {
    out += "\\U";
    append_hex(out, rune, 8);
  }
}

template <class Text>
std::string join_texts(std::span<const Text> parts, std::string_view separator) {
  std::string out;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out.append(separator);
    out.append(parts[i]);
  }
  return out;
}

}  // namespace

std::string go_quote(std::string_view text) {
  std::string out = "\"";
  out.reserve(text.size() + 2);
  while (!text.empty()) {
    const utf8::Rune rune = utf8::decode(text);
    if (rune.valid) {
      append_rune(out, rune.value);
    } else {
      out += "\\x";
      append_hex(out, static_cast<uint8_t>(text[0]), 2);
    }
    text.remove_prefix(rune.bytes);
  }
  return out + "\"";
}

std::string aggregate(std::span<const std::string> messages) {
  std::vector<std::string> unique;
  for (const std::string& message : messages) {
    if (std::find(unique.begin(), unique.end(), message) == unique.end()) unique.push_back(message);
  }
  if (unique.size() == 1) return unique.front();
  return "[" + join(unique, ", ") + "]";
}

std::string join(std::span<const std::string> parts, std::string_view separator) {
  return join_texts(parts, separator);
}

std::string join(std::span<const std::string_view> parts, std::string_view separator) {
  return join_texts(parts, separator);
}

}  // namespace kring
