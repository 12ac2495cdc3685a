#include "objects/hooks.h"
#include "objects/quote.h"

namespace kring {
namespace {

// A value as field.Error prints it: texts in Go's quotes, the rest as JSON (Go would print its own structs).
std::string shown(const json::Value& value) {
  return value.is_string() ? go_quote(value.as_string()) : json::print(value);
}

std::string with_detail(std::string text, std::string_view detail) {
  if (!detail.empty()) text.append(": ").append(detail);
  return text;
}

}  // namespace

void FieldErrors::required(std::string_view field, std::string_view detail) {
  causes_.push_back({"FieldValueRequired", with_detail("Required value", detail), std::string{field}});
}

void FieldErrors::invalid(std::string_view field, const json::Value& value, std::string_view detail) {
  causes_.push_back({"FieldValueInvalid", with_detail("Invalid value: " + shown(value), detail), std::string{field}});
}

void FieldErrors::not_supported(std::string_view field, const json::Value& value,
                                std::span<const std::string_view> supported) {
  std::string message = "Unsupported value: " + shown(value);
  std::string list;
  for (std::string_view one : supported) list += (list.empty() ? "" : ", ") + shown(json::Value{one});
  if (!list.empty()) message += ": supported values: " + list;
  causes_.push_back({"FieldValueNotSupported", std::move(message), std::string{field}});
}

void FieldErrors::duplicate(std::string_view field, const json::Value& value) {
  causes_.push_back({"FieldValueDuplicate", "Duplicate value: " + shown(value), std::string{field}});
}

void FieldErrors::forbidden(std::string_view field, std::string_view detail) {
  causes_.push_back({"FieldValueForbidden", with_detail("Forbidden", detail), std::string{field}});
}

void FieldErrors::too_long(std::string_view field, std::string_view detail) {
  causes_.push_back({"FieldValueTooLong", with_detail("Too long", detail), std::string{field}});
}

void FieldErrors::too_many(std::string_view field, int64_t actual, int64_t max) {
  causes_.push_back({"FieldValueTooMany",
                     "Too many: " + std::to_string(actual) + ": must have at most " + std::to_string(max) + " items",
                     std::string{field}});
}

void FieldErrors::not_found(std::string_view field, const json::Value& value) {
  causes_.push_back({"FieldValueNotFound", "Not found: " + shown(value), std::string{field}});
}

Error invalid_error(const Kind& kind, std::string_view name, FieldErrors errors) {
  std::string who{kind.kind};
  if (!kind.group.empty()) who.append(".").append(kind.group);
  std::vector<std::string> messages;
  for (const Cause& cause : errors.causes()) {
    messages.push_back(cause.field.empty() ? cause.message : cause.field + ": " + cause.message);
  }
  std::string message = who + " " + go_quote(name) + " is invalid";
  if (!messages.empty()) message += ": " + aggregate(messages);
  Error error{Reason::invalid, std::move(message)};
  error.kind = kind.kind;
  error.group = kind.group;
  error.name = name;
  error.causes = std::move(errors.causes());
  return error;
}

}  // namespace kring
