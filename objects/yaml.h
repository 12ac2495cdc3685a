// YAML to and from json::Value, as sigs.k8s.io/yaml reads it: YAML 1.1's plain scalars as Go's yaml.v2 resolves them
// (yes/no/on/off, 0x/0o/0b and old octals, .inf; timestamps stay text), merge keys, anchors and aliases. Mapping keys
// become strings.
// Bounds: json::ParseOptions for depth and values; what aliases expand to is capped at limits::yaml_values_max values a
// text, so an alias bomb fails early.
// Source: YAML 1.1; libyaml does the scanning.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "objects/json.h"
#include "objects/result.h"

namespace kring::yaml {

// The first document of the text, as an API server reads a body; null for an empty one. Keys given twice are reported
// as in json::Parsed.
// Errors: bad_request, "yaml: line 3: mapping values are not allowed in this context"; request_entity_too_large.
Result<json::Parsed> parse(std::string_view text, const json::ParseOptions& options = {});
// Every document that is not empty, as `kubectl apply -f` reads a file.
Result<std::vector<json::Parsed>> parse_all(std::string_view text, const json::ParseOptions& options = {});

// Block style with members sorted by key, as Kubernetes prints; reads back as the same value.
std::string print(const json::Value& value);

}  // namespace kring::yaml
