// DNS messages: encoding a query, printing an answer.
#include <arpa/inet.h>

#include <algorithm>
#include <cstdio>

#include "examples/kuard/dns.h"
#include "examples/kuard/text.h"

namespace kuard {
namespace {

struct TypeName {
  uint16_t type;
  std::string_view name;
};
constexpr TypeName type_names[] = {{1, "A"},     {2, "NS"},     {5, "CNAME"},  {6, "SOA"},   {12, "PTR"},
                                   {15, "MX"},   {16, "TXT"},   {28, "AAAA"},  {33, "SRV"},  {35, "NAPTR"},
                                   {41, "OPT"},  {43, "DS"},    {46, "RRSIG"}, {47, "NSEC"}, {48, "DNSKEY"},
                                   {64, "SVCB"}, {65, "HTTPS"}, {255, "ANY"},  {257, "CAA"}};
constexpr std::string_view opcodes[] = {"QUERY", "IQUERY", "STATUS", "OPCODE3", "NOTIFY", "UPDATE"};
constexpr std::string_view rcodes[] = {"NOERROR",  "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED",
                                       "YXDOMAIN", "YXRRSET", "NXRRSET",  "NOTAUTH",  "NOTZONE"};

// Reads a message; every read is bounds-checked, ok() turns false for good at the first that does not fit.
class Reader {
 public:
  explicit Reader(const std::vector<uint8_t>& message) : message_(message) {}
  bool ok() const { return ok_; }
  size_t at() const { return at_; }
  uint8_t u8() { return need(1) ? message_[at_++] : 0; }
  uint16_t u16() {
    uint16_t high = u8();
    return static_cast<uint16_t>(high << 8 | u8());
  }
  uint32_t u32() {
    uint32_t high = u16();
    return high << 16 | u16();
  }
  std::string bytes(size_t count) {
    if (!need(count)) return {};
    std::string out(message_.begin() + static_cast<std::ptrdiff_t>(at_),
                    message_.begin() + static_cast<std::ptrdiff_t>(at_ + count));
    at_ += count;
    return out;
  }
  // A possibly compressed name in presentation form with the last dot. A pointer must point backwards, so it ends.
  std::string name() {
    std::string out;
    size_t position = at_, lowest = at_;
    bool jumped = false;
    while (ok_) {
      if (position >= message_.size()) return fail();
      uint8_t length = message_[position];
      if ((length & 0xc0) == 0xc0) {
        if (position + 1 >= message_.size()) return fail();
        size_t target = static_cast<size_t>(length & 0x3f) << 8 | message_[position + 1];
        if (target >= lowest) return fail();
        if (!jumped) at_ = position + 2;
        jumped = true;
        position = lowest = target;
        continue;
      }
      if (length > 63 || position + 1 + length > message_.size() || out.size() > 255) return fail();
      if (!jumped) at_ = position + 1 + length;
      if (length == 0) return out.empty() ? "." : out;
      append_label(out, position + 1, length);
      position += 1 + static_cast<size_t>(length);
    }
    return {};
  }

 private:
  bool need(size_t count) {
    if (message_.size() - at_ < count) ok_ = false;
    return ok_;
  }
  std::string fail() {
    ok_ = false;
    return {};
  }
  void append_label(std::string& out, size_t start, size_t length) {
    for (size_t i = start; i < start + length; ++i) {
      uint8_t c = message_[i];
      if (c == '.' || c == '\\' || c == '"' || c == ';') out += '\\';
      if (c > 0x20 && c < 0x7f) {
        out += static_cast<char>(c);
      } else {
        char escape[5];
        std::snprintf(escape, sizeof escape, "\\%03u", c);
        out += escape;
      }
    }
    out += '.';
  }

  const std::vector<uint8_t>& message_;
  size_t at_ = 0;
  bool ok_ = true;
};

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c >= 0x20 && c < 0x7f) {
      out += c;
    } else {
      char escape[5];
      std::snprintf(escape, sizeof escape, "\\%03u", static_cast<unsigned char>(c));
      out += escape;
    }
  }
  return out + '"';
}

std::string address_of(int family, const std::string& raw) {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(family, raw.data(), text, sizeof text);
  return text;
}

std::string unknown_data(Reader& in, size_t length) {  // RFC 3597
  std::string raw = in.bytes(length), out = "\\# " + std::to_string(length);
  if (!raw.empty()) out += ' ';
  for (char c : raw) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned char>(c));
    out += digits;
  }
  return out;
}

std::string text_strings(Reader& in, size_t end) {
  std::string out;
  while (in.ok() && in.at() < end) {
    if (!out.empty()) out += ' ';
    out += quoted(in.bytes(in.u8()));
  }
  return out;
}

std::string numbers(Reader& in, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += std::to_string(in.u16()) + " ";
  return out;
}

std::string record_data(Reader& in, uint16_t type, size_t length) {
  size_t end = in.at() + length;
  switch (type) {
    case 1:
      return length == 4 ? address_of(AF_INET, in.bytes(4)) : unknown_data(in, length);
    case 28:
      return length == 16 ? address_of(AF_INET6, in.bytes(16)) : unknown_data(in, length);
    case 2:
    case 5:
    case 12:
      return in.name();
    case 15: {
      std::string preference = numbers(in, 1);
      return preference + in.name();
    }
    case 33: {
      std::string numbers_text = numbers(in, 3);  // priority, weight, port
      return numbers_text + in.name();
    }
    case 16:
      return text_strings(in, end);
    case 6: {
      std::string out = in.name() + " ";
      out += in.name();
      for (int i = 0; i < 5; ++i) out += " " + std::to_string(in.u32());
      return out;
    }
    default:
      return unknown_data(in, length);
  }
}

std::string class_name(uint16_t value) {
  return value == 1 ? "IN" : value == 3 ? "CH" : value == 255 ? "ANY" : "CLASS" + std::to_string(value);
}

// One resource record as a line; the EDNS pseudo record as a comment.
std::string record_line(Reader& in) {
  std::string owner = in.name();
  uint16_t type = in.u16(), record_class = in.u16();
  uint32_t ttl = in.u32();
  uint16_t length = in.u16();
  size_t end = in.at() + length;
  if (type == 41) {
    in.bytes(length);
    return "; EDNS: version " + std::to_string(ttl >> 16 & 0xff) + "; udp: " + std::to_string(record_class) + "\n";
  }
  std::string data = record_data(in, type, length);
  if (in.at() != end) in.bytes(SIZE_MAX);  // data longer or shorter than it says: malformed
  return owner + "\t" + std::to_string(ttl) + "\t" + class_name(record_class) + "\t" + dns_type_name(type) + "\t" +
         data + "\n";
}

std::string header_lines(uint16_t id, uint16_t flags, const uint16_t (&counts)[4]) {
  size_t opcode = flags >> 11 & 15, rcode = flags & 15;
  std::string out = ";; opcode: ";
  out += opcode < std::size(opcodes) ? std::string{opcodes[opcode]} : "OPCODE" + std::to_string(opcode);
  out += ", status: ";
  out += rcode < std::size(rcodes) ? std::string{rcodes[rcode]} : "RCODE" + std::to_string(rcode);
  out += ", id: " + std::to_string(id) + "\n;; flags:";
  static constexpr std::pair<uint16_t, std::string_view> bits[] = {{0x8000, " qr"}, {0x0400, " aa"}, {0x0200, " tc"},
                                                                   {0x0100, " rd"}, {0x0080, " ra"}, {0x0020, " ad"},
                                                                   {0x0010, " cd"}};
  for (auto [bit, name] : bits) {
    if ((flags & bit) != 0) out += name;
  }
  return out + "; QUERY: " + std::to_string(counts[0]) + ", ANSWER: " + std::to_string(counts[1]) +
         ", AUTHORITY: " + std::to_string(counts[2]) + ", ADDITIONAL: " + std::to_string(counts[3]) + "\n";
}

}  // namespace

std::optional<uint16_t> dns_type(std::string_view name) {
  for (auto [type, known] : type_names) {
    if (lower(known) == lower(name)) return type;
  }
  if (lower(name).starts_with("type")) {
    auto number = parse_int(name.substr(4));
    if (number && *number >= 0 && *number <= 65535) return static_cast<uint16_t>(*number);
  }
  return std::nullopt;
}

std::string dns_type_name(uint16_t type) {
  for (auto [number, name] : type_names) {
    if (number == type) return std::string{name};
  }
  return "TYPE" + std::to_string(type);
}

std::optional<std::vector<uint8_t>> dns_query(uint16_t id, std::string_view name, uint16_t type) {
  auto half = [](uint16_t value, bool high) { return static_cast<uint8_t>(high ? value >> 8 : value & 0xff); };
  std::vector<uint8_t> out = {half(id, true), half(id, false), 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
  if (name.ends_with('.')) name.remove_suffix(1);
  while (!name.empty()) {
    size_t length = std::min(name.find('.'), name.size());
    if (length == 0 || length > 63) return std::nullopt;
    out.push_back(static_cast<uint8_t>(length));
    out.insert(out.end(), name.begin(), name.begin() + static_cast<std::ptrdiff_t>(length));
    name.remove_prefix(std::min(length + 1, name.size()));
  }
  out.push_back(0);
  if (out.size() > 12 + 255) return std::nullopt;
  out.insert(out.end(), {half(type, true), half(type, false), 0, 1});
  return out;
}

std::optional<std::string> dns_print(const std::vector<uint8_t>& message) {
  Reader in{message};
  uint16_t id = in.u16(), flags = in.u16(), counts[4];
  for (auto& count : counts) count = in.u16();
  std::string out = header_lines(id, flags, counts) + "\n;; QUESTION SECTION:\n";
  for (int i = 0; i < counts[0] && in.ok(); ++i) {
    out += ";" + in.name();
    uint16_t type = in.u16();
    out += "\t" + class_name(in.u16()) + "\t " + dns_type_name(type) + "\n";
  }
  static constexpr std::string_view sections[] = {"", "ANSWER", "AUTHORITY", "ADDITIONAL"};
  for (int section = 1; section < 4; ++section) {
    if (counts[section] == 0) continue;
    out += "\n;; " + std::string{sections[section]} + " SECTION:\n";
    for (int i = 0; i < counts[section] && in.ok(); ++i) out += record_line(in);
  }
  if (!in.ok()) return std::nullopt;
  return out;
}

}  // namespace kuard
