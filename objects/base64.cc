#include "objects/base64.h"

#include <array>

namespace kring {

namespace {

constexpr std::string_view standard = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr uint8_t none = 0xFF;

constexpr std::array<uint8_t, 256> values_of(std::string_view alphabet) {
  std::array<uint8_t, 256> values{};
  for (auto& value : values) value = none;
  for (size_t i = 0; i < alphabet.size(); ++i) values[static_cast<uint8_t>(alphabet[i])] = static_cast<uint8_t>(i);
  return values;
}
constexpr auto standard_values = values_of(standard);
constexpr auto url_values = values_of(url);

std::string encode(std::span<const uint8_t> bytes, std::string_view alphabet, bool padded) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  size_t i = 0;
  auto put = [&](uint32_t group, int count) {
    for (int shift = 18; count > 0; shift -= 6, --count) out.push_back(alphabet[group >> shift & 63]);
  };
  for (; i + 3 <= bytes.size(); i += 3) {
    put(static_cast<uint32_t>(bytes[i]) << 16 | static_cast<uint32_t>(bytes[i + 1]) << 8 | bytes[i + 2], 4);
  }
  if (bytes.size() - i == 1) {
    put(static_cast<uint32_t>(bytes[i]) << 16, 2);
    if (padded) out += "==";
  } else if (bytes.size() - i == 2) {
    put(static_cast<uint32_t>(bytes[i]) << 16 | static_cast<uint32_t>(bytes[i + 1]) << 8, 3);
    if (padded) out += "=";
  }
  return out;
}

Error illegal(size_t at) { return {Reason::bad_request, "illegal base64 data at input byte " + std::to_string(at)}; }

bool is_break(char c) { return c == '\n' || c == '\r'; }

template <class Bytes>
Result<Bytes> decode(std::string_view text, const std::array<uint8_t, 256>& values, bool padded) {
  Bytes out;
  out.reserve(text.size() / 4 * 3 + 2);
  size_t at = 0;
  auto skip_breaks = [&] {
    while (at < text.size() && is_break(text[at])) ++at;
  };
  while (true) {
    uint32_t group = 0;
    size_t count = 0;
    bool ended = false;
    while (count < 4) {
      if (at == text.size()) {
        if (count == 0) return out;
        if (padded || count == 1) return illegal(at - count);
        ended = true;
        break;
      }
      const char c = text[at++];
      const uint8_t value = values[static_cast<uint8_t>(c)];
      if (value != none) {
        group = group << 6 | value;
        ++count;
        continue;
      }
      if (is_break(c)) continue;
      if (!padded || c != '=' || count < 2) return illegal(at - 1);
      if (count == 2) {
        skip_breaks();
        if (at == text.size()) return illegal(at);
        if (text[at] != '=') return illegal(at - 1);
        ++at;
      }
      skip_breaks();
      if (at < text.size()) return illegal(at);
      ended = true;
      break;
    }
    group <<= 6 * (4 - count);
    using Byte = typename Bytes::value_type;
    out.push_back(static_cast<Byte>(group >> 16 & 0xFF));
    if (count > 2) out.push_back(static_cast<Byte>(group >> 8 & 0xFF));
    if (count > 3) out.push_back(static_cast<Byte>(group & 0xFF));
    if (ended) return out;
  }
}

std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace

std::string base64_encode(std::span<const uint8_t> bytes) { return encode(bytes, standard, true); }
std::string base64_encode(std::string_view bytes) { return encode(bytes_of(bytes), standard, true); }
std::string base64url_encode(std::string_view bytes) { return encode(bytes_of(bytes), url, false); }

Result<std::vector<uint8_t>> base64_decode(std::string_view text) {
  return decode<std::vector<uint8_t>>(text, standard_values, true);
}
Result<std::string> base64_decode_text(std::string_view text) {
  return decode<std::string>(text, standard_values, true);
}
Result<std::string> base64url_decode(std::string_view text) { return decode<std::string>(text, url_values, false); }

}  // namespace kring
