// What kinds know beyond their shape: defaults, validation, what a write may change, table columns. A kind without a
// row behaves as its schema says. All functions work on checked values in the hub's shape.
// Source: Kubernetes' pkg/apis/*/v1/defaults.go, validation, registry strategies and printers, described in
// kubernetes.io's API reference.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "objects/json.h"
#include "objects/kinds.h"
#include "objects/object.h"

namespace kring {

// Collects the causes of an Invalid error, worded as k8s.io/apimachinery's field.Error.
class FieldErrors {
 public:
  void required(std::string_view field, std::string_view detail = {});
  void invalid(std::string_view field, const json::Value& value, std::string_view detail);
  void not_supported(std::string_view field, const json::Value& value, std::span<const std::string_view> supported);
  void duplicate(std::string_view field, const json::Value& value);
  void forbidden(std::string_view field, std::string_view detail);
  void too_long(std::string_view field, std::string_view detail);
  void too_many(std::string_view field, int64_t actual, int64_t max);
  void not_found(std::string_view field, const json::Value& value);
  bool empty() const { return causes_.empty(); }
  std::vector<Cause>& causes() { return causes_; }

 private:
  std::vector<Cause> causes_;
};

// `Pod "web" is invalid: spec.containers[0].image: Required value` with details and causes.
Error invalid_error(const Kind& kind, std::string_view name, FieldErrors errors);

struct Column {
  std::string_view name;    // "Ready"
  std::string_view type;    // "string", "integer", "date"
  std::string_view format;  // "name" for the first column, else ""
  std::string_view description;
  int32_t priority = 0;     // 1: only with -o wide
};

struct Hooks {
  std::string_view group, kind;
  void (*defaults)(json::Value& object) = nullptr;
  // What create clears or sets before validation (status reset, generation 1, ...).
  void (*prepare_create)(json::Value& object) = nullptr;
  // The same for update: `object` is the new one, `old` the stored one. `subresource` is "", "status", ...
  void (*prepare_update)(json::Value& object, const json::Value& old, std::string_view subresource) = nullptr;
  void (*validate)(const json::Value& object, FieldErrors& errors) = nullptr;
  void (*validate_update)(const json::Value& object, const json::Value& old, std::string_view subresource,
                          FieldErrors& errors) = nullptr;
  std::span<const Column> columns;  // without them: Name and Created At
  // The cells of one row, in the order of the columns. `now_ms` is wall time for ages.
  void (*cells)(const json::Value& object, int64_t now_ms, json::Array& cells) = nullptr;
  // Values that field selectors may name, beyond metadata.name and metadata.namespace; nullopt-like empty pointer when
  // the path is not selectable.
  bool (*select_field)(const Object& object, std::string_view path, std::string& value) = nullptr;
};

// Null when the kind has no row.
const Hooks* hooks_of(const Kind& kind);

// The generic parts, which call the kind's hooks:
void apply_defaults(const Kind& kind, json::Value& object);
// metadata (name, labels, annotations, owner references, finalizers, ...) and the kind's own rules.
Result<void> validate_create(const Kind& kind, const json::Value& object);
Result<void> validate_update(const Kind& kind, const json::Value& object, const json::Value& old,
                             std::string_view subresource);

}  // namespace kring
