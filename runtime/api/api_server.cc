#include "runtime/api/api_server.h"

#include "objects/check.h"
#include "runtime/api/handlers.h"
#include "runtime/api/pages.h"
#include "runtime/api/status.h"

namespace kring::api {
namespace {

// The verbs as literals, for series that outlive the request.
std::string_view verb_literal(std::string_view verb) {
  for (const std::string_view known : {"get", "list", "watch", "create", "update", "patch", "delete",
                                       "deletecollection", "post", "put", "head", "options"}) {
    if (verb == known) return known;
  }
  return "other";
}

// Bounds of the Warning headers of one answer, as kube-apiserver's: a body of nothing but mistakes must not make a head
// that clients refuse.
constexpr size_t warning_bytes_max = 256;
constexpr size_t warnings_bytes_max = 4096;

std::string warning_header(std::string_view text) {
  std::string out = "299 - \"";
  for (const char c : text.substr(0, warning_bytes_max)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\r' || c == '\n' ? ' ' : c;
  }
  out += '"';
  return out;
}

void add_warnings(const std::vector<std::string>& warnings, http::Response& response) {
  size_t bytes = 0;
  for (const std::string& warning : warnings) {
    std::string header = warning_header(warning);
    bytes += header.size();
    if (bytes > warnings_bytes_max) return;
    response.headers.push_back({"Warning", std::move(header)});
  }
}

http::Response error_response(const Error& error, const http::Request& request) {
  Accepted accepted;
  if (auto negotiated = negotiate(request.header("accept"), Offers{true, true})) accepted = *negotiated;
  accepted.pretty =
      wants_pretty(request.query_value("pretty"), request.has_query("pretty"), request.header("user-agent"));
  http::Response response = value_response(status_of(error), accepted, http_code(error.reason));
  if (error.retry_after_seconds > 0) {
    response.headers.push_back({"Retry-After", std::to_string(error.retry_after_seconds)});
  }
  if (error.reason == Reason::unauthorized) response.headers.push_back({"WWW-Authenticate", "Bearer realm=\"kring\""});
  return response;
}

const Subresource* find_subresource(const Kind& kind, std::string_view name) {
  for (const Subresource& subresource : kind.subresources) {
    if (subresource.name == name) return &subresource;
  }
  return nullptr;
}

uint16_t verb_bit(std::string_view verb) {
  if (verb == "create") return verb_create;
  if (verb == "get") return verb_get;
  if (verb == "list") return verb_list;
  if (verb == "watch") return verb_watch;
  if (verb == "update") return verb_update;
  if (verb == "patch") return verb_patch;
  if (verb == "delete") return verb_delete;
  if (verb == "deletecollection") return verb_deletecollection;
  return 0;
}

// The path fits the kind: cluster-scoped kinds have no namespace, objects of others are only found inside one.
bool path_fits(const Kind& kind, const RequestInfo& info) {
  if (!kind.namespaced) return info.ns.empty() || &kind == &kinds::ns();
  if (!info.ns.empty()) return true;
  return info.verb == "list" || info.verb == "watch";
}

Result<void> settle_shape(Call& call) {
  const http::Request& request = *call.request;
  const bool stream = call.info.verb == "watch";
  const bool table = call.target.kind().stored && call.subresource == nullptr;
  KRING_TRY(call.shape.accepted, negotiate(request.header("accept"), Offers{table, !stream}));
  call.shape.accepted.pretty =
      wants_pretty(request.query_value("pretty"), request.has_query("pretty"), request.header("user-agent"));
  KRING_TRY(call.shape.include, parse_include(request.query_value("includeObject")));
  call.shape.served = call.target.served;
  return {};
}

// Finds what a resource path names. False: there is no such path.
bool route(Call& call) {
  const RequestInfo& info = call.info;
  const Served* served = find_served_resource(info.group, info.version, info.resource);
  if (served == nullptr || !path_fits(*served->kind, info)) return false;
  call.target.served = served;
  if (served->kind->namespaced) call.target.ns = info.ns;
  const bool selecting = info.verb == "list" || info.verb == "watch";
  if (!selecting) call.target.name = info.name;
  if (info.subresource.empty()) return true;
  call.subresource = find_subresource(*served->kind, info.subresource);
  call.target.subresource = info.subresource;
  return call.subresource != nullptr;
}

bool offers(const Call& call) {
  const uint16_t bit = verb_bit(call.info.verb);
  if (call.subresource != nullptr) return call.subresource->verbs == 0 || (call.subresource->verbs & bit) != 0;
  if (call.info.verb == "create" && !call.info.name.empty()) return false;
  if (call.info.verb == "update" && call.info.name.empty()) return false;
  if (call.info.verb == "patch" && call.info.name.empty()) return false;
  return (call.target.kind().verbs & bit) != 0;
}

Task<Result<http::Response>> dispatch(Context& context, Call& call) {
  const std::string& verb = call.info.verb;
  if (call.subresource != nullptr && has_own_handler(*call.subresource)) {
    co_return co_await handle_subresource(context, call);
  }
  if (verb == "get") co_return co_await handle_get(context, call);
  if (verb == "list") co_return co_await handle_list(context, call);
  if (verb == "watch") co_return co_await handle_watch(context, call);
  if (verb == "create") co_return co_await handle_create(context, call);
  if (verb == "update") co_return co_await handle_update(context, call);
  if (verb == "patch") co_return co_await handle_patch(context, call);
  if (verb == "delete") co_return co_await handle_delete(context, call);
  co_return co_await handle_delete_collection(context, call);
}

Task<Result<http::Response>> answer(Context& context, Call& call) {
  auto caller = context.authenticator.authenticate(*call.request);
  if (caller.has_error()) co_return std::move(caller).error();
  call.caller = std::move(*caller);
  if (auto allowed = context.authorizer.authorize(call.caller, call.info); allowed.has_error()) {
    co_return forbidden_request(call.caller, call.info, allowed.error().message);
  }
  if (!call.info.resource_request || !route(call)) co_return co_await serve_page(context, *call.request);
  if (call.target.served->deprecated) call.warnings.emplace_back(call.target.served->warning);
  if (!offers(call)) co_return method_not_allowed();
  KRING_CO_TRY_VOID(settle_shape(call));
  co_return co_await dispatch(context, call);
}

void account(Context& context, const Call& call, int code, Mono start) {
  const int64_t ns = context.env.clock.now() - start;
  const std::string_view verb = verb_literal(call.info.verb);
  const std::string_view subresource = call.subresource == nullptr ? std::string_view{} : call.subresource->name;
  if (call.streamed) {
    context.metrics.count_stream(call.target.served, verb, subresource, code);
  } else {
    context.metrics.count(call.target.served, verb, subresource, code, ns);
  }
  context.env.log.debug("api request", {{"method", call.request->method},
                                        {"path", call.request->path},
                                        {"user", call.caller.name},
                                        {"code", code},
                                        {"us", ns / 1000}});
}

}  // namespace

ApiServer::ApiServer(ApiServerParts parts)
    : options_(std::move(parts.options)),
      context_{parts.env, parts.registry, parts.authenticator, parts.authorizer, parts.node, parts.reviews, options_,
               {}, {}, {}} {}

void ApiServer::stop() {
  context_.ready = false;
  context_.stopping = true;
}

Task<void> ApiServer::serve(http::Request& request, http::Reply& reply) {
  const Mono start = context_.env.clock.now();
  Call call;
  call.request = &request;
  call.reply = &reply;
  call.info = request_info(request);
  auto answered = co_await answer(context_, call);
  if (call.streamed) {
    account(context_, call, 200, start);
    co_return;
  }
  http::Response response = answered.has_error() ? error_response(answered.error(), request) : std::move(*answered);
  response.headers.push_back({"Cache-Control", "no-cache, private"});
  add_warnings(call.warnings, response);
  account(context_, call, response.status, start);
  auto sent = co_await reply.send(std::move(response));
  KRING_MAYBE(sent.has_error());   // the client may be gone
}

}  // namespace kring::api
