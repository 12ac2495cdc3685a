#include "runtime/api/represent.h"

#include "objects/codec.h"
#include "objects/yaml.h"
#include "runtime/api/status.h"
#include "runtime/api/table.h"

namespace kring::api {
namespace {

bool is_hub(const Served& served) { return served.from_hub == nullptr; }

std::string list_head(const std::string& kind, const std::string& api_version, const ListInfo& info) {
  std::string out = "{\"kind\":\"" + kind + "\",\"apiVersion\":\"" + api_version + "\",\"metadata\":{";
  out += "\"resourceVersion\":\"" + std::to_string(info.revision) + '"';
  if (!info.continue_token.empty()) {
    out += ",\"continue\":";
    json::print_string_to(out, info.continue_token);
  }
  if (info.remaining) out += ",\"remainingItemCount\":" + std::to_string(*info.remaining);
  out += "},\"items\":[";
  return out;
}

json::Value list_value(const std::string& kind, const std::string& api_version, const ListInfo& info,
                       json::Array items) {
  json::Object meta;
  meta.append("resourceVersion", std::to_string(info.revision));
  if (!info.continue_token.empty()) meta.append("continue", info.continue_token);
  if (info.remaining) meta.append("remainingItemCount", *info.remaining);
  json::Object out;
  out.append("kind", kind);
  out.append("apiVersion", api_version);
  out.append("metadata", std::move(meta));
  out.append("items", std::move(items));
  return out;
}

std::string list_kind(const Shape& shape) {
  if (shape.accepted.as == As::partial) return "PartialObjectMetadataList";
  return std::string{shape.served->kind_name} + "List";
}

std::string list_api_version(const Shape& shape) {
  if (shape.accepted.as == As::partial) return "meta.k8s.io/" + std::string{shape.accepted.meta_version};
  return shape.served->api_version();
}

// The value of one object, whole or metadata only.
Result<json::Value> shaped_value(const Object& object, const Shape& shape) {
  if (shape.accepted.as == As::partial) return partial_of(codec::to_value(object), shape.accepted.meta_version);
  return served_value(object, *shape.served);
}

}  // namespace

bool Shape::plain() const {
  return is_hub(*served) && accepted.as == As::object && accepted.encoding == Encoding::json && !accepted.pretty;
}

Result<Include> parse_include(std::string_view text) {
  if (text.empty() || text == "Metadata") return Include::metadata;
  if (text == "None") return Include::none;
  if (text == "Object") return Include::object;
  return bad_request("unrecognized includeObject value: \"" + std::string{text} + '"');
}

Result<json::Value> served_value(const Object& object, const Served& served) {
  json::Value value = codec::to_value(object);
  if (served.from_hub != nullptr) KRING_TRY_VOID(served.from_hub(value));
  return value;
}

std::string render_value(const json::Value& value, const Accepted& accepted) {
  if (accepted.encoding == Encoding::yaml) return yaml::print(value);
  return accepted.pretty ? json::print_pretty(value) : json::print(value);
}

Result<std::string> render_object(const Object& object, const Shape& shape) {
  if (shape.plain()) {
    std::string out;
    codec::print_to(out, object.kind(), object.bytes(), object.revision());
    return out;
  }
  if (shape.accepted.as == As::table) {
    const ListInfo info{object.revision(), "", std::nullopt};
    return render_value(table_of({&object}, info, shape, true), shape.accepted);
  }
  KRING_TRY(const json::Value value, shaped_value(object, shape));
  return render_value(value, shape.accepted);
}

Result<std::string> render_list(const std::vector<ObjectPtr>& objects, const ListInfo& info, const Shape& shape) {
  if (shape.plain()) {
    std::string out = list_head(list_kind(shape), list_api_version(shape), info);
    bool first = true;
    for (const ObjectPtr& object : objects) {
      if (!first) out += ',';
      first = false;
      codec::print_to(out, object->kind(), object->bytes(), object->revision());
    }
    out += "]}";
    return out;
  }
  if (shape.accepted.as == As::table) {
    std::vector<const Object*> rows;
    rows.reserve(objects.size());
    for (const ObjectPtr& object : objects) rows.push_back(object.get());
    return render_value(table_of(rows, info, shape, true), shape.accepted);
  }
  json::Array items;
  items.reserve(objects.size());
  for (const ObjectPtr& object : objects) {
    KRING_TRY(json::Value value, shaped_value(*object, shape));
    items.push_back(std::move(value));
  }
  return render_value(list_value(list_kind(shape), list_api_version(shape), info, std::move(items)), shape.accepted);
}

Result<std::string> render_event_object(const Object& object, const Shape& shape, bool columns) {
  Shape compact = shape;
  compact.accepted.pretty = false;
  if (shape.accepted.as != As::table) return render_object(object, compact);
  const ListInfo info{object.revision(), "", std::nullopt};
  return render_value(table_of({&object}, info, compact, columns), compact.accepted);
}

std::string render_bookmark(Revision revision, bool initial_events_end, const Shape& shape) {
  json::Object meta;
  meta.append("resourceVersion", std::to_string(revision));
  if (shape.accepted.as == As::table) {
    const ListInfo info{revision, "", std::nullopt};
    return json::print(table_of({}, info, shape, false));
  }
  meta.append("creationTimestamp", nullptr);
  if (initial_events_end) {
    json::Object annotations;
    annotations.append("k8s.io/initial-events-end", "true");
    meta.append("annotations", std::move(annotations));
  }
  const bool partial = shape.accepted.as == As::partial;
  json::Object out;
  out.append("kind", partial ? std::string_view{"PartialObjectMetadata"} : shape.served->kind_name);
  out.append("apiVersion", list_api_version(shape));
  out.append("metadata", std::move(meta));
  return json::print(out);
}

Result<http::Response> read_response(const ObjectPtr& object, const Shape& shape) {
  if (!shape.plain()) return write_response(*object, shape, 200);
  http::Response response;
  response.shared_body = std::shared_ptr<const std::string>{object, &object->json()};
  return response;
}

Result<http::Response> write_response(const Object& object, const Shape& shape, int status) {
  http::Response response;
  response.status = status;
  response.content_type = content_type_of(shape.accepted.encoding);
  KRING_TRY(response.body, render_object(object, shape));
  return response;
}

}  // namespace kring::api
