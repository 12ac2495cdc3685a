// The three patch formats of the API that the server applies by value: JSON patch (RFC 6902), merge patch (RFC 7386)
// and strategic merge patch, which knows from the schema how lists merge.
// Bounds: at most limits::json_patch_operations_max operations, limits::json_patch_copy_bytes_max bytes copied,
// limits::patch_steps_max elements looked at or moved, results no deeper than limits::json_depth_max. A document that
// failed to be patched is left in an unspecified but valid state.
// Source: RFC 6901, RFC 6902, RFC 7386; semantics and messages of evanphx/json-patch v4 and of
// k8s.io/apimachinery strategicpatch, which Kubernetes 1.33 uses.
#pragma once

#include "objects/codec.h"
#include "objects/json.h"
#include "objects/result.h"

namespace kring::patch {

// Errors: bad_request when `operations` is no patch, invalid (422) when it does not apply ("testing value /a failed:
// test failed"), request_entity_too_large beyond a bound.
Result<void> apply_json(json::Value& document, const json::Value& operations);

// Errors: bad_request when `patch` is no object ("Invalid JSON Patch").
Result<void> apply_merge(json::Value& document, json::Value patch);

// `type` is the type of the document in the version that the request addresses. Directives: $patch, $retainKeys,
// $deleteFromPrimitiveList/<field>, $setElementOrder/<field>.
// Errors: bad_request for malformed directives, invalid for lists of lists, request_entity_too_large beyond a bound.
Result<void> apply_strategic(json::Value& document, json::Value patch, const codec::TypeInfo& type);

}  // namespace kring::patch
