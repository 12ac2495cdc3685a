#include "tests/sim/store/broken_store.h"

#include <array>
#include <utility>

namespace kring::sim {
namespace {

constexpr std::array<std::pair<std::string_view, Break>, 7> names{{{"sync", Break::sync},
                                                                   {"list", Break::list},
                                                                   {"watch", Break::watch},
                                                                   {"cas", Break::cas},
                                                                   {"refuse", Break::refuse},
                                                                   {"leak", Break::leak},
                                                                   {"idle", Break::idle}}};

class LossyWatch final : public store::Watch {
 public:
  explicit LossyWatch(std::unique_ptr<store::Watch> watch) : watch_(std::move(watch)) {}
  Task<Result<store::Event>> next() override {
    auto event = co_await watch_->next();
    if (event.has_value() && ++count_ % 7 == 0) co_return co_await watch_->next();
    co_return event;
  }
  Result<std::optional<store::Event>> try_next() override { return watch_->try_next(); }
  Revision seen() const override { return watch_->seen(); }

 private:
  std::unique_ptr<store::Watch> watch_;
  uint32_t count_ = 0;
};

class BrokenStore final : public store::Store {
 public:
  BrokenStore(std::unique_ptr<store::Store> store, Break what) : store_(std::move(store)), what_(what) {}

  ObjectPtr get(const store::Key& key) const override { return store_->get(key); }
  store::ListResult list(const Kind& kind, std::string_view ns) const override {
    auto result = store_->list(kind, ns);
    if (what_ == Break::list && result.objects.size() > 3) result.objects.pop_back();
    return result;
  }
  size_t count(const Kind& kind) const override { return store_->count(kind); }
  Revision revision() const override { return store_->revision(); }
  Task<Result<ObjectPtr>> create(store::Key key, Bytes bytes, store::Durability durability) override {
    auto result = co_await store_->create(std::move(key), std::move(bytes), durability);
    if (what_ == Break::refuse && result.has_value() && ++count_ % 5 == 0)
      co_return Error{Reason::service_unavailable, "not really"};
    co_return result;
  }
  Task<Result<ObjectPtr>> update(store::Key key, Bytes bytes, Revision expected,
                                 store::Durability durability) override {
    const auto current = store_->get(key);
    if (what_ == Break::cas && current != nullptr) expected = current->revision();
    co_return co_await store_->update(std::move(key), std::move(bytes), expected, durability);
  }
  Task<Result<ObjectPtr>> remove(store::Key key, Revision expected, store::Durability durability) override {
    co_return co_await store_->remove(std::move(key), expected, durability);
  }
  Result<std::unique_ptr<store::Watch>> watch(const Kind& kind, std::string ns, Revision since) override {
    auto result = store_->watch(kind, std::move(ns), since);
    if (what_ != Break::watch || result.has_error()) return result;
    return std::unique_ptr<store::Watch>{std::make_unique<LossyWatch>(std::move(*result))};
  }
  store::Stats stats() const override { return store_->stats(); }
  Task<Result<void>> snapshot() override { return store_->snapshot(); }
  Task<Result<void>> run_loop() override { return store_->run_loop(); }

 private:
  std::unique_ptr<store::Store> store_;
  Break what_;
  uint32_t count_ = 0;
};

}  // namespace

std::optional<Break> break_of(std::string_view name) {
  for (const auto& [text, what] : names)
    if (text == name) return what;
  return std::nullopt;
}

std::string_view break_names() { return "sync, list, watch, cas, refuse, leak, idle"; }

std::unique_ptr<store::Store> broken(std::unique_ptr<store::Store> store, Break what) {
  if (what == Break::nothing) return store;
  return std::make_unique<BrokenStore>(std::move(store), what);
}

}  // namespace kring::sim
