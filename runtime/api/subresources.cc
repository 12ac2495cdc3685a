// Subresources that are not the object in another guise: binding, eviction, log, scale, tokens.
#include <charconv>

#include "objects/codec.h"
#include "objects/hooks.h"
#include "objects/time.h"
#include "runtime/api/decode.h"
#include "runtime/api/disruption.h"
#include "runtime/api/handlers.h"
#include "runtime/api/metadata.h"
#include "runtime/api/scale.h"
#include "runtime/api/status.h"

namespace kring::api {
namespace {

using Handle = Task<Result<http::Response>> (*)(Context&, Call&);

Result<Decoded> request_of(const Call& call, std::string_view table, std::string_view api_version,
                           std::string_view kind) {
  KRING_TRY(auto body, request_body(call, kind));
  return decode_request(table, api_version, kind, std::move(body), Validation::warn);
}

std::string api_version_of(const Subresource& subresource) {
  std::string out{subresource.group};
  if (!out.empty()) out += '/';
  return out + std::string{subresource.version};
}

// --- pods/binding ---------------------------------------------------------------------------------------------------

// pods/binding conflicts name the subresource, as kube-apiserver does.
Error binding_conflict(std::string_view pod, const std::string& detail) {
  Error error{Reason::conflict,
              "Operation cannot be fulfilled on pods/binding \"" + std::string{pod} + "\": " + detail};
  error.kind = "pods/binding";
  error.name = pod;
  return error;
}

Result<Edit> bind_pod(const json::Value& pod, const json::Value& binding, const std::string& now) {
  const std::string name{metadata_text(pod, "name")};
  const json::Value* target = binding.find("target");
  const std::string node{target == nullptr ? "" : target->string_or("name")};
  if (is_deleting(pod)) {
    return binding_conflict(name, "pod " + name + " is being deleted, cannot be assigned to a host");
  }
  const json::Value* spec = pod.find("spec");
  if (const std::string_view bound = spec == nullptr ? "" : spec->string_or("nodeName"); !bound.empty()) {
    return binding_conflict(name, "pod " + name + " is already assigned to node \"" + std::string{bound} + '"');
  }
  if (const json::Value* gates = spec == nullptr ? nullptr : spec->find("schedulingGates");
      gates != nullptr && gates->is_array() && !gates->as_array().empty()) {
    return binding_conflict(name, "pod " + name + " has non-empty .spec.schedulingGates");
  }
  Edit edit;
  edit.object = pod;
  edit.expected_uid = metadata_text(binding, "uid");
  edit.object.object("spec").set("nodeName", node);
  if (const json::Value* annotations = binding.at({"metadata", "annotations"});
      annotations != nullptr && annotations->is_object()) {
    json::Object& own = edit.object["metadata"].object("annotations");
    for (const json::Member& member : annotations->as_object()) own.set(member.key, member.value);
  }
  json::Object condition;
  condition.append("type", "PodScheduled");
  condition.append("status", "True");
  condition.append("lastProbeTime", nullptr);
  condition.append("lastTransitionTime", now);
  json::Value& status = edit.object["status"];
  if (status.is_null()) status = json::Object{};
  json::Array& conditions = status.array("conditions");
  std::erase_if(conditions, [](const json::Value& entry) { return entry.string_or("type") == "PodScheduled"; });
  conditions.emplace_back(std::move(condition));
  return edit;
}

Task<Result<http::Response>> handle_binding(Context& context, Call& call) {
  auto options = parse_write_options(*call.request, "CreateOptions");
  if (options.has_error()) co_return std::move(options).error();
  auto decoded = request_of(call, kinds::binding().table, "v1", "Binding");
  if (decoded.has_error()) co_return std::move(decoded).error();
  auto bound = co_await bind(context.registry, call.target.ns, call.target.name, std::move(decoded->object), *options);
  if (bound.has_error()) co_return std::move(bound).error();
  co_return value_response(status_success(), call.shape.accepted, 201);
}

// --- pods/eviction --------------------------------------------------------------------------------------------------

Task<Result<http::Response>> handle_eviction(Context& context, Call& call) {
  auto options = parse_write_options(*call.request, "CreateOptions");
  if (options.has_error()) co_return std::move(options).error();
  auto body = request_body(call, "Eviction");
  if (body.has_error()) co_return std::move(body).error();
  // policy/v1 and v1beta1 have the same shape; clients of either are answered.
  const std::string_view given = body->value.string_or("apiVersion");
  const std::string version{given == "policy/v1beta1" ? given : std::string_view{"policy/v1"}};
  auto decoded = decode_request("kring.policy.Eviction", version, "Eviction", std::move(*body), Validation::warn);
  if (decoded.has_error()) co_return std::move(decoded).error();
  const std::string_view name = metadata_text(decoded->object, "name");
  if (!name.empty() && name != call.target.name) {
    co_return bad_request("name in URL does not match name in Eviction object: " + call.target.name + " vs " +
                          std::string{name});
  }
  DeleteOptions delete_options;
  if (const json::Value* given_options = decoded->object.find("deleteOptions"); given_options != nullptr) {
    const http::Request no_query;
    auto parsed = parse_delete_options(no_query, *given_options);
    if (parsed.has_error()) co_return std::move(parsed).error();
    delete_options = std::move(*parsed);
  }
  delete_options.dry_run = delete_options.dry_run || options->dry_run;
  auto evicted = co_await evict(context.registry, call.target, delete_options);
  if (evicted.has_error()) co_return std::move(evicted).error();
  co_return value_response(status_success(), call.shape.accepted, 201);
}

// --- pods/log -------------------------------------------------------------------------------------------------------

Result<std::optional<int64_t>> query_number(const http::Request& request, std::string_view name, int64_t min) {
  const std::string_view text = request.query_value(name);
  if (text.empty()) return std::optional<int64_t>{};
  int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) {
    return bad_request("strconv.ParseInt: parsing \"" + std::string{text} + "\": invalid syntax");
  }
  if (value < min) {
    Error error{Reason::invalid, "PodLogOptions \"\" is invalid: " + std::string{name} + ": Invalid value: " +
                                     std::to_string(value) + ": must be greater than " + std::to_string(min - 1)};
    error.kind = "PodLogOptions";
    return error;
  }
  return std::optional<int64_t>{value};
}

bool query_flag(const http::Request& request, std::string_view name) {
  const std::string_view text = request.query_value(name);
  return request.has_query(name) && (text.empty() || text == "true" || text == "1");
}

// The container the log is of: named, or the only one, or the one an annotation makes the default.
Result<std::string> log_container(const json::Value& pod, std::string_view asked) {
  std::vector<std::string> names, init_names;
  const auto collect = [&](std::string_view list, std::vector<std::string>& out) {
    const json::Value* containers = pod.at({"spec", list});
    if (containers == nullptr || !containers->is_array()) return;
    for (const json::Value& container : containers->as_array()) out.emplace_back(container.string_or("name"));
  };
  collect("containers", names);
  collect("initContainers", init_names);
  const std::string pod_name{metadata_text(pod, "name")};
  if (asked.empty()) {
    const json::Value* annotations = pod.at({"metadata", "annotations"});
    const std::string_view chosen =
        annotations == nullptr ? "" : annotations->string_or("kubectl.kubernetes.io/default-container");
    for (const std::string& name : names) {
      if (name == chosen) return name;
    }
    if (names.size() == 1) return names.front();
    std::string list;
    for (const std::string& name : names) list += (list.empty() ? "" : " ") + name;
    std::string message = "a container name must be specified for pod " + pod_name + ", choose one of: [" + list + ']';
    std::string init_list;
    for (const std::string& name : init_names) init_list += (init_list.empty() ? "" : " ") + name;
    if (!init_list.empty()) message += " or one of the init containers: [" + init_list + ']';
    return bad_request(std::move(message));
  }
  for (const std::vector<std::string>* list : {&names, &init_names}) {
    for (const std::string& name : *list) {
      if (name == asked) return name;
    }
  }
  return bad_request("container " + std::string{asked} + " is not valid for pod " + pod_name);
}

Result<LogQuery> log_query(const Call& call, const Object& pod) {
  const http::Request& request = *call.request;
  LogQuery query;
  query.ns = call.target.ns;
  query.pod = call.target.name;
  query.pod_uid = pod.uid();
  query.follow = query_flag(request, "follow");
  query.previous = query_flag(request, "previous");
  query.timestamps = query_flag(request, "timestamps");
  query.stream = request.query_value("stream");
  KRING_TRY(query.tail_lines, query_number(request, "tailLines", 0));
  KRING_TRY(query.limit_bytes, query_number(request, "limitBytes", 1));
  KRING_TRY(query.since_seconds, query_number(request, "sinceSeconds", 1));
  if (const std::string_view since = request.query_value("sinceTime"); !since.empty()) {
    KRING_TRY(const Timestamp time, parse_time(since));
    query.since_time = Wall{time.to_nanos()};
  }
  if (query.since_seconds && query.since_time) {
    return bad_request("at most one of `sinceTime` or `sinceSeconds` may be specified");
  }
  KRING_TRY(query.container, log_container(codec::to_value(pod), request.query_value("container")));
  return query;
}

Task<Result<http::Response>> handle_log(Context& context, Call& call) {
  auto pod = context.registry.get(call.target);
  if (pod.has_error()) co_return std::move(pod).error();
  auto query = log_query(call, **pod);
  if (query.has_error()) co_return std::move(query).error();
  const json::Value value = codec::to_value(**pod);
  const json::Value* spec = value.find("spec");
  // A pod that no node has taken has no log yet.
  if (spec == nullptr || spec->string_or("nodeName").empty()) co_return http::Response{.content_type = "text/plain"};
  if (context.node == nullptr) co_return Error{Reason::service_unavailable, "no node agent runs here"};
  auto streamed = co_await context.node->stream_log(std::move(*query), *call.reply);
  if (streamed.has_error()) co_return std::move(streamed).error();
  call.streamed = true;
  co_return http::Response{};
}

// --- scale ----------------------------------------------------------------------------------------------------------

Task<Result<http::Response>> handle_scale(Context& context, Call& call) {
  if (call.info.verb == "get") {
    auto object = context.registry.get(call.target);
    if (object.has_error()) co_return std::move(object).error();
    co_return value_response(scale_of(**object, *call.subresource), call.shape.accepted, 200);
  }
  const bool patched = call.info.verb == "patch";
  auto options = parse_write_options(*call.request, patched ? "PatchOptions" : "UpdateOptions");
  if (options.has_error()) co_return std::move(options).error();
  Target target = call.target;
  Editor edit;
  if (patched) {
    auto maker = scale_patch(call);
    if (maker.has_error()) co_return std::move(maker).error();
    edit = std::move(*maker);
  } else {
    auto body = request_body(call, "Scale");
    if (body.has_error()) co_return std::move(body).error();
    auto maker = scale_update(target, *call.subresource, std::move(*body));
    if (maker.has_error()) co_return std::move(maker).error();
    edit = std::move(*maker);
  }
  auto written = co_await context.registry.rewrite(std::move(target), std::move(edit), *options);
  if (written.has_error()) co_return std::move(written).error();
  co_return value_response(scale_of(*written->object, *call.subresource), call.shape.accepted, 200);
}

// --- serviceaccounts/token ------------------------------------------------------------------------------------------

Task<Result<http::Response>> handle_token(Context& context, Call& call) {
  if (context.reviews == nullptr) co_return method_not_allowed();
  auto account = context.registry.get(call.target);
  if (account.has_error()) co_return std::move(account).error();
  auto decoded =
      request_of(call, "kring.authentication.TokenRequest", api_version_of(*call.subresource), "TokenRequest");
  if (decoded.has_error()) co_return std::move(decoded).error();
  auto answer =
      context.reviews->token_request(call.caller, call.target.ns, call.target.name, std::move(decoded->object));
  if (answer.has_error()) co_return std::move(answer).error();
  co_return value_response(*answer, call.shape.accepted, 201);
}

Task<Result<http::Response>> handle_unserved(Context&, Call& call) {
  Error error{Reason::method_not_allowed,
              call.info.resource + '/' + call.info.subresource + " is not served by this version of kring"};
  co_return error;
}

Task<Result<http::Response>> handle_unsupported_pod_change(Context& context, Call& call) {
  if (call.info.verb == "get") co_return co_await handle_get(context, call);
  co_return forbidden(call.target.kind(), call.target.name,
                      call.info.subresource == "resize" ? "a running container's resources cannot be changed"
                                                        : "ephemeral containers are not supported");
}

struct Own {
  std::string_view name;
  Handle handle;
};
constexpr Own own_handlers[] = {
    {"binding", handle_binding},
    {"eviction", handle_eviction},
    {"log", handle_log},
    {"scale", handle_scale},
    {"token", handle_token},
    {"exec", handle_unserved},
    {"attach", handle_unserved},
    {"portforward", handle_unserved},
    {"proxy", handle_unserved},
    {"ephemeralcontainers", handle_unsupported_pod_change},
    {"resize", handle_unsupported_pod_change},
};

}  // namespace

bool has_own_handler(const Subresource& subresource) {
  for (const Own& own : own_handlers) {
    if (own.name == subresource.name) return true;
  }
  return false;
}

Task<Result<http::Response>> handle_subresource(Context& context, Call& call) {
  for (const Own& own : own_handlers) {
    if (own.name == call.subresource->name) co_return co_await own.handle(context, call);
  }
  co_return method_not_allowed();
}

Task<Result<void>> bind(Registry& registry, std::string ns, std::string pod, json::Value binding,
                        WriteOptions options) {
  const json::Value* target = binding.find("target");
  const std::string_view kind = target == nullptr ? "" : target->string_or("kind");
  const std::string_view node = target == nullptr ? "" : target->string_or("name");
  FieldErrors errors;
  if (!kind.empty() && kind != "Node") {
    static constexpr std::string_view supported[] = {"Node", "<empty>"};
    errors.not_supported("target.kind", json::Value{kind}, supported);
  }
  if (node.empty()) errors.required("target.name");
  if (!errors.empty()) co_return invalid_error(kinds::binding(), pod, std::move(errors));
  const std::string now = timestamp(registry.env().clock.wall());
  Editor edit = [binding = std::move(binding), now](const Object&, const json::Value& value) {
    return bind_pod(value, binding, now);
  };
  Target where{&hub_of(kinds::pod()), std::move(ns), std::move(pod), "binding"};
  auto written = co_await registry.rewrite(std::move(where), std::move(edit), options);
  if (written.has_error()) co_return std::move(written).error();
  co_return Result<void>{};
}

}  // namespace kring::api
