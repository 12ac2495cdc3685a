// Goal: environment, arguments, security, limits, host files and volume files of a container follow Kubernetes' rules.
// Method: pods as JSON in, plain values out; tables where a rule has many cases. Security checklist: S8, S9, S12, S13.
#include <gtest/gtest.h>

#include "objects/kinds.h"
#include "objects/schema/core_generated.h"
#include "runtime/client/flat.h"
#include "runtime/pods/container_start.h"
#include "runtime/pods/environment.h"
#include "runtime/pods/etc_files.h"
#include "runtime/pods/image_step.h"
#include "runtime/pods/pod_plan.h"
#include "runtime/pods/resources.h"
#include "runtime/pods/security.h"
#include "runtime/pods/sysctls.h"
#include "runtime/pods/volume_files.h"
#include "runtime/pods/volumes.h"
#include "tests/runtime/agent/objects.h"
#include "tests/sim/sim_host.h"

namespace kring::pods {
namespace {

using test::object_of;

// A pod with these fields of its container and of its spec, as JSON without the outer braces.
ObjectPtr pod_with(std::string_view container, std::string_view spec = {}) {
  std::string text = R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"prod","uid":"u-1",
    "labels":{"app":"kuard","tier":"front"},"annotations":{"note":"a \"quoted\" word"}},"spec":{"nodeName":"node1",)";
  if (!spec.empty()) text.append(spec).append(",");
  text.append(R"("containers":[{"name":"app","image":"example/app:1")");
  if (!container.empty()) text.append(",").append(container);
  return object_of(kinds::pod(), text + "}]}}");
}

const core::Pod& pod_of(const ObjectPtr& object) { return *object->as<core::Pod>(); }
const core::Container& container_of(const ObjectPtr& object) {
  return *find_container(pod_of(object), "app").container;
}

DownwardFacts facts() { return {"node1", {"192.0.2.1"}, {"10.42.0.7"}, NodeCapacity{4000, 8LL << 30, 100LL << 30}}; }

Result<Environment> environment(const ObjectPtr& pod, const Sources& sources = {},
                                const std::vector<std::string>& image_env = {}) {
  return make_environment(pod_of(pod), container_of(pod), sources, facts(), image_env, {});
}

std::string value(const ObjectPtr& pod, const std::string& name, const Sources& sources = {}) {
  auto made = environment(pod, sources);
  if (made.has_error()) return "error: " + made.error().message;
  for (const auto& it : made->list)
    if (it.starts_with(name + "=")) return it.substr(name.size() + 1);
  return "unset";
}

TEST(Expand, KnownNamesDollarsAndTheRest) {
  std::map<std::string, std::string> values{{"A", "1"}, {"B", "two"}, {"E", ""}};
  struct Case {
    std::string_view in, out;
  };
  for (const auto& it : std::initializer_list<Case>{{"$(A)", "1"},
                                                    {"$(A)-$(B)", "1-two"},
                                                    {"$$(A)", "$(A)"},
                                                    {"$$$(A)", "$1"},
                                                    {"$(X)", "$(X)"},
                                                    {"$(A", "$(A"},
                                                    {"$", "$"},
                                                    {"$$", "$"},
                                                    {"$A", "$A"},
                                                    {"x$(E)y", "xy"},
                                                    {"$()", "$()"}})
    EXPECT_EQ(expand(it.in, values), it.out) << it.in;
}

TEST(Environment, FieldsOfThePod) {
  struct Case {
    std::string path, out;
  };
  for (const auto& it : std::vector<Case>{{"metadata.name", "web"},
                                          {"metadata.namespace", "prod"},
                                          {"metadata.uid", "u-1"},
                                          {"metadata.labels['app']", "kuard"},
                                          {"metadata.annotations['note']", "a \"quoted\" word"},
                                          {"spec.nodeName", "node1"},
                                          {"spec.serviceAccountName", ""},
                                          {"status.hostIP", "192.0.2.1"},
                                          {"status.podIP", "10.42.0.7"},
                                          {"status.podIPs", "10.42.0.7"}}) {
    auto pod = pod_with("");
    auto got = field_value(pod_of(pod), it.path, facts());
    ASSERT_TRUE(got.has_value()) << it.path;
    EXPECT_EQ(*got, it.out) << it.path;
  }
  auto labels = field_value(pod_of(pod_with("")), "metadata.labels", facts());
  EXPECT_EQ(*labels, "app=\"kuard\"\ntier=\"front\"");
  auto notes = field_value(pod_of(pod_with("")), "metadata.annotations", facts());
  EXPECT_EQ(*notes, "note=\"a \\\"quoted\\\" word\"");
}

TEST(Environment, LaterVariablesSeeEarlierOnes) {
  auto pod = pod_with(R"x("env":[{"name":"A","value":"x"},{"name":"B","value":"$(A)y"},{"name":"C","value":"$(D)"}])x");
  EXPECT_EQ(value(pod, "B"), "xy");
  EXPECT_EQ(value(pod, "C"), "$(D)");
}

TEST(Environment, TheImagesVariablesAreOverridden) {
  auto pod = pod_with(R"("env":[{"name":"COLOR","value":"blue"}])");
  auto made = environment(pod, {}, {"PATH=/bin", "COLOR=red"});
  ASSERT_TRUE(made.has_value());
  EXPECT_EQ(made->list, (std::vector<std::string>{"PATH=/bin", "COLOR=blue"}));
}

TEST(Environment, ConfigMapsAndSecrets) {
  Sources sources;
  sources[{&kinds::config_map(), "c"}] =
      object_of(kinds::config_map(),
                R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{"k":"v","bad key":"x"}})");
  sources[{&kinds::secret(), "s"}] = object_of(
      kinds::secret(), R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"data":{"p":"aHVudGVyMg=="}})");
  auto pod = pod_with(R"("envFrom":[{"prefix":"P_","configMapRef":{"name":"c"}}],"env":[
      {"name":"ONE","valueFrom":{"configMapKeyRef":{"name":"c","key":"k"}}},
      {"name":"TWO","valueFrom":{"secretKeyRef":{"name":"s","key":"p"}}},
      {"name":"THREE","valueFrom":{"configMapKeyRef":{"name":"none","key":"k","optional":true}}}])");
  EXPECT_EQ(value(pod, "P_k", sources), "v");
  EXPECT_EQ(value(pod, "ONE", sources), "v");
  EXPECT_EQ(value(pod, "TWO", sources), "hunter2");
  EXPECT_EQ(value(pod, "THREE", sources), "unset");
}

TEST(Environment, WhatIsMissingIsNamedAsKubeletDoes) {
  Sources sources;
  sources[{&kinds::config_map(), "c"}] = object_of(
      kinds::config_map(), R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{"k":"v"}})");
  EXPECT_EQ(value(pod_with(R"("env":[{"name":"A","valueFrom":{"configMapKeyRef":{"name":"x","key":"k"}}}])"), "A"),
            "error: configmap \"x\" not found");
  EXPECT_EQ(value(pod_with(R"("env":[{"name":"A","valueFrom":{"secretKeyRef":{"name":"x","key":"k"}}}])"), "A"),
            "error: secret \"x\" not found");
  EXPECT_EQ(
      value(pod_with(R"("env":[{"name":"A","valueFrom":{"configMapKeyRef":{"name":"c","key":"z"}}}])"), "A", sources),
      "error: couldn't find key z in ConfigMap prod/c");
}

TEST(Environment, ResourcesRoundUpAndFallBackToTheNode) {
  auto pod =
      pod_with(R"("resources":{"limits":{"cpu":"1250m","memory":"64Mi"},"requests":{"cpu":"250m","memory":"32Mi"}},
      "env":[{"name":"LC","valueFrom":{"resourceFieldRef":{"resource":"limits.cpu"}}},
             {"name":"RC","valueFrom":{"resourceFieldRef":{"resource":"requests.cpu"}}},
             {"name":"LM","valueFrom":{"resourceFieldRef":{"resource":"limits.memory"}}},
             {"name":"RM","valueFrom":{"resourceFieldRef":{"resource":"requests.memory","divisor":"1Mi"}}}])");
  EXPECT_EQ(value(pod, "LC"), "2");
  EXPECT_EQ(value(pod, "RC"), "1");
  EXPECT_EQ(value(pod, "LM"), "67108864");
  EXPECT_EQ(value(pod, "RM"), "32");
  auto unset = pod_with(R"("env":[{"name":"LC","valueFrom":{"resourceFieldRef":{"resource":"limits.cpu"}}},
                                  {"name":"LM","valueFrom":{"resourceFieldRef":{"resource":"limits.memory"}}}])");
  EXPECT_EQ(value(unset, "LC"), "4");
  EXPECT_EQ(value(unset, "LM"), std::to_string(8LL << 30));
}

TEST(Arguments, TheMatrixOfEntrypointAndCommand) {
  std::vector<std::string> entrypoint{"/entry"}, command{"default"};
  auto of = [&](std::string_view fields) {
    auto pod = pod_with(fields);
    return make_arguments(container_of(pod), entrypoint, command, {{"N", "7"}});
  };
  using List = std::vector<std::string>;
  EXPECT_EQ(of(""), (List{"/entry", "default"}));
  EXPECT_EQ(of(R"x("args":["a","$(N)"])x"), (List{"/entry", "a", "7"}));
  EXPECT_EQ(of(R"("command":["/c"])"), (List{"/c"}));
  EXPECT_EQ(of(R"("command":["/c"],"args":["a"])"), (List{"/c", "a"}));
}

TEST(Security, TheContainersWordOverThePods) {
  auto pod =
      pod_with(R"("securityContext":{"runAsUser":7,"capabilities":{"add":["CAP_NET_ADMIN","sys_time"],"drop":["ALL"]},
      "readOnlyRootFilesystem":true,"allowPrivilegeEscalation":false})",
               R"("securityContext":{"runAsUser":5,"runAsGroup":6,"fsGroup":9,"supplementalGroups":[1,2]})");
  auto made = make_security(pod_of(pod), container_of(pod), "", "/seccomp");
  ASSERT_TRUE(made.has_value());
  EXPECT_EQ(made->run_as_user, 7);
  EXPECT_EQ(made->run_as_group, 6);
  EXPECT_EQ(made->fs_group, 9);
  EXPECT_EQ(made->supplemental_groups, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(made->add_capabilities, (std::vector<std::string>{"NET_ADMIN", "SYS_TIME"}));
  EXPECT_EQ(made->drop_capabilities, (std::vector<std::string>{"ALL"}));
  EXPECT_TRUE(made->read_only_root);
  EXPECT_FALSE(made->allow_privilege_escalation);
}

// S13: the default is the runtime's profile, an empty localhost profile is an error, never "unconfined".
TEST(Security, SeccompIsNeverSilentlyOff) {
  auto plain = pod_with("");
  EXPECT_EQ(make_security(pod_of(plain), container_of(plain), "", "/s")->seccomp,
            SecurityConfig::Seccomp::runtime_default);
  auto empty = pod_with(R"("securityContext":{"seccompProfile":{"type":"Localhost","localhostProfile":""}})");
  EXPECT_TRUE(make_security(pod_of(empty), container_of(empty), "", "/s").has_error());
  auto outside =
      pod_with(R"("securityContext":{"seccompProfile":{"type":"Localhost","localhostProfile":"../../etc/x"}})");
  EXPECT_TRUE(make_security(pod_of(outside), container_of(outside), "", "/s").has_error());
  auto asked = pod_with(R"("securityContext":{"seccompProfile":{"type":"Unconfined"}})");
  EXPECT_EQ(make_security(pod_of(asked), container_of(asked), "", "/s")->seccomp, SecurityConfig::Seccomp::unconfined);
}

// S9: whoever must not be root is not.
TEST(Security, RunAsNonRootRefusesRootAndNames) {
  auto pod = pod_with(R"("securityContext":{"runAsNonRoot":true})");
  struct Case {
    std::string_view user, error;
  };
  for (const auto& it :
       std::initializer_list<Case>{{"1000", ""},
                                   {"1000:0", ""},
                                   {"", "container has runAsNonRoot and image will run as root"},
                                   {"0", "container has runAsNonRoot and image will run as root"},
                                   {"www", "container has runAsNonRoot and image has non-numeric user (www)"}}) {
    auto made = make_security(pod_of(pod), container_of(pod), std::string{it.user}, "/s");
    EXPECT_EQ(made.has_error(), !it.error.empty()) << it.user;
    if (made.has_error()) EXPECT_TRUE(made.error().message.starts_with(it.error)) << made.error().message;
  }
}

// S12: only exact, harmless names; values cannot carry a second setting.
TEST(Sysctls, OnlyTheListedOnes) {
  EXPECT_EQ(forbidden_sysctl({{"net.ipv4.ip_unprivileged_port_start", "0"}}), "");
  EXPECT_EQ(forbidden_sysctl({{"kernel.core_pattern", "|/x"}}), "kernel.core_pattern");
  EXPECT_EQ(forbidden_sysctl({{"net.ipv4.tcp_syncookies", "1\nkernel.core_pattern=|/x"}}), "net.ipv4.tcp_syncookies");
  EXPECT_EQ(forbidden_sysctl({{"net.ipv4.tcp_syncookies+kernel.core_pattern", "1"}}),
            "net.ipv4.tcp_syncookies+kernel.core_pattern");
}

TEST(Resources, QualityOfService) {
  EXPECT_EQ(qos_class(pod_of(pod_with(""))), "BestEffort");
  EXPECT_EQ(qos_class(pod_of(pod_with(R"("resources":{"requests":{"cpu":"1"}})"))), "Burstable");
  EXPECT_EQ(qos_class(pod_of(pod_with(R"("resources":{"limits":{"cpu":"1","memory":"1Gi"}})"))), "Guaranteed");
  EXPECT_EQ(qos_class(pod_of(pod_with(R"("resources":{"limits":{"cpu":"1"}})"))), "Burstable");
  EXPECT_EQ(qos_class(pod_of(pod_with(
                R"("resources":{"limits":{"cpu":"1","memory":"1Gi"},"requests":{"cpu":"500m","memory":"1Gi"}})"))),
            "Burstable");
}

TEST(Resources, LimitsAndTheOutOfMemoryScore) {
  auto pod =
      pod_with(R"("resources":{"limits":{"cpu":"1","memory":"256Mi"},"requests":{"cpu":"500m","memory":"128Mi"}})");
  CgroupLimits limits = container_limits(container_of(pod));
  EXPECT_EQ(limits.cpu_request_milli, 500);
  EXPECT_EQ(limits.cpu_limit_milli, 1000);
  EXPECT_EQ(limits.memory_limit_bytes, 256LL << 20);
  EXPECT_EQ(oom_score_adjust(pod_of(pod), container_of(pod), 1LL << 30), 875);
  auto none = pod_with("");
  EXPECT_EQ(oom_score_adjust(pod_of(none), container_of(none), 1LL << 30), 1000);
  EXPECT_FALSE(pod_limits(pod_of(none)).memory_limit_bytes.has_value());
}

TEST(Hosts, AreManagedAndTakeAliases) {
  auto pod = pod_with(
      "", R"("hostname":"db","subdomain":"peers","hostAliases":[{"ip":"123.45.67.89","hostnames":["foo","bar"]}])");
  std::string text = make_hosts(pod_of(pod), {"10.42.0.7"}, "db", "cluster.local", "");
  EXPECT_TRUE(text.starts_with("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n"));
  EXPECT_NE(text.find("10.42.0.7\tdb.peers.prod.svc.cluster.local\tdb\n"), std::string::npos);
  EXPECT_NE(text.find("123.45.67.89\tfoo\tbar\n"), std::string::npos);
}

TEST(Hostname, IsShortAndMayBeTheWholeName) {
  EXPECT_EQ(*make_hostname(pod_of(pod_with("")), "node1", "cluster.local"), "web");
  EXPECT_EQ(*make_hostname(pod_of(pod_with("", R"("hostNetwork":true)")), "node1", "cluster.local"), "node1");
  auto full = pod_with("", R"("hostname":"db","subdomain":"peers","setHostnameAsFQDN":true)");
  EXPECT_EQ(*make_hostname(pod_of(full), "node1", "cluster.local"), "db.peers.prod.svc.cluster.local");
  auto longer = pod_with(
      "",
      R"("hostname":"db","subdomain":"a-subdomain-that-makes-the-name-too-long-for-the-kernel","setHostnameAsFQDN":true)");
  EXPECT_TRUE(make_hostname(pod_of(longer), "node1", "cluster.local").has_error());
}

TEST(ResolvConf, FollowsThePolicy) {
  DnsSettings settings{{"10.43.0.10"}, "cluster.local", "search example.com\nnameserver 192.0.2.53\n"};
  EXPECT_EQ(make_resolv_conf(pod_of(pod_with("")), settings),
            "search prod.svc.cluster.local svc.cluster.local cluster.local example.com\n"
            "nameserver 10.43.0.10\noptions ndots:5\n");
  EXPECT_EQ(make_resolv_conf(pod_of(pod_with("", R"("dnsPolicy":"Default")")), settings),
            "search example.com\nnameserver 192.0.2.53\n");
  EXPECT_EQ(make_resolv_conf(pod_of(pod_with("", R"("hostNetwork":true)")), settings),
            "search example.com\nnameserver 192.0.2.53\n");
  EXPECT_EQ(make_resolv_conf(pod_of(pod_with("", R"("dnsPolicy":"None","dnsConfig":{"nameservers":["1.1.1.1"],
      "searches":["x.y"],"options":[{"name":"ndots","value":"2"}]})")),
                             settings),
            "search x.y\nnameserver 1.1.1.1\noptions ndots:2\n");
}

TEST(VolumeFiles, ProjectKeysWithModes) {
  Sources sources;
  sources[{&kinds::config_map(), "c"}] =
      object_of(kinds::config_map(),
                R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{"a":"1","b":"2"}})");
  auto pod = pod_with("", R"("volumes":[{"name":"v","configMap":{"name":"c","defaultMode":256,"items":[
      {"key":"a","path":"dir/a","mode":292}]}}])");
  auto files = volume_files(pod_of(pod), *(*items(pod_of(pod).spec()->volumes()).begin()), sources, facts(), {});
  ASSERT_TRUE(files.has_value());
  ASSERT_EQ(files->size(), 1U);
  EXPECT_EQ((*files)[0].path, "dir/a");
  EXPECT_EQ((*files)[0].data, "1");
  EXPECT_EQ((*files)[0].mode, 0444U);
}

// S8: a sub path never leads out of its volume.
TEST(Volumes, SubPathsStayInside) {
  sim::SimHostFiles files;
  Volumes volumes{files, paths_of("/data", "prod", "web", "u-1")};
  for (std::string_view bad : {"../x", "/etc", "a/../../b", ".."}) {
    auto pod = pod_with(R"("env":[{"name":"P","value":")" + std::string{bad} +
                            R"x("}],"volumeMounts":[{"name":"v","mountPath":"/m","subPathExpr":"$(P)"}])x",
                        R"("volumes":[{"name":"v","emptyDir":{}}])");
    auto mounts = volumes.mounts_of(pod_of(pod), container_of(pod), {{"P", std::string{bad}}});
    EXPECT_TRUE(mounts.has_error()) << bad;
  }
  auto pod = pod_with(R"x("volumeMounts":[{"name":"v","mountPath":"/m","subPathExpr":"$(P)"}])x",
                      R"("volumes":[{"name":"v","emptyDir":{}}])");
  auto mounts = volumes.mounts_of(pod_of(pod), container_of(pod), {{"P", "logs/web"}});
  ASSERT_TRUE(mounts.has_value());
  EXPECT_EQ((*mounts)[0].host_path, "/data/pods/u-1/volumes/v/logs/web");
  EXPECT_EQ((*mounts)[0].host_base, "/data/pods/u-1/volumes/v");
  EXPECT_TRUE(files.entries.contains("/data/pods/u-1/volumes/v/logs/web"));
  EXPECT_TRUE(volumes.mounts_of(pod_of(pod), container_of(pod), {}).has_error())
      << "an unknown variable stays unexpanded";
}

TEST(Volumes, HostPathTypes) {
  sim::SimHostFiles files;
  files.entries["/dir"] = {FileType::directory, "", 0755, false};
  files.entries["/file"] = {FileType::file, "", 0644, false};
  files.entries["/sock"] = {FileType::socket, "", 0644, false};
  Volumes volumes{files, paths_of("/data", "prod", "web", "u-1")};
  struct Case {
    std::string path, type, error;
  };
  for (const auto& it :
       std::vector<Case>{{"/dir", "Directory", ""},
                         {"/file", "Directory", "hostPath type check failed: /file is not a directory"},
                         {"/none", "Directory", "hostPath type check failed: /none is not a directory"},
                         {"/dir", "File", "hostPath type check failed: /dir is not a file"},
                         {"/file", "File", ""},
                         {"/sock", "Socket", ""},
                         {"/file", "Socket", "hostPath type check failed: /file is not a socket file"},
                         {"/dir", "CharDevice", "hostPath type check failed: /dir is not a character device"},
                         {"/dir", "BlockDevice", "hostPath type check failed: /dir is not a block device"},
                         {"/made/dir", "DirectoryOrCreate", ""},
                         {"/dir/file", "FileOrCreate", ""},
                         {"/file", "", ""}}) {
    auto pod = pod_with(
        "", R"("volumes":[{"name":"v","hostPath":{"path":")" + it.path + R"(","type":")" + it.type + R"("}}])");
    auto errors = volumes.set_up(pod_of(pod), {}, facts(), {});
    std::string message = errors.empty() ? "" : errors[0].message;
    std::string wanted = it.error.empty() ? "" : "MountVolume.SetUp failed for volume \"v\" : " + it.error;
    EXPECT_EQ(message, wanted) << it.path << " " << it.type;
  }
  EXPECT_EQ(files.entries.at("/made/dir").type, FileType::directory);
  EXPECT_EQ(files.entries.at("/dir/file").type, FileType::file);
}

// S11: what becomes part of a path is checked again where the path is made.
TEST(Paths, NamesThatAreNoPathParts) {
  for (std::string_view good : {"web", "a.b-c_D9"}) EXPECT_TRUE(safe_name(good)) << good;
  for (std::string_view bad : {"", ".", "..", "a/b", "a b", "a\nb", "\xc3\xa4"}) EXPECT_FALSE(safe_name(bad)) << bad;
}

TEST(Signals, ByNameAndNumber) {
  EXPECT_EQ(signal_number("SIGTERM"), 15);
  EXPECT_EQ(signal_number("TERM"), 15);
  EXPECT_EQ(signal_number("SIGUSR1"), 10);
  EXPECT_EQ(signal_number("9"), 9);
  EXPECT_EQ(signal_number("SIGRTMIN+3"), 37);
  EXPECT_EQ(signal_number("RTMAX-1"), 63);
  EXPECT_EQ(signal_number("SIGNOPE"), 0);
  EXPECT_EQ(signal_number(""), 0);
  EXPECT_EQ(signal_number("65"), 0);
}

TEST(PullSecrets, FitTheirRegistryOnly) {
  std::string config = R"({"auths":{"https://index.docker.io/v1/":{"auth":"dXNlcjpwYXNz"},
                                    "registry.example.com":{"username":"u","password":"p"}}})";
  auto docker = credentials_for("docker.io", config);
  ASSERT_EQ(docker.size(), 1U);
  EXPECT_EQ(docker[0].username, "user");
  EXPECT_EQ(docker[0].password, "pass");
  EXPECT_EQ(credentials_for("registry.example.com", config).size(), 1U);
  EXPECT_TRUE(credentials_for("evil.example.com", config).empty());
  EXPECT_TRUE(credentials_for("docker.io", "not json").empty());
}

}  // namespace
}  // namespace kring::pods
