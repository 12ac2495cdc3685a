#include "runtime/api/discovery.h"

#include <algorithm>
#include <vector>

#include "objects/kinds.h"

namespace kring::api {
namespace {

using json::Array;
using json::Object;
using json::Value;

struct NamedVerb {
  uint16_t bit;
  std::string_view name;
};
// In alphabetical order, as discovery prints them.
constexpr NamedVerb verb_names[] = {
    {verb_create, "create"}, {verb_delete, "delete"}, {verb_deletecollection, "deletecollection"},
    {verb_get, "get"},       {verb_list, "list"},     {verb_patch, "patch"},
    {verb_update, "update"}, {verb_watch, "watch"},
};

Array verbs(uint16_t bits) {
  Array names;
  for (const NamedVerb& verb : verb_names) {
    if ((bits & verb.bit) != 0) names.emplace_back(verb.name);
  }
  return names;
}

Array texts(std::span<const std::string_view> list) {
  Array out;
  for (std::string_view text : list) out.emplace_back(text);
  return out;
}

std::string group_version(std::string_view group, std::string_view version) {
  return group.empty() ? std::string{version} : std::string{group} + "/" + std::string{version};
}

// Groups in the order of the table, each with its versions in order; the first version is the preferred one.
struct Group {
  std::string_view name;
  std::vector<std::string_view> versions;
};
std::vector<Group> groups() {
  std::vector<Group> out;
  for (const Served& served : all_served()) {
    if (served.kind->verbs == 0 && served.kind->subresources.empty()) continue;
    auto group = std::find_if(out.begin(), out.end(), [&](const Group& g) { return g.name == served.group; });
    if (group == out.end()) group = out.insert(out.end(), Group{served.group, {}});
    if (std::find(group->versions.begin(), group->versions.end(), served.version) == group->versions.end())
      group->versions.push_back(served.version);
  }
  return out;
}

// The version of a subresource's body: the parent's own when the table names the parent's kind.
Object response_kind(const Served& parent, const Subresource& sub) {
  const bool own = sub.kind == parent.kind->kind && sub.group == parent.kind->group;
  Object kind;
  kind.append("group", own ? parent.group : sub.group);
  kind.append("version", own ? parent.version : sub.version);
  kind.append("kind", own ? parent.kind_name : sub.kind);
  return kind;
}

// Short names and categories belong to the group that owns the kind: where a retired group offers them too, kubectl
// warns that "rs" is ambiguous and asks for `all` twice.
void append_nicknames(const Served& served, Object& row) {
  const Kind& kind = *served.kind;
  if (served.group != kind.group) return;
  if (!kind.short_names.empty()) row.append("shortNames", texts(kind.short_names));
  if (!kind.categories.empty()) row.append("categories", texts(kind.categories));
}

void add_resource(const Served& served, Array& resources) {
  const Kind& kind = *served.kind;
  if (kind.verbs != 0) {
    Object row;
    row.append("name", served.plural);
    row.append("singularName", kind.singular);
    row.append("namespaced", kind.namespaced);
    row.append("kind", served.kind_name);
    row.append("verbs", verbs(kind.verbs));
    append_nicknames(served, row);
    resources.emplace_back(std::move(row));
  }
  for (const Subresource& sub : kind.subresources) {
    const Object body = response_kind(served, sub);
    Object row;
    row.append("name", std::string{served.plural} + "/" + std::string{sub.name});
    row.append("singularName", "");
    row.append("namespaced", kind.namespaced);
    if (body.find("group")->as_string() != served.group || body.find("version")->as_string() != served.version) {
      row.append("group", *body.find("group"));
      row.append("version", *body.find("version"));
    }
    row.append("kind", *body.find("kind"));
    row.append("verbs", verbs(sub.verbs));
    resources.emplace_back(std::move(row));
  }
}

Value resource_list(std::string_view group, std::string_view version) {
  Array resources;
  for (const Served& served : all_served()) {
    if (served.group == group && served.version == version) add_resource(served, resources);
  }
  Object list;
  list.append("kind", "APIResourceList");
  list.append("apiVersion", "v1");
  list.append("groupVersion", group_version(group, version));
  list.append("resources", std::move(resources));
  return list;
}

Object group_entry(const Group& group) {
  Array versions;
  for (std::string_view version : group.versions) {
    Object row;
    row.append("groupVersion", group_version(group.name, version));
    row.append("version", version);
    versions.emplace_back(std::move(row));
  }
  Object entry;
  entry.append("name", group.name);
  Value preferred = versions.front();
  entry.append("versions", std::move(versions));
  entry.append("preferredVersion", std::move(preferred));
  return entry;
}

Value api_versions() {
  Object range;
  range.append("clientCIDR", "0.0.0.0/0");
  range.append("serverAddress", "");
  Object out;
  out.append("kind", "APIVersions");
  out.append("versions", Array{Value{"v1"}});
  out.append("serverAddressByClientCIDRs", Array{Value{std::move(range)}});
  return out;
}

Value group_list() {
  Array list;
  for (const Group& group : groups()) {
    if (!group.name.empty()) list.emplace_back(group_entry(group));
  }
  Object out;
  out.append("kind", "APIGroupList");
  out.append("apiVersion", "v1");
  out.append("groups", std::move(list));
  return out;
}

Object aggregated_resource(const Served& served) {
  const Kind& kind = *served.kind;
  Object own;
  own.append("group", served.group);
  own.append("version", served.version);
  own.append("kind", served.kind_name);
  Object row;
  row.append("resource", served.plural);
  row.append("responseKind", std::move(own));
  row.append("scope", kind.namespaced ? "Namespaced" : "Cluster");
  row.append("singularResource", kind.singular);
  row.append("verbs", verbs(kind.verbs));
  append_nicknames(served, row);
  Array subs;
  for (const Subresource& sub : kind.subresources) {
    Object entry;
    entry.append("subresource", sub.name);
    entry.append("responseKind", response_kind(served, sub));
    entry.append("verbs", verbs(sub.verbs));
    subs.emplace_back(std::move(entry));
  }
  if (!subs.empty()) row.append("subresources", std::move(subs));
  return row;
}

Value aggregated(bool core, std::string_view meta_version) {
  Array items;
  for (const Group& group : groups()) {
    if (group.name.empty() != core) continue;
    Array versions;
    for (std::string_view version : group.versions) {
      Array resources;
      for (const Served& served : all_served()) {
        const bool here = served.group == group.name && served.version == version;
        if (here && (served.kind->verbs != 0 || !served.kind->subresources.empty()))
          resources.emplace_back(aggregated_resource(served));
      }
      Object row;
      row.append("version", version);
      row.append("resources", std::move(resources));
      row.append("freshness", "Current");
      versions.emplace_back(std::move(row));
    }
    Object meta;
    meta.append("name", group.name);
    meta.append("creationTimestamp", nullptr);
    Object item;
    item.append("metadata", std::move(meta));
    item.append("versions", std::move(versions));
    items.emplace_back(std::move(item));
  }
  Object out;
  out.append("kind", "APIGroupDiscoveryList");
  out.append("apiVersion", "apidiscovery.k8s.io/" + std::string{meta_version});
  out.append("metadata", Object{});
  out.append("items", std::move(items));
  return out;
}

// Which aggregated version the client prefers; empty when it wants the plain documents. Clients list the aggregated
// forms first, so the first known media range decides.
std::string_view aggregated_version(std::string_view accept) {
  while (!accept.empty()) {
    const size_t comma = accept.find(',');
    const std::string_view range = accept.substr(0, comma);
    const bool wants = range.find("as=APIGroupDiscoveryList") != std::string_view::npos &&
                       range.find("application/json") != std::string_view::npos;
    if (wants && range.find("v=v2beta1") != std::string_view::npos) return "v2beta1";
    if (wants && range.find("v=v2") != std::string_view::npos) return "v2";
    if (!wants && range.find("application/json") != std::string_view::npos) return {};
    accept = comma == std::string_view::npos ? std::string_view{} : accept.substr(comma + 1);
  }
  return {};
}

std::vector<std::string_view> segments(std::string_view path) {
  std::vector<std::string_view> out;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    if (slash != 0) out.push_back(path.substr(0, slash));
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
  }
  return out;
}

}  // namespace

bool is_discovery_path(std::string_view path) {
  const auto parts = segments(path);
  if (parts.empty() || path.front() != '/') return false;
  return (parts[0] == "api" && parts.size() <= 2) || (parts[0] == "apis" && parts.size() <= 3);
}

std::optional<DiscoveryDocument> discovery(std::string_view path, std::string_view accept) {
  const auto parts = segments(path);
  const bool core = parts[0] == "api";
  const auto plain = [](const Value& value) { return DiscoveryDocument{"application/json", json::print(value)}; };
  if (parts.size() == 1) {
    if (const std::string_view version = aggregated_version(accept); !version.empty()) {
      return DiscoveryDocument{
          "application/json;g=apidiscovery.k8s.io;v=" + std::string{version} + ";as=APIGroupDiscoveryList",
          json::print(aggregated(core, version))};
    }
    return plain(core ? api_versions() : group_list());
  }
  const auto all = groups();
  const std::string_view name = core ? std::string_view{} : parts[1];
  const auto group = std::find_if(all.begin(), all.end(), [&](const Group& g) { return g.name == name; });
  if (group == all.end()) return std::nullopt;
  if (!core && parts.size() == 2) {
    Object entry;
    entry.append("kind", "APIGroup");
    entry.append("apiVersion", "v1");
    for (auto& member : group_entry(*group)) entry.append(member.key, std::move(member.value));
    return plain(entry);
  }
  const std::string_view version = core ? parts[1] : parts[2];
  if (std::find(group->versions.begin(), group->versions.end(), version) == group->versions.end()) return std::nullopt;
  return plain(resource_list(name, version));
}

}  // namespace kring::api
