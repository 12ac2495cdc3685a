// The snapshot loop: when the log has grown enough, or somebody asks, it takes all pointers at one moment and writes
// what they point at while commits go on.
#include "objects/check.h"
#include "runtime/store/store_impl.h"
#include "runtime/tasks/task_group.h"

namespace kring::store {
namespace {

constexpr int64_t retry_ms = 1000;

}  // namespace

Task<Result<void>> StoreImpl::snapshot() {
  if (co_await cancelled()) co_return canceled_error();
  KRING_CO_TRY_VOID(accepting());
  auto request = std::make_shared<SnapshotRequest>(env_.loop);
  snapshot_requests_.push_back(request);
  snapshot_waiter_.wake();
  auto waited = co_await request->waiter.wait();
  co_return request->done ? request->result : waited;
}

Task<Result<void>> StoreImpl::snapshot_loop(StoreImpl& store) {
  co_return co_await shielded(store.env_, store.snapshot_until_stopped());
}

bool StoreImpl::snapshot_due() const {
  if (!snapshot_requests_.empty()) return true;
  if (!poisoned_.empty()) return false;
  // While writes are refused for want of room every refused write asks; once a second is enough.
  if (log_full_) return env_.clock.now() >= snapshot_retry_at_;
  return log_bytes_since_cut_ >= snapshot_at_bytes_;
}

Task<Result<void>> StoreImpl::snapshot_until_stopped() {
  while (!stopping_) {
    if (!snapshot_due()) {
      co_await snapshot_waiter_.wait_uncancelled();
      continue;
    }
    // Requests that come while the snapshot is written ask for a later state: they wait for the next one.
    auto requests = std::exchange(snapshot_requests_, {});
    snapshot_running_ = true;
    auto taken = co_await take_snapshot();
    snapshot_running_ = false;
    if (taken.has_error()) {
      env_.log.warn("snapshot failed", {{"cause", taken.error()}});
      // Tried again after some more log, or when the log is full.
      snapshot_at_bytes_ = log_bytes_since_cut_ + options_.snapshot_after_log_bytes / 4;
      snapshot_retry_at_ = env_.clock.now() + ms_to_ns(retry_ms);
    } else {
      snapshot_at_bytes_ = options_.snapshot_after_log_bytes;
      // The log reaches back to the older snapshot: when it is full, two snapshots make room.
      log_full_ = log_full_ && !log_.has_free_segment();
    }
    tell_of_room();
    for (const auto& request : requests) {
      request->result = taken;
      request->done = true;
      request->waiter.wake();
    }
  }
  for (const auto& request : std::exchange(snapshot_requests_, {})) {
    request->result = Error{Reason::service_unavailable, "the store is stopping"};
    request->done = true;
    request->waiter.wake();
  }
  snapshot_ended_ = true;
  tell_of_room();
  commit_waiter_.wake();
  co_return Result<void>{};
}

// The commit loop may be waiting for a segment.
void StoreImpl::tell_of_room() {
  if (std::exchange(room_wanted_, false)) room_waiter_.wake();
}

Task<Result<void>> StoreImpl::take_snapshot() {
  if (!poisoned_.empty()) co_return accepting();
  if (log_.segment() == 0) co_return Result<void>{};  // nothing was ever written
  const uint64_t before = std::exchange(log_bytes_since_cut_, 0);
  auto saved = co_await save(cut());
  if (saved.has_error()) log_bytes_since_cut_ += before;
  co_return saved;
}

// The state now. A batch that is on its way is in neither the map nor the count of frames: both change in one turn, so
// at every moment they agree, and what follows the snapshot is at the end of the log.
SnapshotPlan StoreImpl::cut() {
  SnapshotPlan plan;
  plan.header.type = state::FileType::snapshot;
  plan.header.sequence = snapshot_sequence_ + 1;
  plan.header.log_from = log_.segment();
  plan.header.log_offset = log_.end();
  plan.header.revision = revision_;
  plan.header.frame_sequence = log_.frame_sequence();
  plan.header.frame_check = log_.frame_check();
  plan.ceiling = ceiling_;
  plan.objects = objects_.all();
  plan.name = snapshot_names[1 - snapshot_newest_];
  return plan;
}

Task<Result<void>> StoreImpl::save(SnapshotPlan plan) {
  const size_t index = 1 - snapshot_newest_;
  const state::FileHeader header = plan.header;
  // A number is used once: after an error the file may be there nevertheless.
  snapshot_sequence_ = header.sequence;
  const uint64_t older = snapshot_log_from_[snapshot_newest_];
  snapshot_log_from_[index] = 0;
  KRING_CO_TRY(const uint64_t bytes, co_await write_snapshot(env_, options_.directory, std::move(plan)));
  snapshot_log_from_[index] = header.log_from;
  snapshot_newest_ = index;
  snapshot_revision_ = header.revision;
  ++snapshots_written_;
  snapshot_bytes_ += bytes;
  log_.release_before(older != 0 ? older : 1);
  co_return Result<void>{};
}

}  // namespace kring::store
