// The few bytes of DNS that a client needs to find a server: one question for addresses, and reading its answer. Pure.
// Source: RFC 1035 section 4, RFC 6891 (EDNS0, for answers of up to 1232 bytes), RFC 3596 (AAAA).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kring::http {

enum class AddressType : uint16_t { a = 1, aaaa = 28 };

// Nothing for a name that DNS cannot carry (empty or longer labels than 63 bytes, more than 253 bytes).
std::optional<std::vector<uint8_t>> make_query(uint16_t id, std::string_view name, AddressType type);

struct AddressAnswer {
  uint8_t rcode = 0;                   // 0: no error, 3: no such name
  std::vector<std::string> addresses;  // "192.0.2.1", "2001:db8::1"
};
// Nothing when this is no answer to exactly that question: the caller waits on for the real one.
std::optional<AddressAnswer> parse_answer(std::span<const uint8_t> packet, uint16_t id, std::string_view name,
                                          AddressType type);

// From the text of resolv.conf(5) and hosts(5).
struct ResolverConfig {
  std::vector<std::string> servers;  // at most three; 127.0.0.1 when there is none
  std::vector<std::string> search;
  size_t ndots = 1;
};
ResolverConfig parse_resolver_config(std::string_view text);
std::vector<std::string> find_in_hosts(std::string_view text, std::string_view name);

}  // namespace kring::http
