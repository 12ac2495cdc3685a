#include <algorithm>

#include "objects/utf8.h"
#include "objects/yaml.h"
#include "objects/yaml_scalar.h"

namespace kring::yaml {

namespace {

// Letters, digits, marks and spaces that never need an escape; line breaks are looked at apart.
bool printable(uint32_t rune) {
  if (rune == 0x2028 || rune == 0x2029) return false;
  return (rune >= 0x20 && rune < 0x7F) || rune == 0x09 || (rune >= 0xA0 && rune < 0xD800) ||
         (rune >= 0xE000 && rune < 0xFEFF) || (rune > 0xFEFF && rune <= 0xFFFD) || rune >= 0x10000;
}

struct Traits {
  bool printable = true;  // breaks aside
  bool breaks = false;    // has \n
  bool tabs = false;
  bool trailing_space = false;  // before a break
};

Traits examine(std::string_view text) {
  Traits traits;
  char before = '\n';
  while (!text.empty()) {
    const utf8::Rune rune = utf8::decode(text);
    if (rune.value == '\n') {
      traits.breaks = true;
      traits.trailing_space |= before == ' ' || before == '\t';
    } else {
      traits.printable &= rune.valid && printable(rune.value);
      traits.tabs |= rune.value == '\t';
    }
    before = text[0];
    text.remove_prefix(rune.bytes);
  }
  return traits;
}

// Whether a text without breaks can stand without quotes in block style, leaving aside what it resolves to.
bool fits_plain(std::string_view text) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ') return false;
  constexpr std::string_view indicators = "#,[]{}&*!|>'\"%@`";
  if (indicators.find(text[0]) != std::string_view::npos) return false;
  const bool lonely = text.size() == 1 || text[1] == ' ';
  if ((text[0] == '-' || text[0] == '?' || text[0] == ':') && lonely) return false;
  if (text.starts_with("---") || text.starts_with("...")) return false;
  return text.find(": ") == std::string_view::npos && text.back() != ':' && text.find(" #") == std::string_view::npos;
}

void put_single_quoted(std::string& out, std::string_view text) {
  out.push_back('\'');
  for (char c : text) {
    if (c == '\'') out.push_back('\'');
    out.push_back(c);
  }
  out.push_back('\'');
}

// A JSON string is a YAML string but for characters that YAML does not allow as they are.
void put_double_quoted(std::string& out, std::string_view text) {
  constexpr char hex[] = "0123456789abcdef";
  out.push_back('"');
  while (!text.empty()) {
    const utf8::Rune rune = utf8::decode(text);
    switch (rune.value) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (printable(rune.value)) {
          utf8::append(out, rune.value);
        } else {
          out += "\\u";
          for (int shift = 12; shift >= 0; shift -= 4) out.push_back(hex[rune.value >> shift & 15]);
        }
    }
    text.remove_prefix(rune.bytes);
  }
  out.push_back('"');
}

class Printer {
 public:
  explicit Printer(std::string& out) : out_(out) {}

  // Prints a value whose first character goes on the current line; `indent` is where its further lines start.
  void put(const json::Value& value, size_t indent) {
    switch (value.type()) {
      case json::Type::object: put_mapping(value.as_object(), indent); break;
      case json::Type::array: put_sequence(value.as_array(), indent); break;
      case json::Type::string:
        put_text(value.as_string(), indent, true);
        out_.push_back('\n');
        break;
      default:
        out_ += json::print(value);
        out_.push_back('\n');
        break;
    }
  }

 private:
  void put_indent(size_t indent) { out_.append(indent, ' '); }

  void put_mapping(const json::Object& object, size_t indent) {
    if (object.empty()) {
      out_ += "{}\n";
      return;
    }
    std::vector<const json::Member*> members;
    for (const json::Member& member : object) members.push_back(&member);
    std::sort(members.begin(), members.end(), [](const auto* a, const auto* b) { return a->key < b->key; });
    for (size_t i = 0; i < members.size(); ++i) {
      if (i > 0) put_indent(indent);
      put_key(members[i]->key, indent);
      const json::Value& value = members[i]->value;
      if (value.is_object() && !value.as_object().empty()) {
        out_.push_back('\n');
        put_indent(indent + 2);
        put(value, indent + 2);
      } else if (value.is_array() && !value.as_array().empty()) {
        // The dashes of a sequence stand right below its key.
        out_.push_back('\n');
        put_indent(indent);
        put(value, indent);
      } else {
        out_.push_back(' ');
        put(value, indent);
      }
    }
  }

  void put_key(std::string_view key, size_t indent) {
    // A simple key has at most 1024 characters on one line; a longer one needs the explicit form.
    constexpr size_t simple_key_max = 128;
    if (key.size() <= simple_key_max) {
      put_text(key, indent, false);
      out_.push_back(':');
      return;
    }
    out_ += "? ";
    put_text(key, indent, false);
    out_.push_back('\n');
    put_indent(indent);
    out_.push_back(':');
  }

  void put_sequence(const json::Array& items, size_t indent) {
    if (items.empty()) {
      out_ += "[]\n";
      return;
    }
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) put_indent(indent);
      out_ += "- ";
      put(items[i], indent + 2);
    }
  }

  void put_text(std::string_view text, size_t indent, bool block_allowed) {
    const Traits traits = examine(text);
    if (traits.breaks && block_allowed && traits.printable && !traits.trailing_space && text[0] != ' ' &&
        text[0] != '\n' && text[0] != '\t') {
      put_literal(text, indent + 2);
    } else if (traits.breaks || !traits.printable || traits.tabs) {
      put_double_quoted(out_, text);
    } else if (resolve(text).tag != Tag::str || is_ambiguous(text)) {
      put_double_quoted(out_, text);
    } else if (fits_plain(text)) {
      out_ += text;
    } else {
      put_single_quoted(out_, text);
    }
  }

  // "|" and the lines as they are; the caller ends the last line.
  void put_literal(std::string_view text, size_t indent) {
    const bool ended = text.ends_with('\n');
    out_ += !ended ? "|-" : text.ends_with("\n\n") || text == "\n" ? "|+" : "|";
    if (ended) text.remove_suffix(1);
    while (true) {
      const size_t end = text.find('\n');
      const std::string_view line = text.substr(0, end);
      out_.push_back('\n');
      if (!line.empty()) put_indent(indent);
      out_ += line;
      if (end == std::string_view::npos) return;
      text.remove_prefix(end + 1);
    }
  }

  std::string& out_;
};

}  // namespace

std::string print(const json::Value& value) {
  std::string out;
  Printer{out}.put(value, 0);
  return out;
}

}  // namespace kring::yaml
