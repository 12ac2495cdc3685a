#include "runtime/api/status.h"

#include "objects/check.h"

namespace kring::api {
namespace {

json::Value cause_value(const Cause& cause) {
  json::Object out;
  if (!cause.type.empty()) out.append("reason", cause.type);
  if (!cause.message.empty()) out.append("message", cause.message);
  if (!cause.field.empty()) out.append("field", cause.field);
  return out;
}

json::Object details_of(const Error& error) {
  json::Object details;
  if (!error.name.empty()) details.append("name", error.name);
  if (!error.group.empty()) details.append("group", error.group);
  if (!error.kind.empty()) details.append("kind", error.kind);
  if (!error.uid.empty()) details.append("uid", error.uid);
  if (!error.causes.empty()) {
    json::Array causes;
    causes.reserve(error.causes.size());
    for (const Cause& cause : error.causes) causes.push_back(cause_value(cause));
    details.append("causes", std::move(causes));
  }
  if (error.retry_after_seconds > 0) details.append("retryAfterSeconds", int64_t{error.retry_after_seconds});
  return details;
}

json::Object status_head() {
  json::Object status;
  status.append("kind", "Status");
  status.append("apiVersion", "v1");
  status.append("metadata", json::Object{});
  return status;
}

std::string quoted(std::string_view name) { return '"' + std::string{name} + '"'; }

Error about(Reason reason, const Kind& kind, std::string_view name, std::string message) {
  Error error{reason, std::move(message)};
  error.kind = kind.plural;
  error.group = kind.group;
  error.name = name;
  return error;
}

}  // namespace

json::Value status_of(const Error& error) {
  json::Object status = status_head();
  status.append("status", "Failure");
  status.append("message", error.message);
  if (const std::string_view reason = reason_name(error.reason); !reason.empty()) status.append("reason", reason);
  if (json::Object details = details_of(error); !details.empty()) status.append("details", std::move(details));
  status.append("code", int64_t{http_code(error.reason)});
  return status;
}

json::Value status_deleted(const Kind& kind, std::string_view name, std::string_view uid) {
  json::Object details;
  details.append("name", name);
  if (!kind.group.empty()) details.append("group", kind.group);
  details.append("kind", kind.plural);
  details.append("uid", uid);
  json::Object status = status_head();
  status.append("status", "Success");
  status.append("details", std::move(details));
  return status;
}

json::Value status_success() {
  json::Object status = status_head();
  status.append("status", "Success");
  status.append("code", int64_t{201});
  return status;
}

Error bad_request(std::string message) { return Error{Reason::bad_request, std::move(message)}; }

Error not_found(const Kind& kind, std::string_view name) {
  return about(Reason::not_found, kind, name, kind.resource() + ' ' + quoted(name) + " not found");
}

Error already_exists(const Kind& kind, std::string_view name) {
  return about(Reason::already_exists, kind, name, kind.resource() + ' ' + quoted(name) + " already exists");
}

Error conflict(const Kind& kind, std::string_view name, std::string_view detail) {
  return about(Reason::conflict, kind, name,
               "Operation cannot be fulfilled on " + kind.resource() + ' ' + quoted(name) + ": " + std::string{detail});
}

Error modified(const Kind& kind, std::string_view name) {
  return conflict(kind, name,
                  "the object has been modified; please apply your changes to the latest version and try again");
}

Error forbidden(const Kind& kind, std::string_view name, std::string_view detail) {
  std::string message = kind.resource() + ' ' + quoted(name) + " is forbidden: " + std::string{detail};
  if (name.empty()) message = kind.resource() + " is forbidden: " + std::string{detail};
  return about(Reason::forbidden, kind, name, std::move(message));
}

Error method_not_allowed() {
  return Error{Reason::method_not_allowed, "the server does not allow this method on the requested resource"};
}

Error invalid_options(std::string_view kind, std::vector<Cause> causes) {
  KRING_CHECK(!causes.empty());
  std::string message = std::string{kind} + ".meta.k8s.io \"\" is invalid: ";
  const bool several = causes.size() > 1;
  if (several) message += '[';
  for (size_t i = 0; i < causes.size(); ++i) {
    if (i > 0) message += ", ";
    message += causes[i].field + ": " + causes[i].message;
  }
  if (several) message += ']';
  Error error{Reason::invalid, std::move(message)};
  error.kind = kind;
  error.group = "meta.k8s.io";
  error.causes = std::move(causes);
  return error;
}

Error too_large_revision(uint64_t asked, uint64_t current) {
  Error error{Reason::timeout,
              "Too large resource version: " + std::to_string(asked) + ", current: " + std::to_string(current)};
  error.retry_after_seconds = 1;
  error.causes.push_back(Cause{"ResourceVersionTooLarge", "Too large resource version", ""});
  return error;
}

Error too_old_revision(uint64_t asked, uint64_t current) {
  return Error{Reason::expired,
               "too old resource version: " + std::to_string(asked) + " (" + std::to_string(current) + ")"};
}

}  // namespace kring::api
