#include "runtime/api/pages.h"

#include "runtime/api/discovery.h"
#include "runtime/api/handlers.h"
#include "runtime/api/health.h"
#include "runtime/api/openapi.h"
#include "runtime/api/process_metrics.h"
#include "runtime/api/status.h"

namespace kring::api {
namespace {

constexpr std::string_view openapi_v2_proto = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
// What the answer is called: the name with an @ is no media type by Go's rules, and kubectl 1.20 reads it by them.
constexpr std::string_view openapi_v2_proto_dot = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

http::Response not_found_page() {
  http::Response response;
  response.status = 404;
  response.content_type = "text/plain; charset=utf-8";
  response.headers.push_back({"X-Content-Type-Options", "nosniff"});
  response.body = "404 page not found\n";
  return response;
}

std::string_view without_slash(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return path;
}

std::string_view architecture() {
#if defined(__aarch64__)
  return "arm64";
#elif defined(__x86_64__)
  return "amd64";
#else
  return "unknown";
#endif
}

json::Value version_value(const ServerOptions& options) {
  json::Object version;
  version.append("major", "1");
  version.append("minor", "33");
  version.append("gitVersion", "v1.33.0+kring-" + options.version);
  version.append("gitCommit", "");
  version.append("gitTreeState", "clean");
  version.append("buildDate", "1970-01-01T00:00:00Z");
  version.append("goVersion", "");
  version.append("compiler", "clang " + std::to_string(__clang_major__));
  version.append("platform", "linux/" + std::string{architecture()});
  return version;
}

json::Value root_paths() {
  json::Array paths;
  for (const std::string_view path : {"/api", "/api/v1", "/apis"}) paths.emplace_back(path);
  std::string_view last_group;
  for (const Served& served : all_served()) {
    if (served.group.empty()) continue;
    const std::string root = "/apis/" + std::string{served.group};
    if (served.group != last_group) paths.emplace_back(root);
    last_group = served.group;
    json::Value path{root + '/' + std::string{served.version}};
    if (!(paths.back() == path)) paths.push_back(std::move(path));
  }
  for (const std::string_view path :
       {"/healthz", "/livez", "/metrics", "/openapi/v2", "/openapi/v3", "/readyz", "/version"}) {
    paths.emplace_back(path);
  }
  json::Object out;
  out.append("paths", std::move(paths));
  return out;
}

// A document that clients cache: 304 when they have it already.
http::Response document(const http::Request& request, std::string_view type, std::string etag, std::string body) {
  http::Response response;
  response.content_type = type;
  response.headers.push_back({"Etag", etag});
  response.headers.push_back({"Vary", "Accept"});
  if (request.header("if-none-match") == etag) {
    response.status = 304;
    return response;
  }
  response.body = std::move(body);
  return response;
}

http::Response openapi_page(const http::Request& request, std::string_view path) {
  const std::string etag = '"' + openapi_etag() + '"';
  if (path == "/openapi/v2" || path == "/swagger-2.0.0.pb-v1") {
    const std::string_view accept = request.header("accept");
    const bool proto = path != "/openapi/v2" || accept.find(openapi_v2_proto) != std::string_view::npos ||
                       accept.find(openapi_v2_proto_dot) != std::string_view::npos;
    return document(request, proto ? openapi_v2_proto_dot : "application/json", etag, openapi_v2(proto));
  }
  if (path == "/openapi/v3") return document(request, "application/json", etag, openapi_v3_index());
  constexpr std::string_view prefix = "/openapi/v3/";
  auto found = openapi_v3(path.substr(prefix.size()));
  if (!found) return not_found_page();
  return document(request, "application/json", etag, std::move(*found));
}

bool is_openapi_path(std::string_view path) {
  return path == "/openapi/v2" || path == "/openapi/v3" || path.starts_with("/openapi/v3/") ||
         path == "/swagger-2.0.0.pb-v1";
}

Accepted plain_accepted(const http::Request& request) {
  Accepted accepted;
  accepted.pretty =
      wants_pretty(request.query_value("pretty"), request.has_query("pretty"), request.header("user-agent"));
  return accepted;
}

}  // namespace

Task<Result<http::Response>> serve_page(Context& context, const http::Request& request) {
  const std::string_view path = without_slash(request.path);
  if (request.method != "GET") co_return not_found_page();
  if (is_health_path(path)) co_return health(context, request);
  if (path == "/version") co_return value_response(version_value(context.options), plain_accepted(request), 200);
  if (path == "/") co_return value_response(root_paths(), plain_accepted(request), 200);
  if (path == "/metrics") {
    http::Response response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = context.metrics.text(context.store().stats(), context.options.version);
    const std::string process = co_await process_metrics(context.env);
    response.body += process;
    co_return response;
  }
  if (is_openapi_path(path)) co_return openapi_page(request, path);
  if (is_discovery_path(path)) {
    if (auto found = discovery(path, request.header("accept"))) {
      http::Response response;
      response.content_type = found->content_type;
      response.headers.push_back({"Vary", "Accept"});
      response.body = std::move(found->body);
      co_return response;
    }
  }
  co_return not_found_page();
}

}  // namespace kring::api
