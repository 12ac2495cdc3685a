#include "examples/kuard/http.h"

#include <strings.h>

#include "examples/kuard/text.h"

namespace kuard {
namespace {

bool is_token(std::string_view text) {
  static constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  for (char c : text) {
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && marks.find(c) == std::string_view::npos) return false;
  }
  return !text.empty();
}

bool has_control(std::string_view text) {
  for (char c : text) {
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) return true;
  }
  return false;
}

bool parse_request_line(std::string_view line, Request& out) {
  size_t first = line.find(' '), last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return false;
  out.method = line.substr(0, first);
  out.target = line.substr(first + 1, last - first - 1);
  out.version = line.substr(last + 1);
  if (!is_token(out.method) || out.target.empty() || has_control(out.target)) return false;
  if (out.target.find(' ') != std::string::npos) return false;
  std::string_view target = out.target;
  if (target.starts_with("http://")) {  // absolute form, as a proxy's client sends it
    target.remove_prefix(7);
    size_t slash = target.find('/');
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  if (!target.starts_with('/') && target != "*") return false;
  size_t question = target.find('?');
  auto path = percent_decode(target.substr(0, question), false);
  if (!path || path->find('\0') != std::string::npos) return false;
  out.path = *path;
  if (question != std::string_view::npos) out.query = parse_form(target.substr(question + 1));
  return true;
}

}  // namespace

std::string_view Request::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key.size() == name.size() && strncasecmp(key.data(), name.data(), name.size()) == 0) return value;
  }
  return {};
}

std::map<std::string, std::string> Request::parameters() const {
  auto out = query;
  if (body.empty()) return out;
  if (auto members = parse_json_object(body)) {
    for (auto& [key, value] : *members) out[key] = value;
  } else if (header("content-type").starts_with("application/x-www-form-urlencoded")) {
    for (auto& [key, value] : parse_form(body)) out[key] = value;
  }
  return out;
}

std::optional<Request> parse_head(std::string_view head, int& status) {
  Request out;
  size_t end = head.find("\r\n");
  status = 400;
  if (!parse_request_line(head.substr(0, end), out)) return std::nullopt;
  if (out.version != "HTTP/1.1" && out.version != "HTTP/1.0") {
    status = 505;
    return std::nullopt;
  }
  while (end != std::string_view::npos) {
    head.remove_prefix(end + 2);
    end = head.find("\r\n");
    std::string_view line = head.substr(0, end);
    if (line.empty()) continue;
    size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon)) || has_control(line)) return std::nullopt;
    if (out.headers.size() >= headers_max) {
      status = 431;
      return std::nullopt;
    }
    out.headers.emplace_back(line.substr(0, colon), trim(line.substr(colon + 1)));
  }
  if (out.version == "HTTP/1.1" && out.header("host").data() == nullptr) return std::nullopt;
  return out;
}

std::string_view status_text(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 303:
      return "See Other";
    case 301:
      return "Moved Permanently";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Unknown";
  }
}

}  // namespace kuard
