// Accept and Content-Type: what clients from kubectl 1.20 to 1.33, curl and browsers send.
#include "runtime/api/negotiation.h"

#include <gtest/gtest.h>

namespace kring::api {
namespace {

std::string show(const Result<Accepted>& accepted) {
  if (accepted.has_error()) return std::to_string(static_cast<int>(accepted.error().reason));
  std::string out = accepted->encoding == Encoding::yaml ? "yaml" : "json";
  if (accepted->as == As::table) out += " table " + std::string{accepted->meta_version};
  if (accepted->as == As::partial) out += " partial " + std::string{accepted->meta_version};
  return out;
}

TEST(Negotiation, TakesTheFirstMediaRangeItCanServe) {
  const std::pair<std::string, std::string> cases[] = {
      {"", "json"},
      {"*/*", "json"},
      {"application/*", "json"},
      {"application/json", "json"},
      {"APPLICATION/JSON; charset=utf-8", "json"},
      {"application/yaml", "yaml"},
      {"application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json",
       "json table v1"},
      {"application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json", "json table v1beta1"},
      {"application/json;as=Table;v=v2;g=meta.k8s.io,application/json", "json"},
      {"application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", "json partial v1"},
      {"application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json", "json partial v1"},
      {"application/vnd.kubernetes.protobuf, */*", "json"},
      {"application/vnd.kubernetes.protobuf,application/json", "json"},
      {"application/json;q=0.5, application/yaml", "yaml"},
      {"application/json;q=0, application/yaml;q=0.1", "yaml"},
      {"text/html,application/xhtml+xml,*/*;q=0.8", "json"},
  };
  for (const auto& [accept, expected] : cases) EXPECT_EQ(show(negotiate(accept, Offers{})), expected) << accept;
}

TEST(Negotiation, RefusesWhatCannotBeServedInKubernetesWords) {
  auto none = negotiate("application/vnd.kubernetes.protobuf", Offers{});
  ASSERT_TRUE(none.has_error());
  EXPECT_EQ(none.error().reason, Reason::not_acceptable);
  EXPECT_EQ(none.error().message, "only the following media types are accepted: application/json, application/yaml");
  EXPECT_TRUE(negotiate("application/json;as=Table;v=v1;g=meta.k8s.io", Offers{false, true}).has_error());
  EXPECT_TRUE(negotiate("application/yaml", Offers{true, false}).has_error()) << "a watch has no YAML form";
  EXPECT_TRUE(negotiate("application/json;as=Table;v=v1;g=example.com", Offers{}).has_error());
}

TEST(Negotiation, BodiesAreJsonOrYaml) {
  EXPECT_EQ(*body_encoding(""), Encoding::json);
  EXPECT_EQ(*body_encoding("application/json; charset=utf-8"), Encoding::json);
  EXPECT_EQ(*body_encoding("application/yaml"), Encoding::yaml);
  EXPECT_EQ(*body_encoding("application/vnd.kubernetes.protobuf"), Encoding::protobuf);
  auto bad = body_encoding("application/cbor");
  ASSERT_TRUE(bad.has_error());
  EXPECT_EQ(bad.error().reason, Reason::unsupported_media_type);
}

TEST(Negotiation, PeopleGetIndentedText) {
  EXPECT_TRUE(wants_pretty("", false, "curl/8.0"));
  EXPECT_TRUE(wants_pretty("", false, "Mozilla/5.0 (X11)"));
  EXPECT_FALSE(wants_pretty("", false, "kubectl/v1.33.0"));
  EXPECT_FALSE(wants_pretty("false", true, "curl/8.0"));
  EXPECT_TRUE(wants_pretty("true", true, "kubectl/v1.33.0"));
}

}  // namespace
}  // namespace kring::api
