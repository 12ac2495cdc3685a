// Text helpers of the demo workload: escaping, percent-decoding, numbers, a small JSON reader for request bodies.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kuard {

std::string html(std::string_view text);         // & < > " ' escaped
std::string json_string(std::string_view text);  // quoted and escaped; invalid UTF-8 becomes U+FFFD
// "%41+b" -> "A b"; nullopt for a broken escape. `plus` turns '+' into a space, as forms send it.
std::optional<std::string> percent_decode(std::string_view text, bool plus);
std::string percent_encode(std::string_view text);  // everything but unreserved characters and '/'
std::optional<int64_t> parse_int(std::string_view text);
std::map<std::string, std::string> parse_form(std::string_view text);  // a=1&b=2
// Members of a flat JSON object as text: {"failNext": 3, "type": "A", "enable": true}. Nested values are skipped.
// nullopt when the text is not such an object.
std::optional<std::map<std::string, std::string>> parse_json_object(std::string_view text);
std::string lower(std::string_view text);
std::string_view trim(std::string_view text);
std::vector<std::string_view> words(std::string_view text);
// "2026-11-23T06:00:00Z"
std::string timestamp(int64_t unix_seconds);
std::string bytes_text(uint64_t bytes);  // "1.5 MiB"

}  // namespace kuard
