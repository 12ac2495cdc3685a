#include "objects/names.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <limits>


namespace kring::names {

namespace {

constexpr int64_t label_max = 63;
constexpr int64_t subdomain_max = 253;

bool lower(char c) { return c >= 'a' && c <= 'z'; }
bool upper(char c) { return c >= 'A' && c <= 'Z'; }
bool digit(char c) { return c >= '0' && c <= '9'; }
bool lower_or_digit(char c) { return lower(c) || digit(c); }
bool alphanumeric(char c) { return lower(c) || upper(c) || digit(c); }

template <class Accept>
bool all(std::string_view text, Accept accept) {
  return std::all_of(text.begin(), text.end(), accept);
}

// [a-z0-9]([-a-z0-9]*[a-z0-9])?
bool matches_dns1123_label(std::string_view text) {
  return !text.empty() && lower_or_digit(text.front()) && lower_or_digit(text.back()) &&
         all(text, [](char c) { return lower_or_digit(c) || c == '-'; });
}

// _?[a-z0-9]([-_a-z0-9]*[a-z0-9])?
bool matches_label_with_underscore(std::string_view text) {
  if (text.starts_with('_')) text.remove_prefix(1);
  return !text.empty() && lower_or_digit(text.front()) && lower_or_digit(text.back()) &&
         all(text, [](char c) { return lower_or_digit(c) || c == '-' || c == '_'; });
}

template <class Label>
bool each_label(std::string_view text, Label label) {
  while (true) {
    const size_t dot = text.find('.');
    if (!label(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

// ([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]
bool matches_qualified_part(std::string_view text) {
  return !text.empty() && alphanumeric(text.front()) && alphanumeric(text.back()) &&
         all(text, [](char c) { return alphanumeric(c) || c == '-' || c == '_' || c == '.'; });
}

// A message with examples and the expression that was used.
std::string grammar(std::string_view message, std::string_view expression,
                    std::initializer_list<std::string_view> examples) {
  std::string text{message};
  text += examples.size() == 0 ? " (" : " (e.g. ";
  bool first = true;
  for (std::string_view example : examples) {
    if (!first) text += " or ";
    text.append("'").append(example).append("', ");
    first = false;
  }
  return text.append("regex used for validation is '").append(expression).append("')");
}

void refuse_parent_directory(std::string_view value, Messages& messages) {
  if (value == ".") {
    messages.emplace_back("must not be '.'");
  } else if (value == "..") {
    messages.emplace_back("must not be '..'");
  } else if (value.starts_with("..")) {
    messages.emplace_back("must not start with '..'");
  }
}

constexpr std::string_view qualified_expression = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";

std::string qualified_message() {
  return grammar(
      "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
      qualified_expression, {"MyName", "my.name", "123-abc"});
}

// A generated name goes on after its prefix, so a final dash is fine. As in Kubernetes the two last characters are
// replaced together.
std::string masked(std::string_view name, bool prefix) {
  if (!prefix || name.size() < 2 || !name.ends_with('-')) return std::string{name};
  return std::string{name.substr(0, name.size() - 2)} + "a";
}

bool parse_ip(std::string_view text) {
  unsigned char buffer[16];
  const std::string owned{text};
  if (owned.find('\0') != std::string::npos) return false;
  return inet_pton(AF_INET, owned.c_str(), buffer) == 1 || inet_pton(AF_INET6, owned.c_str(), buffer) == 1;
}

}  // namespace

std::string max_length_message(int64_t characters) {
  return "must be no more than " + std::to_string(characters) + " characters";
}

std::string range_message(int64_t min, int64_t max) {
  return "must be between " + std::to_string(min) + " and " + std::to_string(max) + ", inclusive";
}

bool is_dns1123_label(std::string_view value) {
  return value.size() <= static_cast<size_t>(label_max) && matches_dns1123_label(value);
}
bool is_dns1123_subdomain(std::string_view value) {
  return value.size() <= static_cast<size_t>(subdomain_max) && each_label(value, matches_dns1123_label);
}
bool is_dns1035_label(std::string_view value) { return is_dns1123_label(value) && lower(value.front()); }

Messages dns1123_label(std::string_view value) {
  Messages messages;
  if (value.size() > static_cast<size_t>(label_max)) messages.push_back(max_length_message(label_max));
  if (matches_dns1123_label(value)) return messages;
  if (each_label(value, matches_dns1123_label)) {
    messages.emplace_back("must not contain dots");
  } else {
    messages.push_back(grammar("a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
                               "and must start and end with an alphanumeric character",
                               "[a-z0-9]([-a-z0-9]*[a-z0-9])?", {"my-name", "123-abc"}));
  }
  return messages;
}

Messages dns1123_subdomain(std::string_view value) {
  Messages messages;
  if (value.size() > static_cast<size_t>(subdomain_max)) messages.push_back(max_length_message(subdomain_max));
  if (!each_label(value, matches_dns1123_label)) {
    messages.push_back(
        grammar("a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and "
                "must start and end with an alphanumeric character",
                R"([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)", {"example.com"}));
  }
  return messages;
}

Messages dns1123_subdomain_with_underscore(std::string_view value) {
  Messages messages;
  if (value.size() > static_cast<size_t>(subdomain_max)) messages.push_back(max_length_message(subdomain_max));
  if (!each_label(value, matches_label_with_underscore)) {
    messages.push_back(
        grammar("a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', "
                "and must start and end with an alphanumeric character",
                R"(_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*)", {"example.com"}));
  }
  return messages;
}

Messages dns1035_label(std::string_view value) {
  Messages messages;
  if (value.size() > static_cast<size_t>(label_max)) messages.push_back(max_length_message(label_max));
  if (!matches_dns1123_label(value) || !lower(value.front())) {
    messages.push_back(grammar("a DNS-1035 label must consist of lower case alphanumeric characters or '-', start "
                               "with an alphabetic character, and end with an alphanumeric character",
                               "[a-z]([-a-z0-9]*[a-z0-9])?", {"my-name", "abc-123"}));
  }
  return messages;
}

Messages wildcard_dns1123_subdomain(std::string_view value) {
  Messages messages;
  if (value.size() > static_cast<size_t>(subdomain_max)) messages.push_back(max_length_message(subdomain_max));
  if (!value.starts_with("*.") || !each_label(value.substr(2), matches_dns1123_label)) {
    messages.push_back(
        grammar("a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must "
                "consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
                R"(\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)", {"*.example.com"}));
  }
  return messages;
}

Messages qualified_name(std::string_view value) {
  Messages messages;
  const size_t slash = value.find('/');
  std::string_view name = value;
  if (slash != std::string_view::npos) {
    if (value.find('/', slash + 1) != std::string_view::npos) {
      return {"a qualified name " + qualified_message() +
              " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"};
    }
    const std::string_view prefix = value.substr(0, slash);
    name = value.substr(slash + 1);
    if (prefix.empty()) {
      messages.emplace_back("prefix part must be non-empty");
    } else {
      for (const std::string& message : dns1123_subdomain(prefix)) messages.push_back("prefix part " + message);
    }
  }
  if (name.empty()) {
    messages.emplace_back("name part must be non-empty");
  } else if (name.size() > static_cast<size_t>(label_max)) {
    messages.push_back("name part " + max_length_message(label_max));
  }
  if (!matches_qualified_part(name)) messages.push_back("name part " + qualified_message());
  return messages;
}

Messages label_value(std::string_view value) {
  Messages messages;
  if (value.size() > static_cast<size_t>(label_max)) messages.push_back(max_length_message(label_max));
  if (!value.empty() && !matches_qualified_part(value)) {
    messages.push_back(grammar("a valid label must be an empty string or consist of alphanumeric characters, '-', '_' "
                               "or '.', and must start and end with an alphanumeric character",
                               "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?", {"MyValue", "my_value", "12345"}));
  }
  return messages;
}

Messages port_name(std::string_view value) {
  Messages messages;
  if (value.size() > 15) messages.push_back(max_length_message(15));
  if (value.empty() || !all(value, [](char c) { return lower_or_digit(c) || c == '-'; })) {
    messages.emplace_back("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
  }
  if (std::none_of(value.begin(), value.end(), lower)) {
    messages.emplace_back("must contain at least one letter (a-z)");
  }
  if (value.find("--") != std::string_view::npos) messages.emplace_back("must not contain consecutive hyphens");
  if (value.starts_with('-') || value.ends_with('-')) {
    messages.emplace_back("must not begin or end with a hyphen");
  }
  return messages;
}

Messages port_number(int64_t port) {
  if (port >= 1 && port <= 65535) return {};
  return {range_message(1, 65535)};
}

Messages env_var(std::string_view value) {
  Messages messages;
  if (value.empty()) messages.emplace_back("environment variable name must be non-empty");
  if (!all(value, [](char c) { return c >= 0x20 && c < 0x7F && c != '='; })) {
    messages.emplace_back(
        "a valid environment variable name must consist only of printable ASCII characters other than '='");
  }
  return messages;
}

Messages c_identifier(std::string_view value) {
  const bool valid = !value.empty() && !digit(value.front()) &&
                     all(value, [](char c) { return alphanumeric(c) || c == '_'; });
  if (valid) return {};
  return {grammar("a valid C identifier must start with alphabetic character or '_', followed by a string of "
                  "alphanumeric characters or '_'",
                  "[A-Za-z_][A-Za-z0-9_]*", {"my_name", "MY_NAME", "MyName"})};
}

Messages config_map_key(std::string_view value) {
  Messages messages;
  if (value.size() > static_cast<size_t>(subdomain_max)) messages.push_back(max_length_message(subdomain_max));
  if (value.empty() || !all(value, [](char c) { return alphanumeric(c) || c == '-' || c == '_' || c == '.'; })) {
    messages.push_back(grammar("a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
                               "[-._a-zA-Z0-9]+", {"key.name", "KEY_NAME", "key-name"}));
  }
  refuse_parent_directory(value, messages);
  return messages;
}

Messages http_header(std::string_view value) {
  if (!value.empty() && all(value, [](char c) { return alphanumeric(c) || c == '-'; })) return {};
  return {grammar("a valid HTTP header must consist of alphanumeric characters or '-'", "[-A-Za-z0-9]+",
                  {"X-Header-Name"})};
}

Messages percent(std::string_view value) {
  if (value.size() > 1 && value.ends_with('%') && all(value.substr(0, value.size() - 1), digit)) return {};
  return {grammar("a valid percent string must be a numeric string followed by an ending '%'", "[0-9]+%",
                  {"1%", "93%"})};
}

Messages user_id(int64_t id) {
  constexpr int64_t max = std::numeric_limits<int32_t>::max();
  if (id >= 0 && id <= max) return {};
  return {range_message(0, max)};
}

Messages group_id(int64_t id) { return user_id(id); }

Messages ip_address(std::string_view value) {
  if (parse_ip(value)) return {};
  return {"must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"};
}

Messages cidr(std::string_view value) {
  const size_t slash = value.find('/');
  if (slash != std::string_view::npos && parse_ip(value.substr(0, slash))) {
    const std::string_view bits = value.substr(slash + 1);
    const int bits_max = value.substr(0, slash).find(':') == std::string_view::npos ? 32 : 128;
    int length = -1;
    const auto [end, ec] = std::from_chars(bits.data(), bits.data() + bits.size(), length);
    const bool plain = !bits.empty() && digit(bits.front()) && end == bits.data() + bits.size() && ec == std::errc{};
    if (plain && length <= bits_max) return {};
  }
  return {"must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"};
}

Messages condition_reason(std::string_view value) {
  auto inner = [](char c) { return alphanumeric(c) || c == '_' || c == ',' || c == ':'; };
  const bool valid = !value.empty() && (lower(value.front()) || upper(value.front())) && all(value, inner) &&
                     (alphanumeric(value.back()) || value.back() == '_');
  if (valid) return {};
  return {grammar("a condition reason must start with alphabetic character, optionally followed by a string of "
                  "alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'",
                  "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?",
                  {"my_name", "MY_NAME", "MyName", "ReasonA,ReasonB", "ReasonA:ReasonB"})};
}

Messages path_segment(std::string_view value) { return name_is_path_segment(value, false); }

Messages name_is_dns_subdomain(std::string_view name, bool prefix) { return dns1123_subdomain(masked(name, prefix)); }
Messages name_is_dns_label(std::string_view name, bool prefix) { return dns1123_label(masked(name, prefix)); }
Messages name_is_dns1035_label(std::string_view name, bool prefix) { return dns1035_label(masked(name, prefix)); }

Messages name_is_path_segment(std::string_view name, bool prefix) {
  if (!prefix && (name == "." || name == "..")) return {"may not be '" + std::string{name} + "'"};
  Messages messages;
  for (char c : {'/', '%'}) {
    if (name.find(c) != std::string_view::npos) messages.push_back(std::string{"may not contain '"} + c + "'");
  }
  return messages;
}

}  // namespace kring::names
