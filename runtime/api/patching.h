// Patches as the REST API takes them: media type, body, application to a value of one version.
// Source: RFC 6902 (JSON patch), RFC 7386 (merge patch), Kubernetes' strategic merge patch.
#pragma once

#include <string_view>

#include "objects/codec.h"
#include "objects/json.h"
#include "runtime/api/registry.h"

namespace kring::api {

Result<PatchKind> patch_kind_of(std::string_view content_type);
Result<json::Value> parse_patch(std::string_view body);
// `before` and the result are in the shape of `type`.
Result<json::Value> patched(const codec::TypeInfo& type, PatchKind kind, const json::Value& before,
                            const json::Value& patch);

}  // namespace kring::api
