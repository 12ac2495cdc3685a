// The table of kinds: what discovery, the router and the store may rely on.
#include "objects/kinds.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "objects/codec.h"

namespace kring {
namespace {

TEST(Kinds, EveryRowIsWhole) {
  std::set<std::string> ids, resources;
  for (const Kind& kind : all_kinds()) {
    EXPECT_TRUE(ids.insert(kind.id()).second) << kind.id();
    EXPECT_EQ(find_kind_by_id(kind.id()), &kind);
    EXPECT_EQ(find_kind(kind.group, kind.kind), &kind);
    EXPECT_EQ(&all_kinds()[kind.index], &kind);
    EXPECT_EQ(codec::type_of(kind).table, kind.table);
    if (kind.stored) {
      EXPECT_FALSE(kind.plural.empty()) << kind.kind;
      EXPECT_NE(kind.verbs & verb_watch, 0) << kind.kind;
    }
    if (!kind.plural.empty()) EXPECT_TRUE(resources.insert(kind.resource()).second) << kind.resource();
    for (const Subresource& sub : kind.subresources) {
      const std::string version =
          sub.group.empty() ? std::string{sub.version} : std::string{sub.group}.append("/").append(sub.version);
      EXPECT_NE(codec::find_type(version, sub.kind), nullptr) << kind.kind << "/" << sub.name;
      EXPECT_NE(sub.verbs, 0) << kind.kind << "/" << sub.name;
    }
  }
}

TEST(Kinds, NamesThatPeopleType) {
  const struct {
    const char *group, *kind, *plural, *singular, *short_name;
    bool namespaced, in_all;
  } rows[] = {
      {"", "Pod", "pods", "pod", "po", true, true},
      {"", "Node", "nodes", "node", "no", false, false},
      {"", "Namespace", "namespaces", "namespace", "ns", false, false},
      {"", "Endpoints", "endpoints", "endpoints", "ep", true, false},
      {"", "PersistentVolumeClaim", "persistentvolumeclaims", "persistentvolumeclaim", "pvc", true, false},
      {"apps", "Deployment", "deployments", "deployment", "deploy", true, true},
      {"batch", "CronJob", "cronjobs", "cronjob", "cj", true, true},
      {"networking.k8s.io", "NetworkPolicy", "networkpolicies", "networkpolicy", "netpol", true, false},
      {"storage.k8s.io", "StorageClass", "storageclasses", "storageclass", "sc", false, false},
      {"certificates.k8s.io", "CertificateSigningRequest", "certificatesigningrequests", "certificatesigningrequest",
       "csr", false, false},
  };
  for (const auto& row : rows) {
    const Kind* kind = find_kind(row.group, row.kind);
    ASSERT_NE(kind, nullptr) << row.kind;
    EXPECT_EQ(kind->plural, row.plural);
    EXPECT_EQ(kind->singular, row.singular);
    ASSERT_FALSE(kind->short_names.empty());
    EXPECT_EQ(kind->short_names.front(), row.short_name);
    EXPECT_EQ(kind->namespaced, row.namespaced);
    EXPECT_EQ(std::ranges::count(kind->categories, "all") == 1, row.in_all) << row.kind;
  }
}

TEST(Kinds, ShortNamesAreUniqueAmongStoredKinds) {
  std::set<std::string_view> names;
  for (const Kind& kind : all_kinds())
    for (std::string_view name : kind.short_names) EXPECT_TRUE(names.insert(name).second) << name;
}

TEST(Kinds, ResourcesAreNamedAsKubernetesNamesThemInErrors) {
  EXPECT_EQ(kinds::pod().resource(), "pods");
  EXPECT_EQ(find_kind("apps", "Deployment")->resource(), "deployments.apps");
  EXPECT_EQ(kinds::pod().id(), "/Pod");
  EXPECT_EQ(find_kind("apps", "Deployment")->id(), "apps/Deployment");
}

TEST(Kinds, PodsHaveTheSubresourcesOfAV133Server) {
  std::vector<std::string_view> names;
  for (const Subresource& sub : kinds::pod().subresources) names.push_back(sub.name);
  EXPECT_EQ(names, (std::vector<std::string_view>{"attach", "binding", "ephemeralcontainers", "eviction", "exec", "log",
                                                  "portforward", "proxy", "resize", "status"}));
  const auto status = std::ranges::find(kinds::pod().subresources, "status", &Subresource::name);
  EXPECT_EQ(status->kind, "Pod");
  EXPECT_EQ(status->verbs, verb_get | verb_patch | verb_update);
}

TEST(Kinds, NamespacesCannotBeDeletedAsACollection) {
  EXPECT_EQ(kinds::ns().verbs & verb_deletecollection, 0);
  EXPECT_EQ(kinds::pod().verbs, verbs_all);
}

TEST(Served, EveryVersionIsFoundByKindAndByResource) {
  for (const Served& served : all_served()) {
    EXPECT_EQ(find_served(served.api_version(), served.kind_name), &served);
    if (!served.plural.empty()) EXPECT_EQ(find_served_resource(served.group, served.version, served.plural), &served);
    EXPECT_EQ(served.to_hub == nullptr, served.from_hub == nullptr);
    EXPECT_EQ(served.deprecated, !served.warning.empty());
    EXPECT_EQ(codec::type_of(served.table).table, served.table);
  }
  for (const Kind& kind : all_kinds()) {
    EXPECT_EQ(hub_of(kind).kind, &kind);
    EXPECT_EQ(hub_of(kind).to_hub, nullptr);
    EXPECT_EQ(hub_of(kind).version, kind.version);
  }
  EXPECT_EQ(find_served("v1", "Nothing"), nullptr);
  EXPECT_EQ(find_served("apps/v1", "Pod"), nullptr);
  EXPECT_EQ(find_served_resource("", "v1", ""), nullptr);
}

TEST(Served, GroupsAndVersionsComeInKubernetesOrder) {
  std::vector<std::string> order;
  for (const Served& served : all_served())
    if (order.empty() || order.back() != served.api_version()) order.push_back(served.api_version());
  // Every group version is one block.
  EXPECT_EQ(std::set<std::string>(order.begin(), order.end()).size(), order.size());
  auto place = [&](std::string_view version) { return std::ranges::find(order, version) - order.begin(); };
  EXPECT_EQ(place("v1"), 0);
  EXPECT_LT(place("apps/v1"), place("apps/v1beta2"));
  EXPECT_LT(place("apps/v1beta2"), place("apps/v1beta1"));
  EXPECT_LT(place("autoscaling/v2"), place("autoscaling/v1"));
  EXPECT_LT(place("autoscaling/v1"), place("autoscaling/v2beta2"));
  EXPECT_LT(place("apps/v1"), place("extensions/v1beta1"));
  EXPECT_LT(place("networking.k8s.io/v1"), place("extensions/v1beta1"));
}

TEST(Served, RetiredVersionsWarn) {
  const Served* old = find_served("extensions/v1beta1", "ReplicaSet");
  ASSERT_NE(old, nullptr);
  EXPECT_EQ(old->kind, find_kind("apps", "ReplicaSet"));
  EXPECT_EQ(old->warning,
            "extensions/v1beta1 ReplicaSet is deprecated in v1.8+, unavailable in v1.16+; use apps/v1 ReplicaSet");
  EXPECT_FALSE(find_served("autoscaling/v1", "HorizontalPodAutoscaler")->deprecated);
}

}  // namespace
}  // namespace kring
