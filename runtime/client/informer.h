// A cache of one kind, kept by list and watch, and a way to hear of changes.
// Invariants: handlers see every object's changes in order, `added` first, and after a gap (410 Gone) what changed
// meanwhile as if it had just happened; the cache already has the event's object when handlers are called; handlers are
// plain functions that never wait.
// Lifetime: the client outlives it; handlers are added before the loop runs and live as long as it does.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "runtime/client/client.h"
#include "runtime/tasks/signal.h"

namespace kring::client {

class Informer {
 public:
  using Handler = std::function<void(const store::Event&)>;
  using Cache = std::map<ObjectName, ObjectPtr>;

  Informer(Env& env, Client& client, const Kind& kind, ListOptions options = {});
  Informer(const Informer&) = delete;
  Informer& operator=(const Informer&) = delete;

  void on_event(Handler handler) { handlers_.push_back(std::move(handler)); }
  const Cache& all() const { return cache_; }
  ObjectPtr get(const std::string& ns, const std::string& name) const;  // null when it is not there
  bool synced() const { return synced_; }
  // Until the first list is in the cache.
  Task<Result<void>> wait_synced();
  const Kind& kind() const { return kind_; }

  // Runs until cancelled.
  Task<Result<void>> informer_loop();

 private:
  Task<Result<Revision>> list();
  Task<Result<void>> follow(Revision since);
  void apply(const store::Event& event);
  void emit(store::Event::Type type, ObjectPtr object, ObjectPtr previous);

  Env& env_;
  Client& client_;
  const Kind& kind_;
  ListOptions options_;
  std::vector<Handler> handlers_;
  Cache cache_;
  bool synced_ = false;
  Signal first_list_;
};

}  // namespace kring::client
