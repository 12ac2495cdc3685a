// Tables: the columns and rows that kubectl prints. Source: meta/v1 Table.
#pragma once

#include <vector>

#include "runtime/api/represent.h"

namespace kring::api {

// One or many objects as a Table. `columns` false leaves the definitions out (later events of a watch).
json::Value table_of(const std::vector<const Object*>& objects, const ListInfo& info, const Shape& shape, bool columns);
// PartialObjectMetadata of an object's value.
json::Value partial_of(json::Value object, std::string_view meta_version);

}  // namespace kring::api
