// A DNS client of its own: resolv.conf with search and ndots, UDP with TCP when truncated, answers printed as dig does.
// Source: RFC 1035, 2782, 3596, 6891; resolv.conf(5).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kuard {

struct ResolvConf {
  std::vector<std::string> servers, search;
  int ndots = 1, timeout_seconds = 5, attempts = 2;
};
ResolvConf parse_resolv_conf(std::string_view text);

// "A", "AAAA", "SRV", "TXT", ..., "TYPE65"; nullopt for something else.
std::optional<uint16_t> dns_type(std::string_view name);
std::string dns_type_name(uint16_t type);

// The names to try, in order, fully qualified without the last dot. Empty for an invalid name.
std::vector<std::string> search_names(std::string_view name, const ResolvConf& conf);

// A query with recursion desired. nullopt when the name cannot be encoded.
std::optional<std::vector<uint8_t>> dns_query(uint16_t id, std::string_view name, uint16_t type);
// The whole message as dig-like text; nullopt when it is malformed.
std::optional<std::string> dns_print(const std::vector<uint8_t>& message);

// Asks the servers of /etc/resolv.conf; text for a person, also on failure.
std::string dns_lookup(std::string_view name, std::string_view type);

}  // namespace kuard
