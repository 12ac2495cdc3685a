// Watches: every event once and in order, selections, bookmarks, streaming lists, and a bounded price for slow clients.
#include <gtest/gtest.h>

#include "tests/runtime/api/api_world.h"

namespace kring::api {
namespace {

const std::string config_maps = "/api/v1/namespaces/default/configmaps";
constexpr auto merge = "application/merge-patch+json";

std::string named(const std::string& name, const std::string& labels = "{}") {
  return R"({"metadata":{"name":")" + name + R"(","labels":)" + labels + "}}";
}

// "ADDED a", "MODIFIED a", ...
std::vector<std::string> show(const std::vector<json::Value>& events) {
  std::vector<std::string> out;
  for (const json::Value& event : events) {
    const json::Value* object = event.find("object");
    std::string line{event.string_or("type")};
    const json::Value* meta = object->find("metadata");
    if (meta != nullptr && !meta->string_or("name").empty()) line += " " + std::string{meta->string_or("name")};
    out.push_back(std::move(line));
  }
  return out;
}
using Lines = std::vector<std::string>;

std::string revision(const json::Value& event) {
  return std::string{event.at({"object", "metadata"})->string_or("resourceVersion")};
}

TEST(Watch, BeginsWithTheStateAndGoesOn) {
  ApiWorld api;
  api.post(config_maps, named("a"));
  auto watch = api.open(config_maps + "?watch=true");
  EXPECT_EQ(watch->answer.status, 200);
  EXPECT_EQ(watch->answer.content_type, "application/json");
  EXPECT_EQ(show(watch->events()), Lines{"ADDED a"});
  api.post(config_maps, named("b"));
  api.patch(config_maps + "/a", R"({"data":{"k":"v"}})", merge);
  api.del(config_maps + "/b");
  api.settle();
  EXPECT_EQ(show(watch->events()), (Lines{"ADDED b", "MODIFIED a", "DELETED b"}));
}

TEST(Watch, ResumesBehindARevision) {
  ApiWorld api;
  const Answer made = api.post(config_maps, named("a"));
  const Revision at = api.store->revision();
  api.post(config_maps, named("b"));
  auto watch = api.open(config_maps + "?watch=true&resourceVersion=" + std::to_string(at));
  EXPECT_EQ(show(watch->events()), Lines{"ADDED b"});
  auto current = api.open(config_maps + "?watch=true&resourceVersion=" + std::to_string(api.store->revision()));
  EXPECT_EQ(show(current->events()), Lines{});
  EXPECT_EQ(made.status, 201);
}

TEST(Watch, DeletedObjectsCarryTheRevisionOfTheirDeletion) {
  ApiWorld api;
  api.post(config_maps, named("a"));
  auto watch = api.open(config_maps + "?watch=true&resourceVersion=" + std::to_string(api.store->revision()));
  api.del(config_maps + "/a");
  api.settle();
  const auto events = watch->events();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(revision(events[0]), std::to_string(api.store->revision()));
}

TEST(Watch, ObjectsEnterAndLeaveASelection) {
  ApiWorld api;
  api.post(config_maps, named("a", R"({"color":"red"})"));
  auto watch = api.open(config_maps + "?watch=true&labelSelector=color%3Dred");
  EXPECT_EQ(show(watch->events()), Lines{"ADDED a"});
  api.patch(config_maps + "/a", R"({"metadata":{"labels":{"color":"blue"}}})", merge);
  api.patch(config_maps + "/a", R"({"data":{"k":"v"}})", merge);
  const Revision left = api.store->revision() - 1;
  api.patch(config_maps + "/a", R"({"metadata":{"labels":{"color":"red"}}})", merge);
  api.post(config_maps, named("b", R"({"color":"blue"})"));
  api.del(config_maps + "/b");
  api.del(config_maps + "/a");
  api.settle();
  const auto events = watch->events();
  EXPECT_EQ(show(events), (Lines{"DELETED a", "ADDED a", "DELETED a"}));
  EXPECT_EQ(revision(events[0]), std::to_string(left)) << "at the revision it left";
  EXPECT_EQ(events[0].at({"object", "metadata", "labels", "color"})->as_string(), "red") << "as it was in the selection";
}

TEST(Watch, OneObjectIsWatchedByItsName) {
  ApiWorld api;
  auto by_field = api.open(config_maps + "?watch=true&fieldSelector=metadata.name%3Da");
  auto by_path = api.open("/api/v1/watch/namespaces/default/configmaps/a");
  api.post(config_maps, named("b"));
  api.post(config_maps, named("a"));
  api.settle();
  EXPECT_EQ(show(by_field->events()), Lines{"ADDED a"});
  EXPECT_EQ(show(by_path->events()), Lines{"ADDED a"});
}

TEST(Watch, AllWatchersOfOneRevisionShareItsText) {
  ApiWorld api;
  std::vector<std::shared_ptr<Exchange>> watchers;
  for (int i = 0; i < 100; ++i) watchers.push_back(api.open(config_maps + "?watch=true"));
  api.post(config_maps, named("a"));
  api.settle();
  for (const auto& watcher : watchers) EXPECT_EQ(watcher->answer.body, watchers.front()->answer.body);
  EXPECT_EQ(show(watchers.front()->events()), Lines{"ADDED a"});
}

TEST(Watch, EndsAtItsTimeout) {
  ApiWorld api;
  auto watch = api.open(config_maps + "?watch=true&timeoutSeconds=5");
  api.seconds(4);
  EXPECT_FALSE(watch->ended);
  api.seconds(2);
  EXPECT_TRUE(watch->ended);
  EXPECT_TRUE(watch->finished) << "the stream was closed properly";
}

TEST(Watch, EndsWhenTheClientGoes) {
  ApiWorld api;
  auto watch = api.open(config_maps + "?watch=true");
  EXPECT_EQ(api.server->context().metrics.watches_open, 1u);
  EXPECT_EQ(api.store->stats().watchers, 1u);
  watch->disconnect();
  api.settle();
  EXPECT_TRUE(watch->ended);
  EXPECT_EQ(api.server->context().metrics.watches_open, 0u);
  EXPECT_EQ(api.store->stats().watchers, 0u);
}

TEST(Watch, BookmarksTellHowFarItIs) {
  ApiWorld api;
  auto with = api.open(config_maps + "?watch=true&allowWatchBookmarks=true&timeoutSeconds=300");
  auto without = api.open(config_maps + "?watch=true&timeoutSeconds=300");
  api.post("/api/v1/namespaces/default/secrets", named("s"));   // another kind: no event, but progress
  api.seconds(61);
  const auto events = with->events();
  ASSERT_EQ(show(events), Lines{"BOOKMARK"});
  EXPECT_EQ(revision(events[0]), std::to_string(api.store->revision()));
  EXPECT_EQ(events[0].at({"object"})->string_or("kind"), "ConfigMap");
  EXPECT_EQ(show(without->events()), Lines{});
}

TEST(Watch, InitialEventsEndWithABookmark) {
  ApiWorld api;
  api.post(config_maps, named("a"));
  api.post(config_maps, named("b"));
  const std::string list = config_maps + "?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
  auto watch = api.open(list + "&allowWatchBookmarks=true");
  const auto events = watch->events();
  ASSERT_EQ(show(events), (Lines{"ADDED a", "ADDED b", "BOOKMARK"}));
  EXPECT_EQ(events[2].at({"object", "metadata", "annotations", "k8s.io/initial-events-end"})->as_string(), "true");
  EXPECT_EQ(revision(events[2]), std::to_string(api.store->revision()));
  const Answer refused = api.get(config_maps + "?watch=true&sendInitialEvents=true");
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(refused.message(), "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: "
                               "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
}

TEST(Watch, ARevisionThatIsGoneIsAnErrorEvent) {
  store::Options small;
  small.watch_events_max = 8;
  ApiWorld api{1, small};
  for (int i = 0; i < 30; ++i) api.post(config_maps, named("m" + std::to_string(i)));
  auto watch = api.open(config_maps + "?watch=true&resourceVersion=1");
  EXPECT_EQ(watch->answer.status, 200);
  const auto events = watch->events();
  ASSERT_EQ(show(events), Lines{"ERROR"});
  const json::Value& status = *events[0].find("object");
  EXPECT_EQ(status.string_or("kind"), "Status");
  EXPECT_EQ(status.int_or("code", 0), 410);
  EXPECT_EQ(status.string_or("reason"), "Expired");
  EXPECT_EQ(status.string_or("message"), "too old resource version: 1 (" + std::to_string(api.store->revision()) + ")");
  EXPECT_TRUE(watch->ended);
}

TEST(Watch, ARevisionOfTheFutureIsRefused) {
  ApiWorld api;
  const Answer refused = api.get(config_maps + "?watch=true&resourceVersion=9999");
  EXPECT_EQ(refused.status, 504);
  EXPECT_TRUE(refused.message().starts_with("Too large resource version: 9999"));
}

TEST(Watch, TablesSendTheirColumnsOnce) {
  ApiWorld api;
  api.post(config_maps, named("a"));
  auto watch = api.open(config_maps + "?watch=true", "application/json;as=Table;v=v1;g=meta.k8s.io");
  api.post(config_maps, named("b"));
  api.settle();
  const auto events = watch->events();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].find("object")->string_or("kind"), "Table");
  EXPECT_TRUE(events[0].at({"object", "columnDefinitions"})->is_array());
  EXPECT_TRUE(events[1].at({"object", "columnDefinitions"})->is_null());
  EXPECT_EQ(events[1].at({"object", "rows"})->as_array().front().find("cells")->as_array().front().as_string(), "b");
}

// Security checklist A4: a flood of events does not make a client that stopped reading cost memory: it holds a cursor
// and one buffer, and is told 410 when it reads on.
TEST(Watch, AStalledClientIsBoundedAndTold410) {
  store::Options small;
  small.watch_events_max = 64;
  ApiWorld api{1, small};
  auto slow = api.open(config_maps + "?watch=true");
  auto fast = api.open(config_maps + "?watch=true");
  slow->stall();
  const std::string big(2000, 'x');
  constexpr int count = 500;
  for (int i = 0; i < count; ++i) {
    api.post(config_maps, R"({"metadata":{"name":"m)" + std::to_string(i) + R"("},"data":{"k":")" + big + "\"}}");
  }
  api.settle();
  EXPECT_EQ(fast->events().size(), static_cast<size_t>(count)) << "others are not slowed";
  slow->unstall();
  api.settle();
  const auto events = slow->events();
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events.back().string_or("type"), "ERROR");
  EXPECT_EQ(events.back().find("object")->int_or("code", 0), 410);
  EXPECT_LT(slow->answer.body.size(), 100'000u) << "what was kept for it";
  EXPECT_TRUE(slow->ended);
}

TEST(Watch, TheInProcessClientSeesItsSelection) {
  ApiWorld api;
  struct Seen {
    std::vector<std::string> lines;
  };
  auto seen = std::make_shared<Seen>();
  const auto follow = [](client::Client& client, std::shared_ptr<Seen> out) -> Task<Result<void>> {
    client::ListOptions options;
    options.label_selector = "color=red";
    auto watch = co_await client.watch(kinds::config_map(), std::move(options), 0);
    if (watch.has_error()) co_return std::move(watch).error();
    for (;;) {
      auto event = co_await (*watch)->next();
      if (event.has_error()) co_return std::move(event).error();
      const char* types[] = {"ADDED ", "MODIFIED ", "DELETED "};
      out->lines.push_back(types[static_cast<size_t>(event->type)] + std::string{event->object->name()});
    }
  };
  api.world.spawn("follow", follow, std::ref(*api.client), seen);
  api.settle();
  api.post(config_maps, named("a", R"({"color":"red"})"));
  api.post(config_maps, named("b"));
  api.patch(config_maps + "/a", R"({"metadata":{"labels":{"color":"blue"}}})", merge);
  api.settle();
  EXPECT_EQ(seen->lines, (Lines{"ADDED a", "DELETED a"}));
}

}  // namespace
}  // namespace kring::api
