#include <algorithm>

#include "runtime/client/informer.h"
#include "runtime/tasks/task_group.h"

namespace kring::client {

namespace {

constexpr int64_t retry_ms_min = 100;
constexpr int64_t retry_ms_max = 10'000;

ObjectName name_of(const Object& object) { return {std::string{object.ns()}, std::string{object.name()}}; }

}  // namespace

Informer::Informer(Env& env, Client& client, const Kind& kind, ListOptions options)
    : env_(env), client_(client), kind_(kind), options_(std::move(options)), first_list_(env) {}

ObjectPtr Informer::get(const std::string& ns, const std::string& name) const {
  auto found = cache_.find(ObjectName{ns, name});
  return found == cache_.end() ? nullptr : found->second;
}

Task<Result<void>> Informer::wait_synced() {
  while (!synced_) {
    auto woken = co_await first_list_.wait();
    if (woken.has_error()) co_return woken.error();
  }
  first_list_.notify();  // the flag is cleared by a wait: pass it on to the next waiter
  co_return Result<void>{};
}

void Informer::emit(store::Event::Type type, ObjectPtr object, ObjectPtr previous) {
  store::Event event{type, std::move(object), std::move(previous)};
  for (const auto& handler : handlers_) handler(event);
}

void Informer::apply(const store::Event& event) {
  ObjectName name = name_of(*event.object);
  ObjectPtr before;
  if (auto found = cache_.find(name); found != cache_.end()) before = found->second;
  if (event.type == store::Event::Type::deleted) {
    cache_.erase(name);
    if (before != nullptr) emit(store::Event::Type::deleted, event.object, before);
    return;
  }
  // A deletion and a new object of the same name may hide behind one event after a gap.
  if (before != nullptr && before->uid() != event.object->uid()) {
    cache_.erase(name);
    emit(store::Event::Type::deleted, before, before);
    before = nullptr;
  }
  cache_[name] = event.object;
  emit(before == nullptr ? store::Event::Type::added : store::Event::Type::modified, event.object, before);
}

Task<Result<Revision>> Informer::list() {
  auto listed = co_await client_.list(kind_, options_);
  if (listed.has_error()) co_return listed.error();
  Cache now;
  for (auto& object : listed->objects) now.emplace(name_of(*object), object);
  std::vector<ObjectPtr> gone;
  for (const auto& [name, object] : cache_)
    if (!now.contains(name)) gone.push_back(object);
  for (const auto& object : gone) apply({store::Event::Type::deleted, object, nullptr});
  for (const auto& [name, object] : now) {
    auto found = cache_.find(name);
    if (found != cache_.end() && found->second->revision() == object->revision()) continue;
    apply({store::Event::Type::added, object, nullptr});
  }
  synced_ = true;
  first_list_.notify();
  co_return listed->revision;
}

Task<Result<void>> Informer::follow(Revision since) {
  auto opened = co_await client_.watch(kind_, options_, since);
  if (opened.has_error()) co_return opened.error();
  std::unique_ptr<Watch> watch = std::move(*opened);
  while (true) {
    auto event = co_await watch->next();
    if (event.has_error()) co_return event.error();
    apply(*event);
  }
}

Task<Result<void>> Informer::informer_loop() {
  int64_t delay_ms = retry_ms_min;
  while (true) {
    auto listed = co_await list();
    Result<void> ended;
    if (listed.has_error()) {
      ended = listed.error();
    } else {
      delay_ms = retry_ms_min;
      ended = co_await follow(*listed);
    }
    if (ended.has_error() && ended.error().reason == Reason::canceled) co_return ended;
    bool gap = ended.has_error() && (ended.error().reason == Reason::expired || ended.error().reason == Reason::gone);
    if (gap) continue;
    env_.log.warn("watch failed, listing again", {{"kind", kind_.kind}, {"error", to_string(ended.error())}});
    auto slept = co_await env_.clock.sleep_ms(delay_ms);
    if (slept.has_error()) co_return slept;
    delay_ms = std::min(2 * delay_ms, retry_ms_max);
  }
}

}  // namespace kring::client
