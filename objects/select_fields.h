// Fields that field selectors may name, per kind, beyond metadata.name and metadata.namespace.
// Each returns false for a path that is not selectable. Source: Kubernetes' field label conversions, v1.33.
#pragma once

#include <string>
#include <string_view>

#include "objects/object.h"

namespace kring::select_fields {

bool pod(const Object& object, std::string_view path, std::string& value);
bool node(const Object& object, std::string_view path, std::string& value);
bool ns(const Object& object, std::string_view path, std::string& value);
bool secret(const Object& object, std::string_view path, std::string& value);
bool event(const Object& object, std::string_view path, std::string& value);
bool replicas(const Object& object, std::string_view path, std::string& value);
bool job(const Object& object, std::string_view path, std::string& value);
bool certificate_request(const Object& object, std::string_view path, std::string& value);

}  // namespace kring::select_fields
