#include "tests/sim/store/oracle.h"

#include <algorithm>

#include "objects/check.h"
#include "objects/schema/meta_generated.h"

namespace kring::sim {

std::vector<const Kind*> sim_kinds() {
  return {&kinds::config_map(), &kinds::secret(), &kinds::pod(), &kinds::node()};
}

Bytes sim_object(const store::Key& key, const std::string& tag, size_t padding) {
  flatbuffers::FlatBufferBuilder builder;
  const auto name = builder.CreateString(key.name);
  const auto ns = key.ns.empty() ? flatbuffers::Offset<flatbuffers::String>{} : builder.CreateString(key.ns);
  const auto uid = builder.CreateString(tag);
  const auto filler = builder.CreateString(std::string(padding, 'x'));
  meta::ObjectMetaBuilder metadata{builder};
  metadata.add_name(name);
  if (!key.ns.empty()) metadata.add_namespace_(ns);
  metadata.add_uid(uid);
  metadata.add_generate_name(filler);
  const auto meta = metadata.Finish();
  // Every kind's table begins with apiVersion, kind and metadata.
  constexpr flatbuffers::voffset_t metadata_slot = 8;
  const auto start = builder.StartTable();
  builder.AddOffset(metadata_slot, meta);
  builder.Finish(flatbuffers::Offset<flatbuffers::Table>{builder.EndTable(start)});
  return own(builder.Release());
}

std::string key_text(const Kind& kind, std::string_view ns, std::string_view name) {
  return std::string{kind.plural} + "/" + std::string{ns} + "/" + std::string{name};
}

namespace {

std::string key_text(const Object& object) { return sim::key_text(object.kind(), object.ns(), object.name()); }

std::string text(Revision revision) { return std::to_string(revision); }

}  // namespace

void Oracle::fail(std::string what) {
  if (failure_.empty()) failure_ = std::move(what);
}

std::map<std::string, Oracle::State> Oracle::read_all() const {
  std::map<std::string, State> found;
  for (const Kind* kind : sim_kinds())
    for (const ObjectPtr& object : store_->list(*kind, {}).objects)
      found[key_text(*object)] = State{object->revision(), std::string{object->uid()}};
  return found;
}

void Oracle::begin(store::Store& store, bool after_clean_stop) {
  store_ = &store;
  const Revision now = store.revision();
  const auto found = read_all();
  if (now < highest_) fail("revision went back to " + text(now) + " from " + text(highest_));
  if (after_clean_stop && now != highest_)
    fail("a clean restart changed the revision from " + text(highest_) + " to " + text(now));
  if (any_life_) check_survivors(found, after_clean_stop);
  for (const auto& [key, state] : found)
    if (state.revision > now) fail(key + " has revision " + text(state.revision) + " above the store's " + text(now));
  any_life_ = true;
  model_ = found;
  history_.clear();
  events_.clear();
  ops_.clear();
  by_tag_.clear();
  base_ = revision_ = highest_ = now;
  for (const Kind* kind : sim_kinds()) {
    auto watch = store.watch(*kind, {}, now == 0 ? 0 : now);
    if (watch.has_error()) {
      fail("watch at the current revision: " + to_string(watch.error()));
      return;
    }
    watches_.push_back(std::move(*watch));
    heads_.emplace_back();
  }
  if (now > 0 && store.watch(kinds::pod(), {}, now + 1).has_value()) fail("a watch from the future is accepted");
  if (now > 1 && store.watch(kinds::pod(), {}, now - 1).has_value())
    fail("a watch from before the restart is accepted, though its events are gone");
}

void Oracle::end() {
  drain();
  watches_.clear();
  heads_.clear();
  store_ = nullptr;
}

// The state a key had after the events up to `revision`.
Oracle::State Oracle::state_at(const std::string& key, Revision revision) const {
  const auto it = history_.find(key);
  State state;
  if (it == history_.end()) {
    const auto in_model = model_.find(key);
    return in_model == model_.end() ? state : in_model->second;
  }
  for (const Step& step : it->second) {
    if (step.at > revision) break;
    state = step.state;
  }
  return state;
}

// A key may be in any state it had since its last durable event, but not in one before the last event that a kept
// memory-only write proves to be in the same snapshot; or in the state an unanswered durable write would have made.
bool Oracle::may_survive(const std::string& key, const State& state, Revision memory_kept) const {
  const auto it = history_.find(key);
  if (it == history_.end()) {
    const auto in_model = model_.find(key);
    if ((in_model == model_.end() ? State{} : in_model->second) == state) return true;
  } else {
    const auto& steps = it->second;
    for (size_t i = steps.size(); i > 0; --i) {
      const Step& step = steps[i - 1];
      if (step.state == state) return true;
      if (step.durable || step.at <= memory_kept) break;
    }
  }
  for (const OpPtr& op : ops_) {
    const bool unknown = op->state == Op::State::pending || op->state == Op::State::abandoned ||
                         op->state == Op::State::unavailable;
    if (!unknown || !op->durable || op->key != key || op->event != 0) continue;
    if (op->verb == Verb::remove ? state.revision == 0 : state.tag == op->tag && state.revision > revision_) return true;
  }
  return false;
}

void Oracle::check_survivors(const std::map<std::string, State>& found, bool after_clean_stop) {
  if (after_clean_stop) {
    if (found != model_) fail("a clean restart changed the objects");
    return;
  }
  // The newest memory-only event that survived: everything before it was in the same snapshot.
  Revision memory_kept = 0;
  for (const auto& [key, steps] : history_) {
    const auto it = found.find(key);
    if (it == found.end()) continue;
    for (const Step& step : steps)
      if (!step.durable && step.state == it->second) memory_kept = std::max(memory_kept, step.at);
  }
  std::set<std::string> keys;
  for (const auto& [key, state] : found) keys.insert(key);
  for (const auto& [key, state] : model_) keys.insert(key);
  for (const auto& [key, steps] : history_) keys.insert(key);
  for (const std::string& key : keys) {
    const auto it = found.find(key);
    const State state = it == found.end() ? State{} : it->second;
    if (may_survive(key, state, memory_kept)) continue;
    const State last = state_at(key, revision_);
    fail("after the crash " + key + " is " + (state.revision == 0 ? "absent" : state.tag + "@" + text(state.revision)) +
         "; it was " + (last.revision == 0 ? "absent" : last.tag + "@" + text(last.revision)));
  }
}

void Oracle::drain() {
  while (failure_.empty()) {
    std::optional<size_t> first;
    for (size_t i = 0; i < watches_.size(); ++i) {
      if (!heads_[i].has_value()) {
        auto next = watches_[i]->try_next();
        if (next.has_error()) return fail("the oracle's watch: " + to_string(next.error()));
        heads_[i] = std::move(*next);
      }
      if (!heads_[i].has_value()) continue;
      if (!first.has_value() || heads_[i]->object->revision() < heads_[*first]->object->revision()) first = i;
    }
    if (!first.has_value()) break;
    apply(*heads_[*first]);
    heads_[*first].reset();
  }
  if (failure_.empty() && store_->revision() != revision_)
    fail("the store is at revision " + text(store_->revision()) + " but its last event is " + text(revision_));
}

OpPtr Oracle::op_of(const store::Event& event, const std::string& key) {
  if (event.type != store::Event::Type::deleted) {
    const auto it = by_tag_.find(std::string{event.object->uid()});
    return it == by_tag_.end() ? nullptr : it->second;
  }
  for (const OpPtr& op : ops_) {
    const bool open = op->state == Op::State::pending || op->state == Op::State::abandoned;
    if (open && op->verb == Verb::remove && op->key == key && op->event == 0 &&
        op->expected == event.previous->revision())
      return op;
  }
  return nullptr;
}

void Oracle::apply(const store::Event& event) {
  using Type = store::Event::Type;
  const std::string key = key_text(*event.object);
  const Revision at = event.object->revision();
  const std::string where = "event " + text(at) + " of " + key;
  if (at != revision_ + 1) return fail(where + " follows revision " + text(revision_));
  const auto it = model_.find(key);
  const State before = it == model_.end() ? State{} : it->second;
  const State claimed = event.previous == nullptr
                            ? State{}
                            : State{event.previous->revision(), std::string{event.previous->uid()}};
  if (claimed != before) return fail(where + " does not follow the state before it");
  if ((event.type == Type::added) != (before.revision == 0)) return fail(where + " is of the wrong type");

  const OpPtr op = op_of(event, key);
  if (op == nullptr) return fail(where + " was asked for by nobody");
  if (op->event != 0) return fail(where + " takes effect twice");
  if (op->state == Op::State::refused || op->state == Op::State::unavailable)
    return fail(where + " takes effect though it was refused");
  if (op->key != key) return fail(where + " was asked for another key");
  if (op->verb != Verb::create && op->expected != before.revision)
    return fail(where + " replaces revision " + text(before.revision) + " but expected " + text(op->expected));
  op->event = at;

  auto& steps = history_[key];
  if (steps.empty()) steps.push_back({base_, before, true});
  State after{at, std::string{event.object->uid()}};
  if (event.type == Type::deleted) after = State{};
  steps.push_back({at, after, op->durable});
  if (event.type == Type::deleted) {
    model_.erase(key);
  } else {
    model_[key] = after;
  }
  const size_t bytes = event.object->bytes().size() + (event.previous == nullptr ? 0 : event.previous->bytes().size());
  events_.push_back({at, &event.object->kind(), std::string{event.object->ns()}, key, std::string{event.object->uid()},
                     event.type, op->durable, bytes});
  revision_ = highest_ = at;
}

OpPtr Oracle::ask(Verb verb, const store::Key& key, std::string tag, Revision expected, bool durable) {
  drain();
  auto op = std::make_shared<Op>();
  op->verb = verb;
  op->key = key_text(key);
  op->tag = std::move(tag);
  op->expected = expected;
  op->durable = durable;
  op->asked_at = revision_;
  ops_.push_back(op);
  if (!op->tag.empty()) by_tag_[op->tag] = op;
  return op;
}

// Of several removals that expect the same revision, the event does not say whose it is; the answer does.
void Oracle::exchange_event(Op& op, Revision event) {
  for (const OpPtr& other : ops_) {
    const bool same = other.get() != &op && other->verb == Verb::remove && other->event == event &&
                      other->key == op.key && other->expected == op.expected;
    const bool open = other->state == Op::State::pending || other->state == Op::State::abandoned;
    if (!same || !open) continue;
    std::swap(op.event, other->event);
    const Op& owner = op.event != 0 ? op : *other;
    for (Step& step : history_[op.key])
      if (step.at == owner.event) step.durable = owner.durable;
    return;
  }
}

void Oracle::answer(Op& op, const Result<ObjectPtr>& result) {
  drain();
  const std::string what = op.key + " " + op.tag;
  if (result.has_value()) {
    op.state = Op::State::acked;
    const Object& object = **result;
    if (op.event == 0 && op.verb == Verb::remove) exchange_event(op, object.revision());
    if (op.event == 0) return fail(what + " was acknowledged but is in no event");
    if (object.revision() != op.event) return fail(what + " was acknowledged with the wrong revision");
    if (op.event <= op.asked_at) return fail(what + " took effect before it was asked");
    if (op.verb != Verb::remove && object.uid() != op.tag) return fail(what + " was answered with another object");
    return;
  }
  const Reason reason = result.error().reason;
  if (op.event != 0 && op.verb == Verb::remove && reason != Reason::canceled) exchange_event(op, 0);
  if (op.event != 0 && reason != Reason::canceled) return fail(what + " took effect and was answered with an error");
  if (reason == Reason::canceled) {
    op.state = Op::State::abandoned;
    return;
  }
  if (reason == Reason::service_unavailable) {
    op.state = Op::State::unavailable;
    return;
  }
  op.state = Op::State::refused;
  // Some moment between question and answer must justify the refusal.
  const auto justified = [&](const State& state) {
    if (reason == Reason::already_exists) return op.verb == Verb::create && state.revision != 0;
    if (reason == Reason::not_found) return op.verb != Verb::create && state.revision == 0;
    if (reason == Reason::conflict)
      return op.verb != Verb::create && state.revision != 0 && state.revision != op.expected;
    return false;
  };
  if (justified(state_at(op.key, op.asked_at))) return;
  const auto it = history_.find(op.key);
  if (it != history_.end())
    for (const Step& step : it->second)
      if (step.at > op.asked_at && justified(step.state)) return;
  fail(what + " was refused without a reason: " + to_string(result.error()));
}

void Oracle::check_get(const store::Key& key) {
  drain();
  if (!failure_.empty()) return;
  const ObjectPtr object = store_->get(key);
  const State found = object == nullptr ? State{} : State{object->revision(), std::string{object->uid()}};
  const auto it = model_.find(key_text(key));
  if (found != (it == model_.end() ? State{} : it->second)) fail("get of " + key_text(key) + " is not its last state");
}

void Oracle::check_list(const Kind& kind, const std::string& ns) {
  drain();
  if (!failure_.empty()) return;
  const auto list = store_->list(kind, ns);
  if (list.revision != revision_) return fail("a list has revision " + text(list.revision) + ", not " + text(revision_));
  const std::string prefix = std::string{kind.plural} + "/" + (ns.empty() ? "" : ns + "/");
  std::vector<std::pair<std::string, State>> expected, found;
  for (const auto& [key, state] : model_)
    if (key.starts_with(prefix)) expected.emplace_back(key, state);
  for (const ObjectPtr& object : list.objects)
    found.emplace_back(key_text(*object), State{object->revision(), std::string{object->uid()}});
  if (found != expected) fail("a list of " + prefix + " is not the state at its revision, or not in order");
  if (ns.empty() && store_->count(kind) != expected.size()) fail("count of " + prefix + " is wrong");
}

const Oracle::Seen* Oracle::next_event(const Kind& kind, const std::string& ns, Revision since) const {
  auto it = std::partition_point(events_.begin(), events_.end(), [&](const Seen& e) { return e.revision <= since; });
  for (; it != events_.end(); ++it)
    if (it->kind == &kind && (ns.empty() || it->ns == ns)) return &*it;
  return nullptr;
}

}  // namespace kring::sim
