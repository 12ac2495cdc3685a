// THE table of kinds: what is stored, under which versions it is served, and what discovery says of it. A new kind is
// a table in schema/*.fbs and a row in kinds.cc.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "objects/json.h"

namespace kring {

// Bits of the verbs a resource offers, in discovery's words.
enum Verb : uint16_t {
  verb_create = 1,
  verb_delete = 2,
  verb_deletecollection = 4,
  verb_get = 8,
  verb_list = 16,
  verb_patch = 32,
  verb_update = 64,
  verb_watch = 128,
};
inline constexpr uint16_t verbs_all = 255;

// A path below an object: pods/{name}/status. `kind` is what its body is ("Pod", "Scale", "Eviction", ...).
struct Subresource {
  std::string_view name;  // "status", "scale", "binding", "eviction", "log", "token", "approval", "finalize", ...
  std::string_view group, version, kind;
  uint16_t verbs = 0;  // as discovery lists them; connecting (exec, proxy, ...) counts as create, get and so on
};

// A stored kind. There is exactly one Kind per stored kind, at a fixed address for the life of the program; compare by
// address.
struct Kind {
  std::string_view group;    // "" for core
  std::string_view version;  // the version whose shape is stored (the hub)
  std::string_view kind;     // "Pod"
  std::string_view
      plural;  // "pods"; empty for bodies of subresources, which have no path of their own (Eviction, Scale)
  std::string_view singular;  // "pod"
  std::string_view table;     // FlatBuffers table, "kring.core.Pod"
  bool namespaced = false;
  bool stored = true;  // false for kinds that are only request bodies (Eviction, Scale, SubjectAccessReview, ...)
  std::span<const std::string_view> short_names;
  std::span<const std::string_view> categories;
  uint16_t verbs = 0;
  std::span<const Subresource> subresources;
  uint16_t index = 0;  // position in all_kinds()

  // "pods", "deployments.apps": as Kubernetes names resources in error messages.
  std::string resource() const;
  // "/Pod", "apps/Deployment": the stable name of the kind on disk.
  std::string id() const;
};

// One served version of a kind. The hub version has no converters.
struct Served {
  const Kind* kind = nullptr;
  std::string_view group, version, kind_name, plural;
  // Change a value of this version to the hub's shape and back, in place (apiVersion and kind included).
  Result<void> (*to_hub)(json::Value&) = nullptr;
  Result<void> (*from_hub)(json::Value&) = nullptr;
  std::string_view table;   // the FlatBuffers table of this version's shape, for strict decoding and OpenAPI
  bool deprecated = false;  // a warning header is sent; deprecation texts in `warning`
  std::string_view
      warning;  // "extensions/v1beta1 ReplicaSet is deprecated in v1.9+, unavailable in v1.16+; use apps/v1 ReplicaSet"

  std::string api_version() const;  // "apps/v1", "v1"
};

std::span<const Kind> all_kinds();
std::span<const Served> all_served();  // hub versions included; groups in Kubernetes' priority order

const Kind* find_kind(std::string_view group, std::string_view kind);
const Kind* find_kind_by_id(std::string_view id);
const Served* find_served(std::string_view api_version, std::string_view kind);
const Served* find_served_resource(std::string_view group, std::string_view version, std::string_view plural);
const Served& hub_of(const Kind& kind);

// The kinds that the program itself names: kinds::pod(), kinds::node(), ...
namespace kinds {
const Kind& pod();
const Kind& node();
const Kind& ns();
const Kind& event();
const Kind& service_account();
const Kind& config_map();
const Kind& secret();
const Kind& service();
const Kind& endpoints();
const Kind& endpoint_slice();
const Kind& lease();
const Kind& binding();
const Kind& priority_class();
const Kind& runtime_class();
const Kind& limit_range();
const Kind& resource_quota();
const Kind& pod_disruption_budget();
const Kind& role();
const Kind& role_binding();
const Kind& cluster_role();
const Kind& cluster_role_binding();
const Kind& persistent_volume();
const Kind& persistent_volume_claim();
}  // namespace kinds

}  // namespace kring
