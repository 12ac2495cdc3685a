// Metadata rules that every kind shares, and the words of Invalid errors.
#include "objects/validate_meta.h"

#include <gtest/gtest.h>

#include "objects/hooks.h"

namespace kring {
namespace {

json::Value parsed(std::string_view text) { return json::parse(text)->value; }

// Every cause as "field: message", one a line.
std::string causes_of(const Result<void>& result) {
  std::string out;
  if (result.has_value()) return out;
  for (const Cause& cause : result.error().causes) out += cause.field + ": " + cause.message + "\n";
  return out;
}

std::string created(const Kind& kind, std::string_view metadata) {
  json::Value object = json::Object{{"metadata", parsed(metadata)}};
  return causes_of(validate_create(kind, object));
}

const Kind& config_map() { return kinds::config_map(); }

constexpr std::string_view qualified_rule =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')\n";

TEST(ValidateMeta, AcceptsWhatKubernetesAccepts) {
  for (std::string_view metadata : {
           R"({"name":"a","namespace":"b"})",
           R"({"name":"a.b-c","namespace":"b","generateName":"a-","labels":{"x.io/y":"","z":"A_b.c"}})",
           R"({"name":"a","namespace":"b","annotations":{"X.io/Y":"any \u0001 text"}})",
           R"({"name":"a","namespace":"b","finalizers":["kubernetes","orphan","x.io/y"]})",
           R"({"name":"a","namespace":"b","ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"p","uid":"u","controller":true},{"apiVersion":"apps/v1","kind":"X","name":"q","uid":"v"}]})",
       }) {
    EXPECT_EQ(created(config_map(), metadata), "") << metadata;
  }
}

TEST(ValidateMeta, RefusesWithKubernetesWords) {
  struct Row {
    std::string_view metadata;
    std::string causes;
  };
  const Row rows[] = {
      {R"({"namespace":"b"})", "metadata.name: Required value: name or generateName is required\n"},
      {R"({"name":"a"})", "metadata.namespace: Required value\n"},
      {R"({"name":"a/b","namespace":"b"})",
       "metadata.name: Invalid value: \"a/b\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
       "characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
       "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')\n"},
      {R"({"name":"a","namespace":"a.b"})", "metadata.namespace: Invalid value: \"a.b\": must not contain dots\n"},
      {R"({"name":"a","namespace":"b","generation":-1})",
       "metadata.generation: Invalid value: -1: must be greater than or equal to 0\n"},
      {R"({"name":"a","namespace":"b","labels":{"-x":"ok"}})",
       "metadata.labels: Invalid value: \"-x\": name part " + std::string{qualified_rule}},
      {R"({"name":"a","namespace":"b","annotations":{"a b":""}})",
       "metadata.annotations: Invalid value: \"a b\": name part " + std::string{qualified_rule}},
      {R"({"name":"a","namespace":"b","finalizers":["x"]})",
       "metadata.finalizers[0]: Invalid value: \"x\": name is neither a standard finalizer name nor is it fully "
       "qualified\n"},
      {R"({"name":"a","namespace":"b","finalizers":["orphan","foregroundDeletion"]})",
       "metadata.finalizers: Invalid value: [\"orphan\",\"foregroundDeletion\"]: finalizer orphan and "
       "foregroundDeletion cannot be both set\n"},
      {R"({"name":"a","namespace":"b","ownerReferences":[{}]})",
       "metadata.ownerReferences.apiVersion: Invalid value: \"\": version must not be empty\n"
       "metadata.ownerReferences.kind: Invalid value: \"\": kind must not be empty\n"
       "metadata.ownerReferences.name: Invalid value: \"\": name must not be empty\n"
       "metadata.ownerReferences.uid: Invalid value: \"\": uid must not be empty\n"},
      {R"({"name":"a","namespace":"b","ownerReferences":[{"apiVersion":"apps/","kind":"a","name":"b","uid":"c"}]})",
       "metadata.ownerReferences.apiVersion: Invalid value: \"apps/\": version must not be empty\n"},
      {R"({"name":"a","namespace":"b","ownerReferences":[{"apiVersion":"v1","kind":"Event","name":"b","uid":"c"}]})",
       R"(metadata.ownerReferences: Invalid value: {"apiVersion":"v1","kind":"Event","name":"b","uid":"c"}: /v1, )"
       "Kind=Event is disallowed from being an owner\n"},
      {R"({"name":"a","namespace":"b","ownerReferences":[{"apiVersion":"v1","kind":"K","name":"b","uid":"c","controller":true},{"apiVersion":"v1","kind":"L","name":"d","uid":"e","controller":true}]})",
       "metadata.ownerReferences: Invalid value: "
       R"([{"apiVersion":"v1","kind":"K","name":"b","uid":"c","controller":true},{"apiVersion":"v1","kind":"L","name":"d","uid":"e","controller":true}])"
       ": Only one reference can have Controller set to true. Found \"true\" in references for K/b and L/d\n"},
  };
  for (const Row& row : rows) EXPECT_EQ(created(config_map(), row.metadata), row.causes) << row.metadata;
}

TEST(ValidateMeta, AnnotationsTogetherHaveAtMost256KiB) {
  // security-checklist A3: what one object may carry is bounded before it is stored.
  auto with_bytes = [](size_t bytes) {
    json::Value object = parsed(R"({"metadata":{"name":"a","namespace":"b","annotations":{"a":"","b":""}}})");
    json::Object& annotations = object.object("metadata").find("annotations")->as_object();
    annotations.set("a", std::string(bytes / 2 - 1, 'x'));
    annotations.set("b", std::string(bytes - bytes / 2 - 1, 'y'));
    return causes_of(validate_create(config_map(), object));
  };
  EXPECT_EQ(with_bytes(256 * 1024), "");
  EXPECT_EQ(with_bytes(256 * 1024 + 1), "metadata.annotations: Too long: may not be more than 262144 bytes\n");
}

TEST(ValidateMeta, EachKindHasItsRuleForNames) {
  struct Row {
    std::string_view group, kind;
    std::vector<std::string_view> good, bad;
  };
  const Row rows[] = {
      {"", "Namespace", {"a", "1a"}, {"a.b", "A"}},
      {"", "Service", {"a", "a1"}, {"1a", "a.b"}},
      {"", "ConfigMap", {"a.b", "1"}, {"A", "a_b"}},
      {"rbac.authorization.k8s.io", "ClusterRole", {"system:node", "A b"}, {"a/b", "..", "a%b"}},
      {"certificates.k8s.io", "CertificateSigningRequest", {"csr:A"}, {"a/b"}},
  };
  for (const Row& row : rows) {
    const Kind* kind = find_kind(row.group, row.kind);
    ASSERT_NE(kind, nullptr) << row.kind;
    for (std::string_view name : row.good) EXPECT_TRUE(name_rule(*kind)(name, false).empty()) << row.kind << name;
    for (std::string_view name : row.bad) EXPECT_FALSE(name_rule(*kind)(name, false).empty()) << row.kind << name;
  }
}

TEST(ValidateMeta, UpdatesKeepIdentityAndAddNoFinalizersToWhatIsGoing) {
  const json::Value old = parsed(
      R"({"metadata":{"name":"a","namespace":"b","uid":"1","creationTimestamp":"2024-01-02T03:04:05Z","generation":2,"finalizers":["x.io/a","x.io/b"],"deletionTimestamp":"2024-01-02T03:04:05Z"}})");
  auto updated = [&](std::string_view metadata) {
    const json::Value object = json::Object{{"metadata", parsed(metadata)}};
    return causes_of(validate_update(config_map(), object, old, ""));
  };
  EXPECT_EQ(updated(R"({"name":"a","namespace":"b","uid":"1","creationTimestamp":"2024-01-02T03:04:05Z","generation":3,"finalizers":["x.io/b"]})"), "");
  EXPECT_EQ(updated(R"({"name":"z","namespace":"b","uid":"2","creationTimestamp":"2024-01-02T03:04:05Z","generation":1,"finalizers":["x.io/d","x.io/c","x.io/a"]})"),
            "metadata.name: Invalid value: \"z\": field is immutable\n"
            "metadata.uid: Invalid value: \"2\": field is immutable\n"
            "metadata.generation: Invalid value: 1: must not be decremented\n"
            "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new "
            "finalizers []string{\"x.io/c\", \"x.io/d\"}\n");
}

TEST(FieldErrors, WordsEveryTypeAsKubernetes) {
  FieldErrors errors;
  errors.required("a");
  errors.required("b", "must be set");
  errors.invalid("c", json::Value{"x\"\n"}, "is wrong");
  errors.invalid("d", json::Value{7}, "");
  errors.invalid("e", json::Value{}, "is nothing");
  constexpr std::string_view supported[] = {"One", "Two"};
  errors.not_supported("f", json::Value{"Three"}, supported);
  errors.duplicate("g", json::Value{"x"});
  errors.forbidden("h", "not now");
  errors.too_long("i", "may not be more than 5 bytes");
  errors.too_many("j", 6, 5);
  errors.not_found("k", json::Value{"x"});
  struct Row {
    std::string_view type, message;
  };
  const Row rows[] = {
      {"FieldValueRequired", "Required value"},
      {"FieldValueRequired", "Required value: must be set"},
      {"FieldValueInvalid", R"(Invalid value: "x\"\n": is wrong)"},
      {"FieldValueInvalid", "Invalid value: 7"},
      {"FieldValueInvalid", "Invalid value: null: is nothing"},
      {"FieldValueNotSupported", R"(Unsupported value: "Three": supported values: "One", "Two")"},
      {"FieldValueDuplicate", R"(Duplicate value: "x")"},
      {"FieldValueForbidden", "Forbidden: not now"},
      {"FieldValueTooLong", "Too long: may not be more than 5 bytes"},
      {"FieldValueTooMany", "Too many: 6: must have at most 5 items"},
      {"FieldValueNotFound", R"(Not found: "x")"},
  };
  ASSERT_EQ(errors.causes().size(), std::size(rows));
  for (size_t i = 0; i < std::size(rows); ++i) {
    EXPECT_EQ(errors.causes()[i].type, rows[i].type);
    EXPECT_EQ(errors.causes()[i].message, rows[i].message);
    EXPECT_EQ(errors.causes()[i].field, std::string(1, static_cast<char>('a' + i)));
  }
}

TEST(FieldErrors, InvalidErrorsNameTheObjectAndJoinTheirCauses) {
  FieldErrors one;
  one.required("spec.x");
  Error error = invalid_error(kinds::pod(), "web", one);
  EXPECT_EQ(error.message, R"(Pod "web" is invalid: spec.x: Required value)");
  EXPECT_EQ(error.reason, Reason::invalid);
  EXPECT_EQ(error.kind, "Pod");
  EXPECT_EQ(error.name, "web");
  ASSERT_EQ(error.causes.size(), 1u);
  one.required("spec.y");
  one.required("spec.x");
  error = invalid_error(*find_kind("apps", "Deployment"), "web", one);
  EXPECT_EQ(error.message, R"(Deployment.apps "web" is invalid: [spec.x: Required value, spec.y: Required value])");
  EXPECT_EQ(error.group, "apps");
  EXPECT_EQ(error.causes.size(), 3u);
  EXPECT_EQ(invalid_error(kinds::pod(), "a\"b", {}).message, R"(Pod "a\"b" is invalid)");
}

}  // namespace
}  // namespace kring
