// The one error type of the program: an expected failure, with Kubernetes' StatusReason set plus the few reasons that
// never leave the process. The API layer maps a reason to an HTTP code in one switch (http_code).
// Source: k8s.io/apimachinery meta/v1 StatusReason, StatusCause, StatusDetails.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kring {

enum class Reason : uint8_t {
  unknown,
  bad_request,
  unauthorized,
  forbidden,
  not_found,
  already_exists,
  conflict,
  gone,
  expired,
  invalid,
  timeout,
  server_timeout,
  too_many_requests,
  method_not_allowed,
  not_acceptable,
  request_entity_too_large,
  unsupported_media_type,
  internal_error,
  service_unavailable,
  // Reasons that stay inside the process; over HTTP they become internal_error or service_unavailable.
  io,
  corrupt,
  canceled,
};

// "NotFound", "AlreadyExists", ...: what `reason` of a Status says. Empty for unknown.
std::string_view reason_name(Reason reason);
// 404, 409, ...
int http_code(Reason reason);

// One entry of Status.details.causes.
struct Cause {
  std::string type;     // FieldValueRequired, FieldValueInvalid, ...
  std::string message;  // `Invalid value: "x": must be ...`
  std::string field;    // "spec.containers[0].name"
};

struct Error {
  Reason reason = Reason::unknown;
  std::string message;
  // Status.details, where there is something to say.
  std::string kind;   // resource or kind name, as Kubernetes fills it
  std::string group;
  std::string name;
  std::string uid;
  int32_t retry_after_seconds = 0;
  std::vector<Cause> causes;

  Error() = default;
  Error(Reason r, std::string m) : reason(r), message(std::move(m)) {}
};

// `reason: message`, for logs and the command line.
std::string to_string(const Error& error);

// An error of a system call: "open /x: No such file or directory" with Reason::io (not_found for ENOENT, ...).
Error io_error(std::string_view what, int error_number);

}  // namespace kring
