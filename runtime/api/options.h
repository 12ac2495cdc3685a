// What a request's query (and a delete's body) asks for besides the object: list, watch, write and delete options,
// checked as Kubernetes checks them.
// Source: meta/v1 ListOptions, CreateOptions, UpdateOptions, PatchOptions, DeleteOptions and their validation.
#pragma once

#include <optional>
#include <string>

#include "objects/json.h"
#include "objects/object.h"
#include "runtime/http/http.h"

namespace kring::api {

enum class RevisionMatch : uint8_t { unset, exact, not_older_than };

struct ListOptions {
  std::string label_selector, field_selector;
  std::optional<Revision> revision;   // absent: not given; 0: any
  RevisionMatch match = RevisionMatch::unset;
  int64_t limit = 0;
  std::string continue_token;
  // Watches.
  bool watch = false, bookmarks = false;
  std::optional<bool> send_initial_events;
  int64_t timeout_seconds = 0;        // 0: not given
};
Result<ListOptions> parse_list_options(const http::Request& request, bool watch);

enum class Validation : uint8_t { ignore, warn, strict };

struct WriteOptions {
  Validation validation = Validation::warn;
  bool dry_run = false;
  bool recomputable = false;          // never from a request: the in-process client's own state
};
Result<WriteOptions> parse_write_options(const http::Request& request, std::string_view options_kind);

struct DeleteOptions {
  std::optional<int64_t> grace_seconds;
  std::optional<std::string> uid, resource_version;   // preconditions
  std::string propagation;                            // "", Background, Foreground, Orphan
  std::optional<bool> orphan_dependents;              // the old spelling of propagation
  bool dry_run = false;
};
// The body wins over the query. `body` is null when there is none.
Result<DeleteOptions> parse_delete_options(const http::Request& request, const json::Value& body);
Result<void> validate(const DeleteOptions& options);

// A resourceVersion's text.
Result<Revision> parse_revision(std::string_view text);

}  // namespace kring::api
