#include "runtime/api/handlers.h"

#include "runtime/api/decode.h"
#include "runtime/api/metadata.h"
#include "runtime/api/patching.h"
#include "runtime/api/status.h"
#include "runtime/api/watch_server.h"

namespace kring::api {
namespace {

// What a delete of these kinds answers: the object as it was last, not a Status.
bool returns_deleted_object(const Kind& kind) {
  for (const std::string_view name : {"Pod", "Service", "PersistentVolume", "PersistentVolumeClaim", "ServiceAccount",
                                      "PodTemplate", "ResourceQuota"}) {
    if (kind.kind == name) return true;
  }
  return false;
}

Result<Filter> filter_of(const Call& call, const ListOptions& options) {
  return Filter::make(call.target.kind(), options.label_selector, options.field_selector);
}

Task<Result<http::Response>> answer_review(Context& context, Call& call) {
  if (context.reviews == nullptr) co_return method_not_allowed();
  auto body = request_body(call, call.target.served->kind_name);
  if (body.has_error()) co_return std::move(body).error();
  const Served& served = *call.target.served;
  auto decoded =
      decode_request(served.table, served.api_version(), served.kind_name, std::move(*body), Validation::warn);
  if (decoded.has_error()) co_return std::move(decoded).error();
  for (std::string& warning : decoded->warnings) call.warnings.push_back(std::move(warning));
  auto answer = context.reviews->answer(call.caller, served, call.target.ns, std::move(decoded->object));
  if (answer.has_error()) co_return std::move(answer).error();
  co_return value_response(*answer, call.shape.accepted, 201);
}

void take_warnings(Call& call, Written& written) {
  for (std::string& warning : written.warnings) call.warnings.push_back(std::move(warning));
}

}  // namespace

Result<json::Parsed> request_body(const Call& call, std::string_view kind) {
  KRING_TRY(const Encoding encoding, body_encoding(call.request->header("content-type")));
  return parse_body(call.request->body, encoding, kind);
}

http::Response value_response(const json::Value& value, const Accepted& accepted, int status) {
  http::Response response;
  response.status = status;
  response.content_type = content_type_of(accepted.encoding);
  response.body = render_value(value, accepted);
  return response;
}

Task<Result<http::Response>> handle_get(Context& context, Call& call) {
  auto object = context.registry.get(call.target);
  if (object.has_error()) co_return std::move(object).error();
  call.shape.now_ms = context.env.clock.wall().ns / 1'000'000;
  co_return read_response(*object, call.shape);
}

Task<Result<http::Response>> handle_list(Context& context, Call& call) {
  auto options = parse_list_options(*call.request, false);
  if (options.has_error()) co_return std::move(options).error();
  auto filter = filter_of(call, *options);
  if (filter.has_error()) co_return std::move(filter).error();
  std::string expired_continue;
  auto page = context.lists.page(context.store(), call.target.kind(), call.target.ns, *options, *filter,
                                 expired_continue);
  if (page.has_error() && !expired_continue.empty()) {
    json::Value status = status_of(page.error());
    status.object("metadata").set("continue", expired_continue);
    co_return value_response(status, call.shape.accepted, http_code(page.error().reason));
  }
  if (page.has_error()) co_return std::move(page).error();
  call.shape.now_ms = context.env.clock.wall().ns / 1'000'000;
  const ListInfo info{page->revision, page->continue_token, page->remaining};
  auto text = render_list(page->objects, info, call.shape);
  if (text.has_error()) co_return std::move(text).error();
  http::Response response;
  response.content_type = content_type_of(call.shape.accepted.encoding);
  response.body = std::move(*text);
  co_return response;
}

Task<Result<http::Response>> handle_watch(Context& context, Call& call) {
  auto options = parse_list_options(*call.request, true);
  if (options.has_error()) co_return std::move(options).error();
  // The legacy path /watch/pods/{name} is a watch of one name.
  if (options->field_selector.empty() && !call.info.name.empty()) {
    options->field_selector = "metadata.name=" + call.info.name;
  }
  auto filter = filter_of(call, *options);
  if (filter.has_error()) co_return std::move(filter).error();
  WatchRequest request;
  request.ns = call.target.ns;
  request.options = std::move(*options);
  request.filter = std::move(*filter);
  request.shape = call.shape;
  request.shape.now_ms = context.env.clock.wall().ns / 1'000'000;
  request.headers.push_back({"Cache-Control", "no-cache, private"});
  auto served = co_await serve_watch(context, *call.reply, std::move(request));
  if (served.has_error()) co_return std::move(served).error();
  call.streamed = true;
  co_return http::Response{};
}

Task<Result<http::Response>> handle_create(Context& context, Call& call) {
  if (!call.target.kind().stored) co_return co_await answer_review(context, call);
  auto options = parse_write_options(*call.request, "CreateOptions");
  if (options.has_error()) co_return std::move(options).error();
  auto body = request_body(call, call.target.served->kind_name);
  if (body.has_error()) co_return std::move(body).error();
  auto written = co_await context.registry.create(call.target, std::move(*body), *options);
  if (written.has_error()) co_return std::move(written).error();
  take_warnings(call, *written);
  co_return write_response(*written->object, call.shape, 201);
}

Task<Result<http::Response>> handle_update(Context& context, Call& call) {
  auto options = parse_write_options(*call.request, "UpdateOptions");
  if (options.has_error()) co_return std::move(options).error();
  auto body = request_body(call, call.target.served->kind_name);
  if (body.has_error()) co_return std::move(body).error();
  auto written = co_await context.registry.update(call.target, std::move(*body), *options);
  if (written.has_error()) co_return std::move(written).error();
  take_warnings(call, *written);
  co_return write_response(*written->object, call.shape, written->created ? 201 : 200);
}

Task<Result<http::Response>> handle_patch(Context& context, Call& call) {
  auto options = parse_write_options(*call.request, "PatchOptions");
  if (options.has_error()) co_return std::move(options).error();
  auto patch_kind = patch_kind_of(call.request->header("content-type"));
  if (patch_kind.has_error()) co_return std::move(patch_kind).error();
  auto patch = parse_patch(call.request->body);
  if (patch.has_error()) co_return std::move(patch).error();
  auto written = co_await context.registry.patch(call.target, *patch_kind, std::move(*patch), *options);
  if (written.has_error()) co_return std::move(written).error();
  take_warnings(call, *written);
  co_return write_response(*written->object, call.shape, 200);
}

Task<Result<http::Response>> handle_delete(Context& context, Call& call) {
  json::Value body;
  if (!call.request->body.empty()) {
    auto parsed = request_body(call, "DeleteOptions");
    if (parsed.has_error()) co_return std::move(parsed).error();
    body = std::move(parsed->value);
  }
  auto options = parse_delete_options(*call.request, body);
  if (options.has_error()) co_return std::move(options).error();
  auto deleted = co_await context.registry.remove(call.target, *options);
  if (deleted.has_error()) co_return std::move(deleted).error();
  if (deleted->gone && !returns_deleted_object(call.target.kind())) {
    const Object& object = *deleted->object;
    co_return value_response(status_deleted(call.target.kind(), object.name(), object.uid()), call.shape.accepted, 200);
  }
  // Not gone yet although the client wanted the dependents gone too: accepted.
  const bool accepted = !deleted->gone && options->orphan_dependents == false;
  co_return write_response(*deleted->object, call.shape, accepted ? 202 : 200);
}

Task<Result<http::Response>> handle_delete_collection(Context& context, Call& call) {
  json::Value body;
  if (!call.request->body.empty()) {
    auto parsed = request_body(call, "DeleteOptions");
    if (parsed.has_error()) co_return std::move(parsed).error();
    body = std::move(parsed->value);
  }
  auto options = parse_delete_options(*call.request, body);
  if (options.has_error()) co_return std::move(options).error();
  auto list_options = parse_list_options(*call.request, false);
  if (list_options.has_error()) co_return std::move(list_options).error();
  auto filter = filter_of(call, *list_options);
  if (filter.has_error()) co_return std::move(filter).error();
  std::string expired_continue;
  auto page = context.lists.page(context.store(), call.target.kind(), call.target.ns, *list_options, *filter,
                                 expired_continue);
  if (page.has_error()) co_return std::move(page).error();
  for (const ObjectPtr& object : page->objects) {
    Target target = call.target;
    target.ns = object->ns();
    target.name = object->name();
    auto deleted = co_await context.registry.remove(std::move(target), *options);
    if (deleted.has_error() && deleted.error().reason != Reason::not_found) co_return std::move(deleted).error();
  }
  call.shape.now_ms = context.env.clock.wall().ns / 1'000'000;
  auto text = render_list(page->objects, ListInfo{page->revision, page->continue_token, page->remaining}, call.shape);
  if (text.has_error()) co_return std::move(text).error();
  http::Response response;
  response.content_type = content_type_of(call.shape.accepted.encoding);
  response.body = std::move(*text);
  co_return response;
}

}  // namespace kring::api
