// Image references: Docker's grammar and defaults, Kubernetes' words for what does not fit it.
// Source: github.com/distribution/reference (grammar in its package comment), kubelet's applyDefaultImageTag.
#include <algorithm>
#include <optional>

#include "runtime/images/images.h"

namespace kring::images {
namespace {

constexpr size_t name_bytes_max = 255;
constexpr size_t tag_bytes_max = 128;

bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_alphanumeric(char c) { return is_lower_or_digit(c) || is_upper(c); }
bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

// alpha-numeric parts of lower case joined by one '.', one or two '_', or any number of '-'.
bool is_path_component(std::string_view text) {
  size_t at = 0;
  while (true) {
    size_t start = at;
    while (at < text.size() && is_lower_or_digit(text[at])) ++at;
    if (at == start) return false;
    if (at == text.size()) return true;
    if (text[at] == '-') {
      while (at < text.size() && text[at] == '-') ++at;
    } else if (text[at] == '_') {
      at += at + 1 < text.size() && text[at + 1] == '_' ? 2 : 1;
    } else if (text[at] == '.') {
      ++at;
    } else {
      return false;
    }
  }
}

bool is_path(std::string_view text) {
  while (true) {
    size_t slash = std::min(text.find('/'), text.size());
    if (!is_path_component(text.substr(0, slash))) return false;
    if (slash == text.size()) return true;
    text.remove_prefix(slash + 1);
  }
}

bool is_domain_component(std::string_view text) {
  if (text.empty() || text.front() == '-' || text.back() == '-') return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return is_alphanumeric(c) || c == '-'; });
}

// A host name, an IPv4 address or an IPv6 address in brackets, with an optional port.
bool is_domain(std::string_view text) {
  std::string_view host = text;
  if (text.starts_with('[')) {
    size_t close = text.find(']');
    if (close == std::string_view::npos || close < 3) return false;
    auto address = text.substr(1, close - 1);
    bool clean = std::all_of(address.begin(), address.end(), [](char c) {
      return is_hex(static_cast<char>(is_upper(c) ? c - 'A' + 'a' : c)) || c == ':';
    });
    host = text.substr(close + 1);
    if (!clean) return false;
    if (host.empty()) return true;
  }
  size_t colon = host.find(':');
  if (colon != std::string_view::npos) {
    auto port = host.substr(colon + 1);
    bool digits = std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (port.empty() || port.size() > 5 || !digits) return false;
    host = host.substr(0, colon);
  }
  if (text.starts_with('[')) return host.empty();
  while (true) {
    size_t dot = std::min(host.find('.'), host.size());
    if (!is_domain_component(host.substr(0, dot))) return false;
    if (dot == host.size()) return true;
    host.remove_prefix(dot + 1);
  }
}

bool is_tag(std::string_view text) {
  auto word = [](char c) { return is_alphanumeric(c) || c == '_'; };
  return !text.empty() && text.size() <= tag_bytes_max && word(text.front()) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return word(c) || c == '.' || c == '-'; });
}

bool is_sha256(std::string_view text) {
  return text.starts_with("sha256:") && text.size() == 7 + 64 && std::all_of(text.begin() + 7, text.end(), is_hex);
}

// The first part of a name is a registry when it looks like a host.
bool looks_like_host(std::string_view text) {
  return text.find_first_of(".:") != std::string_view::npos || text == "localhost" ||
         std::any_of(text.begin(), text.end(), is_upper);
}

// What is wrong with the text, in distribution/reference's words; nothing when it was parsed into `out`.
std::optional<std::string> parse_into(std::string_view text, Reference& out) {
  static const std::string invalid = "invalid reference format";
  if (text.size() == 64 && std::all_of(text.begin(), text.end(), is_hex)) {
    return "invalid repository name (" + std::string{text} + "), cannot specify 64-byte hexadecimal strings";
  }
  std::string_view name = text;
  if (size_t at = name.find('@'); at != std::string_view::npos) {
    out.digest = name.substr(at + 1);
    name = name.substr(0, at);
    if (!is_sha256(out.digest)) {
      return out.digest.starts_with("sha256:") ? "invalid checksum digest length" : invalid;
    }
  }
  size_t slash = name.rfind('/'), colon = name.rfind(':');
  if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
    out.tag = name.substr(colon + 1);
    name = name.substr(0, colon);
    if (!is_tag(out.tag)) return invalid;
  }
  slash = name.find('/');
  bool has_host = slash != std::string_view::npos && looks_like_host(name.substr(0, slash));
  out.registry = has_host ? name.substr(0, slash) : "docker.io";
  out.repository = has_host ? name.substr(slash + 1) : name;
  if (out.registry == "index.docker.io") out.registry = "docker.io";
  if (out.registry == "docker.io" && out.repository.find('/') == std::string::npos) {
    out.repository = "library/" + out.repository;
  }
  if (std::any_of(out.repository.begin(), out.repository.end(), is_upper)) {
    return invalid + ": repository name (" + out.repository + ") must be lowercase";
  }
  if (!is_path(out.repository) || !is_domain(out.registry)) return invalid;
  if (out.registry.size() + 1 + out.repository.size() > name_bytes_max) {
    return "repository name must not be more than " + std::to_string(name_bytes_max) + " characters";
  }
  if (out.tag.empty() && out.digest.empty()) out.tag = "latest";
  return std::nullopt;
}

std::string go_quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

}  // namespace

std::string Reference::str() const {
  std::string out = registry + "/" + repository;
  if (!tag.empty()) out += ":" + tag;
  if (!digest.empty()) out += "@" + digest;
  return out;
}

Result<Reference> parse_reference(std::string_view text) {
  Reference out;
  if (auto problem = parse_into(text, out)) {
    std::string name = go_quoted(text);
    return Error{Reason::invalid, "Failed to apply default image tag " + name + ": couldn't parse image reference " +
                                      name + ": " + *problem};
  }
  return out;
}

}  // namespace kring::images
