// Objects as bytes, in the form a client asked for: a served version, JSON or YAML, whole, metadata only, or rows of a
// Table. Invariant: printing never changes an object; what every reader of a revision wants (the stored version as
// JSON) is made once per object.
// Source: meta/v1 Table and PartialObjectMetadata, List kinds of the REST API.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "objects/json.h"
#include "objects/kinds.h"
#include "objects/object.h"
#include "runtime/api/negotiation.h"
#include "runtime/http/http.h"

namespace kring::api {

enum class Include : uint8_t { none, metadata, object };

// The form of an answer.
struct Shape {
  const Served* served = nullptr;
  Accepted accepted;
  Include include = Include::metadata;   // what a Table's rows carry
  int64_t now_ms = 0;                    // for ages in Tables

  // The stored version as compact JSON: what the cached text of an object is.
  bool plain() const;
};
Result<Include> parse_include(std::string_view text);

struct ListInfo {
  Revision revision = 0;
  std::string continue_token;
  std::optional<int64_t> remaining;
};

// An object in its served version.
Result<json::Value> served_value(const Object& object, const Served& served);

Result<std::string> render_object(const Object& object, const Shape& shape);
Result<std::string> render_list(const std::vector<ObjectPtr>& objects, const ListInfo& info, const Shape& shape);
// Any other value: a Status, a review, a Scale.
std::string render_value(const json::Value& value, const Accepted& accepted);

// One object as a watch event carries it: on one line; a Table's columns are sent with the first event only.
Result<std::string> render_event_object(const Object& object, const Shape& shape, bool columns);
// {"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"7","creationTimestamp":null}}
std::string render_bookmark(Revision revision, bool initial_events_end, const Shape& shape);

// An answer with the object. Reads of the plain form share the object's own text, which is made once and kept as long
// as the revision; answers to writes do not make it: most objects are never read over HTTP.
Result<http::Response> read_response(const ObjectPtr& object, const Shape& shape);
Result<http::Response> write_response(const Object& object, const Shape& shape, int status);

}  // namespace kring::api
