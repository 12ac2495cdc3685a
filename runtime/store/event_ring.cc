#include "runtime/store/event_ring.h"

#include <algorithm>

#include "objects/check.h"
#include "objects/kinds.h"

namespace kring::store {

EventRing::~EventRing() { KRING_CHECK(watchers_ == 0, "every watch dies before the store"); }

EventRing::Sequence& EventRing::sequence(const Kind& kind) {
  if (kind.index >= sequences_.size()) sequences_.resize(kind.index + 1);
  auto& sequence = sequences_[kind.index];
  if (sequence == nullptr) sequence = std::make_unique<Sequence>();
  return *sequence;
}

// What an event may keep in memory: both states and their bookkeeping.
size_t EventRing::cost(const Event& event) {
  constexpr size_t overhead = 192;
  return overhead + event.object->bytes().size() + (event.previous == nullptr ? 0 : event.previous->bytes().size());
}

void EventRing::drop_oldest() {
  Sequence& oldest = *sequences_[order_.front()];
  order_.pop_front();
  bytes_ -= cost(oldest.events.front());
  oldest.lost = oldest.events.front().object->revision();
  oldest.events.pop_front();
  ++oldest.first;
}

void EventRing::push(Event event) {
  const Kind& kind = event.object->kind();
  Sequence& to = sequence(kind);
  KRING_CHECK(to.events.empty() || to.events.back().object->revision() < event.object->revision());
  bytes_ += cost(event);
  order_.push_back(kind.index);
  to.events.push_back(std::move(event));
  // The newest event stays whatever its size: a watcher that waits gets it.
  while (order_.size() > 1 && (order_.size() > events_max_ || bytes_ > bytes_max_)) drop_oldest();

  const Event& pushed = to.events.back();
  for (auto it = to.waiting.begin(); it != to.waiting.end();) {
    Cursor& cursor = **it;
    if (!cursor.wants(pushed)) {
      ++it;
      continue;
    }
    cursor.waiting_ = false;
    it = to.waiting.erase(it);
    cursor.waiter_.wake();
  }
}

Revision EventRing::horizon(const Kind& kind) const {
  const bool known = kind.index < sequences_.size() && sequences_[kind.index] != nullptr;
  return std::max(start_, known ? sequences_[kind.index]->lost : 0);
}

EventRing::Cursor::Cursor(EventRing& ring, asio::io_context& loop, const Kind& kind, std::string ns, Revision since)
    : ring_(ring), kind_(kind), ns_(std::move(ns)), seen_(since), waiter_(loop) {
  KRING_CHECK(since >= ring.horizon(kind));
  const Sequence& from = ring.sequence(kind);
  const auto first = std::partition_point(from.events.begin(), from.events.end(),
                                          [&](const Event& e) { return e.object->revision() <= since; });
  next_ = from.first + static_cast<uint64_t>(first - from.events.begin());
  ++ring_.watchers_;
}

EventRing::Cursor::~Cursor() {
  if (waiting_) ring_.sequence(kind_).waiting.erase(place_);
  --ring_.watchers_;
}

bool EventRing::Cursor::skip() {
  const Sequence& from = ring_.sequence(kind_);
  if (next_ < from.first) return false;
  while (next_ - from.first < from.events.size()) {
    const Event& event = from.events[next_ - from.first];
    if (wants(event)) break;
    seen_ = event.object->revision();
    ++next_;
  }
  return true;
}

Result<std::optional<Event>> EventRing::Cursor::take() {
  if (!skip())
    return Error{Reason::expired, "the watch fell behind: too old resource version: " + std::to_string(seen_)};
  const Sequence& from = ring_.sequence(kind_);
  if (next_ - from.first == from.events.size()) return std::optional<Event>{};
  std::optional<Event> event{from.events[next_ - from.first]};
  ++next_;
  seen_ = event->object->revision();
  return event;
}

Task<Result<void>> EventRing::Cursor::wait() {
  KRING_CHECK(!waiting_, "one task waits at a time");
  if (!skip()) co_return Result<void>{};
  if (next_ - ring_.sequence(kind_).first < ring_.sequence(kind_).events.size()) co_return Result<void>{};
  auto& waiting = ring_.sequence(kind_).waiting;
  place_ = waiting.insert(waiting.end(), this);
  waiting_ = true;
  auto woken = co_await waiter_.wait();
  if (waiting_) {
    ring_.sequence(kind_).waiting.erase(place_);
    waiting_ = false;
  }
  co_return woken;
}

Revision EventRing::Cursor::seen(Revision current) {
  if (!skip()) return seen_;
  const Sequence& from = ring_.sequence(kind_);
  return next_ - from.first == from.events.size() ? std::max(seen_, current) : seen_;
}

}  // namespace kring::store
