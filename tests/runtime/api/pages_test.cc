// What is not a resource: health, version, metrics, discovery's door, 404; who may see it; and errors of the router.
#include <gtest/gtest.h>

#include "tests/runtime/api/api_world.h"

namespace kring::api {
namespace {

TEST(Pages, HealthIsTerseUnlessAsked) {
  ApiWorld api;
  EXPECT_EQ(api.get("/healthz").status, 500) << "not ready yet";
  EXPECT_EQ(api.get("/livez").body, "ok");
  api.server->set_ready(true);
  EXPECT_EQ(api.get("/readyz").body, "ok");
  EXPECT_EQ(api.get("/readyz?verbose").body,
            "[+]ping ok\n[+]log ok\n[+]etcd ok\n[+]poststarthook/kring ok\n[+]shutdown ok\nreadyz check passed\n");
  EXPECT_EQ(api.get("/livez/ping").body, "ok");
  EXPECT_EQ(api.get("/livez/nothing").status, 404);
  api.server->stop();
  const Answer stopping = api.get("/readyz");
  EXPECT_EQ(stopping.status, 500);
  EXPECT_NE(stopping.body.find("[-]shutdown failed: reason withheld\n"), std::string::npos);
  EXPECT_NE(stopping.body.find("readyz check failed"), std::string::npos);
  EXPECT_EQ(api.get("/readyz?exclude=shutdown&exclude=poststarthook/kring").status, 200);
}

TEST(Pages, VersionIsKubernetes133) {
  ApiWorld api;
  const json::Value version = api.get("/version").value();
  EXPECT_EQ(version.string_or("major"), "1");
  EXPECT_EQ(version.string_or("minor"), "33");
  EXPECT_TRUE(version.string_or("gitVersion").starts_with("v1.33.0+kring-"));
  EXPECT_TRUE(version.string_or("platform").starts_with("linux/"));
}

TEST(Pages, UnknownPathsAre404InPlainText) {
  ApiWorld api;
  for (const std::string path : {"/nothing", "/api/v2/pods", "/apis/none.example.com/v1/things", "/api/v1/things",
                                 "/api/v1/namespaces/default/nodes", "/api/v1/namespaces/default/pods/p/nothing"}) {
    const Answer answer = api.get(path);
    EXPECT_EQ(answer.status, 404) << path;
    EXPECT_EQ(answer.body, "404 page not found\n") << path;
  }
}

TEST(Pages, TheRootListsPaths) {
  ApiWorld api;
  const Answer root = api.get("/");
  EXPECT_EQ(root.status, 200);
  EXPECT_NE(root.body.find("\"/apis/apps/v1\""), std::string::npos);
  EXPECT_NE(root.body.find("\"/healthz\""), std::string::npos);
}

TEST(Pages, MethodsThatAResourceLacksAre405) {
  ApiWorld api;
  EXPECT_EQ(api.put("/api/v1/namespaces/default/pods", "{}").status, 405);
  const Answer post = api.post("/api/v1/namespaces/default/pods/p", "{}");
  EXPECT_EQ(post.status, 405);
  EXPECT_EQ(post.reason(), "MethodNotAllowed");
  EXPECT_EQ(post.message(), "the server does not allow this method on the requested resource");
}

TEST(Pages, MetricsCountRequestsByVerbResourceAndCode) {
  ApiWorld api;
  api.get("/api/v1/namespaces/default/pods");
  api.get("/api/v1/namespaces/default/pods/none");
  const Answer metrics = api.get("/metrics");
  EXPECT_TRUE(metrics.content_type.starts_with("text/plain; version=0.0.4"));
  EXPECT_NE(metrics.body.find("apiserver_request_total{verb=\"list\",group=\"\",version=\"v1\",resource=\"pods\","
                              "subresource=\"\",code=\"200\"} 1\n"),
            std::string::npos);
  EXPECT_NE(metrics.body.find("resource=\"pods\",subresource=\"\",code=\"404\"} 1\n"), std::string::npos);
  EXPECT_NE(metrics.body.find("kring_store_revision " + std::to_string(api.store->revision()) + '\n'),
            std::string::npos);
}

TEST(Pages, MadeUpPathsMakeNoMetrics) {
  ApiWorld api;
  for (int i = 0; i < 100; ++i) api.get("/api/v1/invented" + std::to_string(i));
  const std::string body = api.get("/metrics").body;
  EXPECT_EQ(body.find("invented"), std::string::npos);
}

// Security checklist A6: no path but health and version answers to nobody in particular.
TEST(Access, AnonymousSeesHealthAndVersionOnly) {
  ApiWorld api;
  api.server->set_ready(true);
  api.peer = http::Peer{};
  api.peer.tls = true;
  for (const std::string path : {"/healthz", "/livez", "/readyz", "/version", "/readyz/ping"}) {
    EXPECT_EQ(api.get(path).status, 200) << path;
  }
  for (const std::string path : {"/", "/api", "/apis", "/api/v1", "/metrics", "/openapi/v2", "/openapi/v3", "/nothing",
                                 "/healthzz", "/api/v1/pods", "/api/v1/namespaces/default/secrets/s",
                                 "/api/v1/namespaces/default/pods/p/log", "/api/v1/watch/pods"}) {
    const Answer refused = api.get(path);
    EXPECT_EQ(refused.status, 403) << path;
    EXPECT_EQ(refused.reason(), "Forbidden") << path;
  }
  EXPECT_EQ(api.get("/api/v1/namespaces/default/pods/p/log").message(),
            "pods \"p\" is forbidden: User \"system:anonymous\" cannot get resource \"pods/log\" in API group \"\" in the "
            "namespace \"default\"");
  EXPECT_EQ(api.get("/api/v1/nodes").message(),
            "nodes is forbidden: User \"system:anonymous\" cannot list resource \"nodes\" in API group \"\" at the "
            "cluster scope");
  EXPECT_EQ(api.get("/metrics").message(), "forbidden: User \"system:anonymous\" cannot get path \"/metrics\"");
  EXPECT_EQ(api.post("/healthz", "").status, 403);
}

TEST(Access, ClientCertificatesSayWhoAsks) {
  ApiWorld api;
  api.peer = http::Peer{};
  api.peer.tls = true;
  api.peer.certificate = true;
  api.peer.common_name = "jane";
  api.peer.organizations = {"developers"};
  EXPECT_EQ(api.get("/api/v1/pods").status, 403);
  api.peer.organizations = {"system:masters"};
  EXPECT_EQ(api.get("/api/v1/pods").status, 200);
}

TEST(Access, ABearerTokenThatNobodyIssuedIsUnauthorized) {
  ApiWorld api;
  api.peer = http::Peer{};
  http::Request request = ApiWorld::request("GET", "/version");
  request.headers.push_back({"Authorization", "Bearer abc"});
  const Answer refused = api.send(std::move(request));
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.reason(), "Unauthorized");
  EXPECT_EQ(refused.message(), "Unauthorized");
}

TEST(Access, OnlyRootIsAdminOnTheSocket) {
  ApiWorld api;
  api.peer.unix_uid = 1000;
  EXPECT_EQ(api.get("/api/v1/pods").status, 403);
}

}  // namespace
}  // namespace kring::api
