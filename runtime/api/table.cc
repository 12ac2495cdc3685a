#include "runtime/api/table.h"

#include "objects/codec.h"
#include "objects/hooks.h"

namespace kring::api {
namespace {

constexpr Column default_columns[] = {
    {"Name", "string", "name",
     "Name must be unique within a namespace. Is required when creating resources, although some resources may allow a "
     "client to request the generation of an appropriate name automatically."},
    {"Created At", "date", "", "When the object was created, in RFC 3339 form and UTC."},
};

std::string meta_api_version(std::string_view version) { return "meta.k8s.io/" + std::string{version}; }

json::Value column_value(const Column& column) {
  json::Object out;
  out.append("name", column.name);
  out.append("type", column.type);
  out.append("format", column.format);
  out.append("description", column.description);
  out.append("priority", int64_t{column.priority});
  return out;
}

json::Array cells_of(const Hooks* hooks, const json::Value& object, int64_t now_ms) {
  json::Array cells;
  if (hooks != nullptr && hooks->cells != nullptr) {
    hooks->cells(object, now_ms, cells);
    return cells;
  }
  const json::Value* meta = object.find("metadata");
  cells.emplace_back(meta == nullptr ? std::string_view{} : meta->string_or("name"));
  cells.emplace_back(meta == nullptr ? std::string_view{} : meta->string_or("creationTimestamp"));
  return cells;
}

json::Value row_of(const Object& object, const Hooks* hooks, const Shape& shape) {
  json::Value value = codec::to_value(object);
  json::Object row;
  row.append("cells", cells_of(hooks, value, shape.now_ms));
  if (shape.include == Include::metadata) {
    row.append("object", partial_of(std::move(value), shape.accepted.meta_version));
  } else if (shape.include == Include::object) {
    const bool other = shape.served->from_hub != nullptr;
    if (other && shape.served->from_hub(value).has_error()) value = json::Value{};
    row.append("object", std::move(value));
  }
  return row;
}

}  // namespace

json::Value partial_of(json::Value object, std::string_view meta_version) {
  json::Object out;
  out.append("kind", "PartialObjectMetadata");
  out.append("apiVersion", meta_api_version(meta_version));
  json::Value* meta = object.find("metadata");
  out.append("metadata", meta == nullptr ? json::Value{json::Object{}} : std::move(*meta));
  return out;
}

json::Value table_of(const std::vector<const Object*>& objects, const ListInfo& info, const Shape& shape,
                     bool columns) {
  const Hooks* hooks = hooks_of(*shape.served->kind);
  const bool own = hooks != nullptr && hooks->cells != nullptr;
  json::Object meta;
  meta.append("resourceVersion", std::to_string(info.revision));
  if (!info.continue_token.empty()) meta.append("continue", info.continue_token);
  if (info.remaining) meta.append("remainingItemCount", *info.remaining);
  json::Object table;
  table.append("kind", "Table");
  table.append("apiVersion", meta_api_version(shape.accepted.meta_version));
  table.append("metadata", std::move(meta));
  json::Value definitions;
  if (columns) {
    json::Array list;
    for (const Column& column : own ? hooks->columns : std::span<const Column>{default_columns}) {
      list.push_back(column_value(column));
    }
    definitions = std::move(list);
  }
  table.append("columnDefinitions", std::move(definitions));
  json::Array rows;
  rows.reserve(objects.size());
  for (const Object* object : objects) rows.push_back(row_of(*object, hooks, shape));
  table.append("rows", std::move(rows));
  return table;
}

}  // namespace kring::api
