// The commit loop: group commit, and the life of the store from run_loop() to its clean stop.
#include <algorithm>

#include "objects/check.h"
#include "objects/limits.h"
#include "runtime/store/store_impl.h"
#include "runtime/tasks/task_group.h"

namespace kring::store {
namespace {

// Buffers that one large write blew up are given back.
constexpr size_t buffer_bytes_kept = 256 * limits::KiB;

}  // namespace

// The loops that touch the disk run shielded: cancelling the store means that what was accepted is written out first.
Task<Result<void>> StoreImpl::run_loop() {
  KRING_CHECK(!running_ && !stopping_, "run_loop runs once");
  running_ = true;
  TaskGroup loops{env_, "store"};
  loops.spawn("store stop", stop_loop, std::ref(*this));
  loops.spawn("store commits", commit_loop, std::ref(*this));
  loops.spawn("store snapshots", snapshot_loop, std::ref(*this));
  auto joined = co_await loops.join();
  running_ = false;
  co_return joined;
}

Task<Result<void>> StoreImpl::stop_loop(StoreImpl& store) {
  Waiter never{store.env_.loop};
  auto cancelled = co_await never.wait();
  store.stopping_ = true;
  store.commit_waiter_.wake();
  store.snapshot_waiter_.wake();
  co_return cancelled;
}

Task<Result<void>> StoreImpl::commit_loop(StoreImpl& store) {
  co_return co_await shielded(store.env_, store.commit_until_stopped());
}

Task<Result<void>> StoreImpl::commit_until_stopped() {
  while (true) {
    if (!queue_.empty() || !memory_queue_.empty()) {
      co_await commit_once();
    } else if (stopping_ && snapshot_ended_) {
      break;
    } else {
      co_await commit_waiter_.wait_uncancelled();
    }
  }
  co_await finish_log();
  co_return Result<void>{};
}

Task<void> StoreImpl::commit_once() {
  apply_memory_writes();
  auto batch = take_batch();
  if (batch.empty() && !needs_ceiling()) co_return;
  auto written = co_await write_batch(std::move(batch));
  KRING_MAYBE(written.has_error());
}

// As many as the reserved revisions allow. Never while a batch is on its way: its revisions come first.
void StoreImpl::apply_memory_writes() {
  KRING_CHECK(!in_flight_);
  while (!memory_queue_.empty() && revision_ < ceiling_) {
    const WritePtr write = std::move(memory_queue_.front());
    memory_queue_.pop_front();
    const Key& key = write->key;
    auto change = judge(write, objects_.find(*key.kind, key.ns, key.name), revision_ + 1);
    if (change.has_error()) {
      finish(*write, std::move(change).error());
      continue;
    }
    memory_revision_ = revision_ + 1;
    publish(std::move(*change));
  }
}

// Judges waiting writes in order, each against the state the ones before it will leave, and puts the records of those
// that may be into the builder. A refusal that depends on a write of this batch is told with the batch.
std::vector<StoreImpl::Change> StoreImpl::take_batch() {
  KRING_CHECK(overlay_.empty() && builder_.records() == 0);
  std::vector<Change> batch;
  Revision next = revision_ + 1;
  while (!queue_.empty() && builder_.records() < limits::log_frame_records_max) {
    const WritePtr& waiting = queue_.front();
    if (builder_.records() > 0 && builder_.bytes() + waiting->cost() + 1024 > frame_bytes_max_) break;
    const WritePtr write = std::move(queue_.front());
    queue_.pop_front();
    const auto view = KeyOrder::view(write->key);
    const auto changed = overlay_.find(view);
    const bool depends = changed != overlay_.end();
    auto change = judge(write, depends ? changed->second : get(write->key), next);
    if (change.has_error()) {
      if (!depends) {
        finish(*write, std::move(change).error());
      } else {
        write->result = std::move(change).error();
        batch.push_back(Change{write, nullptr, nullptr});
      }
      continue;
    }
    ++next;
    const bool removal = write->verb == Verb::remove;
    const std::string kind = write->key.kind->id();
    state::Record record;
    record.revision = change->object->revision();
    record.op = removal ? state::Op::remove : state::Op::put;
    record.kind = kind;
    record.ns = write->key.ns;
    record.name = write->key.name;
    if (!removal) record.object = change->object->bytes();
    builder_.add(record);
    overlay_[view] = removal ? nullptr : change->object;  // the view points into the write, which the batch keeps
    batch.push_back(std::move(*change));
  }
  overlay_.clear();
  return batch;
}

// The ceiling is only reserved once there are memory-only writes: without them every revision is in the log anyway.
state::FrameHeader StoreImpl::frame_header(Revision last) {
  auto header = log_.next_header();
  header.revision = last;
  const bool reserve = memory_revision_ != 0 || !memory_queue_.empty();
  // What was reserved stays reserved: the last frame alone says what recovery starts with.
  header.ceiling = std::max(ceiling_, reserve ? last + limits::revision_ceiling_step : last);
  return header;
}

// A log that is full waits for the snapshot that frees its oldest segment: two, when the older one still needs it.
Task<Result<void>> StoreImpl::make_room(size_t bytes) {
  Result<void> reserved = co_await log_.reserve(bytes);
  for (int attempt = 0; attempt < 3 && reserved.has_error() && !log_.has_free_segment(); ++attempt) {
    const bool none_comes = snapshot_ended_ || (!snapshot_running_ && env_.clock.now() < snapshot_retry_at_);
    if (none_comes) break;
    log_full_ = room_wanted_ = true;
    snapshot_waiter_.wake();
    co_await room_waiter_.wait_uncancelled();
    reserved = co_await log_.reserve(bytes);
  }
  log_full_ = reserved.has_error();
  co_return reserved;
}

Task<Result<void>> StoreImpl::write_batch(std::vector<Change> batch) {
  in_flight_ = true;
  const Revision last = revision_ + builder_.records();
  Result<void> written = co_await make_room(builder_.bytes());
  state::FrameHeader header;
  if (written.has_value()) {
    header = frame_header(last);
    frame_.clear();
    builder_.finish(header, frame_);
    written = co_await log_.append(header, frame_);
    if (written.has_error()) poison(written.error());
  }
  in_flight_ = false;
  if (written.has_error()) {
    builder_.reset();
    const Error error{Reason::service_unavailable, "the write could not be stored: " + written.error().message};
    for (Change& change : batch) finish(*change.write, error);
    // Memory-only writes that wait for revisions cannot have them either.
    if (needs_ceiling()) refuse_all(error);
    if (!poisoned_.empty()) refuse_all(accepting().error());
    if (log_full_) snapshot_waiter_.wake();
    co_return written;
  }
  ceiling_ = std::max(ceiling_, header.ceiling);
  log_bytes_since_cut_ += frame_.size();
  for (Change& change : batch) {
    if (change.object != nullptr) {
      publish(std::move(change));
    } else {
      finish(*change.write, std::move(change.write->result));
    }
  }
  KRING_CHECK(revision_ == last);
  apply_memory_writes();
  if (frame_.capacity() > buffer_bytes_kept) {
    frame_ = {};
    builder_.reset();
  }
  if (snapshot_due()) snapshot_waiter_.wake();
  co_return written;
}

void StoreImpl::poison(const Error& cause) {
  if (!poisoned_.empty()) return;
  poisoned_ = "the log could not be written: " + cause.message;
  env_.log.error("store takes no more writes", {{"cause", cause}});
  snapshot_waiter_.wake();  // whoever asked for a snapshot must hear it
}

void StoreImpl::refuse_all(const Error& error) {
  for (auto* waiting : {&queue_, &memory_queue_}) {
    while (!waiting->empty()) {
      const WritePtr write = std::move(waiting->front());
      waiting->pop_front();
      finish(*write, error);
    }
  }
}

// A clean stop: memory-only state is saved, and the exact revision, so that watchers go on where they were.
Task<void> StoreImpl::finish_log() {
  if (!poisoned_.empty()) co_return;
  if (memory_revision_ > snapshot_revision_) {
    ceiling_ = revision_;
    auto saved = co_await save(cut());
    if (saved.has_error()) env_.log.warn("state that was in memory only is not saved", {{"cause", saved.error()}});
    co_return;
  }
  if (ceiling_ == revision_) co_return;
  auto reserved = co_await log_.reserve(builder_.bytes());
  if (reserved.has_error()) co_return;
  auto header = log_.next_header();
  header.revision = header.ceiling = revision_;
  header.flags = state::frame_flag_last;
  frame_.clear();
  builder_.finish(header, frame_);
  auto written = co_await log_.append(header, frame_);
  if (written.has_error()) poison(written.error());
}

}  // namespace kring::store
