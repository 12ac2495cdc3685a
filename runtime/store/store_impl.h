// The one implementation of Store. Two tasks: the commit loop owns the log and the order of everything; the snapshot
// loop copies all pointers at one moment and writes what they point at while commits go on.
// The order of writes: durable writes wait in a queue; the commit loop judges a batch of them against the state, gives
// them revisions, writes one frame and, when it is on the medium, publishes all. While a batch is on its way nothing
// else gets a revision: memory-only writes wait for its end, otherwise they are applied at once.
#pragma once

#include <deque>
#include <list>
#include <map>
#include <memory>

#include "runtime/store/event_ring.h"
#include "runtime/store/log.h"
#include "runtime/store/object_map.h"
#include "runtime/store/snapshot.h"
#include "runtime/store/store.h"

namespace kring::store {

class StoreImpl final : public Store {
 public:
  // Takes the objects out of `recovered`.
  StoreImpl(Env& env, Options options, Recovered& recovered, std::shared_ptr<void> lock);
  ~StoreImpl() override;

  // The rest of open(): makes what was read durable, and after damage saves what is left before anything is written.
  Task<Result<void>> start(const Recovered& recovered);

  ObjectPtr get(const Key& key) const override;
  ListResult list(const Kind& kind, std::string_view ns) const override;
  size_t count(const Kind& kind) const override;
  Revision revision() const override { return revision_; }
  Task<Result<ObjectPtr>> create(Key key, Bytes bytes, Durability durability) override;
  Task<Result<ObjectPtr>> update(Key key, Bytes bytes, Revision expected, Durability durability) override;
  Task<Result<ObjectPtr>> remove(Key key, Revision expected, Durability durability) override;
  Result<std::unique_ptr<Watch>> watch(const Kind& kind, std::string ns, Revision since) override;
  Stats stats() const override;
  Task<Result<void>> snapshot() override;
  Task<Result<void>> run_loop() override;

 private:
  friend class WatchImpl;
  enum class Verb : uint8_t { create, update, remove };
  // One write and the task that waits for it. Shared: a cancelled caller leaves, the write goes on.
  struct Write {
    Verb verb;
    Key key;
    Bytes bytes;
    Revision expected = 0;
    Result<ObjectPtr> result{Error{}};
    bool done = false;
    Waiter waiter;
    Write(asio::io_context& loop, Verb v, Key k, Bytes b, Revision e)
        : verb(v), key(std::move(k)), bytes(std::move(b)), expected(e), waiter(loop) {}
    size_t cost() const { return bytes.data.size() + key.ns.size() + key.name.size() + 256; }
  };
  using WritePtr = std::shared_ptr<Write>;
  // What a write would do: `object` is the new state (for remove: the last state at the new revision).
  struct Change {
    WritePtr write;
    ObjectPtr object, previous;
  };
  struct KeyOrder {
    using View = std::tuple<uint16_t, std::string_view, std::string_view>;
    static View view(const Key& key) { return {key.kind->index, key.ns, key.name}; }
  };
  struct SnapshotRequest {
    Waiter waiter;
    bool done = false;
    Result<void> result;
    explicit SnapshotRequest(asio::io_context& loop) : waiter(loop) {}
  };

  Task<Result<ObjectPtr>> submit(WritePtr write, Durability durability);
  // Why writes are refused at all; success when they are not.
  Result<void> accepting() const;
  // The change a write makes to `current`, at `revision`; or why it must not.
  Result<Change> judge(const WritePtr& write, ObjectPtr current, Revision revision) const;
  void publish(Change change);
  void finish(Write& write, Result<ObjectPtr> result);

  // commit_loop.cc
  static Task<Result<void>> commit_loop(StoreImpl& store);
  static Task<Result<void>> stop_loop(StoreImpl& store);
  Task<Result<void>> commit_until_stopped();
  Task<void> commit_once();
  void apply_memory_writes();
  std::vector<Change> take_batch();
  Task<Result<void>> make_room(size_t bytes);
  Task<Result<void>> write_batch(std::vector<Change> batch);
  state::FrameHeader frame_header(Revision last);
  bool needs_ceiling() const { return !memory_queue_.empty() && revision_ >= ceiling_; }
  void poison(const Error& cause);
  void refuse_all(const Error& error);
  Task<void> finish_log();

  // snapshot_loop.cc
  static Task<Result<void>> snapshot_loop(StoreImpl& store);
  Task<Result<void>> snapshot_until_stopped();
  bool snapshot_due() const;
  Task<Result<void>> take_snapshot();
  void tell_of_room();
  SnapshotPlan cut();
  Task<Result<void>> save(SnapshotPlan plan);

  Env& env_;
  Options options_;
  std::shared_ptr<void> lock_;
  ObjectMap objects_;
  EventRing ring_;
  Log log_;
  Revision revision_ = 0;
  Revision ceiling_ = 0;              // durable: memory-only writes may use revisions up to it
  Revision memory_revision_ = 0;      // the last memory-only write
  Revision snapshot_revision_ = 0;    // what the newest snapshot holds
  std::string poisoned_;
  bool stopping_ = false, running_ = false, snapshot_ended_ = false;
  size_t frame_bytes_max_;            // what a batch may take

  std::deque<WritePtr> queue_;
  std::deque<WritePtr> memory_queue_;
  size_t pending_bytes_ = 0;
  bool in_flight_ = false;            // a batch has its revisions and is not published yet
  std::map<KeyOrder::View, ObjectPtr> overlay_;  // the states the batch will leave; null: removed
  state::FrameBuilder builder_;
  std::vector<uint8_t> frame_;
  Waiter commit_waiter_;

  Waiter snapshot_waiter_, room_waiter_;
  bool snapshot_running_ = false, room_wanted_ = false;
  std::list<std::shared_ptr<SnapshotRequest>> snapshot_requests_;
  uint64_t log_bytes_since_cut_ = 0, snapshot_at_bytes_ = 0;
  Mono snapshot_retry_at_;
  bool log_full_ = false;
  std::array<uint64_t, 2> snapshot_log_from_{};   // of the two files; 0: there is none
  uint64_t snapshot_sequence_ = 0;
  size_t snapshot_newest_ = 1;                    // the file not to be written over
  uint64_t snapshots_written_ = 0, snapshot_bytes_ = 0;
};

}  // namespace kring::store
