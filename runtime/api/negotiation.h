// Which form an answer takes and a body has: media types of Accept and Content-Type.
// Source: RFC 9110 12.5.1; Kubernetes' as/v/g parameters for Tables and metadata-only objects.
#pragma once

#include <string>
#include <string_view>

#include "objects/result.h"

namespace kring::api {

enum class Encoding : uint8_t { json, yaml, protobuf /* bodies only */ };
enum class As : uint8_t { object, table, partial };

struct Accepted {
  Encoding encoding = Encoding::json;
  As as = As::object;
  std::string_view meta_version = "v1";   // of meta.k8s.io, for table and partial: "v1" or "v1beta1"
  bool pretty = false;
};

// What a request may be answered with.
struct Offers {
  bool table = true;    // objects and lists of stored kinds
  bool yaml = true;     // not for watches: YAML has no framing
};

// The first media range that can be served, by quality. Not acceptable: none can.
Result<Accepted> negotiate(std::string_view accept, Offers offers);

// `pretty` as asked; without a word, programs that people read answers in (curl, wget, browsers) get it.
bool wants_pretty(std::string_view query_value, bool query_given, std::string_view user_agent);

// The encoding of a request's body; empty is JSON. Protobuf is only read: clients that send it take JSON answers.
Result<Encoding> body_encoding(std::string_view content_type);

// "application/json; charset=utf-8" -> "application/json", in lower case.
std::string media_type(std::string_view content_type);

std::string_view content_type_of(Encoding encoding);

}  // namespace kring::api
