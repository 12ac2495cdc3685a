#include <algorithm>
#include <charconv>
#include <cmath>

#include "objects/json.h"
#include "objects/json_scan.h"
#include "objects/utf8.h"

namespace kring::json {

namespace {

constexpr char hex[] = "0123456789abcdef";

// Collects small pieces on the stack and hands them on in blocks: std::string's own append costs more than the copy.
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { flush(); }

  void put(char c) {
    if (used_ == sizeof buffer_) flush();
    buffer_[used_++] = c;
  }
  void put(const char* data, size_t size) {
    if (size > sizeof buffer_ - used_) {
      flush();
      if (size > sizeof buffer_) {
        out_.append(data, size);
        return;
      }
    }
    std::memcpy(buffer_ + used_, data, size);
    used_ += size;
  }
  void put(std::string_view text) { put(text.data(), text.size()); }

 private:
  void flush() {
    out_.append(buffer_, used_);
    used_ = 0;
  }

  std::string& out_;
  size_t used_ = 0;
  char buffer_[4096];
};

// One byte or rune at the start of `text` that find_special stopped at; returns the bytes it consumed.
size_t escape(Writer& out, std::string_view text) {
  const unsigned char c = static_cast<unsigned char>(text[0]);
  switch (c) {
    case '"': return out.put("\\\""), 1;
    case '\\': return out.put("\\\\"), 1;
    case '\b': return out.put("\\b"), 1;
    case '\f': return out.put("\\f"), 1;
    case '\n': return out.put("\\n"), 1;
    case '\r': return out.put("\\r"), 1;
    case '\t': return out.put("\\t"), 1;
    default: break;
  }
  if (c < 0x20) {
    const char code[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    return out.put(code, sizeof code), 1;
  }
  const utf8::Rune rune = utf8::decode(text);
  // Line and paragraph separators are escaped because JavaScript once took them for line ends; so does Go.
  if (rune.value == 0x2028) {
    out.put("\\u2028");
  } else if (rune.value == 0x2029) {
    out.put("\\u2029");
  } else if (!rune.valid) {
    out.put("\xEF\xBF\xBD");
  } else {
    out.put(text.data(), rune.bytes);
  }
  return rune.bytes;
}

void put_string(Writer& out, std::string_view text) {
  out.put('"');
  const char* p = text.data();
  const char* end = p + text.size();
  while (true) {
    const char* special = find_special(p, end);
    out.put(p, static_cast<size_t>(special - p));
    if (special == end) break;
    p = special + escape(out, {special, end});
  }
  out.put('"');
}

// As json.Marshal: <, > and & are escaped too.
void put_html_string(Writer& out, std::string_view text) {
  out.put('"');
  while (!text.empty()) {
    const char c = text[0];
    size_t consumed = 1;
    if (c == '<') {
      out.put("\\u003c");
    } else if (c == '>') {
      out.put("\\u003e");
    } else if (c == '&') {
      out.put("\\u0026");
    } else if (is_special(static_cast<unsigned char>(c))) {
      consumed = escape(out, text);
    } else {
      out.put(c);
    }
    text.remove_prefix(consumed);
  }
  out.put('"');
}

void put_integer(Writer& out, int64_t value) {
  char text[24];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  out.put(text, static_cast<size_t>(end - text));
}

// Go's form: the shortest digits that read back, as a plain decimal within [1e-6, 1e21) and else with an exponent that
// has no leading zero when negative. What JSON cannot say (infinite, not a number) is null.
void put_double(Writer& out, double value) {
  if (!std::isfinite(value)) {
    out.put("null");
    return;
  }
  char text[400];
  const double magnitude = std::fabs(value);
  const bool exponent = magnitude != 0 && (magnitude < 1e-6 || magnitude >= 1e21);
  const auto format = exponent ? std::chars_format::scientific : std::chars_format::fixed;
  char* end = std::to_chars(text, text + sizeof text, value, format).ptr;
  if (exponent && end - text >= 4 && end[-4] == 'e' && end[-3] == '-' && end[-2] == '0') {
    end[-2] = end[-1];
    --end;
  }
  out.put(text, static_cast<size_t>(end - text));
}

void put_scalar(Writer& out, const Value& value) {
  switch (value.type()) {
    case Type::boolean: out.put(value.as_bool() ? std::string_view{"true"} : std::string_view{"false"}); break;
    case Type::integer: put_integer(out, value.as_int()); break;
    case Type::number: put_double(out, value.as_double()); break;
    default: out.put("null"); break;
  }
}

void put_compact(Writer& out, const Value& value) {
  switch (value.type()) {
    case Type::string: put_string(out, value.as_string()); break;
    case Type::array: {
      char separator = '[';
      for (const Value& item : value.as_array()) {
        out.put(separator);
        put_compact(out, item);
        separator = ',';
      }
      if (separator == '[') out.put('[');
      out.put(']');
      break;
    }
    case Type::object: {
      char separator = '{';
      for (const Member& member : value.as_object()) {
        out.put(separator);
        put_string(out, member.key);
        out.put(':');
        put_compact(out, member.value);
        separator = ',';
      }
      if (separator == '{') out.put('{');
      out.put('}');
      break;
    }
    default: put_scalar(out, value); break;
  }
}

void put_sorted(Writer& out, const Value& value) {
  if (value.is_string()) {
    put_html_string(out, value.as_string());
  } else if (value.is_array()) {
    out.put('[');
    const Array& items = value.as_array();
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out.put(',');
      put_sorted(out, items[i]);
    }
    out.put(']');
  } else if (value.is_object()) {
    std::vector<const Member*> members;
    members.reserve(value.as_object().size());
    for (const Member& member : value.as_object()) members.push_back(&member);
    std::sort(members.begin(), members.end(), [](const Member* a, const Member* b) { return a->key < b->key; });
    out.put('{');
    for (size_t i = 0; i < members.size(); ++i) {
      if (i > 0) out.put(',');
      put_html_string(out, members[i]->key);
      out.put(':');
      put_sorted(out, members[i]->value);
    }
    out.put('}');
  } else {
    put_scalar(out, value);
  }
}

struct Pretty {
  Writer& out;
  size_t indent;

  void new_line(size_t depth) {
    out.put('\n');
    for (size_t i = 0; i < depth * indent; ++i) out.put(' ');
  }

  void put(const Value& value, size_t depth) {
    if (value.is_array() && !value.as_array().empty()) {
      char separator = '[';
      for (const Value& item : value.as_array()) {
        out.put(separator);
        new_line(depth + 1);
        put(item, depth + 1);
        separator = ',';
      }
      new_line(depth);
      out.put(']');
    } else if (value.is_object() && !value.as_object().empty()) {
      char separator = '{';
      for (const Member& member : value.as_object()) {
        out.put(separator);
        new_line(depth + 1);
        put_string(out, member.key);
        out.put(": ");
        put(member.value, depth + 1);
        separator = ',';
      }
      new_line(depth);
      out.put('}');
    } else {
      put_compact(out, value);
    }
  }
};

}  // namespace

void print_to(std::string& out, const Value& value) {
  Writer writer{out};
  put_compact(writer, value);
}

std::string print(const Value& value) {
  std::string out;
  print_to(out, value);
  return out;
}

void print_string_to(std::string& out, std::string_view text) {
  out.push_back('"');
  const char* p = text.data();
  const char* end = p + text.size();
  const char* special = find_special(p, end);
  if (special == end) [[likely]] {
    out.append(p, end);
    out.push_back('"');
    return;
  }
  out.pop_back();
  Writer writer{out};
  put_string(writer, text);
}

std::string print_pretty(const Value& value, int indent) {
  std::string out;
  {
    Writer writer{out};  // hands its last block on when it goes, which must be before the return
    Pretty{writer, static_cast<size_t>(std::max(indent, 0))}.put(value, 0);
  }
  return out;
}

std::string print_sorted(const Value& value) {
  std::string out;
  {
    Writer writer{out};
    put_sorted(writer, value);
  }
  return out;
}

}  // namespace kring::json
