#include <algorithm>
#include <charconv>

#include "runtime/http/client.h"
#include "runtime/http/message.h"

namespace kring::http {
namespace {

Error bad_url(std::string_view text, std::string_view why) {
  return Error{Reason::invalid, "no URL to fetch (" + std::string{why} + "): " + std::string{text.substr(0, 200)}};
}

// "a/./b/../c" -> "a/c" (RFC 3986, 5.2.4).
std::string remove_dot_segments(std::string_view path) {
  std::vector<std::string_view> segments;
  bool directory = false;
  while (!path.empty()) {
    if (path.front() == '/') path.remove_prefix(1);
    const std::string_view segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    directory = segment == "." || segment == "..";
    if (segment == ".." && !segments.empty()) segments.pop_back();
    if (!directory) segments.push_back(segment);
  }
  std::string out;
  for (const auto segment : segments) out.append("/").append(segment);
  if (directory || out.empty()) out += '/';
  return out;
}

}  // namespace

Result<Url> parse_url(std::string_view text) {
  const bool clean = std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '\\'; });
  if (!clean) return bad_url(text, "blanks, controls or non-ASCII bytes");
  Url url;
  const size_t colon = text.find("://");
  if (colon == std::string_view::npos) return bad_url(text, "no scheme");
  url.scheme = text.substr(0, colon);
  std::transform(url.scheme.begin(), url.scheme.end(), url.scheme.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (url.scheme != "http" && url.scheme != "https") return bad_url(text, "scheme must be http or https");
  text.remove_prefix(colon + 3);
  std::string_view authority = text.substr(0, text.find_first_of("/?#"));
  std::string_view rest = text.substr(authority.size());
  if (authority.find('@') != std::string_view::npos) return bad_url(authority, "user information");
  url.port = url.scheme == "https" ? 443 : 80;
  const size_t bracket = authority.rfind(']');
  const size_t port = authority.rfind(':');
  if (port != std::string_view::npos && (bracket == std::string_view::npos || port > bracket)) {
    const std::string_view digits = authority.substr(port + 1);
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), url.port);
    if (parsed.ec != std::errc{} || parsed.ptr != digits.data() + digits.size()) return bad_url(authority, "port");
    authority = authority.substr(0, port);
  }
  if (authority.starts_with('[') && authority.ends_with(']')) authority = authority.substr(1, authority.size() - 2);
  url.host = authority;
  if (url.host.empty() || url.host.size() > 253) return bad_url(authority, "host");
  rest = rest.substr(0, rest.find('#'));
  url.target = rest.starts_with('/') ? std::string{rest} : "/" + std::string{rest};
  return url;
}

std::string Url::str() const {
  const bool standard = port == (scheme == "https" ? 443 : 80);
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return scheme + "://" + name + (standard ? std::string{} : ":" + std::to_string(port)) + target;
}

Result<Url> resolve_reference(const Url& base, std::string_view reference) {
  reference = reference.substr(0, reference.find('#'));
  if (reference.find("://") != std::string_view::npos && reference.find_first_of("/?") > reference.find(':')) {
    return parse_url(reference);
  }
  if (reference.starts_with("//")) return parse_url(base.scheme + ":" + std::string{reference});
  const std::string_view base_path = std::string_view{base.target}.substr(0, base.target.find('?'));
  std::string target;
  if (reference.empty()) {
    target = base.target;
  } else if (reference.starts_with('?')) {
    target = std::string{base_path} + std::string{reference};
  } else {
    const std::string_view path = reference.substr(0, reference.find('?'));
    const std::string query{reference.substr(path.size())};
    const std::string_view folder = path.starts_with('/') ? "" : base_path.substr(0, base_path.rfind('/') + 1);
    target = remove_dot_segments(std::string{folder} + std::string{path}) + query;
  }
  Url without_target = base;
  without_target.target = target;
  return parse_url(without_target.str());
}

}  // namespace kring::http
