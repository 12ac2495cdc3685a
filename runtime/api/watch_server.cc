#include "runtime/api/watch_server.h"

#include <algorithm>

#include "runtime/api/selection.h"
#include "runtime/api/status.h"
#include "runtime/tasks/task_group.h"

namespace kring::api {
namespace {

constexpr int64_t bookmark_interval_ms = 60'000;
constexpr int64_t timeout_seconds_min = 1800;   // without a wish of the client: 30 to 60 minutes, as kube-apiserver
constexpr size_t buffer_bytes = 32 * 1024;      // events that are there are sent together up to so much

std::string_view type_name(store::Event::Type type) {
  switch (type) {
    case store::Event::Type::added: return "ADDED";
    case store::Event::Type::modified: return "MODIFIED";
    case store::Event::Type::deleted: return "DELETED";
  }
  return "";
}

class WatchServer {
 public:
  WatchServer(Context& context, http::Reply& reply, WatchRequest request)
      : context_(context), reply_(reply), request_(std::move(request)) {}

  // Opens the cursor and collects the initial events, in one turn of the loop: nothing is lost between them.
  Result<void> open();
  Task<Result<void>> stream();
  Task<Result<void>> closed() { return reply_.closed(); }
  const WatchRequest& request() const { return request_; }

 private:
  Result<void> append(const store::Event& event);
  void append_error(const Error& error);
  void append_initial();
  void append_bookmark(bool initial_end);
  Task<Result<void>> flush();
  Task<Result<void>> wait(int64_t ms);
  Task<Result<void>> wait_event();

  Context& context_;
  http::Reply& reply_;
  WatchRequest request_;
  std::unique_ptr<store::Watch> watch_;
  store::ListResult initial_;
  bool send_initial_ = false;
  bool table_columns_sent_ = false;
  std::string buffer_;
  std::optional<store::Event> waited_;
};

Result<void> WatchServer::open() {
  store::Store& store = context_.store();
  const ListOptions& options = request_.options;
  const Revision asked = options.revision.value_or(0);
  if (asked > store.revision()) return too_large_revision(asked, store.revision());
  const bool from_list = options.send_initial_events ? *options.send_initial_events : asked == 0;
  Revision since = asked;
  if (from_list) {
    initial_ = store.list(*request_.shape.served->kind, request_.ns);
    since = initial_.revision;
    send_initial_ = true;
  }
  auto opened = store.watch(*request_.shape.served->kind, request_.ns, since);
  if (opened.has_error() && opened.error().reason == Reason::expired) {
    append_error(too_old_revision(since, store.revision()));
    return {};
  }
  if (opened.has_error()) return std::move(opened).error();
  watch_ = std::move(*opened);
  return {};
}

void WatchServer::append_error(const Error& error) { buffer_ += frame_text("ERROR", json::print(status_of(error))); }

Result<void> WatchServer::append(const store::Event& event) {
  const std::optional<store::Event> selected = select(event, request_.filter);
  if (!selected) return {};
  const std::string_view type = type_name(selected->type);
  if (request_.shape.accepted.as == As::table) {
    request_.shape.now_ms = context_.env.clock.wall().ns / 1'000'000;
    KRING_TRY(const std::string text, render_event_object(*selected->object, request_.shape, !table_columns_sent_));
    table_columns_sent_ = true;
    buffer_ += frame_text(type, text);
    return {};
  }
  KRING_TRY(const Frame frame, context_.frames.frame(type, selected->object, request_.shape));
  buffer_ += *frame;
  return {};
}

void WatchServer::append_bookmark(bool initial_end) {
  const Revision revision = initial_end ? initial_.revision : watch_->seen();
  buffer_ += frame_text("BOOKMARK", render_bookmark(revision, initial_end, request_.shape));
}

Task<Result<void>> WatchServer::flush() {
  if (buffer_.empty()) co_return Result<void>{};
  auto sent = co_await reply_.chunk(buffer_);
  buffer_.clear();
  co_return sent;
}

Task<Result<void>> WatchServer::wait_event() {
  auto event = co_await watch_->next();
  if (event.has_error()) co_return std::move(event).error();
  waited_ = std::move(*event);
  co_return Result<void>{};
}

Task<Result<void>> WatchServer::wait(int64_t ms) {
  waited_.reset();
  co_return co_await with_deadline(context_.env, ms, wait_event());
}

Task<Result<void>> WatchServer::stream() {
  const WatchRequest& request = request_;
  std::string type{content_type_of(request.shape.accepted.encoding)};
  KRING_CO_TRY_VOID(co_await reply_.begin(200, std::move(type), request.headers));
  int64_t seconds = request.options.timeout_seconds;
  if (seconds <= 0)
    seconds = timeout_seconds_min + static_cast<int64_t>(context_.env.random.below(timeout_seconds_min));
  const Mono end = context_.env.clock.now() + ms_to_ns(seconds * 1000);
  // The initial state, sent in pieces: a list of everything does not make a buffer of everything.
  for (const ObjectPtr& object : initial_.objects) {
    if (!send_initial_ || !request.filter.matches(*object)) continue;
    auto text = render_event_object(*object, request.shape, !table_columns_sent_);
    if (text.has_error()) co_return std::move(text).error();
    table_columns_sent_ = true;
    buffer_ += frame_text("ADDED", *text);
    if (buffer_.size() >= buffer_bytes) KRING_CO_TRY_VOID(co_await flush());
  }
  if (send_initial_ && request.options.send_initial_events.value_or(false) && request.options.bookmarks) {
    append_bookmark(true);
  }
  initial_.objects.clear();
  initial_.objects.shrink_to_fit();
  KRING_CO_TRY_VOID(co_await flush());
  if (watch_ == nullptr) co_return Result<void>{};   // an error was all there was to say
  // Without bookmarks nothing wakes an idle watch before its end.
  Mono bookmark = request.options.bookmarks ? context_.env.clock.now() + ms_to_ns(bookmark_interval_ms) : end;
  for (;;) {
    auto event = watch_->try_next();
    while (event.has_value() && event->has_value() && buffer_.size() < buffer_bytes) {
      KRING_CO_TRY_VOID(append(**event));
      event = watch_->try_next();
    }
    // An event that was taken but did not fit any more goes with the next buffer.
    if (event.has_value() && event->has_value()) KRING_CO_TRY_VOID(append(**event));
    if (event.has_error()) {
      append_error(too_old_revision(watch_->seen(), context_.store().revision()));
      co_return co_await flush();
    }
    const Mono now = context_.env.clock.now();
    if (now >= end || context_.stopping) co_return co_await flush();
    if (now >= bookmark) {
      append_bookmark(false);
      bookmark = now + ms_to_ns(bookmark_interval_ms);
    }
    if (!buffer_.empty()) {
      KRING_CO_TRY_VOID(co_await flush());
      continue;
    }
    const int64_t ms = std::min(end - now, bookmark - now) / 1'000'000 + 1;
    auto waited = co_await wait(ms);
    // An event may have come with the deadline: it was taken, so it is sent.
    if (waited_) {
      KRING_CO_TRY_VOID(append(*waited_));
    } else if (waited.has_value()) {
      continue;
    } else if (waited.error().reason == Reason::expired) {
      append_error(too_old_revision(watch_->seen(), context_.store().revision()));
      co_return co_await flush();
    } else if (waited.error().reason != Reason::timeout) {
      co_return std::move(waited).error();
    }
  }
}

// The two halves of a watch; either one's end ends the other, so both end with an error.
Error stream_over() { return Error{Reason::gone, "the watch is over"}; }

Task<Result<void>> watch_stream_loop(WatchServer& server) {
  auto done = co_await server.stream();
  if (done.has_error()) co_return std::move(done).error();
  co_return stream_over();
}

Task<Result<void>> watch_closed_loop(WatchServer& server) {
  auto closed = co_await server.closed();
  if (closed.has_error() && closed.error().reason == Reason::canceled) co_return std::move(closed).error();
  co_return Error{Reason::io, "the client closed the watch"};
}

}  // namespace

Task<Result<void>> serve_watch(Context& context, http::Reply& reply, WatchRequest request) {
  WatchServer server{context, reply, std::move(request)};
  KRING_CO_TRY_VOID(server.open());
  ++context.metrics.watches_open;
  TaskGroup halves{context.env, "watch"};
  halves.spawn("watch events", watch_stream_loop, std::ref(server));
  halves.spawn("watch client", watch_closed_loop, std::ref(server));
  auto joined = co_await halves.join();
  --context.metrics.watches_open;
  if (joined.has_error() && joined.error().reason == Reason::gone) co_return co_await reply.end();
  co_return Result<void>{};
}

}  // namespace kring::api
