// Request bodies in Kubernetes' protobuf form, read by the numbers in the schemas. Newer kubectl sends them for the
// objects it makes itself (kubectl create namespace, ...); answers are JSON, which every client takes.
// The envelope: "k8s\0", then runtime.Unknown{typeMeta{apiVersion, kind}, raw}.
// Source: k8s.io/apimachinery runtime/serializer/protobuf; the protocol buffers encoding reference.
#pragma once

#include <string_view>

#include "objects/codec.h"
#include "objects/json.h"

namespace kring::protobuf {

inline constexpr std::string_view media_type = "application/vnd.kubernetes.protobuf";

// The object as JSON would have said it, apiVersion and kind included. Bounded by the body's size and
// limits::json_depth_max. Errors: bad_request.
Result<json::Value> decode(std::string_view body);
// A message of one type, without the envelope.
Result<json::Value> decode_message(const codec::TypeInfo& type, std::string_view message);

}  // namespace kring::protobuf
