// From a request's body to an object in the hub's shape: JSON or YAML, kind and version checks, field validation.
// Source: k8s.io/apiserver's create and update handlers and their error texts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "objects/codec.h"
#include "objects/json.h"
#include "objects/kinds.h"
#include "runtime/api/negotiation.h"
#include "runtime/api/options.h"

namespace kring::api {

struct Decoded {
  json::Value object;                  // in the hub's shape, checked
  std::vector<std::string> warnings;   // `unknown field "spec.foo"`
};

// The text of a body as a value. `expected` is the kind that messages name.
Result<json::Parsed> parse_body(std::string_view body, Encoding encoding, std::string_view expected_kind);

// A body of `served` (its version and kind may be left out): checked against its type, converted to the hub.
Result<Decoded> decode_object(const Served& served, json::Parsed body, Validation validation);

// A body that is not a stored kind (Eviction, Scale, ...): checked against `table`.
Result<Decoded> decode_request(std::string_view table, std::string_view api_version, std::string_view kind,
                               json::Parsed body, Validation validation);

// `unknown field "a", duplicate field "b"`: what strict validation found.
std::vector<std::string> strict_findings(const codec::Findings& findings, const std::vector<std::string>& duplicates);
std::string joined(const std::vector<std::string>& texts);

}  // namespace kring::api
