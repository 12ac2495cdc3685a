// What a pod becomes on its way in: account, token volume, priority, tolerations, limit ranges.
#include <gtest/gtest.h>

#include "tests/runtime/api/api_world.h"

namespace kring::api {
namespace {

const std::string pods = "/api/v1/namespaces/default/pods";
const std::string accounts = "/api/v1/namespaces/default/serviceaccounts";

std::string pod_with(const std::string& spec) {
  return R"({"metadata":{"name":"p"},"spec":{"containers":[{"name":"app","image":"i"}])" + spec + "}}";
}

TEST(Admission, PodsGetTheDefaultAccountAndItsToken) {
  ApiWorld api;
  const Answer made = api.post(pods, pod_with(""));
  ASSERT_EQ(made.status, 201) << made.body;
  const json::Value pod = made.value();
  EXPECT_EQ(pod.find("spec")->string_or("serviceAccountName"), "default");
  EXPECT_EQ(pod.find("spec")->string_or("serviceAccount"), "default");
  const json::Value& volume = pod.at({"spec", "volumes"})->as_array().front();
  EXPECT_TRUE(volume.string_or("name").starts_with("kube-api-access-"));
  EXPECT_EQ(volume.at({"projected", "sources"})->as_array().size(), 3u);
  const json::Value& mount = pod.at({"spec", "containers"})->as_array().front().find("volumeMounts")->as_array().front();
  EXPECT_EQ(mount.string_or("mountPath"), "/var/run/secrets/kubernetes.io/serviceaccount");
  EXPECT_TRUE(mount.bool_or("readOnly", false));
}

TEST(Admission, TheTokenCanBeRefusedByPodOrAccount) {
  struct Row {
    std::string account, pod;
    bool mounted;
  };
  const Row rows[] = {{"", "", true},          {"", "true", true},       {"", "false", false},
                      {"true", "", true},      {"true", "true", true},   {"true", "false", false},
                      {"false", "", false},    {"false", "true", true},  {"false", "false", false}};
  for (const Row& row : rows) {
    ApiWorld api;
    const std::string more = row.account.empty() ? "" : ",\"automountServiceAccountToken\":" + row.account;
    api.post(accounts, R"({"metadata":{"name":"sa"})" + more + "}");
    std::string spec = R"(,"serviceAccountName":"sa")";
    if (!row.pod.empty()) spec += ",\"automountServiceAccountToken\":" + row.pod;
    const Answer made = api.post(pods, pod_with(spec));
    ASSERT_EQ(made.status, 201) << made.body;
    EXPECT_EQ(made.value().at({"spec", "volumes"}) != nullptr, row.mounted) << row.account << '/' << row.pod;
  }
}

TEST(Admission, AnUnknownAccountIsForbidden) {
  ApiWorld api;
  const Answer refused = api.post(pods, pod_with(R"(,"serviceAccountName":"ghost")"));
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.message(), "pods \"p\" is forbidden: error looking up service account default/ghost: "
                               "serviceaccount \"ghost\" not found");
}

TEST(Admission, APodWaitsAMomentForItsNamespacesAccount) {
  ApiWorld api;
  api.post("/api/v1/namespaces", R"({"metadata":{"name":"fresh"}})");
  auto exchange = std::make_shared<Exchange>(api.world.env());
  exchange->request = ApiWorld::request("POST", "/api/v1/namespaces/fresh/pods", pod_with(""));
  exchange->request.peer = api.peer;
  http::Handler& handler = *api.server;
  const auto serve = [](http::Handler& h, std::shared_ptr<Exchange> e) -> Task<Result<void>> {
    co_await h.serve(e->request, *e);
    co_return Result<void>{};
  };
  api.world.spawn("create", serve, std::ref(handler), exchange);
  api.settle();
  EXPECT_EQ(exchange->answer.status, 0) << "it waits";
  api.post("/api/v1/namespaces/fresh/serviceaccounts", R"({"metadata":{"name":"default"}})");
  api.seconds(1);
  EXPECT_EQ(exchange->answer.status, 201) << exchange->answer.body;
}

TEST(Admission, PriorityComesFromItsClass) {
  ApiWorld api;
  api.post("/apis/scheduling.k8s.io/v1/priorityclasses", R"({"metadata":{"name":"high"},"value":1000})");
  const Answer made = api.post(pods, pod_with(R"(,"priorityClassName":"high")"));
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.value().find("spec")->int_or("priority", 0), 1000);
  EXPECT_EQ(made.value().find("spec")->string_or("preemptionPolicy"), "PreemptLowerPriority");
  const Answer unknown = api.post(pods, pod_with(R"(,"priorityClassName":"none")"));
  EXPECT_EQ(unknown.status, 403);
  EXPECT_EQ(unknown.message(), R"(pods "p" is forbidden: no PriorityClass with name none was found)");
  const Answer own = api.post(pods, pod_with(R"(,"priority":5)"));
  EXPECT_EQ(own.status, 403);
}

TEST(Admission, PodsLeaveNodesThatStayAwayForFiveMinutes) {
  ApiWorld api;
  const Answer made = api.post(pods, pod_with(""));
  const json::Value pod = made.value();
  const json::Array& tolerations = pod.at({"spec", "tolerations"})->as_array();
  ASSERT_EQ(tolerations.size(), 2u);
  EXPECT_EQ(tolerations[0].string_or("key"), "node.kubernetes.io/not-ready");
  EXPECT_EQ(tolerations[1].string_or("key"), "node.kubernetes.io/unreachable");
  EXPECT_EQ(tolerations[1].int_or("tolerationSeconds", 0), 300);
  api.del(pods + "/p");
  const Answer all = api.post(pods, pod_with(R"(,"tolerations":[{"operator":"Exists"}])"));
  EXPECT_EQ(all.value().at({"spec", "tolerations"})->as_array().size(), 1u);
}

TEST(Admission, LimitRangesFillInAndRefuse) {
  ApiWorld api;
  const Answer range = api.post("/api/v1/namespaces/default/limitranges",
           R"({"metadata":{"name":"r"},"spec":{"limits":[{"type":"Container","defaultRequest":{"cpu":"100m"},
               "default":{"cpu":"200m"},"max":{"cpu":"1"},"min":{"cpu":"50m"}}]}})");
  ASSERT_EQ(range.status, 201) << range.body;
  const Answer made = api.post(pods, pod_with(""));
  ASSERT_EQ(made.status, 201) << made.body;
  const json::Value pod = made.value();
  const json::Value& container = pod.at({"spec", "containers"})->as_array().front();
  EXPECT_EQ(container.at({"resources", "requests", "cpu"})->as_string(), "100m");
  EXPECT_EQ(container.at({"resources", "limits", "cpu"})->as_string(), "200m");
  EXPECT_EQ(pod.at({"metadata", "annotations", "kubernetes.io/limit-ranger"})->as_string(),
            "LimitRanger plugin set: cpu request for container app; cpu limit for container app");
  api.del(pods + "/p");
  const Answer big = api.post(pods, R"({"metadata":{"name":"p"},"spec":{"containers":[{"name":"app","image":"i",
      "resources":{"limits":{"cpu":"2"}}}]}})");
  EXPECT_EQ(big.status, 403) << big.body;
  EXPECT_EQ(big.message(), R"(pods "p" is forbidden: maximum cpu usage per Container is 1, but limit is 2)");
}

}  // namespace
}  // namespace kring::api
