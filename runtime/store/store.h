// The state of the cluster: an ordered map of immutable objects, one revision counter, a write-ahead log and
// snapshots (DESIGN 3).
// Invariants: (1) a write that returned success with Durability::durable survives power loss; (2) revisions increase by
// one per write and never go back, across crashes too; (3) readers and watchers see a write only after it is durable;
// (4) after a failed write or sync the log is poisoned: writes fail with Reason::service_unavailable and the cause,
// reads and watches go on; (5) writes of memory-only durability go along with the next durable snapshot.
// Lifetime: Env outlives Store; every Watch must be destroyed before the Store. One writer at a time per key: a write
// to a key with one in flight waits for it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "objects/object.h"
#include "runtime/env/env.h"

namespace kring::store {

struct Key {
  const Kind* kind = nullptr;
  std::string ns;    // empty for cluster-scoped kinds
  std::string name;
};

enum class Durability : uint8_t { durable, memory };

struct Options {
  std::string directory;                   // D/store: log segments and snapshots, made when absent
  uint64_t segment_bytes = 8 << 20;        // at least one frame (limits::log_frame_bytes_max) and 8 KiB
  uint64_t log_grow_bytes = 1 << 20;       // zeros written ahead of the log, a step at a time
  uint64_t snapshot_after_log_bytes = 8 << 20;
  uint32_t watch_events_max = 4096;
  size_t watch_events_bytes_max = 8 << 20;
};

struct Event {
  enum class Type : uint8_t { added, modified, deleted } type;
  ObjectPtr object;      // for deleted: the last state, at the revision of the deletion
  ObjectPtr previous;    // null for added
};

// A cursor into the ring of events of one kind (and namespace). Not copyable; waits on the store.
class Watch {
 public:
  virtual ~Watch() = default;
  // The next event; Reason::expired when the watcher fell behind and must list again; canceled.
  virtual Task<Result<Event>> next() = 0;
  // What is there now without waiting; nullopt when there is none.
  virtual Result<std::optional<Event>> try_next() = 0;
  // The revision up to which this watcher has seen everything (for bookmarks).
  virtual Revision seen() const = 0;
};

struct ListResult {
  Revision revision = 0;               // the store's revision the list is of
  std::vector<ObjectPtr> objects;      // by namespace, then name
};

struct Stats {
  Revision revision = 0;
  size_t objects = 0;
  uint64_t log_bytes_written = 0, log_syncs = 0, snapshots_written = 0;
  uint32_t watchers = 0;
  std::string poisoned;                // why writes are refused; empty when they are not
};

class Store {
 public:
  virtual ~Store() = default;

  // Plain reads, of the last durable state; never wait.
  virtual ObjectPtr get(const Key& key) const = 0;
  virtual ListResult list(const Kind& kind, std::string_view ns) const = 0;   // ns empty: all
  virtual size_t count(const Kind& kind) const = 0;
  virtual Revision revision() const = 0;

  // `bytes` is a verified FlatBuffer of key.kind. On success the stored object, with its revision.
  // create: already_exists. update: not_found, or conflict when `expected` is not the current revision.
  // remove: the same; returns the last state at the revision of the deletion.
  virtual Task<Result<ObjectPtr>> create(Key key, Bytes bytes, Durability durability) = 0;
  virtual Task<Result<ObjectPtr>> update(Key key, Bytes bytes, Revision expected, Durability durability) = 0;
  virtual Task<Result<ObjectPtr>> remove(Key key, Revision expected, Durability durability) = 0;

  // Events after `since` (0: from now). Reason::expired when `since` is older than the ring; a `since` in the future is
  // a bad_request ("Too large resource version").
  virtual Result<std::unique_ptr<Watch>> watch(const Kind& kind, std::string ns, Revision since) = 0;

  virtual Stats stats() const = 0;
  // Writes a snapshot with everything (memory-only state included) and truncates the log.
  virtual Task<Result<void>> snapshot() = 0;
  // The long-lived task: group commit and snapshots. Runs until cancelled; then what is accepted is written out.
  virtual Task<Result<void>> run_loop() = 0;
};

// Loads (snapshot, then log) or makes the directory. Reason::corrupt or bad_request("... newer format ...") for a
// directory that must not be touched. What recovery dropped is in `notes`.
struct Opened {
  std::unique_ptr<Store> store;
  std::vector<std::string> notes;
};
Task<Result<Opened>> open(Env& env, Options options);

// Reads without changing anything; lines for `kring fsck`. Errors: the directory is unreadable.
struct FsckReport {
  bool clean = true;
  Revision revision = 0;
  size_t objects = 0;
  std::vector<std::string> lines;
};
Task<Result<FsckReport>> fsck(Env& env, std::string directory);

}  // namespace kring::store
