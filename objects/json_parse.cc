#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

#include "objects/json.h"
#include "objects/json_scan.h"
#include "objects/utf8.h"

namespace kring::json {

namespace {

// Keys of an object are compared pairwise up to this many members and sorted above, so that an attacker's object
// with 100,000 keys costs n log n.
constexpr size_t linear_members_max = 16;
// Room for a typical object at once saves a third of the time. Only at first, so that half a million objects of one
// member each do not multiply what they cost.
constexpr size_t members_reserved = 6;
constexpr uint32_t reserving_values_max = 20'000;
// As sigs.k8s.io/json: more findings than this are not worth telling, and a bound on their text.
constexpr size_t duplicates_max = 100;
constexpr size_t duplicates_bytes_max = 64 * 1024;

// Where the parser is, as a list on the stack: only walked to word a finding.
struct Frame {
  const Frame* parent = nullptr;
  const std::vector<Member>* members = nullptr;  // inside an object: the value of the last member is being read
  size_t index = 0;                              // inside an array
};

void append_path(std::string& out, const Frame* frame) {
  if (frame == nullptr) return;
  append_path(out, frame->parent);
  if (frame->members == nullptr) {
    out += "[" + std::to_string(frame->index) + "]";
    return;
  }
  if (!out.empty()) out.push_back('.');
  out += frame->members->back().key;
}

// A byte as Go's encoding/json quotes it in its messages: taken as a Latin-1 character.
std::string quoted(unsigned char c) {
  if (c == '\'') return R"('\'')";
  if (c == '"') return R"('"')";
  static constexpr std::pair<unsigned char, const char*> named[] = {{'\a', "\\a"}, {'\b', "\\b"}, {'\f', "\\f"},
                                                                    {'\n', "\\n"}, {'\r', "\\r"}, {'\t', "\\t"},
                                                                    {'\v', "\\v"}, {'\\', "\\\\"}};
  std::string text = "'";
  const auto* found = std::find_if(std::begin(named), std::end(named), [&](auto& entry) { return entry.first == c; });
  static constexpr char hex[] = "0123456789abcdef";
  if (found != std::end(named)) {
    text += found->second;
  } else if (c < 0x20 || c == 0x7f) {
    text += std::string{"\\x"} + hex[c >> 4] + hex[c & 15];
  } else if ((c >= 0x80 && c <= 0xa0) || c == 0xad) {
    text += std::string{"\\u00"} + hex[c >> 4] + hex[c & 15];
  } else {
    utf8::append(text, c);
  }
  return text + "'";
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

class Parser {
 public:
  Parser(std::string_view text, const ParseOptions& options)
      : p_(text.data()), end_(text.data() + text.size()), options_(options) {}

  Result<Parsed> run() {
    Parsed parsed;
    if (!value(parsed.value, nullptr, 0)) return std::move(error_);
    skip_space();
    if (p_ != end_) {
      unexpected("after top-level value");
      return std::move(error_);
    }
    parsed.duplicates = std::move(duplicates_);
    return parsed;
  }

 private:
  void skip_space() {
    while (p_ != end_ && (*p_ == ' ' || *p_ == '\n' || *p_ == '\t' || *p_ == '\r')) ++p_;
  }

  bool fail(Reason reason, std::string message) {
    error_ = Error{reason, std::move(message)};
    return false;
  }

  // The error for the byte at p_, worded as Go's scanner: `context` is what it was doing.
  bool unexpected(std::string_view context) {
    if (p_ == end_) return fail(Reason::bad_request, "unexpected end of JSON input");
    std::string message = "invalid character " + quoted(static_cast<unsigned char>(*p_)) + " ";
    return fail(Reason::bad_request, message.append(context));
  }

  bool value(Value& out, const Frame* frame, uint32_t depth) {
    skip_space();
    if (p_ == end_) return unexpected({});
    if (++values_ > options_.values_max) {
      return fail(Reason::request_entity_too_large,
                  "document has more than " + std::to_string(options_.values_max) + " values");
    }
    switch (*p_) {
      case '{': return object(out, frame, depth + 1);
      case '[': return array(out, frame, depth + 1);
      case '"': {
        std::string text;
        ++p_;
        if (!string(text)) return false;
        out = Value{std::move(text)};
        return true;
      }
      case 't': return literal("true") && (out = Value{true}, true);
      case 'f': return literal("false") && (out = Value{false}, true);
      case 'n': return literal("null");
      default: return number(out);
    }
  }

  bool literal(std::string_view word) {
    for (size_t i = 0; i < word.size(); ++i, ++p_) {
      if (p_ == end_ || *p_ != word[i]) {
        return unexpected("in literal " + std::string{word} + " (expecting '" + word[i] + "')");
      }
    }
    return true;
  }

  bool digit() const { return p_ != end_ && *p_ >= '0' && *p_ <= '9'; }

  bool digits(std::string_view context) {
    if (!digit()) return unexpected(context);
    while (digit()) ++p_;
    return true;
  }

  bool number(Value& out) {
    const char* start = p_;
    if (*p_ == '-') {
      ++p_;
      if (!digit()) return unexpected("in numeric literal");
    } else if (!digit()) {
      return unexpected("looking for beginning of value");
    }
    bool integral = true;
    if (*p_ == '0') {
      ++p_;
    } else {
      while (digit()) ++p_;
    }
    if (p_ != end_ && *p_ == '.') {
      integral = false;
      ++p_;
      if (!digits("after decimal point in numeric literal")) return false;
    }
    if (p_ != end_ && (*p_ == 'e' || *p_ == 'E')) {
      integral = false;
      ++p_;
      if (p_ != end_ && (*p_ == '+' || *p_ == '-')) ++p_;
      if (!digits("in exponent of numeric literal")) return false;
    }
    return convert(out, start, integral);
  }

  // int64 when the text is an integer that fits, else a double, as sigs.k8s.io/json.
  bool convert(Value& out, const char* start, bool integral) {
    if (integral) {
      int64_t integer = 0;
      if (std::from_chars(start, p_, integer).ec == std::errc{}) {
        out = Value{integer};
        return true;
      }
    }
    double real = 0;
    const std::errc ec = std::from_chars(start, p_, real).ec;
    // from_chars says out of range for underflow too, where Go rounds to zero.
    if (ec == std::errc::result_out_of_range) real = std::strtod(std::string{start, p_}.c_str(), nullptr);
    if (!std::isfinite(real)) {
      return fail(Reason::bad_request,
                  "json: cannot unmarshal number " + shortened({start, p_}) + " into Go value of type float64");
    }
    out = Value{real};
    return true;
  }

  static std::string shortened(std::string_view number) {
    return number.size() <= 64 ? std::string{number} : std::string{number.substr(0, 64)} + "...";
  }

  // The rest of a string, after its opening quote.
  bool string(std::string& out) {
    const char* run = p_;
    p_ = find_special(p_, end_);
    if (p_ != end_ && *p_ == '"') [[likely]] {
      out.assign(run, p_);
      ++p_;
      return true;
    }
    while (true) {
      out.append(run, p_);
      if (p_ == end_) return unexpected({});
      const unsigned char c = static_cast<unsigned char>(*p_);
      if (c == '"') {
        ++p_;
        return true;
      }
      if (c == '\\') {
        ++p_;
        if (!escape(out)) return false;
      } else if (c < 0x20) {
        return unexpected("in string literal");
      } else {
        // Outside ASCII: an invalid byte becomes U+FFFD, as in Go.
        const utf8::Rune rune = utf8::decode({p_, end_});
        utf8::append(out, rune.value);
        p_ += rune.bytes;
      }
      run = p_;
      p_ = find_special(p_, end_);
    }
  }

  bool escape(std::string& out) {
    if (p_ == end_) return unexpected({});
    switch (*p_) {
      case '"':
      case '\\':
      case '/': out.push_back(*p_); break;
      case 'b': out.push_back('\b'); break;
      case 'f': out.push_back('\f'); break;
      case 'n': out.push_back('\n'); break;
      case 'r': out.push_back('\r'); break;
      case 't': out.push_back('\t'); break;
      case 'u': return ++p_, unicode_escape(out);
      default: return unexpected("in string escape code");
    }
    ++p_;
    return true;
  }

  bool hex4(uint32_t& out) {
    out = 0;
    for (int i = 0; i < 4; ++i, ++p_) {
      const int digit = p_ == end_ ? -1 : hex_digit(*p_);
      if (digit < 0) return unexpected("in \\u hexadecimal character escape");
      out = out << 4 | static_cast<uint32_t>(digit);
    }
    return true;
  }

  // After \u. A surrogate pair is one rune; a lone surrogate becomes U+FFFD.
  bool unicode_escape(std::string& out) {
    uint32_t unit = 0;
    if (!hex4(unit)) return false;
    if (unit >= 0xD800 && unit < 0xDC00 && end_ - p_ >= 2 && p_[0] == '\\' && p_[1] == 'u') {
      const char* second = p_;
      p_ += 2;
      uint32_t low = 0;
      if (!hex4(low)) return false;
      if (low >= 0xDC00 && low <= 0xDFFF) {
        utf8::append(out, 0x10000 + ((unit - 0xD800) << 10 | (low - 0xDC00)));
        return true;
      }
      p_ = second;  // not a pair: the second escape is read again by itself
    }
    utf8::append(out, unit);
    return true;
  }

  bool array(Value& out, const Frame* parent, uint32_t depth) {
    if (depth > options_.depth_max) return fail(Reason::bad_request, "exceeded max depth");
    ++p_;
    Array items;
    Frame frame{.parent = parent};
    skip_space();
    if (p_ != end_ && *p_ == ']') {
      ++p_;
      out = Value{std::move(items)};
      return true;
    }
    for (;; ++frame.index) {
      if (!value(items.emplace_back(), &frame, depth)) return false;
      skip_space();
      if (p_ != end_ && *p_ == ',') {
        ++p_;
      } else if (p_ != end_ && *p_ == ']') {
        ++p_;
        out = Value{std::move(items)};
        return true;
      } else {
        return unexpected("after array element");
      }
    }
  }

  bool object(Value& out, const Frame* parent, uint32_t depth) {
    if (depth > options_.depth_max) return fail(Reason::bad_request, "exceeded max depth");
    ++p_;
    Object result;
    std::vector<Member>& members = result.members();
    const Frame frame{.parent = parent, .members = &members};
    skip_space();
    if (p_ != end_ && *p_ == '}') {
      ++p_;
      out = Value{std::move(result)};
      return true;
    }
    if (values_ <= reserving_values_max) members.reserve(members_reserved);
    while (true) {
      skip_space();
      if (p_ == end_ || *p_ != '"') return unexpected("looking for beginning of object key string");
      ++p_;
      if (!string(members.emplace_back().key)) return false;
      skip_space();
      if (p_ == end_ || *p_ != ':') return unexpected("after object key");
      ++p_;
      if (!value(members.back().value, &frame, depth)) return false;
      if (members.size() <= linear_members_max) drop_earlier(members, parent);
      skip_space();
      if (p_ != end_ && *p_ == ',') {
        ++p_;
      } else if (p_ != end_ && *p_ == '}') {
        ++p_;
        if (members.size() > linear_members_max) drop_duplicates(members, parent);
        out = Value{std::move(result)};
        return true;
      } else {
        return unexpected("after object key:value pair");
      }
    }
  }

  // The last member may repeat an earlier key: it then takes that one's place.
  void drop_earlier(std::vector<Member>& members, const Frame* parent) {
    Member& last = members.back();
    for (size_t i = 0; i + 1 < members.size(); ++i) {
      if (members[i].key == last.key) {
        report_duplicate(last.key, parent);
        members[i].value = std::move(last.value);
        members.pop_back();
        return;
      }
    }
  }

  // The same for a large object, after its end.
  void drop_duplicates(std::vector<Member>& members, const Frame* parent) {
    std::vector<uint32_t> order(members.size());
    std::iota(order.begin(), order.end(), 0u);
    std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
      const int compared = members[a].key.compare(members[b].key);
      return compared != 0 ? compared < 0 : a < b;
    });
    std::vector<uint32_t> repeats;
    for (size_t i = 0; i < order.size();) {
      size_t next = i + 1;
      while (next < order.size() && members[order[next]].key == members[order[i]].key) repeats.push_back(order[next++]);
      if (next - i > 1) members[order[i]].value = std::move(members[order[next - 1]].value);
      i = next;
    }
    if (repeats.empty()) return;
    std::sort(repeats.begin(), repeats.end());
    for (uint32_t repeat : repeats) report_duplicate(members[repeat].key, parent);
    size_t kept = 0, skipped = 0;
    for (size_t i = 0; i < members.size(); ++i) {
      if (skipped < repeats.size() && repeats[skipped] == i) {
        ++skipped;
      } else if (kept++ != i) {
        members[kept - 1] = std::move(members[i]);
      }
    }
    members.resize(kept);
  }

  void report_duplicate(std::string_view key, const Frame* parent) {
    if (duplicates_.size() >= duplicates_max || duplicates_bytes_ >= duplicates_bytes_max) return;
    std::string path;
    append_path(path, parent);
    if (!path.empty()) path.push_back('.');
    path.append(key);
    if (std::find(duplicates_.begin(), duplicates_.end(), path) != duplicates_.end()) return;
    duplicates_bytes_ += path.size();
    duplicates_.push_back(std::move(path));
  }

  const char* p_;
  const char* end_;
  const ParseOptions& options_;
  uint32_t values_ = 0;
  std::vector<std::string> duplicates_;
  size_t duplicates_bytes_ = 0;
  Error error_;
};

}  // namespace

Result<Parsed> parse(std::string_view text, const ParseOptions& options) { return Parser{text, options}.run(); }

}  // namespace kring::json
