// Paths and methods as attributes: the grammar that authorisation and routing rely on, as a table.
#include "runtime/api/request_info.h"

#include <gtest/gtest.h>

#include "runtime/http/message.h"

namespace kring::api {
namespace {

struct Case {
  std::string method, target, expected;   // "verb group/version ns resource name subresource rest", - is empty
};

std::string show(const RequestInfo& info) {
  if (!info.resource_request) return "page " + info.verb + ' ' + info.path;
  const auto word = [](const std::string& text) { return text.empty() ? std::string{"-"} : text; };
  return info.verb + ' ' + word(info.group) + '/' + info.version + ' ' + word(info.ns) + ' ' + info.resource + ' ' +
         word(info.name) + ' ' + word(info.subresource) + ' ' + word(info.rest);
}

TEST(RequestInfo, ReadsTheGrammarOfResourcePaths) {
  const Case cases[] = {
      {"GET", "/api/v1/pods", "list -/v1 - pods - - -"},
      {"GET", "/api/v1/namespaces/a/pods", "list -/v1 a pods - - -"},
      {"GET", "/api/v1/namespaces/a/pods/p", "get -/v1 a pods p - -"},
      {"GET", "/api/v1/namespaces/a/pods?watch=true", "watch -/v1 a pods - - -"},
      {"GET", "/api/v1/namespaces/a/pods?watch=1&fieldSelector=metadata.name%3Dp", "watch -/v1 a pods p - -"},
      {"GET", "/api/v1/namespaces/a/pods?watch=0", "list -/v1 a pods - - -"},
      {"GET", "/api/v1/watch/namespaces/a/pods", "watch -/v1 a pods - - -"},
      {"GET", "/api/v1/watch/namespaces/a/pods/p", "watch -/v1 a pods p - -"},
      {"GET", "/api/v1/watch/pods", "watch -/v1 - pods - - -"},
      {"POST", "/apis/apps/v1/namespaces/a/deployments", "create apps/v1 a deployments - - -"},
      {"PUT", "/apis/apps/v1/namespaces/a/deployments/d/status", "update apps/v1 a deployments d status -"},
      {"PATCH", "/apis/apps/v1/namespaces/a/deployments/d", "patch apps/v1 a deployments d - -"},
      {"DELETE", "/apis/apps/v1/namespaces/a/deployments/d", "delete apps/v1 a deployments d - -"},
      {"DELETE", "/apis/apps/v1/namespaces/a/deployments", "deletecollection apps/v1 a deployments - - -"},
      {"GET", "/api/v1/namespaces", "list -/v1 - namespaces - - -"},
      {"GET", "/api/v1/namespaces/a", "get -/v1 a namespaces a - -"},
      {"PUT", "/api/v1/namespaces/a/finalize", "update -/v1 a namespaces a finalize -"},
      {"PUT", "/api/v1/namespaces/a/status", "update -/v1 a namespaces a status -"},
      {"GET", "/api/v1/nodes/n", "get -/v1 - nodes n - -"},
      {"GET", "/api/v1/namespaces/a/pods/p/log?follow=true", "get -/v1 a pods p log -"},
      {"POST", "/api/v1/namespaces/a/pods/p/exec", "create -/v1 a pods p exec -"},
      {"GET", "/api/v1/namespaces/a/services/s/proxy/x/y", "get -/v1 a services s proxy /x/y"},
      {"GET", "/api", "page get /api"},
      {"GET", "/api/v1", "page get /api/v1"},
      {"GET", "/apis/apps", "page get /apis/apps"},
      {"GET", "/apis/apps/v1", "page get /apis/apps/v1"},
      {"POST", "/healthz", "page post /healthz"},
      {"GET", "//api//v1//pods/", "list -/v1 - pods - - -"},
  };
  for (const Case& c : cases) {
    http::Request request;
    request.method = c.method;
    request.target = c.target;
    ASSERT_TRUE(http::parse_target(request)) << c.target;
    EXPECT_EQ(show(request_info(request)), c.expected) << c.method << ' ' << c.target;
  }
}

}  // namespace
}  // namespace kring::api
