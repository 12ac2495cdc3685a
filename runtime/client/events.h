// Kubernetes Events about objects: recorded at once, written by a loop, repeated ones counted instead of repeated.
// Invariants: record() never waits and never fails; the queue and the memory of past events are bounded (a component
// gone wild loses events, not the node its memory); a burst about one object is limited as client-go's spam filter does
// (25 events, then one every five minutes).
// Source: client-go tools/record; events are written as recomputable state.
#pragma once

#include <deque>
#include <list>
#include <map>
#include <string>
#include <string_view>
#include <tuple>

#include "runtime/client/client.h"
#include "runtime/tasks/signal.h"

namespace kring::client {

// What an event is about.
struct Reference {
  std::string api_version, kind, ns, name, uid;
  std::string field_path;  // "spec.containers{kuard}"
  std::string resource_version;
};
Reference reference_to(const Object& object);

class EventRecorder {
 public:
  // `component` is "kubelet", "default-scheduler", ...; `host` the node's name where there is one.
  EventRecorder(Env& env, Client& client, std::string component, std::string host = {});

  void normal(Reference about, std::string_view reason, std::string message);
  void warning(Reference about, std::string_view reason, std::string message);

  // Runs until cancelled.
  Task<Result<void>> events_loop();

 private:
  struct Pending {
    Reference about;
    std::string type, reason, message;
    Wall at;
  };
  using Key = std::tuple<std::string, std::string, std::string, std::string, std::string>;
  struct Written {
    ObjectName name;
    int64_t count = 1;
    std::list<Key>::iterator age;
  };
  struct Budget {
    double tokens = 25;
    Mono updated;
  };

  void record(Reference about, std::string_view type, std::string_view reason, std::string message);
  bool allowed(const std::string& uid);
  Task<Result<void>> write(Pending event);
  Task<Result<void>> count_up(ObjectName name, int64_t count, Wall at);
  json::Value value_of(const Pending& event, const std::string& name) const;
  void remember(Key key, ObjectName name);

  Env& env_;
  Client& client_;
  std::string component_, host_;
  Queue<Pending> queue_;
  std::map<Key, Written> written_;
  std::list<Key> ages_;  // oldest first
  std::map<std::string, Budget> budgets_;
};

}  // namespace kring::client
