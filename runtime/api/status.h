// Status objects: what every error (and a finished delete) looks like on the wire, and the common errors in Kubernetes'
// words. Source: k8s.io/apimachinery pkg/api/errors, meta/v1 Status.
#pragma once

#include <string>
#include <string_view>

#include "objects/error.h"
#include "objects/json.h"
#include "objects/kinds.h"

namespace kring::api {

// {"kind":"Status","status":"Failure",...} with reason, code and details where there is something to say.
json::Value status_of(const Error& error);
// What a delete answers when the object is gone.
json::Value status_deleted(const Kind& kind, std::string_view name, std::string_view uid);
json::Value status_success();

Error bad_request(std::string message);
Error not_found(const Kind& kind, std::string_view name);
Error already_exists(const Kind& kind, std::string_view name);
// `Operation cannot be fulfilled on pods "x": <detail>`
Error conflict(const Kind& kind, std::string_view name, std::string_view detail);
Error modified(const Kind& kind, std::string_view name);
// `pods "x" is forbidden: <detail>`
Error forbidden(const Kind& kind, std::string_view name, std::string_view detail);
Error method_not_allowed();
// `ListOptions.meta.k8s.io "" is invalid: <field>: <type>: <message>`
Error invalid_options(std::string_view kind, std::vector<Cause> causes);
// `Too large resource version: 7, current: 5`
Error too_large_revision(uint64_t asked, uint64_t current);
Error too_old_revision(uint64_t asked, uint64_t current);

}  // namespace kring::api
