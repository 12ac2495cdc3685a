// The events of the store that watchers may still ask for, bounded in number and bytes over all kinds.
// Each kind has its own sequence, so that a watcher of a quiet kind neither scans nor falls behind because of a busy
// one; when the bounds are reached the oldest event of all goes first. A write wakes only the waiting watchers of its
// kind and namespace.
// Invariants: the events of a kind ascend by revision; a kind has lost no event after horizon(kind).
// Lifetime: cursors die before the ring. Single-threaded.
#pragma once

#include <deque>
#include <list>
#include <string>
#include <vector>

#include "runtime/env/waiter.h"
#include "runtime/store/store.h"

namespace kring::store {

class EventRing {
 public:
  // `revision`: what the store starts with; older watchers must list.
  EventRing(size_t events_max, size_t bytes_max, Revision revision)
      : events_max_(events_max), bytes_max_(bytes_max), start_(revision) {}
  ~EventRing();
  EventRing(const EventRing&) = delete;
  EventRing& operator=(const EventRing&) = delete;

  // Appends and wakes. REQUIRES: the revision of event.object is above all others.
  void push(Event event);

  // One watcher's place in the events of a kind.
  class Cursor {
   public:
    // REQUIRES: since >= ring.horizon(kind).
    Cursor(EventRing& ring, asio::io_context& loop, const Kind& kind, std::string ns, Revision since);
    ~Cursor();
    Cursor(const Cursor&) = delete;
    Cursor& operator=(const Cursor&) = delete;

    // The next event of the namespace; nullopt when there is none; expired when some were lost before they were read.
    Result<std::optional<Event>> take();
    // Success once take() may have something; canceled.
    Task<Result<void>> wait();
    // Everything up to this revision was taken or is of no interest; `current` is the store's revision.
    Revision seen(Revision current);

   private:
    friend class EventRing;
    // Moves over events of other namespaces. False when events were lost.
    bool skip();
    bool wants(const Event& event) const { return ns_.empty() || event.object->ns() == ns_; }

    EventRing& ring_;
    const Kind& kind_;
    std::string ns_;
    uint64_t next_ = 0;          // absolute index into the kind's sequence
    Revision seen_ = 0;
    bool waiting_ = false;
    std::list<Cursor*>::iterator place_;
    Waiter waiter_;
  };

  // The oldest revision a watcher of the kind may start after.
  Revision horizon(const Kind& kind) const;
  size_t size() const { return order_.size(); }
  size_t bytes() const { return bytes_; }
  size_t watchers() const { return watchers_; }

 private:
  struct Sequence {
    std::deque<Event> events;
    uint64_t first = 0;          // absolute index of events.front()
    Revision lost = 0;           // the last revision that was dropped
    std::list<Cursor*> waiting;
  };
  Sequence& sequence(const Kind& kind);
  static size_t cost(const Event& event);
  void drop_oldest();

  size_t events_max_, bytes_max_;
  Revision start_;
  std::vector<std::unique_ptr<Sequence>> sequences_;  // by Kind::index
  std::deque<uint16_t> order_;                        // kinds of all events, oldest first
  size_t bytes_ = 0;
  size_t watchers_ = 0;
};

}  // namespace kring::store
