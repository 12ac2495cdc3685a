#include "runtime/scheduler/decide.h"

#include <algorithm>
#include <charconv>
#include <tuple>

namespace kring::scheduler {

namespace {

std::optional<int64_t> number(std::string_view text) {
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool holds(const Requirement& it, const std::string* actual) {
  bool listed = actual != nullptr && std::find(it.values.begin(), it.values.end(), *actual) != it.values.end();
  if (it.op == "In") return listed;
  if (it.op == "NotIn") return !listed;
  if (it.op == "Exists") return actual != nullptr;
  if (it.op == "DoesNotExist") return actual == nullptr;
  if (actual == nullptr || it.values.size() != 1) return false;
  auto have = number(*actual), bound = number(it.values[0]);
  if (!have || !bound) return false;
  if (it.op == "Gt") return *have > *bound;
  if (it.op == "Lt") return *have < *bound;
  return false;
}

bool affinity_fits(const PodInfo& pod, const NodeInfo& node) {
  for (const auto& [key, value] : pod.node_selector) {
    auto found = node.labels.find(key);
    if (found == node.labels.end() || found->second != value) return false;
  }
  if (!pod.required_affinity) return true;
  return std::any_of(pod.required_affinity->begin(), pod.required_affinity->end(),
                     [&](const Term& term) { return matches(term, node); });
}

// The first taint that keeps the pod away.
const Taint* untolerated(const PodInfo& pod, const NodeInfo& node) {
  for (const auto& taint : node.taints) {
    if (taint.effect != "NoSchedule" && taint.effect != "NoExecute") continue;
    if (!tolerates(pod.tolerations, taint)) return &taint;
  }
  return nullptr;
}

bool ports_fit(const PodInfo& pod, const NodeInfo& node) {
  for (const auto& other : node.pods)
    for (const auto& taken : other.host_ports)
      for (const auto& wanted : pod.host_ports)
        if (conflicts(wanted, taken)) return false;
  return true;
}

int64_t amount(const Amounts& amounts, const std::string& name) {
  auto found = amounts.find(name);
  return found == amounts.end() ? 0 : found->second;
}

void check_resources(const PodInfo& pod, const NodeInfo& node, Misfit& out) {
  Amounts used = node.used();
  bool ever = true;
  if (amount(used, "pods") + 1 > amount(node.allocatable, "pods")) out.reasons.emplace_back("Too many pods");
  for (const auto& [name, wanted] : pod.requests) {
    if (wanted <= 0) continue;
    int64_t all = amount(node.allocatable, name);
    if (wanted > all - amount(used, name)) out.reasons.push_back("Insufficient " + name);
    if (wanted > all) ever = false;
  }
  if (!ever) out.final = true;
}

// "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable."
std::string summary(size_t nodes, const std::map<std::string, size_t>& reasons) {
  std::string out = "0/" + std::to_string(nodes) + " nodes are available: ";
  std::vector<std::string> parts;
  for (const auto& [reason, count] : reasons) parts.push_back(std::to_string(count) + " " + reason);
  std::sort(parts.begin(), parts.end());
  for (size_t i = 0; i < parts.size(); ++i) out += (i == 0 ? "" : ", ") + parts[i];
  return out + ".";
}

// The fewest and least important pods that must go so that the pod fits; empty when that does not help.
std::vector<PodInfo> victims_on(const PodInfo& pod, NodeInfo node) {
  std::vector<PodInfo> lower;
  std::erase_if(node.pods, [&](const PodInfo& it) {
    if (it.priority >= pod.priority) return false;
    lower.push_back(it);
    return true;
  });
  if (lower.empty() || !filter(pod, node).reasons.empty()) return {};
  // Without any of them it fits: put back as many as possible, the most important first.
  std::sort(lower.begin(), lower.end(), before);
  std::vector<PodInfo> victims;
  for (auto& it : lower) {
    node.pods.push_back(it);
    if (filter(pod, node).reasons.empty()) continue;
    node.pods.pop_back();
    victims.push_back(std::move(it));
  }
  return victims;
}

struct Preemption {
  std::string node;
  std::vector<PodInfo> victims;
};

// Compares as kube-scheduler does: lowest top priority, then lowest sum, then fewest.
std::tuple<int32_t, int64_t, size_t> cost(const std::vector<PodInfo>& victims) {
  int32_t highest = victims.empty() ? INT32_MIN : victims.front().priority;
  int64_t sum = 0;
  for (const auto& it : victims) {
    highest = std::max(highest, it.priority);
    sum += int64_t{it.priority} + (int64_t{1} << 31);
  }
  return {highest, sum, victims.size()};
}

}  // namespace

Amounts NodeInfo::used() const {
  Amounts out;
  for (const auto& pod : pods) {
    for (const auto& [resource, value] : pod.requests) out[resource] += value;
    ++out["pods"];
  }
  return out;
}

bool tolerates(const std::vector<Toleration>& tolerations, const Taint& taint) {
  return std::any_of(tolerations.begin(), tolerations.end(), [&](const Toleration& it) {
    if (!it.effect.empty() && it.effect != taint.effect) return false;
    if (!it.key.empty() && it.key != taint.key) return false;
    if (it.key.empty() && it.op != "Exists") return false;
    return it.op == "Exists" || it.value == taint.value;
  });
}

bool matches(const Term& term, const NodeInfo& node) {
  if (term.labels.empty() && term.fields.empty()) return false;
  for (const auto& it : term.labels) {
    auto found = node.labels.find(it.key);
    if (!holds(it, found == node.labels.end() ? nullptr : &found->second)) return false;
  }
  return std::all_of(term.fields.begin(), term.fields.end(),
                     [&](const Requirement& it) { return it.key == "metadata.name" && holds(it, &node.name); });
}

bool conflicts(const HostPort& a, const HostPort& b) {
  if (a.port != b.port || a.protocol != b.protocol) return false;
  auto any = [](const std::string& address) { return address.empty() || address == "0.0.0.0" || address == "::"; };
  return any(a.address) || any(b.address) || a.address == b.address;
}

Misfit filter(const PodInfo& pod, const NodeInfo& node) {
  Misfit out;
  Taint cordon{"node.kubernetes.io/unschedulable", "", "NoSchedule"};
  if (node.unschedulable && !tolerates(pod.tolerations, cordon)) {
    out.reasons.emplace_back("node(s) were unschedulable");
    out.final = true;
    return out;
  }
  if (const Taint* taint = untolerated(pod, node)) {
    out.reasons.push_back("node(s) had untolerated taint {" + taint->key + ": " + taint->value + "}");
    out.final = true;
    return out;
  }
  if (!affinity_fits(pod, node)) {
    out.reasons.emplace_back("node(s) didn't match Pod's node affinity/selector");
    out.final = true;
    return out;
  }
  if (!ports_fit(pod, node)) {
    out.reasons.emplace_back("node(s) didn't have free ports for the requested pod ports");
    return out;
  }
  check_resources(pod, node, out);
  return out;
}

int64_t score(const PodInfo& pod, const NodeInfo& node) {
  Amounts used = node.used();
  int64_t total = 0, count = 0;
  for (const char* name : {"cpu", "memory"}) {
    int64_t all = amount(node.allocatable, name);
    if (all <= 0) continue;
    int64_t left = all - amount(used, name) - amount(pod.requests, name);
    // A double: memory times a hundred could overflow on a very large machine.
    total += static_cast<int64_t>(100.0 * static_cast<double>(std::max<int64_t>(left, 0)) / static_cast<double>(all));
    ++count;
  }
  int64_t out = count == 0 ? 0 : total / count;
  for (const auto& it : pod.preferred_affinity)
    if (matches(it.term, node)) out += it.weight;
  for (const auto& taint : node.taints)
    if (taint.effect == "PreferNoSchedule" && !tolerates(pod.tolerations, taint)) out -= 100;
  return out;
}

bool before(const PodInfo& a, const PodInfo& b) {
  if (a.priority != b.priority) return a.priority > b.priority;
  return std::tie(a.created, a.ns, a.name) < std::tie(b.created, b.ns, b.name);
}

Decision decide(const PodInfo& pod, const std::vector<NodeInfo>& nodes) {
  Decision out;
  if (nodes.empty()) {
    out.message = "no nodes available to schedule pods";
    return out;
  }
  std::optional<int64_t> best;
  std::map<std::string, size_t> reasons, preemption_reasons;
  std::optional<Preemption> cheapest;
  for (const auto& node : nodes) {
    Misfit misfit = filter(pod, node);
    if (misfit.reasons.empty()) {
      int64_t points = score(pod, node);
      if (best && points <= *best) continue;
      best = points;
      out.node = node.name;
      continue;
    }
    for (const auto& reason : misfit.reasons) ++reasons[reason];
    if (misfit.final) {
      ++preemption_reasons["Preemption is not helpful for scheduling"];
      continue;
    }
    std::vector<PodInfo> victims = pod.may_preempt ? victims_on(pod, node) : std::vector<PodInfo>{};
    if (victims.empty()) {
      ++preemption_reasons["No preemption victims found for incoming pod"];
    } else if (!cheapest || cost(victims) < cost(cheapest->victims)) {
      cheapest = Preemption{node.name, std::move(victims)};
    }
  }
  if (!out.node.empty()) return out;
  out.message = summary(nodes.size(), reasons);
  if (cheapest) {
    out.nominated = cheapest->node;
    out.victims = std::move(cheapest->victims);
    return out;
  }
  if (!pod.may_preempt) {
    out.message += " preemption: not eligible due to preemptionPolicy=Never.";
  } else {
    out.message += " preemption: " + summary(nodes.size(), preemption_reasons);
  }
  return out;
}

}  // namespace kring::scheduler
