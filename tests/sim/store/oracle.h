// What the store must look like, kept beside it and compared at every step.
// The oracle reads every event of every kind as soon as it is published and applies it to a model. From that follow the
// checks: revisions rise by one and never go back, also across restarts; every event is legal (created when absent,
// compare-and-swap held) and belongs to a write that somebody asked for and that was not refused; a read equals the
// model; an answer agrees with the order of events between question and answer, which makes the history linearizable;
// what was published as durable is there after a crash, what was not acknowledged is there whole or not at all.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "objects/kinds.h"
#include "runtime/store/store.h"

namespace kring::sim {

// The kinds the simulation uses, one of them cluster-scoped.
std::vector<const Kind*> sim_kinds();

// A FlatBuffer of any kind: metadata and nothing else; `tag` is the uid, `bytes` of padding in the generateName.
Bytes sim_object(const store::Key& key, const std::string& tag, size_t padding);

std::string key_text(const Kind& kind, std::string_view ns, std::string_view name);
inline std::string key_text(const store::Key& key) { return key_text(*key.kind, key.ns, key.name); }

enum class Verb : uint8_t { create, update, remove };

// One write a client asked for.
struct Op {
  enum class State : uint8_t { pending, acked, refused, unavailable, abandoned } state = State::pending;
  Verb verb = Verb::create;
  std::string key;
  std::string tag;             // of the new object; empty for remove
  Revision expected = 0;
  bool durable = true;
  Revision asked_at = 0;       // the store's revision when it was asked
  Revision event = 0;          // where it took effect; 0: not seen
};
using OpPtr = std::shared_ptr<Op>;

class Oracle {
 public:
  // The first finding; empty when there is none.
  const std::string& failure() const { return failure_; }
  void fail(std::string what);

  // A new life begins: compares what the store holds with what it may hold.
  void begin(store::Store& store, bool after_clean_stop);
  // Reads all published events.
  void drain();
  // The life ends: lets go of the store. Call after the last task ended.
  void end();

  OpPtr ask(Verb verb, const store::Key& key, std::string tag, Revision expected, bool durable);
  void answer(Op& op, const Result<ObjectPtr>& result);
  // The caller did not wait for the answer.
  void abandon(Op& op) { op.state = Op::State::abandoned; }

  void check_get(const store::Key& key);
  void check_list(const Kind& kind, const std::string& ns);

  // The order of things, for watchers: events of this life.
  struct Seen {
    Revision revision;
    const Kind* kind;
    std::string ns, key, tag;
    store::Event::Type type;
    bool durable;
    size_t bytes;
  };
  const std::vector<Seen>& events() const { return events_; }
  Revision revision() const { return revision_; }
  Revision highest() const { return highest_; }
  Revision base() const { return base_; }
  size_t objects() const { return model_.size(); }
  // The first event after `since` of the kind and namespace; null when there is none.
  const Seen* next_event(const Kind& kind, const std::string& ns, Revision since) const;

 private:
  struct State {
    Revision revision = 0;     // 0: absent
    std::string tag;
    friend bool operator==(const State&, const State&) = default;
  };
  // How a key got where it is, in this life.
  struct Step {
    Revision at;
    State state;
    bool durable;
  };
  void apply(const store::Event& event);
  void exchange_event(Op& op, Revision event);
  OpPtr op_of(const store::Event& event, const std::string& key);
  bool may_survive(const std::string& key, const State& state, Revision memory_kept) const;
  void check_survivors(const std::map<std::string, State>& found, bool after_clean_stop);
  State state_at(const std::string& key, Revision revision) const;
  std::map<std::string, State> read_all() const;

  store::Store* store_ = nullptr;
  std::vector<std::unique_ptr<store::Watch>> watches_;
  std::vector<std::optional<store::Event>> heads_;
  std::map<std::string, State> model_;
  std::map<std::string, std::vector<Step>> history_;   // of this life
  std::vector<Seen> events_;
  std::vector<OpPtr> ops_;                             // of this life
  std::map<std::string, OpPtr> by_tag_;
  Revision revision_ = 0, highest_ = 0, base_ = 0;
  bool any_life_ = false;
  std::string failure_;
};

}  // namespace kring::sim
