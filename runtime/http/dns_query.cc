#include "runtime/http/dns_query.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "runtime/http/message.h"

namespace kring::http {
namespace {

constexpr size_t header_bytes = 12;
constexpr size_t servers_max = 3;
constexpr size_t names_in_a_chain_max = 128;

void put16(std::vector<uint8_t>& out, unsigned value) {
  out.push_back(static_cast<uint8_t>(value >> 8));
  out.push_back(static_cast<uint8_t>(value));
}

// Reads big-endian numbers; past the end it says so and returns zeros.
class Reader {
 public:
  explicit Reader(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  bool good() const { return good_; }
  uint8_t u8() {
    if (at_ >= bytes_.size()) good_ = false;
    return good_ ? bytes_[at_++] : uint8_t{0};
  }
  uint16_t u16() {
    const unsigned high = u8();
    return static_cast<uint16_t>(high << 8 | u8());
  }
  std::span<const uint8_t> take(size_t n) {
    if (bytes_.size() - at_ < n) good_ = false;
    if (!good_) return {};
    at_ += n;
    return bytes_.subspan(at_ - n, n);
  }
  // A name with its compression pointers (RFC 1035, 4.1.4), which must go backwards.
  std::string name() {
    std::string text;
    size_t back_to = 0;
    for (size_t labels = 0; labels < names_in_a_chain_max; ++labels) {
      const uint8_t size = u8();
      if (!good_ || size == 0) {
        if (back_to != 0) at_ = back_to;
        return text;
      }
      if (size >= 0xc0) {
        const size_t target = (size & 0x3fu) << 8 | u8();
        if (!good_ || target >= at_ - 2) break;
        if (back_to == 0) back_to = at_;
        at_ = target;
        continue;
      }
      const auto label = take(size);
      if (size >= 0x40 || label.empty()) break;
      if (!text.empty()) text += '.';
      text.append(label.begin(), label.end());
    }
    good_ = false;
    return {};
  }

 private:
  std::span<const uint8_t> bytes_;
  size_t at_ = 0;
  bool good_ = true;
};

std::string address_text(std::span<const uint8_t> bytes) {
  char text[INET6_ADDRSTRLEN] = "";
  ::inet_ntop(bytes.size() == 4 ? AF_INET : AF_INET6, bytes.data(), text, sizeof text);
  return text;
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  line = line.substr(0, line.find_first_of("#;"));
  while (true) {
    const size_t begin = line.find_first_not_of(" \t\r");
    if (begin == std::string_view::npos) return words;
    line.remove_prefix(begin);
    const size_t end = std::min(line.find_first_of(" \t\r"), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

template <class Visit>
void for_each_line(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    visit(words_of(line));
  }
}

}  // namespace

std::optional<std::vector<uint8_t>> make_query(uint16_t id, std::string_view name, AddressType type) {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty() || name.size() > 253) return std::nullopt;
  std::vector<uint8_t> packet;
  put16(packet, id);
  put16(packet, 0x0100);  // recursion desired
  put16(packet, 1);       // questions
  put16(packet, 0);
  put16(packet, 0);
  put16(packet, 1);  // additional: EDNS0
  while (true) {
    const std::string_view label = name.substr(0, name.find('.'));
    if (label.empty() || label.size() > 63) return std::nullopt;
    packet.push_back(static_cast<uint8_t>(label.size()));
    packet.insert(packet.end(), label.begin(), label.end());
    if (label.size() == name.size()) break;
    name.remove_prefix(label.size() + 1);
  }
  packet.push_back(0);
  put16(packet, static_cast<uint16_t>(type));
  put16(packet, 1);  // IN
  packet.push_back(0);
  put16(packet, 41);  // OPT
  put16(packet, 1232);
  packet.insert(packet.end(), 6, 0);
  return packet;
}

std::optional<AddressAnswer> parse_answer(std::span<const uint8_t> packet, uint16_t id, std::string_view name,
                                          AddressType type) {
  if (packet.size() < header_bytes) return std::nullopt;
  if (name.ends_with('.')) name.remove_suffix(1);
  Reader reader{packet};
  const uint16_t got_id = reader.u16();
  const uint16_t flags = reader.u16();
  const uint16_t questions = reader.u16();
  const uint16_t answers = reader.u16();
  reader.take(4);
  const bool is_response = (flags & 0x8000) != 0;
  if (got_id != id || !is_response || questions != 1) return std::nullopt;
  const std::string asked = reader.name();
  const uint16_t asked_type = reader.u16();
  reader.u16();
  if (!reader.good() || !equal_ignoring_case(asked, name) || asked_type != static_cast<uint16_t>(type)) {
    return std::nullopt;
  }
  AddressAnswer answer{.rcode = static_cast<uint8_t>(flags & 15)};
  const size_t size = type == AddressType::a ? 4 : 16;
  for (uint16_t i = 0; i < answers; ++i) {
    reader.name();
    const uint16_t record_type = reader.u16();
    const uint16_t record_class = reader.u16();
    reader.take(4);
    const auto data = reader.take(reader.u16());
    if (!reader.good()) break;  // a cut answer: what came before still holds
    if (record_type == static_cast<uint16_t>(type) && record_class == 1 && data.size() == size) {
      answer.addresses.push_back(address_text(data));
    }
  }
  return answer;
}

ResolverConfig parse_resolver_config(std::string_view text) {
  ResolverConfig config;
  for_each_line(text, [&config](const std::vector<std::string_view>& words) {
    if (words.size() < 2) return;
    if (words[0] == "nameserver" && config.servers.size() < servers_max) config.servers.emplace_back(words[1]);
    if (words[0] == "search" || words[0] == "domain") config.search.assign(words.begin() + 1, words.end());
    if (words[0] != "options") return;
    for (const std::string_view word : words) {
      static constexpr std::string_view prefix = "ndots:";
      if (!word.starts_with(prefix)) continue;
      std::from_chars(word.data() + prefix.size(), word.data() + word.size(), config.ndots);
      config.ndots = std::min<size_t>(config.ndots, 15);
    }
  });
  if (config.servers.empty()) config.servers.emplace_back("127.0.0.1");
  return config;
}

std::vector<std::string> find_in_hosts(std::string_view text, std::string_view name) {
  std::vector<std::string> addresses;
  for_each_line(text, [&](const std::vector<std::string_view>& words) {
    for (size_t i = 1; i < words.size(); ++i) {
      if (!equal_ignoring_case(words[i], name)) continue;
      addresses.emplace_back(words[0]);
      return;
    }
  });
  return addresses;
}

}  // namespace kring::http
