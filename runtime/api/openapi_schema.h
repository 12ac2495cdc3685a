// Definitions of types as JSON values: what both OpenAPI versions say of a kind's shape.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "objects/kinds.h"
#include "runtime/api/openapi.h"

namespace kring::api {

// The definition's name of a served kind's body ("io.k8s.api.core.v1.Pod") and of its list.
std::string definition_name(const Served& served);
std::string list_definition_name(const Served& served);
// A reference to a definition in the form of the dialect.
json::Value reference(std::string_view name, Dialect dialect);
// The definition of a kind's list.
json::Value list_definition(const Served& served, Dialect dialect);
// Definitions that no table has: quantities, times and the like, as name and schema.
std::vector<std::pair<std::string, json::Value>> leaf_definitions(Dialect dialect);
// The types that `type` refers to, itself included, by table name.
void collect_types(const codec::TypeInfo& type, std::set<const codec::TypeInfo*>& types);

}  // namespace kring::api
