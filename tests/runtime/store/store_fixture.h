// A store in the simulated world, driven from plain test code: every call runs the world until it is answered.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "objects/kinds.h"
#include "runtime/store/store.h"
#include "tests/sim/sim_world.h"
#include "tests/sim/store/oracle.h"

namespace kring::store {

class StoreTest : public ::testing::Test {
 protected:
  static constexpr const char* directory = "/data/store";

  StoreTest() {
    options.directory = directory;
    options.segment_bytes = 64 * 1024;
    options.log_grow_bytes = 8 * 1024;
    options.snapshot_after_log_bytes = 1 << 20;
    KRING_EXPECT(world.run(world.disk.make_directory("/data")));
    KRING_EXPECT(world.run(world.disk.sync_directory("/")));
  }
  ~StoreTest() override {
    if (store != nullptr) stop();
  }
  static void KRING_EXPECT(const Result<void>& result) {
    EXPECT_TRUE(result.has_value()) << (result.has_error() ? to_string(result.error()) : "");
  }

  Result<void> try_open() {
    result_ = Error{};
    auto opened = world.run(open_into(*this));
    if (opened.has_error()) return opened;
    notes = std::move(result_->notes);
    store = std::move(result_->store);
    result_ = Error{};
    world.spawn("store", run_store, std::ref(*store));
    return {};
  }
  void open() { KRING_EXPECT(try_open()); }
  void stop() {
    EXPECT_TRUE(world.stop());
    store.reset();
  }
  void cut_power() {
    EXPECT_TRUE(world.cut_power());
    store.reset();
  }
  void kill() {
    EXPECT_TRUE(world.kill());
    store.reset();
  }
  void reopen() {
    stop();
    open();
  }

  static Key key(const std::string& name, const std::string& ns = "default", const Kind& kind = kinds::config_map()) {
    return Key{&kind, ns, name};
  }
  static Key node(const std::string& name) { return Key{&kinds::node(), "", name}; }
  static Bytes object(const Key& k, const std::string& tag, size_t padding = 0) {
    return sim::sim_object(k, tag, padding);
  }

  // Starts a write without waiting; look at it after the world ran.
  struct Answer {
    bool done = false;
    Result<ObjectPtr> result{Error{}};
  };
  using AnswerPtr = std::shared_ptr<Answer>;
  AnswerPtr start_create(const Key& k, const std::string& tag, Durability durability = Durability::durable,
                         size_t padding = 0) {
    return start_create(k, object(k, tag, padding), durability);
  }
  AnswerPtr start_create(const Key& k, Bytes bytes, Durability durability = Durability::durable) {
    auto answer = std::make_shared<Answer>();
    world.spawn("create", create_one, std::ref(*store), answer, k, std::move(bytes), durability);
    return answer;
  }
  AnswerPtr start_update(const Key& k, const std::string& tag, Revision expected,
                         Durability durability = Durability::durable) {
    auto answer = std::make_shared<Answer>();
    world.spawn("update", update_one, std::ref(*store), answer, k, object(k, tag), expected, durability);
    return answer;
  }
  AnswerPtr start_remove(const Key& k, Revision expected, Durability durability = Durability::durable) {
    auto answer = std::make_shared<Answer>();
    world.spawn("remove", remove_one, std::ref(*store), answer, k, expected, durability);
    return answer;
  }
  Result<ObjectPtr> wait(const AnswerPtr& answer) {
    EXPECT_TRUE(world.run_until([&] { return answer->done; }));
    return answer->result;
  }
  Result<ObjectPtr> create(const Key& k, const std::string& tag, Durability durability = Durability::durable,
                           size_t padding = 0) {
    return wait(start_create(k, tag, durability, padding));
  }
  Result<ObjectPtr> update(const Key& k, const std::string& tag, Revision expected,
                           Durability durability = Durability::durable) {
    return wait(start_update(k, tag, expected, durability));
  }
  Result<ObjectPtr> remove(const Key& k, Revision expected, Durability durability = Durability::durable) {
    return wait(start_remove(k, expected, durability));
  }
  Result<void> snapshot() { return world.run(store->snapshot()); }
  FsckReport check() {
    report_ = Error{};
    KRING_EXPECT(world.run(fsck_into(*this)));
    return *report_;
  }

  std::string tag_of(const Key& k) {
    const ObjectPtr found = store->get(k);
    return found == nullptr ? "" : std::string{found->uid()};
  }
  static std::string path(const std::string& name) { return std::string{directory} + "/" + name; }
  std::vector<std::string> files() { return world.disk.names(directory); }
  bool noted(std::string_view text) const {
    for (const std::string& note : notes)
      if (note.find(text) != std::string::npos) return true;
    return false;
  }

  sim::SimWorld world{1};
  Options options;
  std::unique_ptr<Store> store;
  std::vector<std::string> notes;

 private:
  static Task<Result<void>> open_into(StoreTest& test) {
    auto opened = co_await store::open(test.world.env(), test.options);
    if (opened.has_error()) co_return std::move(opened).error();
    test.result_ = std::move(opened);
    co_return Result<void>{};
  }
  static Task<Result<void>> fsck_into(StoreTest& test) {
    auto report = co_await store::fsck(test.world.env(), directory);
    if (report.has_error()) co_return std::move(report).error();
    test.report_ = std::move(report);
    co_return Result<void>{};
  }
  static Task<Result<void>> run_store(Store& s) { co_return co_await s.run_loop(); }
  static Task<Result<void>> create_one(Store& s, AnswerPtr answer, Key k, Bytes bytes, Durability durability) {
    answer->result = co_await s.create(std::move(k), std::move(bytes), durability);
    answer->done = true;
    co_return Result<void>{};
  }
  static Task<Result<void>> update_one(Store& s, AnswerPtr answer, Key k, Bytes bytes, Revision expected,
                                       Durability durability) {
    answer->result = co_await s.update(std::move(k), std::move(bytes), expected, durability);
    answer->done = true;
    co_return Result<void>{};
  }
  static Task<Result<void>> remove_one(Store& s, AnswerPtr answer, Key k, Revision expected, Durability durability) {
    answer->result = co_await s.remove(std::move(k), expected, durability);
    answer->done = true;
    co_return Result<void>{};
  }
  Result<Opened> result_{Error{}};
  Result<FsckReport> report_{Error{}};
};

}  // namespace kring::store
