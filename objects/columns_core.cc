#include <algorithm>

#include "objects/columns_tables.h"
#include "objects/columns_tools.h"

namespace kring::columns {
namespace {

using json::Array;
using json::Object;
using json::Value;

constexpr Column created_at{"Created At", "string", "", "Time the object was created"};

// Nodes.
constexpr Column node_columns[] = {
    name_column,
    {"Status", "string", "", "Whether the node is ready and takes pods"},
    {"Roles", "string", "", "Roles of the node"},
    age_column,
    {"Version", "string", "", "Version of the node agent"},
    {"Internal-IP", "string", "", "Address inside the cluster", 1},
    {"External-IP", "string", "", "Address outside the cluster", 1},
    {"OS-Image", "string", "", "Operating system", 1},
    {"Kernel-Version", "string", "", "Kernel", 1},
    {"Container-Runtime", "string", "", "What runs the containers", 1},
};

std::string node_roles(const Value& node) {
  constexpr std::string_view prefix = "node-role.kubernetes.io/";
  std::vector<std::string> roles;
  for (const auto& [key, value] : object_at(node, {"metadata", "labels"})) {
    if (key.starts_with(prefix) && key.size() > prefix.size()) roles.push_back(key.substr(prefix.size()));
    if (key == "kubernetes.io/role" && value.is_string() && !value.as_string().empty())
      roles.push_back(value.as_string());
  }
  std::sort(roles.begin(), roles.end());
  std::string out;
  for (const std::string& role : roles) out += (out.empty() ? "" : ",") + role;
  return out.empty() ? std::string{none} : out;
}

std::string node_address(const Value& node, std::string_view type) {
  const Value* address = find_by(array_at(node, {"status", "addresses"}), "type", type);
  return std::string{address == nullptr ? none : address->string_or("address", none)};
}

void node_cells(const Value& node, int64_t now_ms, Array& out) {
  const Value* ready = find_by(array_at(node, {"status", "conditions"}), "type", "Ready");
  std::string status = "Unknown";
  if (ready != nullptr) status = ready->string_or("status") == "True" ? "Ready" : "NotReady";
  if (bool_at(node, {"spec", "unschedulable"})) status += ",SchedulingDisabled";
  constexpr std::string_view unknown = "<unknown>";
  out.emplace_back(name_of(node));
  out.emplace_back(std::move(status));
  out.emplace_back(node_roles(node));
  out.emplace_back(age_of(node, now_ms));
  out.emplace_back(text_at(node, {"status", "nodeInfo", "kubeletVersion"}));
  out.emplace_back(node_address(node, "InternalIP"));
  out.emplace_back(node_address(node, "ExternalIP"));
  out.emplace_back(text_at(node, {"status", "nodeInfo", "osImage"}, unknown));
  out.emplace_back(text_at(node, {"status", "nodeInfo", "kernelVersion"}, unknown));
  out.emplace_back(text_at(node, {"status", "nodeInfo", "containerRuntimeVersion"}, unknown));
}

// Services.
constexpr Column service_columns[] = {
    name_column,
    {"Type", "string", "", "How the service is exposed"},
    {"Cluster-IP", "string", "", "Address inside the cluster"},
    {"External-IP", "string", "", "Addresses outside the cluster"},
    {"Port(s)", "string", "", "Ports, node ports and protocols"},
    age_column,
    {"Selector", "string", "", "Labels of the pods behind it", 1},
};

std::string external_address(const Value& service) {
  const std::string type = text_at(service, {"spec", "type"});
  if (type == "ExternalName") return text_at(service, {"spec", "externalName"}, none);
  std::string list;
  if (type == "LoadBalancer") {
    for (const Value& ingress : array_at(service, {"status", "loadBalancer", "ingress"})) {
      const std::string_view ip = ingress.string_or("ip");
      list += (list.empty() ? "" : ",") + std::string{ip.empty() ? ingress.string_or("hostname") : ip};
    }
  }
  if (const std::string more = joined(array_at(service, {"spec", "externalIPs"})); !more.empty())
    list += (list.empty() ? "" : ",") + more;
  if (!list.empty()) return list;
  return type == "LoadBalancer" ? "<pending>" : std::string{none};
}

std::string service_ports(const Value& service) {
  std::string out;
  for (const Value& port : array_at(service, {"spec", "ports"})) {
    if (!out.empty()) out += ',';
    out += std::to_string(port.int_or("port", 0));
    if (const int64_t node = port.int_or("nodePort", 0); node > 0) out += ":" + std::to_string(node);
    out += "/" + std::string{port.string_or("protocol", "TCP")};
  }
  return out.empty() ? std::string{none} : out;
}

void service_cells(const Value& service, int64_t now_ms, Array& out) {
  out.emplace_back(name_of(service));
  out.emplace_back(text_at(service, {"spec", "type"}));
  out.emplace_back(text_at(service, {"spec", "clusterIP"}, none));
  out.emplace_back(external_address(service));
  out.emplace_back(service_ports(service));
  out.emplace_back(age_of(service, now_ms));
  out.emplace_back(labels_text(object_at(service, {"spec", "selector"})));
}

// Endpoints: the first three, and how many more.
constexpr Column endpoints_columns[] = {name_column, {"Endpoints", "string", "", "Addresses and ports"}, age_column};

std::string bracketed(std::string_view ip) {
  return ip.find(':') == std::string_view::npos ? std::string{ip} : "[" + std::string{ip} + "]";
}

std::string endpoints_text(const Value& endpoints) {
  constexpr size_t shown_max = 3;
  std::string out;
  size_t count = 0;
  const auto add = [&](std::string text) {
    if (count++ < shown_max) out += (out.empty() ? "" : ",") + text;
  };
  for (const Value& subset : array_at(endpoints, {"subsets"})) {
    const Array& ports = array_at(subset, {"ports"});
    for (const Value& address : array_at(subset, {"addresses"})) {
      const std::string_view ip = address.string_or("ip");
      if (ports.empty()) add(std::string{ip});
      for (const Value& port : ports) add(bracketed(ip) + ":" + std::to_string(port.int_or("port", 0)));
    }
  }
  if (count > shown_max) out += " + " + std::to_string(count - shown_max) + " more...";
  return out.empty() ? std::string{none} : out;
}

void endpoints_cells(const Value& object, int64_t now_ms, Array& out) {
  out.emplace_back(name_of(object));
  out.emplace_back(endpoints_text(object));
  out.emplace_back(age_of(object, now_ms));
}

constexpr Column slice_columns[] = {name_column,
                                    {"AddressType", "string", "", "Kind of the addresses"},
                                    {"Ports", "string", "", "Ports"},
                                    {"Endpoints", "string", "", "Addresses"},
                                    age_column};

void slice_cells(const Value& slice, int64_t now_ms, Array& out) {
  std::string ports;
  for (const Value& port : array_at(slice, {"ports"})) {
    const int64_t number = port.int_or("port", 0);
    ports += (ports.empty() ? "" : ",") + (number == 0 ? std::string{"*"} : std::to_string(number));
  }
  std::string addresses;
  size_t count = 0;
  for (const Value& endpoint : array_at(slice, {"endpoints"})) {
    for (const Value& address : array_at(endpoint, {"addresses"})) {
      if (count++ < 3 && address.is_string()) addresses += (addresses.empty() ? "" : ",") + address.as_string();
    }
  }
  if (count > 3) addresses += " + " + std::to_string(count - 3) + " more...";
  out.emplace_back(name_of(slice));
  out.emplace_back(text_at(slice, {"addressType"}));
  out.emplace_back(ports.empty() ? std::string{"<unset>"} : ports);
  out.emplace_back(addresses.empty() ? std::string{"<unset>"} : addresses);
  out.emplace_back(age_of(slice, now_ms));
}

constexpr Column namespace_columns[] = {name_column, {"Status", "string", "", "Active or Terminating"}, age_column};
void namespace_cells(const Value& object, int64_t now_ms, Array& out) {
  out.emplace_back(name_of(object));
  out.emplace_back(text_at(object, {"status", "phase"}));
  out.emplace_back(age_of(object, now_ms));
}

constexpr Column secret_columns[] = {name_column,
                                     {"Type", "string", "", "What the secret is for"},
                                     {"Data", "string", "", "Number of entries"},
                                     age_column};
void secret_cells(const Value& object, int64_t now_ms, Array& out) {
  out.emplace_back(name_of(object));
  out.emplace_back(text_at(object, {"type"}));
  out.emplace_back(static_cast<int64_t>(count_at(object, {"data"})));
  out.emplace_back(age_of(object, now_ms));
}

constexpr Column config_map_columns[] = {name_column, {"Data", "string", "", "Number of entries"}, age_column};
void config_map_cells(const Value& object, int64_t now_ms, Array& out) {
  out.emplace_back(name_of(object));
  out.emplace_back(static_cast<int64_t>(count_at(object, {"data"}) + count_at(object, {"binaryData"})));
  out.emplace_back(age_of(object, now_ms));
}

constexpr Column account_columns[] = {name_column, {"Secrets", "string", "", "Number of secrets"}, age_column};
void account_cells(const Value& object, int64_t now_ms, Array& out) {
  out.emplace_back(name_of(object));
  out.emplace_back(static_cast<int64_t>(count_at(object, {"secrets"})));
  out.emplace_back(age_of(object, now_ms));
}

// Events.
constexpr Column event_columns[] = {
    {"Last Seen", "string", "", "Time since it happened last"},
    {"Type", "string", "", "Normal or Warning"},
    {"Reason", "string", "", "Why, in a word"},
    {"Object", "string", "", "What it is about"},
    {"Subobject", "string", "", "Part of the object", 1},
    {"Source", "string", "", "Who reported it", 1},
    {"Message", "string", "", "What happened"},
    {"First Seen", "string", "", "Time since it happened first", 1},
    {"Count", "string", "", "How often it happened", 1},
    {"Name", "string", "name", "Name of the event", 1},
};

void event_cells(const Value& event, int64_t now_ms, Array& out) {
  const std::string micro = text_at(event, {"eventTime"});
  const std::string first = text_at(event, {"firstTimestamp"}, micro);
  std::string last = text_at(event, {"lastTimestamp"}, first);
  last = text_at(event, {"series", "lastObservedTime"}, last);
  std::string target = text_at(event, {"involvedObject", "kind"});
  for (char& c : target) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  if (const std::string name = text_at(event, {"involvedObject", "name"}); !name.empty()) target += "/" + name;
  std::string source = text_at(event, {"source", "component"}, text_at(event, {"reportingComponent"}));
  const std::string host = text_at(event, {"source", "host"}, text_at(event, {"reportingInstance"}));
  if (!host.empty()) source += ", " + host;
  std::string message = text_at(event, {"message"});
  while (!message.empty() && (message.back() == '\n' || message.back() == ' ')) message.pop_back();
  const int64_t count = int_at(event, {"series", "count"}, int_at(event, {"count"}, 1));
  out.emplace_back(age_since(last, now_ms));
  out.emplace_back(text_at(event, {"type"}));
  out.emplace_back(text_at(event, {"reason"}));
  out.emplace_back(std::move(target));
  out.emplace_back(text_at(event, {"involvedObject", "fieldPath"}));
  out.emplace_back(std::move(source));
  out.emplace_back(std::move(message));
  out.emplace_back(age_since(first, now_ms));
  out.emplace_back(count);
  out.emplace_back(name_of(event));
}

// Volumes.
std::string access_modes(const Array& modes) {
  std::string out;
  for (const Value& mode : modes) {
    const std::string& text = mode.as_string();
    const std::string_view brief = text == "ReadWriteOnce"      ? "RWO"
                                   : text == "ReadOnlyMany"     ? "ROX"
                                   : text == "ReadWriteMany"    ? "RWX"
                                   : text == "ReadWriteOncePod" ? "RWOP"
                                                                : std::string_view{text};
    out += (out.empty() ? "" : ",") + std::string{brief};
  }
  return out;
}

constexpr Column volume_columns[] = {
    name_column,
    {"Capacity", "string", "", "Size"},
    {"Access Modes", "string", "", "How it may be mounted"},
    {"Reclaim Policy", "string", "", "What happens when it is released"},
    {"Status", "string", "", "Phase of the volume"},
    {"Claim", "string", "", "Claim it is bound to"},
    {"StorageClass", "string", "", "Class of the volume"},
    {"VolumeAttributesClass", "string", "", "Class of its attributes"},
    {"Reason", "string", "", "Why it is in this phase"},
    age_column,
    {"VolumeMode", "string", "", "Filesystem or Block", 1},
};
void volume_cells(const Value& volume, int64_t now_ms, Array& out) {
  std::string claim;
  if (volume.at({"spec", "claimRef"}) != nullptr)
    claim = text_at(volume, {"spec", "claimRef", "namespace"}) + "/" + text_at(volume, {"spec", "claimRef", "name"});
  std::string phase = text_at(volume, {"status", "phase"});
  if (volume.at({"metadata", "deletionTimestamp"}) != nullptr) phase = "Terminating";
  out.emplace_back(name_of(volume));
  out.emplace_back(text_at(volume, {"spec", "capacity", "storage"}));
  out.emplace_back(access_modes(array_at(volume, {"spec", "accessModes"})));
  out.emplace_back(text_at(volume, {"spec", "persistentVolumeReclaimPolicy"}));
  out.emplace_back(std::move(phase));
  out.emplace_back(std::move(claim));
  out.emplace_back(text_at(volume, {"spec", "storageClassName"}));
  out.emplace_back(text_at(volume, {"spec", "volumeAttributesClassName"}, "<unset>"));
  out.emplace_back(text_at(volume, {"status", "reason"}));
  out.emplace_back(age_of(volume, now_ms));
  out.emplace_back(text_at(volume, {"spec", "volumeMode"}, "<unset>"));
}

constexpr Column claim_columns[] = {
    name_column,
    {"Status", "string", "", "Phase of the claim"},
    {"Volume", "string", "", "Volume it is bound to"},
    {"Capacity", "string", "", "Size"},
    {"Access Modes", "string", "", "How it may be mounted"},
    {"StorageClass", "string", "", "Class that is wanted"},
    {"VolumeAttributesClass", "string", "", "Class of its attributes"},
    age_column,
    {"VolumeMode", "string", "", "Filesystem or Block", 1},
};
void claim_cells(const Value& claim, int64_t now_ms, Array& out) {
  std::string phase = text_at(claim, {"status", "phase"});
  if (claim.at({"metadata", "deletionTimestamp"}) != nullptr) phase = "Terminating";
  const bool bound = !text_at(claim, {"spec", "volumeName"}).empty();
  out.emplace_back(name_of(claim));
  out.emplace_back(std::move(phase));
  out.emplace_back(text_at(claim, {"spec", "volumeName"}));
  out.emplace_back(bound ? text_at(claim, {"status", "capacity", "storage"}) : "");
  out.emplace_back(bound ? access_modes(array_at(claim, {"status", "accessModes"})) : "");
  out.emplace_back(text_at(claim, {"spec", "storageClassName"}));
  out.emplace_back(text_at(claim, {"spec", "volumeAttributesClassName"}, "<unset>"));
  out.emplace_back(age_of(claim, now_ms));
  out.emplace_back(text_at(claim, {"spec", "volumeMode"}, "<unset>"));
}

constexpr Column quota_columns[] = {name_column,
                                    {"Request", "string", "", "Used and allowed requests"},
                                    {"Limit", "string", "", "Used and allowed limits"},
                                    age_column};
void quota_cells(const Value& quota, int64_t now_ms, Array& out) {
  std::string requests;
  std::string limits;
  Object hard = object_at(quota, {"status", "hard"});
  std::sort(hard.begin(), hard.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
  for (const auto& [name, value] : hard) {
    const std::string used = text_at(quota, {"status", "used", name}, "0");
    std::string& list = name.starts_with("limits.") ? limits : requests;
    list += (list.empty() ? "" : ", ") + name + ": " + used + "/" + (value.is_string() ? value.as_string() : "");
  }
  out.emplace_back(name_of(quota));
  out.emplace_back(std::move(requests));
  out.emplace_back(std::move(limits));
  out.emplace_back(age_of(quota, now_ms));
}

constexpr Column created_columns[] = {name_column, created_at};
void created_cells(const Value& object, int64_t, Array& out) {
  out.emplace_back(name_of(object));
  out.emplace_back(text_at(object, {"metadata", "creationTimestamp"}));
}

constexpr Column template_columns[] = {name_column,
                                       {"Containers", "string", "", "Names of the containers"},
                                       {"Images", "string", "", "Their images"},
                                       {"Pod Labels", "string", "", "Labels of the pods"}};
void template_cells(const Value& object, int64_t, Array& out) {
  const Value* spec = object.at({"template", "spec"});
  out.emplace_back(name_of(object));
  out.emplace_back(spec == nullptr ? "" : container_names(*spec));
  out.emplace_back(spec == nullptr ? "" : container_images(*spec));
  out.emplace_back(labels_text(object_at(object, {"template", "metadata", "labels"})));
}

}  // namespace

std::vector<Printer> core_printers() {
  return {
      {"", "Node", node_columns, node_cells},
      {"", "Service", service_columns, service_cells},
      {"", "Endpoints", endpoints_columns, endpoints_cells},
      {"discovery.k8s.io", "EndpointSlice", slice_columns, slice_cells},
      {"", "Namespace", namespace_columns, namespace_cells},
      {"", "Secret", secret_columns, secret_cells},
      {"", "ConfigMap", config_map_columns, config_map_cells},
      {"", "ServiceAccount", account_columns, account_cells},
      {"", "Event", event_columns, event_cells},
      {"events.k8s.io", "Event", event_columns, event_cells},
      {"", "PersistentVolume", volume_columns, volume_cells},
      {"", "PersistentVolumeClaim", claim_columns, claim_cells},
      {"", "ResourceQuota", quota_columns, quota_cells},
      {"", "LimitRange", created_columns, created_cells},
      {"", "PodTemplate", template_columns, template_cells},
      {"rbac.authorization.k8s.io", "Role", created_columns, created_cells},
      {"rbac.authorization.k8s.io", "ClusterRole", created_columns, created_cells},
      {"apiextensions.k8s.io", "CustomResourceDefinition", created_columns, created_cells},
  };
}

}  // namespace kring::columns
