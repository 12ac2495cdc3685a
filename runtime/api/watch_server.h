// Watches over HTTP: a stream of events as lines of JSON, chunked.
// Invariants: a client sees every event of its selection in order, without gap or duplicate, or is told 410; a slow
// client holds no more than its cursor and one buffer; the stream ends at its timeout or when the client goes.
// Source: Kubernetes API concepts, "Efficient detection of changes"; KEP-956 (bookmarks), KEP-3157 (streaming lists).
#pragma once

#include <string>

#include "runtime/api/context.h"

namespace kring::api {

struct WatchRequest {
  std::string ns;
  ListOptions options;
  Filter filter;
  Shape shape;
  std::vector<http::Header> headers;
};

// Answers the request with the stream, or returns the error to answer with when nothing was sent yet.
Task<Result<void>> serve_watch(Context& context, http::Reply& reply, WatchRequest request);

}  // namespace kring::api
