#include "runtime/pods/etc_files.h"

#include <algorithm>
#include <sstream>

#include "objects/schema/core_generated.h"
#include "runtime/client/flat.h"

namespace kring::pods {

namespace {

constexpr size_t hostname_max = 63, fqdn_max = 64, nameservers_max = 3, searches_max = 32;

struct Resolver {
  std::vector<std::string> nameservers, searches, options;
};

std::vector<std::string> words(const std::string& line) {
  std::istringstream in{line};
  std::vector<std::string> out;
  for (std::string word; in >> word;) out.push_back(std::move(word));
  return out;
}

Resolver parse(const std::string& text) {
  Resolver out;
  std::istringstream lines{text};
  for (std::string line; std::getline(lines, line);) {
    std::vector<std::string> all = words(line);
    if (all.size() < 2) continue;
    std::vector<std::string> rest{all.begin() + 1, all.end()};
    if (all[0] == "nameserver") out.nameservers.push_back(rest[0]);
    if (all[0] == "search" || all[0] == "domain") out.searches = rest;  // the last one counts
    if (all[0] == "options") out.options.insert(out.options.end(), rest.begin(), rest.end());
  }
  return out;
}

void add_unique(std::vector<std::string>& list, std::string item) {
  if (std::find(list.begin(), list.end(), item) == list.end()) list.push_back(std::move(item));
}

std::string option_name(std::string_view option) { return std::string{option.substr(0, option.find(':'))}; }

void merge(Resolver& out, const core::PodDNSConfig& config) {
  for (const auto* it : items(config.nameservers())) add_unique(out.nameservers, text(it));
  for (const auto* it : items(config.searches())) add_unique(out.searches, text(it));
  for (const auto* it : items(config.options())) {
    std::string option = text(it->name());
    if (it->value() != nullptr && !view(it->value()).empty()) option += ":" + text(it->value());
    std::erase_if(out.options, [&](const auto& other) { return option_name(other) == option_name(option); });
    out.options.push_back(std::move(option));
  }
}

std::string line(std::string_view word, const std::vector<std::string>& values) {
  std::string out{word};
  for (const auto& value : values) out.append(" ").append(value);
  return out + "\n";
}

std::string own_hostname(const core::Pod& pod) {
  std::string name = text(pod.spec()->hostname());
  if (name.empty()) name = text(pod.metadata()->name());
  if (name.size() > hostname_max) name.resize(hostname_max);
  while (name.ends_with('-') || name.ends_with('.')) name.pop_back();
  return name;
}

std::string domain_of(const core::Pod& pod, const std::string& cluster_domain) {
  std::string subdomain = text(pod.spec()->subdomain());
  if (subdomain.empty()) return {};
  return subdomain + "." + text(pod.metadata()->namespace_()) + ".svc." + cluster_domain;
}

}  // namespace

Result<std::string> make_hostname(const core::Pod& pod, const std::string& node_hostname,
                                  const std::string& cluster_domain) {
  if (pod.spec()->host_network().value_or(false)) return node_hostname;
  std::string name = own_hostname(pod);
  std::string domain = domain_of(pod, cluster_domain);
  if (!pod.spec()->set_hostname_as_fqdn().value_or(false) || domain.empty()) return name;
  std::string fqdn = name + "." + domain;
  if (fqdn.size() <= fqdn_max) return fqdn;
  return Error{Reason::invalid, "Failed to construct FQDN from pod hostname and cluster domain, FQDN " + fqdn +
                                    " is too long (" + std::to_string(fqdn_max) + " characters is the max, " +
                                    std::to_string(fqdn.size()) + " characters requested)"};
}

std::string make_hosts(const core::Pod& pod, const std::vector<std::string>& addresses, const std::string& hostname,
                       const std::string& cluster_domain, const std::string& host_file) {
  std::string out;
  if (pod.spec()->host_network().value_or(false)) {
    out = "# Kubernetes-managed hosts file (host network).\n" + host_file;
    if (!out.ends_with('\n')) out += '\n';
  } else {
    out =
        "# Kubernetes-managed hosts file.\n"
        "127.0.0.1\tlocalhost\n"
        "::1\tlocalhost ip6-localhost ip6-loopback\n"
        "fe00::0\tip6-localnet\n"
        "fe00::0\tip6-mcastprefix\n"
        "fe00::1\tip6-allnodes\n"
        "fe00::2\tip6-allrouters\n";
    std::string domain = domain_of(pod, cluster_domain);
    std::string short_name = hostname.substr(0, hostname.find('.'));
    for (const auto& address : addresses) {
      out += address + "\t";
      if (!domain.empty()) out += short_name + "." + domain + "\t";
      out += short_name + "\n";
    }
  }
  if (items(pod.spec()->host_aliases()).empty()) return out;
  out += "\n# Entries added by HostAliases.\n";
  for (const auto* alias : items(pod.spec()->host_aliases())) {
    out += text(alias->ip());
    for (const auto* name : items(alias->hostnames())) out.append("\t").append(view(name));
    out += "\n";
  }
  return out;
}

std::string make_resolv_conf(const core::Pod& pod, const DnsSettings& settings) {
  std::string_view policy = view(pod.spec()->dns_policy());
  bool host_network = pod.spec()->host_network().value_or(false);
  bool cluster = policy == "ClusterFirstWithHostNet" || ((policy.empty() || policy == "ClusterFirst") && !host_network);
  Resolver out;
  if (policy != "None") out = parse(settings.host_resolv_conf);
  if (policy != "None" && cluster && !settings.cluster_dns.empty()) {
    out.nameservers = settings.cluster_dns;
    std::string service_domain = "svc." + settings.cluster_domain;
    std::vector<std::string> searches{text(pod.metadata()->namespace_()) + "." + service_domain, service_domain,
                                      settings.cluster_domain};
    for (auto& it : out.searches) add_unique(searches, std::move(it));
    out.searches = std::move(searches);
    out.options = {"ndots:5"};
  }
  if (const auto* config = pod.spec()->dns_config()) merge(out, *config);
  if (out.nameservers.size() > nameservers_max) out.nameservers.resize(nameservers_max);
  if (out.searches.size() > searches_max) out.searches.resize(searches_max);
  std::string result;
  if (!out.searches.empty()) result += line("search", out.searches);
  for (const auto& server : out.nameservers) result += line("nameserver", {server});
  if (!out.options.empty()) result += line("options", out.options);
  return result;
}

}  // namespace kring::pods
