#include "runtime/api/openapi.h"

#include <algorithm>
#include <cctype>
#include <vector>

#include "objects/hash.h"
#include "runtime/api/openapi_proto.h"
#include "runtime/api/openapi_schema.h"

namespace kring::api {
namespace {

using json::Array;
using json::Object;
using json::Value;

std::string pascal(std::string_view text) {
  std::string out;
  bool upper = true;
  for (char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) {
      upper = true;
      continue;
    }
    out += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = false;
  }
  return out;
}

std::string root_of(const Served& served) {
  return served.group.empty() ? "/api/v1" : "/apis/" + std::string{served.group} + "/" + std::string{served.version};
}

// What one operation is about, as far as its text depends on it.
struct Call {
  std::string_view method;                // "get", "post", ...
  std::string_view verb;                  // "read", "list", "create", "replace", "patch", "delete", "deletecollection"
  std::string_view action;                // x-kubernetes-action
  std::string body;                       // definition of the request's body; empty: none
  std::string answer;                     // definition of the answer
  std::string_view group, version, kind;  // x-kubernetes-group-version-kind
};

constexpr std::string_view status_name = "io.k8s.apimachinery.pkg.apis.meta.v1.Status";
constexpr std::string_view delete_options_name = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";

Value parameter(std::string_view name, std::string_view in, std::string_view type, bool required, Dialect dialect) {
  Object p;
  p.append("name", name);
  p.append("in", in);
  if (required) p.append("required", true);
  if (dialect == Dialect::v2) {
    p.append("type", type);
    if (in == "query") p.append("uniqueItems", true);
  } else {
    Object schema;
    schema.append("type", type);
    p.append("schema", std::move(schema));
  }
  return p;
}

void query_parameters(const Call& call, Dialect dialect, Array& parameters) {
  const auto add = [&](std::string_view name, std::string_view type) {
    parameters.push_back(parameter(name, "query", type, false, dialect));
  };
  if (call.verb == "list" || call.verb == "deletecollection") {
    for (std::string_view name :
         {"continue", "fieldSelector", "labelSelector", "resourceVersion", "resourceVersionMatch"})
      add(name, "string");
    add("limit", "integer");
    add("timeoutSeconds", "integer");
    if (call.verb == "list") {
      add("allowWatchBookmarks", "boolean");
      add("sendInitialEvents", "boolean");
      add("watch", "boolean");
    }
  }
  if (call.method != "get") add("dryRun", "string");
  if (call.method == "post" || call.method == "put" || call.method == "patch") {
    add("fieldManager", "string");
    add("fieldValidation", "string");
  }
  if (call.method == "patch") add("force", "boolean");
  if (call.method == "delete") {
    add("gracePeriodSeconds", "integer");
    add("orphanDependents", "boolean");
    add("propagationPolicy", "string");
  }
}

Array media_types(std::string_view method) {
  if (method != "patch") return Array{Value{"application/json"}, Value{"application/yaml"}};
  return Array{Value{"application/json-patch+json"}, Value{"application/merge-patch+json"},
               Value{"application/strategic-merge-patch+json"}};
}

Value content(const Array& types, std::string_view definition) {
  Object out;
  for (const Value& type : types) {
    Object entry;
    entry.append("schema", reference(definition, Dialect::v3));
    out.append(type.as_string(), std::move(entry));
  }
  return out;
}

Value responses(const Call& call, Dialect dialect) {
  Object ok;
  ok.append("description", "OK");
  if (dialect == Dialect::v2) {
    ok.append("schema", reference(call.answer, dialect));
  } else {
    ok.append("content", content(media_types("get"), call.answer));
  }
  Object unauthorized;
  unauthorized.append("description", "Unauthorized");
  Object out;
  out.append("200", ok);
  if (call.method == "post" || call.method == "put" || call.method == "patch") {
    Object created = ok;
    created.set("description", "Created");
    out.append("201", std::move(created));
  }
  out.append("401", std::move(unauthorized));
  return out;
}

Value operation(const Served& served, const Call& call, std::string_view scope, Dialect dialect) {
  Object op;
  const std::string tag =
      (served.group.empty() ? "core" : std::string{served.group.substr(0, served.group.find('.'))}) + "_" +
      std::string{served.version};
  op.append("description", std::string{call.verb} + " " + std::string{call.kind});
  op.append("operationId", std::string{call.verb} + pascal(served.group.empty() ? "core" : served.group) +
                               pascal(served.version) + std::string{scope} + pascal(call.kind));
  op.append("tags", Array{Value{tag}});
  Array parameters;
  query_parameters(call, dialect, parameters);
  if (dialect == Dialect::v2) {
    op.append("consumes", media_types(call.method));
    op.append("produces", media_types("get"));
    if (!call.body.empty()) {
      Object body;
      body.append("name", "body");
      body.append("in", "body");
      if (call.method != "delete") body.append("required", true);
      body.append("schema", call.method == "patch" ? Value{Object{{"type", "object"}}} : reference(call.body, dialect));
      parameters.emplace_back(std::move(body));
    }
  } else if (!call.body.empty()) {
    Object body;
    body.append("content", content(media_types(call.method), call.body));
    op.append("requestBody", std::move(body));
  }
  op.append("parameters", std::move(parameters));
  op.append("responses", responses(call, dialect));
  op.append("x-kubernetes-action", call.action);
  Object gvk;
  gvk.append("group", call.group);
  gvk.append("kind", call.kind);
  gvk.append("version", call.version);
  op.append("x-kubernetes-group-version-kind", std::move(gvk));
  return op;
}

void add_path(Object& paths, std::string path, Object operations, Dialect dialect) {
  Array parameters;
  if (path.find("{name}") != std::string::npos)
    parameters.push_back(parameter("name", "path", "string", true, dialect));
  if (path.find("{namespace}") != std::string::npos)
    parameters.push_back(parameter("namespace", "path", "string", true, dialect));
  if (operations.empty()) return;
  if (!parameters.empty()) operations.append("parameters", std::move(parameters));
  paths.append(std::move(path), std::move(operations));
}

void add_item_operations(const Served& served, uint16_t verbs, const Call& base, std::string_view scope,
                         Dialect dialect, Object& operations) {
  const auto add = [&](uint16_t bit, std::string_view method, std::string_view verb, std::string_view action,
                       bool body) {
    if ((verbs & bit) == 0) return;
    Call call = base;
    call.method = method;
    call.verb = verb;
    call.action = action;
    if (!body) call.body.clear();
    if (method == "delete") {
      call.body = delete_options_name;
      call.answer = status_name;
    }
    operations.append(std::string{method}, operation(served, call, scope, dialect));
  };
  add(verb_get, "get", "read", "get", false);
  add(verb_update, "put", "replace", "put", true);
  add(verb_create, "post", "create", "post", true);
  add(verb_delete, "delete", "delete", "delete", true);
  add(verb_patch, "patch", "patch", "patch", true);
}

// The definition of a subresource's body.
std::string subresource_definition(const Served& served, const Subresource& sub) {
  const bool own = sub.kind == served.kind->kind && sub.group == served.kind->group;
  const Served* body = own ? &served
                           : find_served(sub.group.empty() ? std::string{sub.version}
                                                           : std::string{sub.group} + "/" + std::string{sub.version},
                                         sub.kind);
  return body == nullptr ? definition_name(served) : definition_name(*body);
}

void add_paths(const Served& served, Dialect dialect, Object& paths) {
  const Kind& kind = *served.kind;
  const std::string_view scope = kind.namespaced ? "Namespaced" : "";
  const std::string root = root_of(served);
  const std::string collection =
      root + (kind.namespaced ? "/namespaces/{namespace}/" : "/") + std::string{served.plural};
  Call base{
      {}, {}, {}, definition_name(served), definition_name(served), served.group, served.version, served.kind_name};

  Object whole;
  Call list = base;
  list.method = "get";
  list.verb = list.action = "list";
  list.body.clear();
  list.answer = list_definition_name(served);
  if ((kind.verbs & verb_list) != 0) whole.append("get", operation(served, list, scope, dialect));
  add_item_operations(served, kind.verbs & verb_create, base, scope, dialect, whole);
  if ((kind.verbs & verb_deletecollection) != 0) {
    Call clear = base;
    clear.method = "delete";
    clear.verb = clear.action = "deletecollection";
    clear.body = delete_options_name;
    clear.answer = status_name;
    whole.append("delete", operation(served, clear, std::string{scope} + "Collection", dialect));
  }
  add_path(paths, collection, std::move(whole), dialect);

  Object item;
  const uint16_t item_verbs = kind.verbs & (verb_get | verb_update | verb_patch | verb_delete);
  add_item_operations(served, item_verbs, base, scope, dialect, item);
  add_path(paths, collection + "/{name}", std::move(item), dialect);

  for (const Subresource& sub : kind.subresources) {
    const bool own = sub.kind == kind.kind && sub.group == kind.group;
    Call call = base;
    call.body = call.answer = subresource_definition(served, sub);
    call.group = own ? served.group : sub.group;
    call.version = own ? served.version : sub.version;
    call.kind = own ? served.kind_name : sub.kind;
    Object operations;
    add_item_operations(served, sub.verbs, call, std::string{scope} + pascal(sub.name), dialect, operations);
    add_path(paths, collection + "/{name}/" + std::string{sub.name}, std::move(operations), dialect);
  }
  if (kind.namespaced && (kind.verbs & verb_list) != 0) {
    Object everywhere;
    everywhere.append("get", operation(served, list, "ForAllNamespaces", dialect));
    add_path(paths, root + "/" + std::string{served.plural}, std::move(everywhere), dialect);
  }
}

Object info() {
  Object out;
  out.append("title", "Kubernetes");
  out.append("version", "v1.33.0");
  return out;
}

std::vector<const codec::TypeInfo*> sorted_types(const std::set<const codec::TypeInfo*>& types) {
  std::vector<const codec::TypeInfo*> out{types.begin(), types.end()};
  std::sort(out.begin(), out.end(), [](auto* a, auto* b) { return a->openapi < b->openapi; });
  return out;
}

// Calls `add` with the name and schema of every definition that the served kinds need.
template <class Select, class Add>
void each_definition(Dialect dialect, Select select, Add add) {
  std::set<const codec::TypeInfo*> types;
  for (const Served& served : all_served()) {
    if (select(served)) collect_types(codec::type_of(served.table), types);
  }
  for (std::string_view name : {"kring.meta.ListMeta", "kring.meta.Status", "kring.meta.DeleteOptions"})
    collect_types(codec::type_of(name), types);
  for (const codec::TypeInfo* type : sorted_types(types)) {
    if (!type->openapi.empty()) add(std::string{type->openapi}, openapi_definition(*type, dialect));
  }
  std::set<std::string> lists;
  for (const Served& served : all_served()) {
    const bool listed = select(served) && (served.kind->verbs & verb_list) != 0;
    if (listed && lists.insert(list_definition_name(served)).second)
      add(list_definition_name(served), list_definition(served, dialect));
  }
  for (auto& [name, schema] : leaf_definitions(dialect)) add(name, std::move(schema));
}

bool has_paths(const Served& served) { return served.kind->verbs != 0 || !served.kind->subresources.empty(); }

bool in_document(const Served& served, std::string_view path) { return root_of(served) == "/" + std::string{path}; }

}  // namespace

std::string openapi_v2(bool proto) {
  const auto all = [](const Served&) { return true; };
  Object paths;
  for (const Served& served : all_served()) {
    if (has_paths(served)) add_paths(served, Dialect::v2, paths);
  }
  if (proto) {
    OpenApiProto document;
    document.info("Kubernetes", "v1.33.0");
    document.paths(paths);
    each_definition(Dialect::v2, all,
                    [&](const std::string& name, Value schema) { document.definition(name, schema); });
    return document.finish();
  }
  std::string out = R"({"swagger":"2.0","info":)" + json::print(info()) + R"(,"paths":)";
  json::print_to(out, paths);
  out += R"(,"definitions":{)";
  bool first = true;
  each_definition(Dialect::v2, all, [&](const std::string& name, Value schema) {
    if (!first) out += ',';
    first = false;
    json::print_string_to(out, name);
    out += ':';
    json::print_to(out, schema);
  });
  out += "}}";
  return out;
}

std::string openapi_v3_index() {
  Object paths;
  const std::string hash = openapi_etag();
  for (const Served& served : all_served()) {
    const std::string path = root_of(served).substr(1);
    if (!has_paths(served) || paths.contains(path)) continue;
    Object entry;
    entry.append("serverRelativeURL", "/openapi/v3/" + path + "?hash=" + hash);
    paths.append(path, std::move(entry));
  }
  Object out;
  out.append("paths", std::move(paths));
  return json::print(out);
}

std::optional<std::string> openapi_v3(std::string_view path) {
  const auto here = [path](const Served& served) { return in_document(served, path) && has_paths(served); };
  Object paths;
  for (const Served& served : all_served()) {
    if (here(served)) add_paths(served, Dialect::v3, paths);
  }
  if (paths.empty()) return std::nullopt;
  Object schemas;
  each_definition(Dialect::v3, here,
                  [&](const std::string& name, Value schema) { schemas.set(name, std::move(schema)); });
  // Bodies of subresources may belong to other groups (Scale, Eviction, TokenRequest).
  for (const Served& served : all_served()) {
    if (!here(served)) continue;
    for (const Subresource& sub : served.kind->subresources) {
      const std::string version =
          sub.group.empty() ? std::string{sub.version} : std::string{sub.group} + "/" + std::string{sub.version};
      const Served* body = find_served(version, sub.kind);
      if (body == nullptr) continue;
      std::set<const codec::TypeInfo*> types;
      collect_types(codec::type_of(body->table), types);
      for (const codec::TypeInfo* type : types) {
        if (!type->openapi.empty() && !schemas.contains(type->openapi))
          schemas.append(std::string{type->openapi}, openapi_definition(*type, Dialect::v3));
      }
    }
  }
  Object components;
  components.append("schemas", std::move(schemas));
  Object out;
  out.append("openapi", "3.0.0");
  out.append("info", info());
  out.append("paths", std::move(paths));
  out.append("components", std::move(components));
  return json::print(out);
}

std::string openapi_etag() {
  // The documents depend on nothing but the program: its version and the schemas.
  static const std::string tag = [] {
    std::string all = KRING_VERSION;
    for (const codec::TypeInfo* type : codec::all_types()) {
      all += type->openapi;
      for (const codec::FieldInfo& field : type->fields) all.append(field.name).append(field.doc);
    }
    for (const Served& served : all_served()) all += served.api_version();
    static constexpr char digits[] = "0123456789ABCDEF";
    uint64_t hash = fnv1a64(all);
    std::string text;
    for (int i = 0; i < 16; ++i, hash >>= 4) text += digits[hash & 15];
    return text;
  }();
  return tag;
}

}  // namespace kring::api
