// pods/log: what reaches the node agent, and what is refused before.
#include <gtest/gtest.h>

#include "tests/runtime/api/api_world.h"

namespace kring::api {
namespace {

const std::string pods = "/api/v1/namespaces/default/pods";

class FakeNode final : public NodeAccess {
 public:
  Task<Result<void>> stream_log(LogQuery query, http::Reply& reply) override {
    asked = query;
    if (query.container == "broken") co_return Error{Reason::bad_request, "container \"broken\" is waiting to start"};
    std::vector<http::Header> none;
    KRING_CO_TRY_VOID(co_await reply.begin(200, "text/plain", std::move(none)));
    KRING_CO_TRY_VOID(co_await reply.chunk("hello\n"));
    co_return co_await reply.end();
  }
  LogQuery asked;
};

struct Logs : ::testing::Test {
  ApiWorld api;
  FakeNode node;
  std::unique_ptr<ApiServer> own;
  void SetUp() override {
    own = std::make_unique<ApiServer>(
        ApiServerParts{api.world.env(), *api.registry, *api.authenticator, *api.authorizer, &node, nullptr, {}});
    api.server.swap(own);
    api.post(pods, R"({"metadata":{"name":"two"},"spec":{"nodeName":"n","containers":[{"name":"a","image":"i"},
        {"name":"broken","image":"i"}],"initContainers":[{"name":"first","image":"i"}]}})");
    api.post(pods, ApiWorld::pod("p", "{}", "n"));
  }
};

TEST_F(Logs, TheOnlyContainerIsMeant) {
  const Answer log = api.get(pods + "/p/log?tailLines=5&timestamps=true&sinceSeconds=60&limitBytes=100");
  EXPECT_EQ(log.status, 200);
  EXPECT_EQ(log.body, "hello\n");
  EXPECT_EQ(log.content_type, "text/plain");
  EXPECT_EQ(node.asked.container, "app");
  EXPECT_EQ(node.asked.tail_lines, 5);
  EXPECT_EQ(node.asked.since_seconds, 60);
  EXPECT_EQ(node.asked.limit_bytes, 100);
  EXPECT_TRUE(node.asked.timestamps);
  EXPECT_FALSE(node.asked.follow);
}

TEST_F(Logs, AContainerMustBeChosenWhereThereAreSeveral) {
  const Answer refused = api.get(pods + "/two/log");
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.message(), "a container name must be specified for pod two, choose one of: [a broken] or one of the "
                               "init containers: [first]");
  EXPECT_EQ(api.get(pods + "/two/log?container=first").status, 200);
  const Answer wrong = api.get(pods + "/two/log?container=x");
  EXPECT_EQ(wrong.status, 400);
  EXPECT_EQ(wrong.message(), "container x is not valid for pod two");
}

TEST_F(Logs, TheNodesRefusalIsAStatus) {
  const Answer refused = api.get(pods + "/two/log?container=broken");
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.message(), "container \"broken\" is waiting to start");
}

TEST_F(Logs, OptionsAreChecked) {
  EXPECT_EQ(api.get(pods + "/p/log?tailLines=-1").status, 422);
  EXPECT_EQ(api.get(pods + "/p/log?tailLines=x").status, 400);
  EXPECT_EQ(api.get(pods + "/p/log?limitBytes=0").status, 422);
  EXPECT_EQ(api.get(pods + "/p/log?sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z").status, 400);
  EXPECT_EQ(api.get(pods + "/none/log").status, 404);
}

TEST_F(Logs, SubresourcesThatAreNotServedSaySo) {
  const Answer refused = api.post(pods + "/p/exec?command=ls", "");
  EXPECT_EQ(refused.status, 405) << refused.body;
}

}  // namespace
}  // namespace kring::api
