// The grammars of names in Kubernetes. Each function returns what is wrong in Kubernetes' own words, or nothing.
// Source: RFC 1035, RFC 1123, RFC 6335; kubernetes.io "Object Names and IDs", "Labels and Selectors".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kring::names {

using Messages = std::vector<std::string>;
// A rule for metadata.name; with `prefix` the text is a generateName, which may end in a dash.
using Rule = Messages (*)(std::string_view name, bool prefix);

Messages dns1123_label(std::string_view value);
Messages dns1123_subdomain(std::string_view value);
Messages dns1123_subdomain_with_underscore(std::string_view value);
Messages dns1035_label(std::string_view value);
Messages wildcard_dns1123_subdomain(std::string_view value);
// "name" or "example.com/name": label keys, finalizers, resource names, conditions.
Messages qualified_name(std::string_view value);
Messages label_value(std::string_view value);
// Port names: RFC 6335 service names, lower case.
Messages port_name(std::string_view value);
Messages port_number(int64_t port);
// Environment variables: any printable ASCII but '=', as Kubernetes 1.32 and later.
Messages env_var(std::string_view value);
Messages c_identifier(std::string_view value);
Messages config_map_key(std::string_view value);
Messages http_header(std::string_view value);
Messages percent(std::string_view value);
Messages user_id(int64_t id);
Messages group_id(int64_t id);
Messages ip_address(std::string_view value);
Messages cidr(std::string_view value);
Messages condition_reason(std::string_view value);
// What fits into a URL path and a file name.
Messages path_segment(std::string_view value);

// Rules for metadata.name.
Messages name_is_dns_subdomain(std::string_view name, bool prefix);
Messages name_is_dns_label(std::string_view name, bool prefix);
Messages name_is_dns1035_label(std::string_view name, bool prefix);
Messages name_is_path_segment(std::string_view name, bool prefix);

// Quick forms, without messages.
bool is_dns1123_label(std::string_view value);
bool is_dns1123_subdomain(std::string_view value);
bool is_dns1035_label(std::string_view value);

// Words that other validations share.
std::string max_length_message(int64_t characters);            // "must be no more than 63 characters"
std::string range_message(int64_t min, int64_t max);           // "must be between 1 and 65535, inclusive"
inline constexpr std::string_view not_negative_message = "must be greater than or equal to 0";
inline constexpr std::string_view immutable_message = "field is immutable";

}  // namespace kring::names
