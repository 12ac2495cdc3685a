// Versions: what a manifest of an older version means in the stored shape, and what its client reads back.
#include "objects/convert.h"

#include <gtest/gtest.h>

#include "objects/codec.h"

namespace kring {
namespace {

json::Value parsed(std::string_view text) {
  auto result = json::parse(text);
  EXPECT_FALSE(result.has_error()) << text;
  return result.has_error() ? json::Value{} : result->value;
}

const Served& served_of(const json::Value& value) {
  const Served* served = find_served(value.string_or("apiVersion"), value.string_or("kind"));
  EXPECT_NE(served, nullptr);
  return *served;
}

// The value in the stored shape, after the check that a request goes through.
json::Value stored(std::string_view text) {
  json::Value value = parsed(text);
  const Served& served = served_of(value);
  codec::Findings findings;
  EXPECT_FALSE(codec::check(codec::type_of(served.table), value, findings).has_error());
  EXPECT_TRUE(findings.unknown.empty()) << findings.unknown.front();
  if (served.to_hub != nullptr) EXPECT_FALSE(served.to_hub(value).has_error());
  EXPECT_FALSE(codec::check(codec::type_of(*served.kind), value, findings).has_error());
  EXPECT_TRUE(findings.unknown.empty()) << findings.unknown.front();
  return value;
}

json::Value read_as(std::string_view api_version, json::Value hub) {
  const Served* served = find_served(api_version, hub.string_or("kind"));
  EXPECT_NE(served, nullptr);
  EXPECT_FALSE(served->from_hub(hub).has_error());
  return hub;
}

TEST(Convert, AReplicaSetOf2017TakesItsSelectorAndLabelsFromTheTemplate) {
  const json::Value value =
      stored(R"({"apiVersion":"extensions/v1beta1","kind":"ReplicaSet","metadata":{"name":"kuard"},
      "spec":{"replicas":1,"template":{"metadata":{"labels":{"app":"kuard"}}}}})");
  EXPECT_EQ(value, parsed(R"({"apiVersion":"apps/v1","kind":"ReplicaSet",
      "metadata":{"name":"kuard","labels":{"app":"kuard"}},
      "spec":{"replicas":1,"selector":{"matchLabels":{"app":"kuard"}},
              "template":{"metadata":{"labels":{"app":"kuard"}}}}})"));
  // What is given stays.
  const json::Value given = stored(R"({"apiVersion":"extensions/v1beta1","kind":"ReplicaSet",
      "metadata":{"labels":{"own":"1"}},"spec":{"selector":{"matchLabels":{"a":"b"}},
      "template":{"metadata":{"labels":{"a":"b","c":"d"}}}}})");
  EXPECT_EQ(*given.at({"metadata", "labels"}), parsed(R"({"own":"1"})"));
  EXPECT_EQ(*given.at({"spec", "selector"}), parsed(R"({"matchLabels":{"a":"b"}})"));
}

TEST(Convert, DeploymentsHaveTheDefaultsOfTheirVersion) {
  const json::Value extensions =
      stored(R"({"apiVersion":"extensions/v1beta1","kind":"Deployment","spec":{"template":{}}})");
  EXPECT_EQ(*extensions.find("spec"), parsed(R"({"template":{},
      "strategy":{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":1,"maxSurge":1}},
      "revisionHistoryLimit":2147483647,"progressDeadlineSeconds":2147483647})"));
  const json::Value beta1 = stored(R"({"apiVersion":"apps/v1beta1","kind":"Deployment","spec":{"template":{}}})");
  EXPECT_EQ(*beta1.find("spec"), parsed(R"({"template":{},
      "strategy":{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":"25%","maxSurge":"25%"}},
      "revisionHistoryLimit":2,"progressDeadlineSeconds":600})"));
  const json::Value recreate = stored(R"({"apiVersion":"extensions/v1beta1","kind":"Deployment",
      "spec":{"strategy":{"type":"Recreate"}}})");
  EXPECT_EQ(*recreate.at({"spec", "strategy"}), parsed(R"({"type":"Recreate"})"));
  const json::Value beta2 = stored(R"({"apiVersion":"apps/v1beta2","kind":"Deployment","spec":{"template":{}}})");
  EXPECT_EQ(*beta2.find("spec"), parsed(R"({"template":{}})"));
}

TEST(Convert, ARollbackTravelsInAnAnnotation) {
  const json::Value value = stored(R"({"apiVersion":"extensions/v1beta1","kind":"Deployment",
      "spec":{"rollbackTo":{"revision":3}}})");
  EXPECT_EQ(value.at({"metadata", "annotations"})->string_or("deprecated.deployment.rollback.to"), "3");
  EXPECT_EQ(value.at({"spec", "rollbackTo"}), nullptr);
  const json::Value back = read_as("extensions/v1beta1", value);
  EXPECT_EQ(back.at({"spec", "rollbackTo"})->int_or("revision", 0), 3);
  EXPECT_EQ(back.at({"metadata", "annotations"}), nullptr);
}

TEST(Convert, DaemonSetsOf2017ReplacePodsOnlyWhenTheyAreDeleted) {
  const json::Value value = stored(R"({"apiVersion":"extensions/v1beta1","kind":"DaemonSet",
      "spec":{"templateGeneration":4,"template":{"metadata":{"labels":{"app":"fluentd"}}}}})");
  EXPECT_EQ(value.at({"spec", "updateStrategy"})->string_or("type"), "OnDelete");
  EXPECT_EQ(*value.at({"spec", "selector"}), parsed(R"({"matchLabels":{"app":"fluentd"}})"));
  EXPECT_EQ(read_as("extensions/v1beta1", value).find("spec")->int_or("templateGeneration", 0), 4);
  const json::Value rolling = stored(R"({"apiVersion":"extensions/v1beta1","kind":"DaemonSet",
      "spec":{"updateStrategy":{"type":"RollingUpdate"}}})");
  EXPECT_EQ(*rolling.at({"spec", "updateStrategy"}),
            parsed(R"({"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":1}})"));
}

TEST(Convert, StatefulSetsOfAppsV1beta1WaitForDeletionToo) {
  const json::Value value = stored(R"({"apiVersion":"apps/v1beta1","kind":"StatefulSet",
      "spec":{"serviceName":"mongo","template":{"metadata":{"labels":{"app":"mongo"}}}}})");
  EXPECT_EQ(value.at({"spec", "updateStrategy"})->string_or("type"), "OnDelete");
  EXPECT_EQ(*value.at({"spec", "selector", "matchLabels"}), parsed(R"({"app":"mongo"})"));
}

TEST(Convert, IngressBackendsAreNamedPortsOrNumbers) {
  const char* old = R"({"apiVersion":"networking.k8s.io/v1beta1","kind":"Ingress","spec":{
      "backend":{"serviceName":"a","servicePort":80},
      "rules":[{"host":"h","http":{"paths":[{"path":"/","pathType":"Prefix","backend":{"serviceName":"b","servicePort":"http"}},
                                            {"backend":{"serviceName":"c","servicePort":8080}}]}}]}})";
  const json::Value value = stored(old);
  EXPECT_EQ(value, parsed(R"({"apiVersion":"networking.k8s.io/v1","kind":"Ingress","spec":{
      "defaultBackend":{"service":{"name":"a","port":{"number":80}}},
      "rules":[{"host":"h","http":{"paths":[
        {"path":"/","pathType":"Prefix","backend":{"service":{"name":"b","port":{"name":"http"}}}},
        {"pathType":"ImplementationSpecific","backend":{"service":{"name":"c","port":{"number":8080}}}}]}}]}})"));
  json::Value back = parsed(old);
  back["spec"]["rules"].as_array()[0]["http"]["paths"].as_array()[1]["pathType"] = "ImplementationSpecific";
  EXPECT_EQ(read_as("networking.k8s.io/v1beta1", value), back);
  back["apiVersion"] = "extensions/v1beta1";
  EXPECT_EQ(read_as("extensions/v1beta1", value), back);
}

TEST(Convert, AnAutoscalerOfV1KeepsItsCpuTargetAndItsOtherMetrics) {
  const json::Value simple = stored(R"({"apiVersion":"autoscaling/v1","kind":"HorizontalPodAutoscaler",
      "spec":{"maxReplicas":5,"targetCPUUtilizationPercentage":80},"status":{"currentCPUUtilizationPercentage":7}})");
  EXPECT_EQ(simple, parsed(R"({"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","spec":{"maxReplicas":5,
      "metrics":[{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":80}}}]},
      "status":{"currentMetrics":[{"type":"Resource","resource":{"name":"cpu","current":{"averageUtilization":7}}}]}})"));
  const json::Value rich =
      parsed(R"({"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":"h"},
      "spec":{"maxReplicas":5,"behavior":{"scaleDown":{"stabilizationWindowSeconds":3}},
      "metrics":[{"type":"Pods","pods":{"metric":{"name":"qps"},"target":{"type":"AverageValue","averageValue":"10"}}},
                 {"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":80}}}]},
      "status":{"currentReplicas":1,"desiredReplicas":1,"conditions":[{"type":"AbleToScale","status":"True"}]}})");
  const json::Value v1 = read_as("autoscaling/v1", rich);
  EXPECT_EQ(v1.find("spec")->int_or("targetCPUUtilizationPercentage", 0), 80);
  EXPECT_EQ(v1.at({"spec", "metrics"}), nullptr);
  EXPECT_EQ(v1.at({"metadata", "annotations"})->string_or("autoscaling.alpha.kubernetes.io/metrics"),
            R"([{"type":"Pods","pods":{"metricName":"qps","targetAverageValue":"10"}}])");
  EXPECT_EQ(stored(json::print(v1)), rich);
}

TEST(Convert, MetricsOfV2beta1SayTheSameInV2) {
  const char* old =
      R"({"apiVersion":"autoscaling/v2beta1","kind":"HorizontalPodAutoscaler","spec":{"maxReplicas":3,"metrics":[
      {"type":"Object","object":{"target":{"kind":"Service","name":"s"},"metricName":"rps","targetValue":"5"}},
      {"type":"External","external":{"metricName":"q","targetAverageValue":"2"}},
      {"type":"Resource","resource":{"name":"memory","targetAverageValue":"64Mi"}}]}})";
  const json::Value value = stored(old);
  EXPECT_EQ(*value.at({"spec", "metrics"}), parsed(R"([
      {"type":"Object","object":{"describedObject":{"kind":"Service","name":"s"},"metric":{"name":"rps"},
                                 "target":{"type":"Value","value":"5"}}},
      {"type":"External","external":{"metric":{"name":"q"},"target":{"type":"AverageValue","averageValue":"2"}}},
      {"type":"Resource","resource":{"name":"memory","target":{"type":"AverageValue","averageValue":"64Mi"}}}])"));
  EXPECT_EQ(read_as("autoscaling/v2beta1", value), parsed(old));
}

TEST(Convert, AnEmptyDisruptionBudgetSelectorMeansNothingInV1beta1AndEverythingInV1) {
  const json::Value value =
      stored(R"({"apiVersion":"policy/v1beta1","kind":"PodDisruptionBudget","spec":{"selector":{}}})");
  EXPECT_EQ(value.at({"spec", "selector", "matchExpressions"})->as_array()[0].string_or("operator"), "Exists");
  EXPECT_EQ(*read_as("policy/v1beta1", value).at({"spec", "selector"}), parsed("{}"));
  const json::Value everything =
      parsed(R"({"apiVersion":"policy/v1","kind":"PodDisruptionBudget","spec":{"selector":{}}})");
  const json::Value old = read_as("policy/v1beta1", everything);
  EXPECT_EQ(old.at({"spec", "selector", "matchExpressions"})->as_array()[0].string_or("operator"), "DoesNotExist");
  EXPECT_EQ(stored(json::print(old)), everything);
}

TEST(Convert, AnEventIsTheSameObjectInBothGroups) {
  const char* text =
      R"({"apiVersion":"events.k8s.io/v1","kind":"Event","metadata":{"name":"e"},"regarding":{"kind":"Pod","name":"p"},
      "note":"said","reason":"Started","type":"Normal","reportingController":"kubelet","reportingInstance":"n1",
      "deprecatedCount":2,"deprecatedSource":{"component":"kubelet"},"deprecatedFirstTimestamp":"2024-01-01T00:00:00Z"})";
  const json::Value value = stored(text);
  EXPECT_EQ(
      value,
      parsed(R"({"apiVersion":"v1","kind":"Event","metadata":{"name":"e"},"involvedObject":{"kind":"Pod","name":"p"},
      "message":"said","reason":"Started","type":"Normal","reportingComponent":"kubelet","reportingInstance":"n1",
      "count":2,"source":{"component":"kubelet"},"firstTimestamp":"2024-01-01T00:00:00Z"})"));
  EXPECT_EQ(read_as("events.k8s.io/v1", value), parsed(text));
}

TEST(Convert, EndpointsMoveTheirZoneOutOfTheTopology) {
  const json::Value value =
      stored(R"({"apiVersion":"discovery.k8s.io/v1beta1","kind":"EndpointSlice","addressType":"IPv4","endpoints":[
      {"addresses":["10.0.0.1"],"topology":{"topology.kubernetes.io/zone":"z1","kubernetes.io/hostname":"n1","a":"b"}},
      {"addresses":["10.0.0.2"]}]})");
  const json::Value& endpoint = value.find("endpoints")->as_array()[0];
  EXPECT_EQ(endpoint.string_or("zone"), "z1");
  EXPECT_EQ(endpoint.string_or("nodeName"), "n1");
  EXPECT_EQ(*endpoint.find("deprecatedTopology"), parsed(R"({"kubernetes.io/hostname":"n1","a":"b"})"));
  const json::Value back = read_as("discovery.k8s.io/v1beta1", value);
  EXPECT_EQ(*back.find("endpoints")->as_array()[0].find("topology"),
            parsed(R"({"kubernetes.io/hostname":"n1","a":"b","topology.kubernetes.io/zone":"z1"})"));
}

TEST(Convert, SubjectsOfRbacV1alpha1NameAVersion) {
  const json::Value value = stored(R"({"apiVersion":"rbac.authorization.k8s.io/v1alpha1","kind":"RoleBinding",
      "roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"r"},
      "subjects":[{"kind":"User","name":"*"},{"kind":"ServiceAccount","name":"s","namespace":"n","apiVersion":"v1"}]})");
  EXPECT_EQ(*value.find("subjects"), parsed(R"([
      {"kind":"Group","name":"system:authenticated","apiGroup":"rbac.authorization.k8s.io"},
      {"kind":"ServiceAccount","name":"s","namespace":"n"}])"));
}

TEST(Convert, AScaleSelectorIsAMapInTheOldGroupsAndATextToday) {
  json::Value value = parsed(R"({"apiVersion":"extensions/v1beta1","kind":"Scale","status":{"replicas":2,
      "selector":{"a":"b","c":"d"},"targetSelector":"a=b,c=d"}})");
  const json::Value old = value;
  ASSERT_FALSE(served_of(old).to_hub(value).has_error());
  EXPECT_EQ(value,
            parsed(R"({"apiVersion":"autoscaling/v1","kind":"Scale","status":{"replicas":2,"selector":"a=b,c=d"}})"));
  EXPECT_EQ(read_as("extensions/v1beta1", value), old);
  const json::Value sets = parsed(R"json({"kind":"Scale","status":{"selector":"a in (b,c)"}})json");
  EXPECT_EQ(*read_as("apps/v1beta2", sets).find("status"), parsed(R"json({"targetSelector":"a in (b,c)"})json"));
}

TEST(Convert, AccessReviewsAndPriorityLevelsRenameOneField) {
  json::Value review = parsed(R"({"apiVersion":"authorization.k8s.io/v1beta1","kind":"SubjectAccessReview",
      "spec":{"user":"u","group":["g"]}})");
  ASSERT_FALSE(served_of(review).to_hub(review).has_error());
  EXPECT_EQ(*review.find("spec"), parsed(R"({"user":"u","groups":["g"]})"));
  const json::Value level =
      stored(R"({"apiVersion":"flowcontrol.apiserver.k8s.io/v1beta2","kind":"PriorityLevelConfiguration",
      "spec":{"type":"Limited","limited":{"assuredConcurrencyShares":5}}})");
  EXPECT_EQ(level.at({"spec", "limited"})->int_or("nominalConcurrencyShares", 0), 5);
  EXPECT_EQ(read_as("flowcontrol.apiserver.k8s.io/v1beta1", level)
                .at({"spec", "limited"})
                ->int_or("assuredConcurrencyShares", 0),
            5);
}

TEST(Convert, WebhooksOfV1beta1IgnoreFailuresUnlessTheySayOtherwise) {
  const json::Value value =
      stored(R"({"apiVersion":"admissionregistration.k8s.io/v1beta1","kind":"ValidatingWebhookConfiguration",
      "webhooks":[{"name":"a.b.c","clientConfig":{}},{"name":"d.e.f","clientConfig":{},"failurePolicy":"Fail"}]})");
  const auto& webhooks = value.find("webhooks")->as_array();
  EXPECT_EQ(webhooks[0].string_or("failurePolicy"), "Ignore");
  EXPECT_EQ(webhooks[0].int_or("timeoutSeconds", 0), 30);
  EXPECT_EQ(webhooks[1].string_or("failurePolicy"), "Fail");
}

TEST(Convert, TheHandlerOfARuntimeClassWasBelowSpec) {
  const char* old = R"({"apiVersion":"node.k8s.io/v1alpha1","kind":"RuntimeClass","metadata":{"name":"r"},
      "spec":{"runtimeHandler":"kata","overhead":{"podFixed":{"cpu":"10m"}}}})";
  const json::Value value = stored(old);
  EXPECT_EQ(value.string_or("handler"), "kata");
  EXPECT_EQ(read_as("node.k8s.io/v1alpha1", value), parsed(old));
}

TEST(Convert, ADefinitionOf2018SaysOnceWhatEveryVersionSaysToday) {
  const char* old =
      R"({"apiVersion":"apiextensions.k8s.io/v1beta1","kind":"CustomResourceDefinition","spec":{"group":"g","version":"v1",
      "names":{"kind":"K","plural":"ks"},"scope":"Namespaced","validation":{"openAPIV3Schema":{"type":"object"}},
      "additionalPrinterColumns":[{"name":"A","type":"string","JSONPath":".spec.a"}],"subresources":{"status":{}},
      "conversion":{"strategy":"Webhook","webhookClientConfig":{"url":"https://w"}}}})";
  const json::Value value = stored(old);
  EXPECT_EQ(*value.find("spec"), parsed(R"({"group":"g","names":{"kind":"K","plural":"ks"},"scope":"Namespaced",
      "preserveUnknownFields":true,
      "versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}},
                   "subresources":{"status":{}},
                   "additionalPrinterColumns":[{"name":"A","type":"string","jsonPath":".spec.a"}]}],
      "conversion":{"strategy":"Webhook","webhook":{"clientConfig":{"url":"https://w"},"conversionReviewVersions":["v1beta1"]}}})"));
  const json::Value back = read_as("apiextensions.k8s.io/v1beta1", value);
  EXPECT_EQ(*back.at({"spec", "validation"}), parsed(R"({"openAPIV3Schema":{"type":"object"}})"));
  EXPECT_EQ(back.at({"spec", "versions"})->as_array()[0].find("schema"), nullptr);
  EXPECT_EQ(stored(json::print(back)), value);
}

TEST(Convert, VersionsThatDifferKeepTheirOwnSchemas) {
  const json::Value value =
      parsed(R"({"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","spec":{"group":"g",
      "preserveUnknownFields":false,"versions":[{"name":"v2","schema":{"openAPIV3Schema":{"type":"object"}}},
                                                {"name":"v1","schema":{"openAPIV3Schema":{"type":"array"}}}]}})");
  const json::Value old = read_as("apiextensions.k8s.io/v1beta1", value);
  EXPECT_EQ(old.at({"spec", "validation"}), nullptr);
  EXPECT_EQ(old.find("spec")->string_or("version"), "v2");
  EXPECT_EQ(stored(json::print(old)), value);
}

TEST(Convert, EveryVersionOfAnEmptyObjectConvertsThereAndBack) {
  for (const Served& served : all_served()) {
    if (served.to_hub == nullptr) continue;
    json::Object empty;
    empty.set("apiVersion", served.api_version());
    empty.set("kind", served.kind_name);
    json::Value value{empty};
    ASSERT_FALSE(served.to_hub(value).has_error()) << served.api_version() << " " << served.kind_name;
    EXPECT_EQ(value.string_or("apiVersion"), hub_of(*served.kind).api_version());
    ASSERT_FALSE(served.from_hub(value).has_error());
    EXPECT_EQ(value.string_or("apiVersion"), served.api_version());
  }
}

}  // namespace
}  // namespace kring
