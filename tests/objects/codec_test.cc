// The codec: what check() accepts, repairs and says; that bytes keep a value exactly; that damaged bytes are refused.
#include "objects/codec.h"

#include <gtest/gtest.h>

#include <set>

#include "objects/schema/core_generated.h"

namespace kring::codec {
namespace {

json::Value parsed(std::string_view text) {
  auto result = json::parse(text);
  EXPECT_FALSE(result.has_error()) << text;
  return result.has_error() ? json::Value{} : result->value;
}

// What check() makes of a body of a kind that is found by its apiVersion and kind.
struct Checked {
  json::Value value;
  Findings findings;
  std::string error;
};
Checked checked(std::string_view text) {
  Checked outcome{parsed(text), {}, {}};
  const TypeInfo* type = find_type(outcome.value.string_or("apiVersion"), outcome.value.string_or("kind"));
  if (type == nullptr) return {{}, {}, "no type"};
  const auto result = check(*type, outcome.value, outcome.findings);
  if (result.has_error()) outcome.error = result.error().message;
  return outcome;
}

std::string pod(std::string_view spec) {
  return std::string{R"({"apiVersion":"v1","kind":"Pod","spec":)"}.append(spec).append("}");
}

TEST(CodecTypes, FieldsAreSortedAndFoundByTheirJsonNames) {
  const TypeInfo& spec = type_of("kring.core.PodSpec");
  EXPECT_EQ(spec.openapi, "io.k8s.api.core.v1.PodSpec");
  EXPECT_EQ(spec.go_name, "v1.PodSpec");
  for (size_t i = 1; i < spec.fields.size(); ++i) EXPECT_LT(spec.fields[i - 1].name, spec.fields[i].name);
  for (const FieldInfo& field : spec.fields) EXPECT_EQ(spec.find(field.name), &field);
  EXPECT_EQ(spec.find("node_name"), nullptr);
  EXPECT_EQ(spec.find(""), nullptr);
  EXPECT_NE(spec.find("setHostnameAsFQDN"), nullptr);
  EXPECT_NE(type_of("kring.core.PodStatus").find("podIP"), nullptr);
}

TEST(CodecTypes, AttributesSayHowPatchesMerge) {
  const FieldInfo* ports = type_of("kring.core.Container").find("ports");
  ASSERT_NE(ports, nullptr);
  EXPECT_TRUE(ports->list);
  EXPECT_EQ(ports->type, FieldType::message);
  EXPECT_EQ(ports->message, &type_of("kring.core.ContainerPort"));
  EXPECT_EQ(ports->patch_strategy, "merge");
  EXPECT_EQ(ports->patch_merge_key, "containerPort");
  EXPECT_EQ(ports->list_type, "map");
  ASSERT_EQ(ports->list_map_keys.size(), 2u);
  EXPECT_EQ(ports->list_map_keys[1], "protocol");
  EXPECT_EQ(type_of("kring.core.ContainerPort").find("protocol")->default_json, "\"TCP\"");
  EXPECT_EQ(type_of("kring.core.PodSpec").find("volumes")->patch_strategy, "merge,retainKeys");
  EXPECT_TRUE(type_of("kring.core.PodSpec").find("containers")->required);
}

TEST(CodecTypes, MapsAndSpecialTextsHaveTheirOwnTypes) {
  EXPECT_EQ(type_of("kring.meta.ObjectMeta").find("labels")->type, FieldType::map_string);
  EXPECT_EQ(type_of("kring.meta.ObjectMeta").find("creationTimestamp")->type, FieldType::time);
  EXPECT_EQ(type_of("kring.core.ResourceRequirements").find("limits")->type, FieldType::map_quantity);
  EXPECT_EQ(type_of("kring.core.Secret").find("data")->type, FieldType::map_bytes);
  EXPECT_EQ(type_of("kring.authorization.SubjectAccessReviewSpec").find("extra")->type, FieldType::map_string_list);
  EXPECT_EQ(type_of("kring.apiextensions.JSONSchemaProps").find("properties")->type, FieldType::map_message);
  EXPECT_EQ(type_of("kring.core.ServicePort").find("targetPort")->type, FieldType::int_or_string);
  EXPECT_EQ(type_of("kring.meta.ManagedFieldsEntry").find("fieldsV1")->type, FieldType::raw_json);
  EXPECT_EQ(type_of("kring.coordination.LeaseSpec").find("renewTime")->type, FieldType::micro_time);
  EXPECT_EQ(type_of("kring.policy.PodDisruptionBudgetStatus").find("disruptedPods")->format, "time");
}

TEST(CodecTypes, EveryKindBeginsWithItsNameAndMetadata) {
  for (const Kind& kind : all_kinds()) {
    const TypeInfo& type = type_of(kind);
    ASSERT_GE(type.printed.size(), 2u) << kind.kind;
    EXPECT_EQ(type.printed[0]->name, "apiVersion") << kind.kind;
    EXPECT_EQ(type.printed[1]->name, "kind") << kind.kind;
    if (!kind.stored) continue;
    ASSERT_GE(type.printed.size(), 3u) << kind.kind;
    EXPECT_EQ(type.printed[2]->name, "metadata") << kind.kind;
    EXPECT_EQ(type.printed[2]->slot, 8) << kind.kind;
  }
}

TEST(CodecTypes, ProtobufNumbersAreUniqueInTheirMessage) {
  for (const TypeInfo* type : all_types()) {
    std::set<std::pair<uint16_t, uint16_t>> numbers;
    std::set<uint16_t> messages;
    for (const FieldInfo& field : type->fields)
      if (field.inline_proto != 0) messages.insert(field.inline_proto);
    for (const FieldInfo& field : type->fields) {
      if (field.proto == 0) continue;
      EXPECT_TRUE(numbers.emplace(field.inline_proto, field.proto).second) << type->table << "." << field.name;
      if (field.inline_proto == 0) EXPECT_FALSE(messages.contains(field.proto)) << type->table << "." << field.name;
    }
  }
}

TEST(CodecTypes, EveryTypeAndFieldIsDescribed) {
  for (const TypeInfo* type : all_types()) {
    EXPECT_FALSE(type->doc.empty()) << type->table;
    EXPECT_FALSE(type->openapi.empty()) << type->table;
    for (const FieldInfo& field : type->fields)
      EXPECT_FALSE(field.doc.empty()) << type->table << "." << field.name;
  }
}

TEST(CodecCheck, UnknownFieldsAreNamedWithTheirPathsAndRemoved) {
  const struct {
    const char* body;
    const char* finding;
  } rows[] = {
      {R"({"apiVersion":"v1","kind":"Pod","foo":1})", R"(unknown field "foo")"},
      {R"({"apiVersion":"v1","kind":"Pod","spec":{"foo":1}})", R"(unknown field "spec.foo")"},
      {R"({"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"name":"a"},{"foo":{}}]}})",
       R"(unknown field "spec.containers[1].foo")"},
      {R"({"apiVersion":"v1","kind":"Pod","Spec":{}})", R"(unknown field "Spec")"},
      {R"({"apiVersion":"apps/v1","kind":"Deployment","spec":{"template":{"spec":{"containers":[{"env":[{"nam":"a"}]}]}}}})",
       R"(unknown field "spec.template.spec.containers[0].env[0].nam")"},
      {R"({"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition",
           "spec":{"versions":[{"schema":{"openAPIV3Schema":{"properties":{"a":{"tipe":"x"}}}}}]}})",
       R"(unknown field "spec.versions[0].schema.openAPIV3Schema.properties.a.tipe")"},
  };
  for (const auto& row : rows) {
    const Checked outcome = checked(row.body);
    EXPECT_EQ(outcome.error, "") << row.body;
    ASSERT_EQ(outcome.findings.unknown.size(), 1u) << row.body;
    EXPECT_EQ(outcome.findings.unknown[0], row.finding);
  }
  EXPECT_EQ(checked(R"({"apiVersion":"v1","kind":"Pod","a":1,"spec":{"b":2,"hostname":"h"}})").value,
            parsed(pod(R"({"hostname":"h"})")));
}

TEST(CodecCheck, WrongTypesAreWordedAsKubernetesDoes) {
  const struct {
    std::string body;
    const char* error;
  } rows[] = {
      {pod(R"({"containers":"x"})"),
       R"(Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type []v1.Container)"},
      {pod(R"({"containers":[{"image":5}]})"),
       R"(Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal number into Go struct field Container.spec.containers.image of type string)"},
      {pod(R"({"containers":[{"ports":[{"containerPort":"80"}]}]})"),
       R"(Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal string into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32)"},
      {pod(R"({"priority":3000000000})"),
       R"(Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal number 3000000000 into Go struct field PodSpec.spec.priority of type int32)"},
      {pod(R"({"hostNetwork":"true"})"),
       R"(Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal string into Go struct field PodSpec.spec.hostNetwork of type bool)"},
      {pod("[]"),
       R"(Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal array into Go struct field Pod.spec of type v1.PodSpec)"},
      {pod(R"({"containers":[{"args":["a",{}]}]})"),
       R"(Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal object into Go struct field Container.spec.containers.args of type string)"},
      {R"({"apiVersion":"v1","kind":"Pod","metadata":{"labels":{"a":1}}})",
       R"(Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string)"},
      {R"({"apiVersion":"v1","kind":"Pod","metadata":{"labels":[]}})",
       R"(Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal array into Go struct field ObjectMeta.metadata.labels of type map[string]string)"},
      {R"({"apiVersion":"v1","kind":"Secret","data":{"a":"%%%%"}})",
       R"(Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte 0)"},
      {pod(R"({"containers":[{"resources":{"limits":{"cpu":"1 core"}}}]})"),
       R"(Pod in version "v1" cannot be handled as a Pod: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$')"},
      {R"({"apiVersion":"v1","kind":"Pod","metadata":{"creationTimestamp":"yesterday"}})",
       R"(Pod in version "v1" cannot be handled as a Pod: parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006")"},
      {R"({"apiVersion":"v1","kind":"Service","spec":{"ports":[{"targetPort":1.5}]}})",
       R"(Service in version "v1" cannot be handled as a Service: json: cannot unmarshal number 1.5 into Go value of type int32)"},
      {R"({"apiVersion":"apps/v1","kind":"Deployment","spec":{"replicas":"2"}})",
       R"(Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32)"},
  };
  for (const auto& row : rows) EXPECT_EQ(checked(row.body).error, row.error) << row.body;
}

TEST(CodecCheck, BringsTextsToTheirCanonicalForm) {
  const auto outcome =
      checked(R"({"apiVersion":"v1","kind":"Pod","metadata":{"creationTimestamp":"2024-05-06T09:08:07+02:00"},
      "spec":{"containers":[{"resources":{"limits":{"cpu":2,"memory":" 64Mi "}}}]}})");
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.value.at({"metadata", "creationTimestamp"})->as_string(), "2024-05-06T07:08:07Z");
  const json::Value& limits = *outcome.value.at({"spec", "containers"})->as_array()[0].at({"resources", "limits"});
  EXPECT_EQ(limits.string_or("cpu"), "2");
  EXPECT_EQ(limits.string_or("memory"), "64Mi");
  const auto lease = checked(R"({"apiVersion":"coordination.k8s.io/v1","kind":"Lease",
      "spec":{"renewTime":"0001-01-01T00:00:02.000000Z"}})");
  EXPECT_EQ(lease.value.at({"spec", "renewTime"})->as_string(), "0001-01-01T00:00:02.000000Z");
  const auto secret = checked("{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"data\":{\"a\":\"YWJj\\nZA==\"}}");
  EXPECT_EQ(secret.error, "");
  EXPECT_EQ(secret.value.at({"data", "a"})->as_string(), "YWJjZA==");
}

TEST(CodecCheck, NullsGoAndInsideListsAndMapsBecomeTheZeroValue) {
  const auto outcome =
      checked(R"({"apiVersion":"v1","kind":"Pod","metadata":{"creationTimestamp":null,"labels":{"a":null}},
      "spec":{"hostname":null,"containers":[{"args":[null]},null]},"status":null})");
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.value, parsed(R"({"apiVersion":"v1","kind":"Pod","metadata":{"labels":{"a":""}},
      "spec":{"containers":[{"args":[""]},{}]}})"));
}

TEST(CodecCheck, GosZeroTimeIsNoTime) {
  const auto outcome =
      checked(R"({"apiVersion":"v1","kind":"Pod","metadata":{"creationTimestamp":"0001-01-01T00:00:00Z","name":"a"}})");
  EXPECT_EQ(outcome.value, parsed(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"}})"));
}

// A3: nesting bombs.
TEST(CodecCheck, RefusesNestingBeyondTheLimit) {
  json::Value schema{json::Object{}};
  for (int i = 0; i < 200; ++i) {
    json::Object outer;
    outer.set("not", std::move(schema));
    schema = std::move(outer);
  }
  Findings findings;
  EXPECT_TRUE(check(type_of("kring.apiextensions.JSONSchemaProps"), schema, findings).has_error());
}

Object make(const Kind& kind, const json::Value& value, Revision revision) {
  auto bytes = encode(kind, value);
  EXPECT_FALSE(bytes.has_error());
  return Object{kind, *bytes, revision};
}

TEST(CodecEncode, AbsentEmptyAndZeroStayApart) {
  for (std::string_view spec :
       {R"({})", R"({"hostname":""})", R"({"hostNetwork":false})", R"({"hostNetwork":true})", R"({"priority":0})",
        R"({"containers":[]})", R"({"nodeSelector":{}})", R"({"securityContext":{}})",
        R"({"activeDeadlineSeconds":9223372036854775807})", R"({"priority":-2147483648})"}) {
    const json::Value value = parsed(pod(spec));
    const Object object = make(kinds::pod(), value, 0);
    EXPECT_EQ(to_value(object), value);
    EXPECT_EQ(parsed(object.json()), value);
  }
}

TEST(CodecEncode, MapsAreSortedAndFoundByKey) {
  const Object object = make(kinds::config_map(), parsed(R"({"data":{"b":"2","a":"1","ab":"3","":"4"}})"), 0);
  const auto* data = object.as<core::ConfigMap>()->data();
  ASSERT_EQ(data->size(), 4u);
  EXPECT_EQ(view(lookup(data, "ab")->value()), "3");
  EXPECT_EQ(view(lookup(data, "")->value()), "4");
  EXPECT_EQ(lookup(data, "c"), nullptr);
  EXPECT_EQ(object.json(), R"({"apiVersion":"v1","kind":"ConfigMap","data":{"":"4","a":"1","ab":"3","b":"2"}})");
}

TEST(CodecEncode, TheRevisionIsPrintedAndNeverStored) {
  const json::Value value =
      parsed(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","uid":"u","resourceVersion":"7"},
      "spec":{"hostname":"h"}})");
  EXPECT_EQ(
      make(kinds::pod(), value, 42).json(),
      R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","uid":"u","resourceVersion":"42"},"spec":{"hostname":"h"}})");
  EXPECT_EQ(make(kinds::pod(), value, 0).json(),
            R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","uid":"u"},"spec":{"hostname":"h"}})");
  // A template's metadata is not the object's.
  const json::Value deployment = parsed(R"({"spec":{"template":{"metadata":{"resourceVersion":"7"}}}})");
  const Object object = make(*find_kind("apps", "Deployment"), deployment, 3);
  EXPECT_EQ(to_value(object).at({"spec", "template", "metadata", "resourceVersion"})->as_string(), "7");
  EXPECT_EQ(to_value(object).at({"metadata", "resourceVersion"})->as_string(), "3");
}

TEST(CodecEncode, AValueThatWasNotCheckedIsAnErrorAndNotACrash) {
  EXPECT_TRUE(encode(kinds::pod(), parsed(R"({"spec":{"containers":{}}})")).has_error());
  EXPECT_TRUE(encode(kinds::pod(), parsed(R"({"spec":{"priority":"high"}})")).has_error());
  EXPECT_TRUE(encode(kinds::pod(), parsed("[]")).has_error());
  // The builder that all calls share is clean again.
  EXPECT_EQ(make(kinds::pod(), parsed(R"({"spec":{}})"), 0).json(), R"({"apiVersion":"v1","kind":"Pod","spec":{}})");
}

TEST(CodecEncode, TextsBecomeUtf8WhoeverWroteThem) {
  json::Value value = parsed("{}");
  value["data"]["plain text before"] = "0123456789abcdef\xff after";
  const auto bytes = encode(kinds::config_map(), value);
  ASSERT_FALSE(bytes.has_error());
  EXPECT_TRUE(verify(kinds::config_map(), bytes->data));
  const Object object{kinds::config_map(), *bytes, 0};
  EXPECT_EQ(to_value(object).at({"data", "plain text before"})->as_string(), "0123456789abcdef\xef\xbf\xbd after");
}

TEST(CodecPrint, TextsAreEscapedAndSurvive) {
  std::string text;
  for (char c = 0; c < 32; ++c) text += c;
  text += "plain \"quoted\" back\\slash / \x7f \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 and a long plain tail";
  json::Value value = parsed("{}");
  value["data"][text] = text;
  const Object object = make(kinds::config_map(), value, 0);
  EXPECT_EQ(parsed(object.json()).at({"data", text})->as_string(), text);
}

TEST(CodecPrint, SaysTheSameAsToValue) {
  const json::Value value =
      parsed(R"({"metadata":{"name":"n","managedFields":[{"fieldsV1":{"f:spec":{},"b":[1,null]}}]},
      "spec":{"ports":[{"port":80,"targetPort":"http"},{"port":81,"targetPort":8080}],"clusterIPs":["10.0.0.1"]}})");
  const Object object = make(kinds::service(), value, 9);
  EXPECT_EQ(parsed(object.json()), to_value(object));
  EXPECT_EQ(print(to_value(object)), object.json());
}

TEST(CodecVerify, AcceptsWhatEncodeMadeAndNothingShorter) {
  const auto bytes = encode(kinds::service(), parsed(R"({"metadata":{"name":"n","labels":{"a":"b"}},
      "spec":{"ports":[{"port":80,"targetPort":"http"}]}})"));
  ASSERT_FALSE(bytes.has_error());
  EXPECT_TRUE(verify(kinds::service(), bytes->data));
  for (size_t size = 0; size < bytes->data.size(); ++size) {
    // A copy of exactly this size, so that a read beyond it is seen by the sanitizer.
    const std::vector<uint8_t> cut{bytes->data.begin(), bytes->data.begin() + static_cast<ptrdiff_t>(size)};
    if (verify(kinds::service(), cut)) {
      const Object object{kinds::service(), own(cut), 1};
      EXPECT_FALSE(object.json().empty());
    }
  }
}

// Every single byte is changed in several ways: what still verifies must be readable by everything that reads objects.
TEST(CodecVerify, DamagedBytesAreRefusedOrHarmless) {
  const auto bytes = encode(kinds::pod(), parsed(R"({"metadata":{"name":"n","labels":{"a":"b","c":"d"},
      "managedFields":[{"fieldsV1":{"f:a":{}}}]},"spec":{"priority":1,"activeDeadlineSeconds":5,
      "containers":[{"name":"x","args":["a","b"],"ports":[{"containerPort":80}],
        "livenessProbe":{"httpGet":{"port":"http"}},"resources":{"limits":{"cpu":"1"}}}]}})"));
  ASSERT_FALSE(bytes.has_error());
  size_t refused = 0, accepted = 0;
  for (size_t at = 0; at < bytes->data.size(); ++at) {
    for (const uint8_t change : {0x01, 0x04, 0x10, 0x80, 0xff}) {
      std::vector<uint8_t> damaged{bytes->data.begin(), bytes->data.end()};
      damaged[at] ^= change;
      if (!verify(kinds::pod(), damaged)) {
        ++refused;
        continue;
      }
      ++accepted;
      const Object object{kinds::pod(), own(std::move(damaged)), 1};
      static_cast<void>(object.json());
      static_cast<void>(to_value(object));
      static_cast<void>(object.name());
    }
  }
  EXPECT_GT(refused, 1000u);
  EXPECT_GT(accepted, 0u);
}

TEST(CodecVerify, RefusesTextsThatAreNotUtf8) {
  const auto bytes = encode(kinds::config_map(), parsed(R"({"data":{"key":"0123456789"}})"));
  std::vector<uint8_t> damaged{bytes->data.begin(), bytes->data.end()};
  const std::string_view all{reinterpret_cast<const char*>(damaged.data()), damaged.size()};
  damaged[all.find("0123456789")] = 0xc0;
  EXPECT_FALSE(verify(kinds::config_map(), damaged));
}

TEST(Object, KnowsItsNamesAndWhetherItIsBeingDeleted) {
  const Object object = make(kinds::pod(), parsed(R"({"metadata":{"name":"web","namespace":"prod","uid":"u-1",
      "deletionTimestamp":"2024-01-01T00:00:00Z"}})"),
                             5);
  EXPECT_EQ(object.name(), "web");
  EXPECT_EQ(object.ns(), "prod");
  EXPECT_EQ(object.uid(), "u-1");
  EXPECT_TRUE(object.deleting());
  const Object bare = make(kinds::pod(), parsed("{}"), 5);
  EXPECT_EQ(bare.name(), "");
  EXPECT_FALSE(bare.deleting());
}

}  // namespace
}  // namespace kring::codec
