// The OpenAPI documents, made on demand from the schemas and the table of kinds: version 2 as JSON and in the protobuf
// form kubectl asks for, version 3 as an index and a document per group and version.
// Nothing is kept in memory: a document is some hundred kilobytes and clients cache it by its ETag.
// Source: OpenAPI 2.0 and 3.0; gnostic's openapi.v2 protobuf; Kubernetes' x-kubernetes-* extensions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "objects/codec.h"
#include "objects/json.h"

namespace kring::api {

enum class Dialect : uint8_t { v2, v3 };

// The schema of one type: properties, required, references, merge and list extensions, group-version-kinds.
json::Value openapi_definition(const codec::TypeInfo& type, Dialect dialect);

// /openapi/v2. `proto` selects com.github.proto-openapi.spec.v2@v1.0+protobuf.
std::string openapi_v2(bool proto);
// /openapi/v3: paths to the documents with a hash each.
std::string openapi_v3_index();
// /openapi/v3/<path>, path "api/v1" or "apis/apps/v1"; nullopt when no such group version is served.
std::optional<std::string> openapi_v3(std::string_view path);

// Changes when any document does: for ETag and the hash of the index.
std::string openapi_etag();

}  // namespace kring::api
