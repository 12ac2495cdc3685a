#include "runtime/api/health.h"

#include <algorithm>

namespace kring::api {
namespace {

struct Check {
  std::string_view name;
  bool ready_only;
  // Empty when all is well, else why not.
  std::string (*failure)(Context&);
};

std::string never_fails(Context&) { return {}; }
std::string store_failure(Context& context) { return context.store().stats().poisoned; }
std::string start_failure(Context& context) { return context.ready ? std::string{} : "the node is starting"; }
std::string stop_failure(Context& context) { return context.stopping ? std::string{"the node is stopping"} : ""; }

constexpr Check checks[] = {
    {"ping", false, never_fails},     {"log", false, never_fails},    {"etcd", false, store_failure},
    {"poststarthook/kring", true, start_failure}, {"shutdown", true, stop_failure},
};

bool excluded(const http::Request& request, std::string_view name) {
  return std::any_of(request.query.begin(), request.query.end(),
                     [&](const auto& entry) { return entry.first == "exclude" && entry.second == name; });
}

http::Response text(int status, std::string body) {
  http::Response response;
  response.status = status;
  response.content_type = "text/plain; charset=utf-8";
  response.headers.push_back({"X-Content-Type-Options", "nosniff"});
  response.body = std::move(body);
  return response;
}

http::Response single_check(Context& context, const Check& check) {
  const std::string failure = check.failure(context);
  if (failure.empty()) return text(200, "ok");
  return text(500, "internal server error: " + failure + '\n');
}

}  // namespace

bool is_health_path(std::string_view path) {
  for (const std::string_view root : {"/healthz", "/livez", "/readyz"}) {
    if (path == root || (path.starts_with(root) && path[root.size()] == '/')) return true;
  }
  return false;
}

http::Response health(Context& context, const http::Request& request) {
  std::string_view path = request.path;
  path.remove_prefix(1);
  const size_t slash = path.find('/');
  const std::string_view root = path.substr(0, slash);
  const std::string_view single = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
  const bool with_readiness = root != "livez";
  std::string lines;
  bool healthy = true;
  for (const Check& check : checks) {
    if (check.ready_only && !with_readiness) continue;
    if (!single.empty()) {
      if (single == check.name) return single_check(context, check);
      continue;
    }
    if (excluded(request, check.name)) {
      lines += "[+]" + std::string{check.name} + " excluded: ok\n";
      continue;
    }
    const bool good = check.failure(context).empty();
    healthy = healthy && good;
    lines += (good ? "[+]" : "[-]") + std::string{check.name} + (good ? " ok\n" : " failed: reason withheld\n");
  }
  if (!single.empty()) return text(404, "404 page not found\n");
  if (!healthy) return text(500, lines + std::string{root} + " check failed\n");
  if (!request.has_query("verbose")) return text(200, "ok");
  return text(200, lines + std::string{root} + " check passed\n");
}

}  // namespace kring::api
