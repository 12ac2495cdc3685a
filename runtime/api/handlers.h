// One function per verb of the resource API. Each returns the response, or an error that becomes a Status.
#pragma once

#include "runtime/api/context.h"

namespace kring::api {

// One request on its way through: what it asks, who asks, and how the answer shall look.
struct Call {
  const http::Request* request = nullptr;   // lives as long as the call
  http::Reply* reply = nullptr;
  RequestInfo info;
  Caller caller;
  Target target;
  const Subresource* subresource = nullptr;  // null: the object itself
  Shape shape;
  std::vector<std::string> warnings;
  bool streamed = false;                     // the reply was begun: there is no response to send
};

Task<Result<http::Response>> handle_get(Context& context, Call& call);
Task<Result<http::Response>> handle_list(Context& context, Call& call);
Task<Result<http::Response>> handle_watch(Context& context, Call& call);
Task<Result<http::Response>> handle_create(Context& context, Call& call);
Task<Result<http::Response>> handle_update(Context& context, Call& call);
Task<Result<http::Response>> handle_patch(Context& context, Call& call);
Task<Result<http::Response>> handle_delete(Context& context, Call& call);
Task<Result<http::Response>> handle_delete_collection(Context& context, Call& call);
// Everything below an object that is not the object in another guise: binding, eviction, log, scale, token.
Task<Result<http::Response>> handle_subresource(Context& context, Call& call);
bool has_own_handler(const Subresource& subresource);

// The body as a value; the kind is what messages name.
Result<json::Parsed> request_body(const Call& call, std::string_view kind);
http::Response value_response(const json::Value& value, const Accepted& accepted, int status);

}  // namespace kring::api
