#include "runtime/api/request_info.h"

#include <vector>

namespace kring::api {
namespace {

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const size_t at = path.find('/');
    if (at != 0) parts.push_back(path.substr(0, at));
    path = at == std::string_view::npos ? std::string_view{} : path.substr(at + 1);
  }
  return parts;
}

bool truthy(std::string_view value) { return value == "true" || value == "1"; }

std::string plain_verb(std::string_view method) {
  std::string verb{method};
  for (char& c : verb) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return verb;
}

std::string_view resource_verb(std::string_view method, bool named, bool watch) {
  if (method == "POST") return "create";
  if (method == "PUT") return "update";
  if (method == "PATCH") return "patch";
  if (method == "DELETE") return named ? "delete" : "deletecollection";
  if (method == "GET" || method == "HEAD") {
    if (watch) return "watch";
    return named ? "get" : "list";
  }
  return {};
}

// A single object is watched by naming it in a field selector: list and watch of ?fieldSelector=metadata.name=x are
// about x, which authorisation by name relies on.
std::string selected_name(const http::Request& request) {
  constexpr std::string_view prefix = "metadata.name=";
  std::string_view selector = request.query_value("fieldSelector");
  while (!selector.empty()) {
    const size_t comma = selector.find(',');
    std::string_view term = selector.substr(0, comma);
    selector = comma == std::string_view::npos ? std::string_view{} : selector.substr(comma + 1);
    if (!term.starts_with(prefix)) continue;
    term.remove_prefix(prefix.size());
    if (term.starts_with('=')) term.remove_prefix(1);
    return std::string{term};
  }
  return {};
}

}  // namespace

RequestInfo request_info(const http::Request& request) {
  RequestInfo info;
  info.path = request.path;
  info.verb = plain_verb(request.method);
  const std::vector<std::string_view> parts = split(request.path);
  size_t next = 0;
  if (parts.size() >= 3 && parts[0] == "api") {
    info.version = parts[1];
    next = 2;
  } else if (parts.size() >= 4 && parts[0] == "apis") {
    info.group = parts[1];
    info.version = parts[2];
    next = 3;
  } else {
    return info;
  }
  info.resource_request = true;
  bool watch = false;
  if (parts[next] == "watch" && parts.size() > next + 1) {
    watch = true;
    ++next;
  }
  if (parts[next] == "namespaces" && parts.size() > next + 1) {
    info.ns = parts[next + 1];
    // /namespaces/{name}/status and /finalize are about the namespace itself.
    const bool inside = parts.size() > next + 2 && parts[next + 2] != "status" && parts[next + 2] != "finalize";
    if (inside) next += 2;
  }
  info.resource = parts[next++];
  if (next < parts.size()) info.name = parts[next++];
  if (next < parts.size()) info.subresource = parts[next++];
  for (; next < parts.size(); ++next) {
    info.rest += '/';
    info.rest += parts[next];
  }
  const bool named = !info.name.empty();
  if (!named && truthy(request.query_value("watch"))) watch = true;
  info.verb = resource_verb(request.method, named, watch);
  if (info.verb == "list" || (info.verb == "watch" && !named)) info.name = selected_name(request);
  return info;
}

}  // namespace kring::api
