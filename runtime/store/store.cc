#include <algorithm>

#include "objects/check.h"
#include "objects/codec.h"
#include "objects/limits.h"
#include "runtime/store/store_impl.h"

namespace kring::store {
namespace {

// `pods "web"`, as Kubernetes words it.
std::string quoted(const Key& key) { return key.kind->resource() + " \"" + key.name + "\""; }

Error about(const Key& key, Reason reason, std::string message) {
  Error error{reason, std::move(message)};
  error.kind = key.kind->plural;
  error.group = key.kind->group;
  error.name = key.name;
  return error;
}

}  // namespace

class WatchImpl final : public Watch {
 public:
  WatchImpl(StoreImpl& store, const Kind& kind, std::string ns, Revision since)
      : store_(store), cursor_(store.ring_, store.env_.loop, kind, std::move(ns), since) {}

  Task<Result<Event>> next() override {
    while (true) {
      if (co_await cancelled()) co_return canceled_error();
      auto event = cursor_.take();
      if (event.has_error()) co_return std::move(event).error();
      if (event->has_value()) co_return std::move(**event);
      auto woken = co_await cursor_.wait();
      if (woken.has_error()) co_return std::move(woken).error();
    }
  }
  Result<std::optional<Event>> try_next() override { return cursor_.take(); }
  Revision seen() const override { return cursor_.seen(store_.revision_); }

 private:
  StoreImpl& store_;
  mutable EventRing::Cursor cursor_;
};

StoreImpl::StoreImpl(Env& env, Options options, Recovered& recovered, std::shared_ptr<void> lock)
    : env_(env),
      options_(std::move(options)),
      lock_(std::move(lock)),
      objects_(std::move(recovered.objects)),
      ring_(options_.watch_events_max, options_.watch_events_bytes_max, recovered.revision),
      log_(env_, options_, recovered),
      revision_(recovered.revision),
      ceiling_(recovered.revision),
      snapshot_revision_(recovered.revision),
      frame_bytes_max_(static_cast<size_t>(
          std::min<uint64_t>(limits::log_frame_bytes_max, options_.segment_bytes - state::frames_offset))),
      commit_waiter_(env.loop),
      snapshot_waiter_(env.loop),
      room_waiter_(env.loop),
      log_bytes_since_cut_(recovered.replayed_bytes),
      snapshot_at_bytes_(options_.snapshot_after_log_bytes) {
  KRING_CHECK(options_.segment_bytes % state::sector_bytes == 0 && options_.log_grow_bytes % state::sector_bytes == 0);
  for (size_t i = 0; i < 2; ++i) {
    const SnapshotInfo& info = recovered.snapshots[i];
    if (info.valid) snapshot_log_from_[i] = info.header.log_from;
    if (info.valid) snapshot_sequence_ = std::max(snapshot_sequence_, info.header.sequence);
  }
  if (recovered.newest.has_value()) snapshot_newest_ = *recovered.newest;
  // The log reaches back to the older snapshot; the first snapshot's elder is the empty store.
  const uint64_t newest = snapshot_log_from_[snapshot_newest_], older = snapshot_log_from_[1 - snapshot_newest_];
  const bool first = snapshot_sequence_ <= 1;
  if (newest != 0) log_.release_before(older != 0 ? std::min(older, newest) : first ? 1 : newest);
}

StoreImpl::~StoreImpl() {
  KRING_CHECK(!running_, "run_loop has ended before the store dies");
}

ObjectPtr StoreImpl::get(const Key& key) const { return objects_.find(*key.kind, key.ns, key.name); }

ListResult StoreImpl::list(const Kind& kind, std::string_view ns) const {
  return {revision_, objects_.list(kind, ns)};
}

size_t StoreImpl::count(const Kind& kind) const { return objects_.count(kind); }

Task<Result<ObjectPtr>> StoreImpl::create(Key key, Bytes bytes, Durability durability) {
  auto write = std::make_shared<Write>(env_.loop, Verb::create, std::move(key), std::move(bytes), 0);
  co_return co_await submit(std::move(write), durability);
}

Task<Result<ObjectPtr>> StoreImpl::update(Key key, Bytes bytes, Revision expected, Durability durability) {
  auto write = std::make_shared<Write>(env_.loop, Verb::update, std::move(key), std::move(bytes), expected);
  co_return co_await submit(std::move(write), durability);
}

Task<Result<ObjectPtr>> StoreImpl::remove(Key key, Revision expected, Durability durability) {
  auto write = std::make_shared<Write>(env_.loop, Verb::remove, std::move(key), Bytes{}, expected);
  co_return co_await submit(std::move(write), durability);
}

Result<void> StoreImpl::accepting() const {
  if (!poisoned_.empty())
    return Error{Reason::service_unavailable, "the store takes no more writes until kring is restarted: " + poisoned_};
  if (stopping_) return Error{Reason::service_unavailable, "the store is stopping"};
  if (pending_bytes_ > limits::store_pending_bytes_max) {
    Error busy{Reason::too_many_requests, "the disk does not keep up with the writes"};
    busy.retry_after_seconds = 1;
    return busy;
  }
  return {};
}

Task<Result<ObjectPtr>> StoreImpl::submit(WritePtr write, Durability durability) {
  if (co_await cancelled()) co_return canceled_error();
  KRING_CO_TRY_VOID(accepting());
  if (write->bytes.data.size() > limits::object_bytes_max)
    co_return about(write->key, Reason::request_entity_too_large,
                    quoted(write->key) + " is larger than " + std::to_string(limits::object_bytes_max) + " bytes");
  // What is written must be readable: recovery verifies every object and refuses a directory with one that is not.
  if (write->verb != Verb::remove && !codec::verify(*write->key.kind, write->bytes.data))
    co_return Error{Reason::internal_error, "the bytes of " + quoted(write->key) + " are not an object of its kind"};
  pending_bytes_ += write->cost();
  if (durability == Durability::memory) {
    memory_queue_.push_back(write);
    // At once, unless a batch is on its way to the disk or the log must first reserve revisions.
    if (!in_flight_) apply_memory_writes();
    if (!memory_queue_.empty() && !in_flight_) commit_waiter_.wake();
  } else {
    queue_.push_back(write);
    if (!in_flight_) commit_waiter_.wake();
  }
  if (!write->done) {
    auto waited = co_await write->waiter.wait();
    // The write itself goes on; nobody learns how it ended.
    if (!write->done) co_return std::move(waited).error();
  }
  co_return std::move(write->result);
}

Result<StoreImpl::Change> StoreImpl::judge(const WritePtr& write, ObjectPtr current, Revision revision) const {
  const Key& key = write->key;
  if (write->verb == Verb::create) {
    if (current != nullptr) return about(key, Reason::already_exists, quoted(key) + " already exists");
  } else {
    if (current == nullptr) return about(key, Reason::not_found, quoted(key) + " not found");
    if (current->revision() != write->expected)
      return about(key, Reason::conflict,
                   "Operation cannot be fulfilled on " + quoted(key) +
                       ": the object has been modified; please apply your changes to the latest version and try again");
  }
  Change change{write, nullptr, std::move(current)};
  const Bytes& bytes = write->verb == Verb::remove ? change.previous->shared_bytes() : write->bytes;
  change.object = std::make_shared<const Object>(*key.kind, bytes, revision);
  if (change.object->ns() != key.ns || change.object->name() != key.name)
    return Error{Reason::internal_error, "the object's metadata names another object than " + quoted(key)};
  return change;
}

// Makes a change visible: the map, then the watchers, then the caller.
void StoreImpl::publish(Change change) {
  KRING_CHECK(change.object->revision() == revision_ + 1, "revisions increase by one");
  revision_ = change.object->revision();
  const Verb verb = change.write->verb;
  if (verb == Verb::remove) {
    objects_.remove(change.object->kind(), change.object->ns(), change.object->name());
  } else {
    objects_.put(change.object);
  }
  Event event{verb == Verb::create   ? Event::Type::added
              : verb == Verb::update ? Event::Type::modified
                                     : Event::Type::deleted,
              change.object, std::move(change.previous)};
  ring_.push(std::move(event));
  finish(*change.write, std::move(change.object));
}

void StoreImpl::finish(Write& write, Result<ObjectPtr> result) {
  pending_bytes_ -= write.cost();
  write.result = std::move(result);
  write.done = true;
  write.waiter.wake();
}

Result<std::unique_ptr<Watch>> StoreImpl::watch(const Kind& kind, std::string ns, Revision since) {
  if (since == 0) since = revision_;
  if (since > revision_)
    return Error{Reason::bad_request, "Too large resource version: " + std::to_string(since) +
                                          ", current: " + std::to_string(revision_)};
  if (since < ring_.horizon(kind))
    return Error{Reason::expired, "too old resource version: " + std::to_string(since) + " (" +
                                      std::to_string(ring_.horizon(kind)) + ")"};
  return std::unique_ptr<Watch>{std::make_unique<WatchImpl>(*this, kind, std::move(ns), since)};
}

Stats StoreImpl::stats() const {
  Stats stats;
  stats.revision = revision_;
  stats.objects = objects_.size();
  stats.log_bytes_written = log_.bytes_written() + snapshot_bytes_;
  stats.log_syncs = log_.syncs();
  stats.snapshots_written = snapshots_written_;
  stats.watchers = static_cast<uint32_t>(ring_.watchers());
  stats.poisoned = poisoned_;
  return stats;
}

Task<Result<void>> StoreImpl::start(const Recovered& recovered) {
  // A rename that a killed process did not sync may be seen now and gone after a power cut.
  KRING_CO_TRY_VOID(co_await env_.disk.sync_directory(options_.directory));
  KRING_CO_TRY_VOID(co_await log_.start());
  if (!recovered.active.has_value() && !recovered.segments.empty())
    KRING_CO_TRY_VOID(co_await log_.rotate(revision_));
  if (recovered.damaged) {
    KRING_CO_TRY_VOID(co_await save(cut()));
    log_bytes_since_cut_ = 0;
  }
  for (const std::string& name : recovered.aside) {
    const std::string from = options_.directory + "/" + name;
    KRING_CO_TRY_VOID(co_await env_.disk.rename(from, from + ".damaged-" + std::to_string(revision_)));
    for (const SegmentInfo& info : recovered.segments)
      if (segment_name(info.slot) == name) log_.forget(info.slot);
  }
  if (!recovered.aside.empty()) KRING_CO_TRY_VOID(co_await env_.disk.sync_directory(options_.directory));
  co_return Result<void>{};
}

Task<Result<Opened>> open(Env& env, Options options) {
  const std::string directory = options.directory;
  const std::string parent = directory.substr(0, std::max<size_t>(directory.rfind('/'), 1));
  KRING_CO_TRY_VOID(co_await env.disk.make_directory(directory));
  KRING_CO_TRY(auto lock, env.disk.lock(directory));
  KRING_CO_TRY(auto recovered, co_await recover(env, directory));
  // A new directory must not vanish with the first acknowledged write in it.
  if (recovered.segments.empty() && directory.rfind('/') != std::string::npos)
    KRING_CO_TRY_VOID(co_await env.disk.sync_directory(parent));
  Opened opened;
  opened.notes = recovered.notes;
  auto store = std::make_unique<StoreImpl>(env, std::move(options), recovered, std::move(lock));
  KRING_CO_TRY_VOID(co_await store->start(recovered));
  opened.store = std::move(store);
  co_return opened;
}

}  // namespace kring::store
