// The Scale view of workloads with replicas. Source: autoscaling/v1 Scale; the retired groups' own Scale kinds differ
// in status.selector (a map there, a text here).
#pragma once

#include "runtime/api/handlers.h"

namespace kring::api {

json::Value scale_of(const Object& object, const Subresource& scale);
// What a PUT of a Scale does to the object.
Result<Editor> scale_update(const Target& target, const Subresource& scale, json::Parsed body);
// The same for a patch of the Scale in the call's body.
Result<Editor> scale_patch(const Call& call);

}  // namespace kring::api
