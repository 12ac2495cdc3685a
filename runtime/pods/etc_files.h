// /etc/hosts, /etc/resolv.conf and the host name of a pod: texts, made from the pod and the node's settings.
// Source: kubernetes.io/docs/concepts/services-networking/dns-pod-service and .../add-entries-to-pod-etc-hosts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "objects/result.h"

namespace kring {
namespace core {
struct Pod;
}

namespace pods {

struct DnsSettings {
  std::vector<std::string> cluster_dns;  // empty: pods use the node's resolver
  std::string cluster_domain = "cluster.local";
  std::string host_resolv_conf;  // text of the node's own
};

// At most 63 characters; the node's for pods in its network. An error says why a name cannot be made.
Result<std::string> make_hostname(const core::Pod& pod, const std::string& node_hostname,
                                  const std::string& cluster_domain);
// `addresses` of the pod; `host_file` is the node's /etc/hosts, for pods in its network.
std::string make_hosts(const core::Pod& pod, const std::vector<std::string>& addresses, const std::string& hostname,
                       const std::string& cluster_domain, const std::string& host_file);
std::string make_resolv_conf(const core::Pod& pod, const DnsSettings& settings);

}  // namespace pods
}  // namespace kring
