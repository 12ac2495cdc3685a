#include <algorithm>

#include "runtime/controllers/garbage_collector.h"

namespace kring::controllers {

namespace {

// Objects that are too many and too short-lived to have dependents, and are never owned.
bool followed(const Kind& kind) {
  return kind.stored && &kind != &kinds::event() && (kind.verbs & verb_list) != 0 && (kind.verbs & verb_delete) != 0;
}

client::ObjectName name_of(const Owned& object) { return {object.ns, object.name}; }

bool gone(const Error& error) { return error.reason == Reason::not_found; }

}  // namespace

GarbageCollector::GarbageCollector(Env& env, client::Client& client)
    : env_(env), client_(client), queue_(env), tasks_(env, "garbage collector") {
  for (const Kind& kind : all_kinds()) {
    if (!followed(kind)) continue;
    informers_.push_back(std::make_unique<client::Informer>(env, client, kind));
    informers_.back()->on_event([this](const store::Event& event) { on_event(event); });
  }
}

Task<Result<void>> GarbageCollector::garbage_collector_loop() {
  for (auto& informer : informers_)
    tasks_.spawn("follow " + std::string{informer->kind().plural}, &client::Informer::informer_loop,
                 std::ref(*informer));
  tasks_.spawn("collect", &GarbageCollector::work_loop, std::ref(*this));
  co_return co_await tasks_.join();
}

void GarbageCollector::on_event(const store::Event& event) {
  std::set<std::string> look = event.type == store::Event::Type::deleted
                                   ? graph_.erase(std::string{event.object->uid()})
                                   : graph_.put(read_owned(*event.object));
  for (const auto& uid : look) queue_.add(uid);
}

Task<Result<void>> GarbageCollector::work_loop() {
  // Until everything was seen once, an owner that is missing may only be late.
  for (auto& informer : informers_) {
    auto synced = co_await informer->wait_synced();
    if (synced.has_error()) co_return synced;
  }
  while (true) {
    auto uid = co_await queue_.pop();
    if (uid.has_error()) co_return uid.error();
    auto done = co_await reconcile(*uid);
    if (done.has_error() && done.error().reason == Reason::canceled) co_return done;
    if (done.has_error()) {
      env_.log.warn("not collected", {{"uid", *uid}, {"error", done.error()}});
      queue_.retry(*uid);
    } else {
      queue_.done(*uid);
    }
  }
}

// The uids among an object's owners that are there although the graph does not show them: asked of the API itself, for
// a watch may be behind.
Task<Result<std::set<std::string>>> GarbageCollector::find_existing(Owned object) {
  std::set<std::string> out;
  for (const auto& owner : object.owners) {
    if (graph_.find(owner.uid) != nullptr) continue;
    const Served* served = find_served(owner.api_version, owner.kind);
    if (served == nullptr) {
      out.insert(owner.uid);  // a kind that is not known here: not ours to judge
      continue;
    }
    bool cluster_scoped = !served->kind->namespaced;
    client::ObjectName name{cluster_scoped ? std::string{} : object.ns, owner.name};
    if (!cluster_scoped && object.ns.empty()) {
      out.insert(owner.uid);  // a cluster-scoped object cannot have a namespaced owner; Kubernetes leaves it alone
      continue;
    }
    auto found = co_await client_.get(*served->kind, std::move(name));
    if (found.has_error() && !gone(found.error())) co_return found.error();
    if (found.has_value() && (*found)->uid() == owner.uid) out.insert(owner.uid);
  }
  co_return out;
}

Task<Result<void>> GarbageCollector::reconcile(std::string uid) {
  const Owned* known = graph_.find(uid);
  if (known == nullptr) co_return Result<void>{};
  Owned object = *known;
  auto existing = co_await find_existing(object);
  if (existing.has_error()) co_return existing.error();
  known = graph_.find(uid);
  if (known == nullptr) co_return Result<void>{};
  object = *known;
  Collection todo = collect(graph_, object, [&](const Owner& owner) { return existing->contains(owner.uid); });
  switch (todo.what) {
    case Collection::What::nothing:
      co_return Result<void>{};
    case Collection::What::remove:
      co_return co_await remove(std::move(object), std::move(todo.propagation));
    case Collection::What::drop_owners:
      co_return co_await drop_owners(std::move(object), std::move(todo.owners));
    case Collection::What::release_dependents:
      co_return co_await release_dependents(std::move(object));
    case Collection::What::remove_dependents:
      co_return co_await remove_dependents(std::move(object));
    case Collection::What::finish_foreground:
      co_return co_await drop_finalizer(std::move(object), "foregroundDeletion");
  }
  co_return Result<void>{};
}

Task<Result<void>> GarbageCollector::remove(Owned object, std::string propagation) {
  client::DeleteOptions options;
  options.uid = object.uid;
  options.propagation = std::move(propagation);
  auto removed = co_await client_.remove(*object.kind, name_of(object), std::move(options));
  if (removed.has_error() && (gone(removed.error()) || removed.error().reason == Reason::conflict))
    co_return Result<void>{};
  if (!removed.has_error())
    env_.log.info("collected", {{"kind", object.kind->kind}, {"object", object.ns + "/" + object.name}});
  co_return removed;
}

Task<Result<void>> GarbageCollector::drop_owners(Owned object, std::set<std::string> uids) {
  auto edit = [&](json::Value& value) {
    json::Value* metadata = value.find("metadata");
    if (metadata == nullptr || metadata->string_or("uid") != object.uid) return false;
    json::Array& owners = metadata->array("ownerReferences");
    auto dropped =
        std::erase_if(owners, [&](const json::Value& it) { return uids.contains(std::string{it.string_or("uid")}); });
    if (owners.empty()) metadata->as_object().erase("ownerReferences");
    return dropped > 0;
  };
  auto edited = co_await client::edit(client_, *object.kind, name_of(object), {}, {}, edit);
  if (edited.has_error() && !gone(edited.error())) co_return edited.error();
  co_return Result<void>{};
}

Task<Result<void>> GarbageCollector::drop_finalizer(Owned object, std::string finalizer) {
  auto edit = [&](json::Value& value) {
    json::Value* metadata = value.find("metadata");
    if (metadata == nullptr || metadata->string_or("uid") != object.uid) return false;
    json::Array& list = metadata->array("finalizers");
    auto dropped =
        std::erase_if(list, [&](const json::Value& it) { return it.is_string() && it.as_string() == finalizer; });
    return dropped > 0;
  };
  auto edited = co_await client::edit(client_, *object.kind, name_of(object), {}, {}, edit);
  if (edited.has_error() && !gone(edited.error())) co_return edited.error();
  co_return Result<void>{};
}

Task<Result<void>> GarbageCollector::release_dependents(Owned object) {
  std::vector<Owned> dependents;
  for (const auto* it : graph_.dependents(object.uid)) dependents.push_back(*it);
  for (auto& dependent : dependents) {
    std::set<std::string> uids{object.uid};
    auto dropped = co_await drop_owners(std::move(dependent), std::move(uids));
    if (dropped.has_error()) co_return dropped;
  }
  co_return co_await drop_finalizer(std::move(object), "orphan");
}

Task<Result<void>> GarbageCollector::remove_dependents(Owned object) {
  std::vector<Owned> dependents;
  for (const auto* it : graph_.dependents(object.uid)) dependents.push_back(*it);
  bool blocked = false;
  for (auto& dependent : dependents) {
    for (const auto& owner : dependent.owners) blocked |= owner.uid == object.uid && owner.blocks;
    // A dependent with another owner that stays only loses this one; its own look decides.
    queue_.add(dependent.uid);
  }
  if (blocked) co_return Result<void>{};
  co_return co_await drop_finalizer(std::move(object), "foregroundDeletion");
}

}  // namespace kring::controllers
