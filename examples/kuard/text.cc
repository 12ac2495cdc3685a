#include "examples/kuard/text.h"

#include <charconv>
#include <cstdio>
#include <ctime>

namespace kuard {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Length of the valid UTF-8 sequence at the front of `text`, 0 when there is none.
size_t utf8_length(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char first = byte(0);
  if (first < 0x80) return 1;
  size_t length = first >= 0xf0 && first <= 0xf4 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  if (length == 0 || first > 0xf4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  if (first == 0xe0 && byte(1) < 0xa0) return 0;
  if (first == 0xed && byte(1) > 0x9f) return 0;
  if (first == 0xf0 && byte(1) < 0x90) return 0;
  if (first == 0xf4 && byte(1) > 0x8f) return 0;
  return length;
}

void append_utf8(std::string& out, uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xe0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

// A reader over one JSON text. Only what request bodies of this program need; depth is bounded by `depth_max`.
class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : rest_(text) {}

  std::optional<std::map<std::string, std::string>> object() {
    std::map<std::string, std::string> members;
    if (!take('{')) return std::nullopt;
    if (take('}')) return at_end() ? std::optional{members} : std::nullopt;
    do {
      auto key = string();
      if (!key || !take(':')) return std::nullopt;
      auto value = scalar(0);
      if (!value) return std::nullopt;
      members[*key] = *value;
    } while (take(','));
    if (!take('}') || !at_end()) return std::nullopt;
    return members;
  }

 private:
  static constexpr int depth_max = 16;

  void skip_space() {
    while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\t' || rest_[0] == '\n' || rest_[0] == '\r')) {
      rest_.remove_prefix(1);
    }
  }
  bool at_end() {
    skip_space();
    return rest_.empty();
  }
  bool take(char c) {
    skip_space();
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::optional<std::string> string() {
    if (!take('"')) return std::nullopt;
    std::string out;
    while (!rest_.empty() && rest_[0] != '"') {
      char c = rest_[0];
      rest_.remove_prefix(1);
      if (c != '\\') {
        out += c;
        continue;
      }
      if (rest_.empty()) return std::nullopt;
      char escape = rest_[0];
      rest_.remove_prefix(1);
      static constexpr std::string_view from = "\"\\/bfnrt", to = "\"\\/\b\f\n\r\t";
      if (auto at = from.find(escape); at != std::string_view::npos) {
        out += to[at];
      } else if (escape == 'u' && rest_.size() >= 4) {
        uint32_t code = 0;
        for (size_t i = 0; i < 4; ++i) {
          int digit = hex_digit(rest_[i]);
          if (digit < 0) return std::nullopt;
          code = code << 4 | static_cast<uint32_t>(digit);
        }
        rest_.remove_prefix(4);
        append_utf8(out, code);
      } else {
        return std::nullopt;
      }
    }
    if (!take('"')) return std::nullopt;
    return out;
  }
  // Text of a string, number, true, false or null; "" for a nested value, which is read and dropped.
  std::optional<std::string> scalar(int depth) {
    skip_space();
    if (rest_.empty() || depth > depth_max) return std::nullopt;
    if (rest_[0] == '"') return string();
    if (rest_[0] == '{' || rest_[0] == '[') return nested(depth);
    size_t length = rest_.find_first_of(",}] \t\r\n");
    std::string word{rest_.substr(0, length)};
    double number = 0;
    auto parsed = std::from_chars(word.data(), word.data() + word.size(), number);
    bool is_number = parsed.ec == std::errc{} && parsed.ptr == word.data() + word.size();
    if (!is_number && word != "true" && word != "false" && word != "null") return std::nullopt;
    rest_.remove_prefix(word.size());
    return word == "null" ? "" : word;
  }
  std::optional<std::string> nested(int depth) {
    bool is_object = rest_[0] == '{';
    char close = is_object ? '}' : ']';
    rest_.remove_prefix(1);
    if (take(close)) return "";
    do {
      if (is_object && (!string() || !take(':'))) return std::nullopt;
      if (!scalar(depth + 1)) return std::nullopt;
    } while (take(','));
    if (!take(close)) return std::nullopt;
    return "";
  }

  std::string_view rest_;
};

}  // namespace

std::string html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    char c = text[0];
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out += escape;
    } else {
      size_t length = utf8_length(text);
      out += length == 0 ? std::string_view{"\xef\xbf\xbd"} : text.substr(0, length);
      text.remove_prefix(length == 0 ? 1 : length);
      continue;
    }
    text.remove_prefix(1);
  }
  return out + '"';
}

std::optional<std::string> percent_decode(std::string_view text, bool plus) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus) {
      out += ' ';
    } else if (text[i] == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string percent_encode(std::string_view text) {
  static constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
  std::string out;
  for (char c : text) {
    if (plain.find(c) != std::string_view::npos) {
      out += c;
    } else {
      char escape[4];
      std::snprintf(escape, sizeof escape, "%%%02X", static_cast<unsigned char>(c));
      out += escape;
    }
  }
  return out;
}

std::optional<int64_t> parse_int(std::string_view text) {
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::map<std::string, std::string> parse_form(std::string_view text) {
  std::map<std::string, std::string> out;
  while (!text.empty()) {
    size_t end = text.find('&');
    std::string_view pair = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    size_t equal = pair.find('=');
    auto key = percent_decode(pair.substr(0, equal), true);
    auto value = percent_decode(equal == std::string_view::npos ? std::string_view{} : pair.substr(equal + 1), true);
    if (key && value && !key->empty()) out[*key] = *value;
  }
  return out;
}

std::optional<std::map<std::string, std::string>> parse_json_object(std::string_view text) {
  return JsonReader{text}.object();
}

std::string lower(std::string_view text) {
  std::string out{text};
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string_view trim(std::string_view text) {
  size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> out;
  for (text = trim(text); !text.empty(); text = trim(text)) {
    size_t end = std::min(text.find_first_of(" \t\r\n"), text.size());
    out.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return out;
}

std::string timestamp(int64_t unix_seconds) {
  std::time_t time = unix_seconds;
  std::tm parts{};
  gmtime_r(&time, &parts);
  char out[40];
  std::snprintf(out, sizeof out, "%04d-%02d-%02dT%02d:%02d:%02dZ", parts.tm_year + 1900, parts.tm_mon + 1,
                parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
  return out;
}

std::string bytes_text(uint64_t bytes) {
  static constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(units)) {
    value /= 1024;
    ++unit;
  }
  char out[32];
  std::snprintf(out, sizeof out, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
  return out;
}

}  // namespace kuard
