#include "runtime/pods/node_status.h"

#include <algorithm>
#include <array>

#include "objects/quantity.h"
#include "runtime/client/timestamps.h"

namespace kring::pods {

namespace {

constexpr size_t images_max = 50;
constexpr int64_t memory_bytes_min = 100LL << 20;  // kubelet's memory.available<100Mi
constexpr int64_t percent_disk_min = 10, percent_files_min = 5, percent_pids_min = 5;

std::string kib_text(int64_t bytes) { return std::to_string(bytes / 1024) + "Ki"; }

json::Value condition(std::string_view type, bool status, std::string_view reason, std::string message) {
  json::Object out;
  out.set("type", type);
  out.set("status", status ? "True" : "False");
  out.set("reason", reason);
  out.set("message", std::move(message));
  return json::Value{std::move(out)};
}

bool below(int64_t part, int64_t whole, int64_t percent) { return whole > 0 && part < whole / 100 * percent; }

json::Array conditions(const HostFacts& facts, const HostLoad& load) {
  json::Array out;
  bool memory = load.memory_available_bytes > 0 && load.memory_available_bytes < memory_bytes_min;
  bool disk = below(load.disk_available_bytes, load.disk_bytes, percent_disk_min) ||
              below(load.disk_files_free, load.disk_files, percent_files_min);
  bool pids = below(load.pids_max - load.pids, load.pids_max, percent_pids_min);
  out.push_back(
      condition("MemoryPressure", memory, memory ? "KubeletHasInsufficientMemory" : "KubeletHasSufficientMemory",
                memory ? "kubelet has insufficient memory available" : "kubelet has sufficient memory available"));
  out.push_back(condition("DiskPressure", disk, disk ? "KubeletHasDiskPressure" : "KubeletHasNoDiskPressure",
                          disk ? "kubelet has disk pressure" : "kubelet has no disk pressure"));
  out.push_back(condition("PIDPressure", pids, pids ? "KubeletHasInsufficientPID" : "KubeletHasSufficientPID",
                          pids ? "kubelet has insufficient PID available" : "kubelet has sufficient PID available"));
  if (!facts.missing_controllers.empty()) {
    std::string names;
    for (const auto& it : facts.missing_controllers) names.append(names.empty() ? "" : ", ").append(it);
    out.push_back(
        condition("CgroupControllersMissing", true, "ControllersMissing", "limits are not enforced for: " + names));
  }
  out.push_back(condition("Ready", true, "KubeletReady", "kubelet is posting ready status"));
  return out;
}

json::Value capacity(const HostFacts& facts, const HostLoad& load, const AgentOptions& options) {
  json::Object out;
  out.set("cpu", std::to_string(facts.cpus));
  out.set("ephemeral-storage", kib_text(load.disk_bytes));
  for (const auto& [name, bytes] : facts.huge_pages)
    out.set(name, Quantity{bytes, Quantity::Format::binary_si}.to_string());
  out.set("memory", kib_text(facts.memory_bytes));
  out.set("pods", std::to_string(options.pods_max));
  return json::Value{std::move(out)};
}

json::Array addresses(const HostFacts& facts, const AgentOptions& options) {
  json::Array out;
  auto add = [&out](std::string_view type, const std::string& address) {
    json::Object it;
    it.set("type", type);
    it.set("address", address);
    out.push_back(json::Value{std::move(it)});
  };
  // One of each family, as Kubernetes allows: the first.
  bool v4 = false, v6 = false;
  for (const auto& address : facts.addresses) {
    bool& seen = address.find(':') == std::string::npos ? v4 : v6;
    if (!seen) add("InternalIP", address);
    seen = true;
  }
  add("Hostname", options.node_name);
  return out;
}

json::Value node_info(const HostFacts& facts) {
  json::Object out;
  out.set("architecture", facts.architecture);
  out.set("bootID", facts.boot_id);
  out.set("containerRuntimeVersion", "kring://" KRING_VERSION);
  out.set("kernelVersion", facts.kernel_version);
  out.set("kubeProxyVersion", "");
  out.set("kubeletVersion", "v1.33.0+kring" KRING_VERSION);
  out.set("machineID", facts.machine_id);
  out.set("operatingSystem", "linux");
  out.set("osImage", facts.os_image);
  out.set("systemUUID", facts.system_uuid);
  return json::Value{std::move(out)};
}

json::Array image_list(const std::vector<images::Image>& images) {
  std::vector<const images::Image*> order;
  for (const auto& it : images) order.push_back(&it);
  std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return a->size_bytes != b->size_bytes ? a->size_bytes > b->size_bytes : a->id < b->id;
  });
  if (order.size() > images_max) order.resize(images_max);
  json::Array out;
  for (const auto* it : order) {
    json::Array names;
    for (const auto* list : {&it->repo_digests, &it->references})
      for (const auto& name : *list) names.push_back(name);
    json::Object image;
    image.set("names", std::move(names));
    image.set("sizeBytes", it->size_bytes);
    out.push_back(json::Value{std::move(image)});
  }
  return out;
}

const json::Value* find_by_type(const json::Value* list, std::string_view type) {
  if (list == nullptr || !list->is_array()) return nullptr;
  for (const auto& it : list->as_array())
    if (it.string_or("type") == type) return &it;
  return nullptr;
}

// The fresh conditions with their times, then those of others.
json::Array merged_conditions(const json::Value* before, const json::Value& fresh, Wall now) {
  std::string time = client::rfc3339(now);
  json::Array out;
  for (const auto& it : fresh.as_array()) {
    json::Value condition = it;
    const json::Value* old = find_by_type(before, it.string_or("type"));
    bool same = old != nullptr && old->string_or("status") == it.string_or("status") &&
                !old->string_or("lastTransitionTime").empty();
    condition["lastHeartbeatTime"] = time;
    condition["lastTransitionTime"] = same ? std::string{old->string_or("lastTransitionTime")} : time;
    out.push_back(std::move(condition));
  }
  if (before == nullptr || !before->is_array()) return out;
  for (const auto& it : before->as_array()) {
    bool ours = find_by_type(&fresh, it.string_or("type")) != nullptr;
    // A controller that came back takes its condition away.
    if (!ours && it.string_or("type") != "CgroupControllersMissing") out.push_back(it);
  }
  return out;
}

// Extended resources ("example.com/dongle") are somebody else's word on this node.
void keep_extended(json::Object& fresh, const json::Value* before) {
  if (before == nullptr || !before->is_object()) return;
  for (const auto& [name, value] : before->as_object())
    if (name.find('/') != std::string::npos) fresh.set(name, value);
}

json::Value without_heartbeats(const json::Value& status) {
  json::Value out = status;
  if (json::Value* all = out.find("conditions"); all != nullptr && all->is_array())
    for (auto& it : all->as_array())
      if (it.is_object()) it.as_object().erase("lastHeartbeatTime");
  return out;
}

}  // namespace

json::Value node_status(const HostFacts& facts, const HostLoad& load, const AgentOptions& options,
                        const std::vector<images::Image>& images) {
  json::Object out;
  out.set("addresses", addresses(facts, options));
  out.set("allocatable", capacity(facts, load, options));
  out.set("capacity", capacity(facts, load, options));
  out.set("conditions", conditions(facts, load));
  json::Array list = image_list(images);
  if (!list.empty()) out.set("images", std::move(list));
  out.set("nodeInfo", node_info(facts));
  return json::Value{std::move(out)};
}

json::Value node_labels(const HostFacts& facts, const AgentOptions& options) {
  json::Object out;
  out.set("beta.kubernetes.io/arch", facts.architecture);
  out.set("beta.kubernetes.io/os", "linux");
  out.set("kubernetes.io/arch", facts.architecture);
  out.set("kubernetes.io/hostname", options.node_name);
  out.set("kubernetes.io/os", "linux");
  return json::Value{std::move(out)};
}

bool merge_node_status(json::Value& node, const json::Value& fresh, Wall now) {
  json::Object& status = node.object("status");
  json::Value before = without_heartbeats(json::Value{status});
  for (const auto& [name, value] : fresh.as_object()) {
    if (name == "conditions") {
      status.set(name, merged_conditions(status.find(name), value, now));
    } else if (name == "capacity" || name == "allocatable") {
      json::Object amounts = value.as_object();
      keep_extended(amounts, status.find("capacity"));
      status.set(name, std::move(amounts));
    } else {
      status.set(name, value);
    }
  }
  if (fresh.find("images") == nullptr) status.erase("images");
  return !(without_heartbeats(json::Value{status}) == before);
}

}  // namespace kring::pods
