// Image references parse, default and fail as Docker's and Kubernetes' do. Method: tables.
#include <gtest/gtest.h>

#include "runtime/images/images.h"

namespace kring::images {
namespace {

const std::string digest = "sha256:" + std::string(64, 'a');

TEST(ImageReference, NormalisesAsDockerDoes) {
  const std::pair<std::string, std::string> cases[] = {
      {"busybox", "docker.io/library/busybox:latest"},
      {"busybox:1.36", "docker.io/library/busybox:1.36"},
      {"fluent/fluentd:v0.14.10", "docker.io/fluent/fluentd:v0.14.10"},
      {"index.docker.io/library/nginx", "docker.io/library/nginx:latest"},
      {"docker.io/nginx", "docker.io/library/nginx:latest"},
      {"gcr.io/kuar-demo/kuard-amd64:1", "gcr.io/kuar-demo/kuard-amd64:1"},
      {"localhost/a", "localhost/a:latest"},
      {"localhost:5000/a/b:c", "localhost:5000/a/b:c"},
      {"Host/a", "Host/a:latest"},
      {"x/a.b-c__d--e", "docker.io/x/a.b-c__d--e:latest"},
      {"[::1]:5000/a", "[::1]:5000/a:latest"},
      {"127.0.0.1:5000/a@" + digest, "127.0.0.1:5000/a@" + digest},
      {"a:tag@" + digest, "docker.io/library/a:tag@" + digest},
      {"kring.local/host", "kring.local/host:latest"},
  };
  for (const auto& [text, expected] : cases) {
    auto reference = parse_reference(text);
    ASSERT_TRUE(reference.has_value()) << text;
    EXPECT_EQ(reference->str(), expected) << text;
  }
}

TEST(ImageReference, RefusesWhatIsNoReferenceInKubernetesWords) {
  for (std::string text :
       {"",     ":",     "a:",     "a b",    "/a",   "a/",         "a//b",        "-a",          "a-",
        "a..b", "a___b", "a:b:c",  "a@b",    "a:-x", "http://a/b", "a@sha256:12", "host:port/a", "[::1/a",
        "a\n",  "..",    "a/../b", "a.b:x/y"}) {
    auto reference = parse_reference(text);
    ASSERT_TRUE(reference.has_error()) << text;
    EXPECT_EQ(reference.error().reason, Reason::invalid) << text;
  }
  EXPECT_EQ(
      parse_reference("a:").error().message,
      "Failed to apply default image tag \"a:\": couldn't parse image reference \"a:\": invalid reference format");
  EXPECT_EQ(parse_reference("Busybox").error().message,
            "Failed to apply default image tag \"Busybox\": couldn't parse image reference \"Busybox\": "
            "invalid reference format: repository name (library/Busybox) must be lowercase");
  EXPECT_TRUE(
      parse_reference(std::string(64, 'a')).error().message.ends_with("), cannot specify 64-byte hexadecimal strings"));
  EXPECT_TRUE(parse_reference("a.b/" + std::string(260, 'x')).has_error());
  EXPECT_TRUE(parse_reference("a:" + std::string(129, 'x')).has_error());
  EXPECT_TRUE(parse_reference("a:" + std::string(128, 'x')).has_value());
}

}  // namespace
}  // namespace kring::images
