#include "objects/error.h"

#include <cerrno>
#include <cstring>

namespace kring {

std::string_view reason_name(Reason reason) {
  switch (reason) {
    case Reason::unknown: return "";
    case Reason::bad_request: return "BadRequest";
    case Reason::unauthorized: return "Unauthorized";
    case Reason::forbidden: return "Forbidden";
    case Reason::not_found: return "NotFound";
    case Reason::already_exists: return "AlreadyExists";
    case Reason::conflict: return "Conflict";
    case Reason::gone: return "Gone";
    case Reason::expired: return "Expired";
    case Reason::invalid: return "Invalid";
    case Reason::timeout: return "Timeout";
    case Reason::server_timeout: return "ServerTimeout";
    case Reason::too_many_requests: return "TooManyRequests";
    case Reason::method_not_allowed: return "MethodNotAllowed";
    case Reason::not_acceptable: return "NotAcceptable";
    case Reason::request_entity_too_large: return "RequestEntityTooLarge";
    case Reason::unsupported_media_type: return "UnsupportedMediaType";
    case Reason::internal_error:
    case Reason::corrupt: return "InternalError";
    case Reason::service_unavailable:
    case Reason::io:
    case Reason::canceled: return "ServiceUnavailable";
  }
  return "";
}

int http_code(Reason reason) {
  switch (reason) {
    case Reason::bad_request: return 400;
    case Reason::unauthorized: return 401;
    case Reason::forbidden: return 403;
    case Reason::not_found: return 404;
    case Reason::method_not_allowed: return 405;
    case Reason::not_acceptable: return 406;
    case Reason::already_exists:
    case Reason::conflict: return 409;
    case Reason::gone:
    case Reason::expired: return 410;
    case Reason::request_entity_too_large: return 413;
    case Reason::unsupported_media_type: return 415;
    case Reason::invalid: return 422;
    case Reason::too_many_requests: return 429;
    case Reason::service_unavailable:
    case Reason::io:
    case Reason::canceled: return 503;
    case Reason::timeout:
    case Reason::server_timeout: return 504;
    case Reason::unknown:
    case Reason::internal_error:
    case Reason::corrupt: return 500;
  }
  return 500;
}

std::string to_string(const Error& error) {
  const std::string_view name = reason_name(error.reason);
  return name.empty() ? error.message : std::string{name} + ": " + error.message;
}

Error io_error(std::string_view what, int error_number) {
  const Reason reason = error_number == ENOENT   ? Reason::not_found
                        : error_number == EEXIST ? Reason::already_exists
                                                 : Reason::io;
  return Error{reason, std::string{what} + ": " + std::strerror(error_number)};
}

}  // namespace kring
