#include "runtime/api/options.h"

#include <charconv>

#include "runtime/api/status.h"

namespace kring::api {
namespace {

Cause cause(std::string_view type, std::string_view field, std::string message) {
  return Cause{std::string{type}, std::move(message), std::string{field}};
}
Cause field_forbidden(std::string_view field, std::string_view detail) {
  return cause("FieldValueForbidden", field, "Forbidden: " + std::string{detail});
}
Cause field_not_supported(std::string_view field, std::string_view value, std::string_view supported) {
  return cause("FieldValueNotSupported", field,
               "Unsupported value: \"" + std::string{value} + "\": supported values: " + std::string{supported});
}
Cause field_invalid(std::string_view field, std::string_view value, std::string_view detail) {
  return cause("FieldValueInvalid", field, "Invalid value: " + std::string{value} + ": " + std::string{detail});
}

// Booleans as Kubernetes' query conversion reads them: a name alone is true.
Result<bool> parse_bool(const http::Request& request, std::string_view name) {
  const std::string_view text = request.query_value(name);
  if (text.empty()) return request.has_query(name);
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  return bad_request("strconv.ParseBool: parsing \"" + std::string{text} + "\": invalid syntax");
}

Result<int64_t> parse_int(std::string_view text) {
  int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec == std::errc::result_out_of_range) {
    return bad_request("strconv.ParseInt: parsing \"" + std::string{text} + "\": value out of range");
  }
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) {
    return bad_request("strconv.ParseInt: parsing \"" + std::string{text} + "\": invalid syntax");
  }
  return value;
}

Result<int64_t> query_int(const http::Request& request, std::string_view name) {
  const std::string_view text = request.query_value(name);
  if (text.empty()) return int64_t{0};
  return parse_int(text);
}

Result<void> parse_match(const http::Request& request, ListOptions& options, std::vector<Cause>& causes) {
  const std::string_view match = request.query_value("resourceVersionMatch");
  if (match == "Exact") options.match = RevisionMatch::exact;
  if (match == "NotOlderThan") options.match = RevisionMatch::not_older_than;
  constexpr std::string_view field = "resourceVersionMatch";
  if (options.watch) {
    if (options.send_initial_events && match != "NotOlderThan") {
      causes.push_back(
          field_forbidden(field, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"));
    }
    if (match.empty()) return {};
    if (!options.send_initial_events) {
      causes.push_back(
          field_forbidden(field, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"));
    }
    if (match != "NotOlderThan") causes.push_back(field_not_supported(field, match, "\"NotOlderThan\""));
    return {};
  }
  if (match.empty()) return {};
  if (!options.revision) {
    causes.push_back(field_forbidden(field, "resourceVersionMatch is forbidden unless resourceVersion is provided"));
  }
  if (!options.continue_token.empty()) {
    causes.push_back(field_forbidden(field, "resourceVersionMatch is forbidden when continue is provided"));
  }
  if (match != "Exact" && match != "NotOlderThan") {
    causes.push_back(field_not_supported(field, match, "\"Exact\", \"NotOlderThan\", \"\""));
  }
  if (match == "Exact" && options.revision == Revision{0}) {
    causes.push_back(field_forbidden(field, "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""));
  }
  return {};
}

Result<bool> parse_dry_run(std::string_view value, std::string_view kind) {
  if (value.empty()) return false;
  if (value == "All") return true;
  return invalid_options(kind, {field_not_supported("dryRun", value, "\"All\"")});
}

}  // namespace

Result<Revision> parse_revision(std::string_view text) {
  Revision value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size()) return value;
  const std::string_view why = parsed.ec == std::errc::result_out_of_range ? "value out of range" : "invalid syntax";
  const std::string quoted = '"' + std::string{text} + '"';
  return bad_request("resourceVersion: Invalid value: " + quoted + ": strconv.ParseUint: parsing " + quoted + ": " +
                     std::string{why});
}

Result<ListOptions> parse_list_options(const http::Request& request, bool watch) {
  ListOptions options;
  options.watch = watch;
  options.label_selector = request.query_value("labelSelector");
  options.field_selector = request.query_value("fieldSelector");
  options.continue_token = request.query_value("continue");
  KRING_TRY(options.limit, query_int(request, "limit"));
  KRING_TRY(options.timeout_seconds, query_int(request, "timeoutSeconds"));
  KRING_TRY(options.bookmarks, parse_bool(request, "allowWatchBookmarks"));
  if (const std::string_view text = request.query_value("resourceVersion"); !text.empty()) {
    KRING_TRY(const Revision revision, parse_revision(text));
    options.revision = revision;
  }
  std::vector<Cause> causes;
  if (request.has_query("sendInitialEvents")) {
    KRING_TRY(const bool send, parse_bool(request, "sendInitialEvents"));
    options.send_initial_events = send;
    if (!watch) causes.push_back(field_forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
  }
  KRING_TRY_VOID(parse_match(request, options, causes));
  if (!causes.empty()) return invalid_options("ListOptions", std::move(causes));
  return options;
}

Result<WriteOptions> parse_write_options(const http::Request& request, std::string_view options_kind) {
  WriteOptions options;
  KRING_TRY(options.dry_run, parse_dry_run(request.query_value("dryRun"), options_kind));
  const std::string_view validation = request.query_value("fieldValidation");
  if (validation == "Strict") {
    options.validation = Validation::strict;
  } else if (validation == "Ignore") {
    options.validation = Validation::ignore;
  } else if (!validation.empty() && validation != "Warn") {
    return invalid_options(options_kind, {field_not_supported("fieldValidation", validation,
                                                              "\"\", \"Ignore\", \"Strict\", \"Warn\"")});
  }
  return options;
}

Result<DeleteOptions> parse_delete_options(const http::Request& request, const json::Value& body) {
  DeleteOptions options;
  if (body.is_null()) {
    KRING_TRY(options.dry_run, parse_dry_run(request.query_value("dryRun"), "DeleteOptions"));
    if (const std::string_view grace = request.query_value("gracePeriodSeconds"); !grace.empty()) {
      KRING_TRY(const int64_t seconds, parse_int(grace));
      options.grace_seconds = seconds;
    }
    options.propagation = request.query_value("propagationPolicy");
    if (request.has_query("orphanDependents")) {
      KRING_TRY(const bool orphan, parse_bool(request, "orphanDependents"));
      options.orphan_dependents = orphan;
    }
    KRING_TRY_VOID(validate(options));
    return options;
  }
  if (!body.is_object()) return bad_request("DeleteOptions must be an object");
  if (const std::string_view kind = body.string_or("kind"); !kind.empty() && kind != "DeleteOptions") {
    return bad_request("decoded object cannot be converted to DeleteOptions");
  }
  if (const json::Value* grace = body.find("gracePeriodSeconds"); grace != nullptr && grace->is_int()) {
    options.grace_seconds = grace->as_int();
  }
  options.propagation = body.string_or("propagationPolicy");
  if (const json::Value* orphan = body.find("orphanDependents"); orphan != nullptr && orphan->is_bool()) {
    options.orphan_dependents = orphan->as_bool();
  }
  if (const json::Value* uid = body.at({"preconditions", "uid"}); uid != nullptr && uid->is_string()) {
    options.uid = uid->as_string();
  }
  if (const json::Value* revision = body.at({"preconditions", "resourceVersion"});
      revision != nullptr && revision->is_string()) {
    options.resource_version = revision->as_string();
  }
  std::string_view dry_run = request.query_value("dryRun");
  if (const json::Value* list = body.find("dryRun"); list != nullptr && list->is_array() && !list->as_array().empty()) {
    const json::Value& first = list->as_array().front();
    if (first.is_string()) dry_run = first.as_string();
  }
  KRING_TRY(options.dry_run, parse_dry_run(dry_run, "DeleteOptions"));
  KRING_TRY_VOID(validate(options));
  return options;
}

Result<void> validate(const DeleteOptions& options) {
  const std::string& policy = options.propagation;
  std::vector<Cause> causes;
  if (!policy.empty() && options.orphan_dependents) {
    causes.push_back(field_invalid("propagationPolicy", '"' + policy + '"',
                                   "orphanDependents and deletionPropagation cannot be both set"));
  }
  if (!policy.empty() && policy != "Background" && policy != "Foreground" && policy != "Orphan") {
    causes.push_back(field_not_supported("propagationPolicy", policy,
                                         "\"Background\", \"Foreground\", \"Orphan\", \"nil\""));
  }
  if (!causes.empty()) return invalid_options("DeleteOptions", std::move(causes));
  return {};
}

}  // namespace kring::api
