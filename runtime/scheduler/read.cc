#include "runtime/scheduler/read.h"

#include <algorithm>

#include "objects/quantity.h"
#include "objects/schema/core_generated.h"
#include "runtime/client/flat.h"
#include "runtime/client/timestamps.h"

namespace kring::scheduler {

namespace {

using Entries = flatbuffers::Vector<flatbuffers::Offset<meta::QuantityEntry>>;

Amounts amounts(const Entries* entries) {
  Amounts out;
  for (const auto* it : items(entries)) {
    auto quantity = Quantity::parse(view(it->value()));
    if (quantity.has_error()) continue;  // validation let nothing else through
    std::string name = text(it->key());
    out[name] = name == "cpu" ? quantity->milli_value() : quantity->value();
  }
  return out;
}

Amounts container_requests(const core::Container& container) {
  if (container.resources() == nullptr) return {};
  Amounts out = amounts(container.resources()->requests());
  for (const auto& [name, value] : amounts(container.resources()->limits())) out.try_emplace(name, value);
  return out;
}

void add(Amounts& to, const Amounts& from) {
  for (const auto& [name, value] : from) to[name] += value;
}
void raise(Amounts& to, const Amounts& from) {
  for (const auto& [name, value] : from) to[name] = std::max(to[name], value);
}

// Containers and sidecars together, or the largest init container beside the sidecars before it; and the overhead.
Amounts pod_requests(const core::PodSpec& spec) {
  Amounts sidecars, largest_init, out;
  for (const auto* it : items(spec.init_containers())) {
    Amounts own = container_requests(*it);
    if (view(it->restart_policy()) == "Always") {
      add(sidecars, own);
      raise(largest_init, sidecars);
    } else {
      add(own, sidecars);
      raise(largest_init, own);
    }
  }
  for (const auto* it : items(spec.containers())) add(out, container_requests(*it));
  add(out, sidecars);
  raise(out, largest_init);
  add(out, amounts(spec.overhead()));
  return out;
}

using Requirements = flatbuffers::Vector<flatbuffers::Offset<core::NodeSelectorRequirement>>;
std::vector<Requirement> requirements(const Requirements* list) {
  std::vector<Requirement> out;
  for (const auto* it : items(list)) out.push_back({text(it->key()), text(it->operator_()), texts(it->values())});
  return out;
}

Term term_of(const core::NodeSelectorTerm& term) {
  return {requirements(term.match_expressions()), requirements(term.match_fields())};
}

void read_affinity(const core::PodSpec& spec, PodInfo& out) {
  if (spec.affinity() == nullptr || spec.affinity()->node_affinity() == nullptr) return;
  const auto& affinity = *spec.affinity()->node_affinity();
  if (const auto* required = affinity.required_during_scheduling_ignored_during_execution()) {
    std::vector<Term> terms;
    for (const auto* it : items(required->node_selector_terms())) terms.push_back(term_of(*it));
    out.required_affinity = std::move(terms);
  }
  for (const auto* it : items(affinity.preferred_during_scheduling_ignored_during_execution()))
    if (it->preference() != nullptr)
      out.preferred_affinity.push_back({term_of(*it->preference()), it->weight().value_or(0)});
}

void read_ports(const core::PodSpec& spec, PodInfo& out) {
  bool host_network = spec.host_network().value_or(false);
  for (const auto* list : {spec.containers(), spec.init_containers()}) {
    for (const auto* container : items(list)) {
      for (const auto* port : items(container->ports())) {
        int32_t number = port->host_port().value_or(host_network ? port->container_port().value_or(0) : 0);
        if (number <= 0) continue;
        std::string protocol = text(port->protocol());
        out.host_ports.push_back({text(port->host_ip()), protocol.empty() ? "TCP" : protocol, number});
      }
    }
  }
}

std::map<std::string, std::string> map_of(const flatbuffers::Vector<flatbuffers::Offset<meta::KeyValue>>* map) {
  std::map<std::string, std::string> out;
  for (const auto* it : items(map)) out[text(it->key())] = text(it->value());
  return out;
}

}  // namespace

PodInfo read_pod(const Object& object) {
  PodInfo out;
  out.uid = std::string{object.uid()};
  out.ns = std::string{object.ns()};
  out.name = std::string{object.name()};
  const auto& pod = *object.as<core::Pod>();
  if (pod.metadata() != nullptr) out.created = client::parse_rfc3339(view(pod.metadata()->creation_timestamp()));
  if (pod.spec() == nullptr) return out;
  const auto& spec = *pod.spec();
  out.priority = spec.priority().value_or(0);
  out.may_preempt = view(spec.preemption_policy()) != "Never";
  out.requests = pod_requests(spec);
  out.node_selector = map_of(spec.node_selector());
  read_affinity(spec, out);
  for (const auto* it : items(spec.tolerations()))
    out.tolerations.push_back({text(it->key()), text(it->operator_()), text(it->value()), text(it->effect())});
  read_ports(spec, out);
  return out;
}

NodeInfo read_node(const Object& object) {
  NodeInfo out;
  out.name = std::string{object.name()};
  const auto& node = *object.as<core::Node>();
  if (node.metadata() != nullptr) out.labels = map_of(node.metadata()->labels());
  if (const auto* spec = node.spec()) {
    out.unschedulable = spec->unschedulable().value_or(false);
    for (const auto* it : items(spec->taints()))
      out.taints.push_back({text(it->key()), text(it->value()), text(it->effect())});
  }
  if (node.status() != nullptr) out.allocatable = amounts(node.status()->allocatable());
  return out;
}

std::string node_of(const Object& pod) {
  const auto* spec = pod.as<core::Pod>()->spec();
  return spec == nullptr ? std::string{} : text(spec->node_name());
}

bool over(const Object& pod) {
  const auto* status = pod.as<core::Pod>()->status();
  if (status == nullptr) return false;
  std::string_view phase = view(status->phase());
  return phase == "Succeeded" || phase == "Failed";
}

std::string gate_of(const Object& pod) {
  const auto* spec = pod.as<core::Pod>()->spec();
  if (spec == nullptr || items(spec->scheduling_gates()).empty()) return {};
  return text((*items(spec->scheduling_gates()).begin())->name());
}

std::string scheduler_of(const Object& pod) {
  const auto* spec = pod.as<core::Pod>()->spec();
  return spec == nullptr ? std::string{} : text(spec->scheduler_name());
}

}  // namespace kring::scheduler
