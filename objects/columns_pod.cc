#include <algorithm>

#include "objects/columns_tables.h"
#include "objects/columns_tools.h"
#include "objects/time.h"

namespace kring::columns {
namespace {

using json::Array;
using json::Value;

constexpr Column columns[] = {
    name_column,
    {"Ready", "string", "", "Containers that are ready, of all"},
    {"Status", "string", "", "What the pod as a whole is doing"},
    {"Restarts", "string", "", "How often containers were restarted, and when last"},
    age_column,
    {"IP", "string", "", "Address of the pod", 1},
    {"Node", "string", "", "Node the pod runs on", 1},
    {"Nominated Node", "string", "", "Node that makes room for the pod", 1},
    {"Readiness Gates", "string", "", "Readiness gates that are open, of all", 1},
};

// What the containers say of a pod, gathered in kubectl's order.
struct Summary {
  std::string reason;
  size_t total = 0, ready = 0;
  int64_t restarts = 0;
  std::string last_restart;  // RFC 3339 sorts as text
};

void count_restarts(const Value& status, int64_t& restarts, std::string& last) {
  restarts += status.int_or("restartCount", 0);
  last = std::max(last, text_at(status, {"lastState", "terminated", "finishedAt"}));
}

// "Signal:9" or "ExitCode:1" for an end without a reason.
std::string end_of(const Value& terminated) {
  if (const int64_t signal = terminated.int_or("signal", 0); signal != 0) return "Signal:" + std::to_string(signal);
  return "ExitCode:" + std::to_string(terminated.int_or("exitCode", 0));
}

bool condition_is_true(const Value& pod, std::string_view type) {
  const Value* condition = find_by(array_at(pod, {"status", "conditions"}), "type", type);
  return condition != nullptr && condition->string_or("status") == "True";
}

bool restarts_always(const Value* container) {
  return container != nullptr && container->string_or("restartPolicy") == "Always";
}

// Looks at the init containers; true while one of them keeps the pod from starting.
bool summarize_init(const Value& pod, Summary& out, int64_t& sidecar_restarts, std::string& sidecar_last) {
  const Array& specs = array_at(pod, {"spec", "initContainers"});
  size_t index = 0;
  for (const Value& status : array_at(pod, {"status", "initContainerStatuses"})) {
    const size_t position = index++;
    const bool sidecar = restarts_always(find_by(specs, "name", status.string_or("name")));
    count_restarts(status, out.restarts, out.last_restart);
    if (sidecar) count_restarts(status, sidecar_restarts, sidecar_last);
    const Value* terminated = status.at({"state", "terminated"});
    const Value* waiting = status.at({"state", "waiting"});
    if (terminated != nullptr && terminated->int_or("exitCode", 0) == 0) continue;
    if (sidecar && status.bool_or("started", false)) {
      if (status.bool_or("ready", false)) ++out.ready;
      continue;
    }
    if (terminated != nullptr) {
      const std::string_view why = terminated->string_or("reason");
      out.reason = "Init:" + (why.empty() ? end_of(*terminated) : std::string{why});
    } else if (waiting != nullptr && !waiting->string_or("reason").empty() &&
               waiting->string_or("reason") != "PodInitializing") {
      out.reason = "Init:" + std::string{waiting->string_or("reason")};
    } else {
      out.reason = "Init:" + std::to_string(position) + "/" + std::to_string(specs.size());
    }
    return true;
  }
  return false;
}

void summarize_containers(const Value& pod, Summary& out) {
  bool running = false;
  const Array& statuses = array_at(pod, {"status", "containerStatuses"});
  for (auto status = statuses.rbegin(); status != statuses.rend(); ++status) {
    count_restarts(*status, out.restarts, out.last_restart);
    const Value* terminated = status->at({"state", "terminated"});
    const Value* waiting = status->at({"state", "waiting"});
    if (waiting != nullptr && !waiting->string_or("reason").empty()) {
      out.reason = waiting->string_or("reason");
    } else if (terminated != nullptr) {
      const std::string_view why = terminated->string_or("reason");
      out.reason = why.empty() ? end_of(*terminated) : std::string{why};
    } else if (status->bool_or("ready", false) && status->at({"state", "running"}) != nullptr) {
      running = true;
      ++out.ready;
    }
  }
  if (out.reason == "Completed" && running) out.reason = condition_is_true(pod, "Ready") ? "Running" : "NotReady";
}

Summary summarize(const Value& pod) {
  Summary out;
  const std::string phase = text_at(pod, {"status", "phase"});
  const std::string reason = text_at(pod, {"status", "reason"});
  out.reason = reason.empty() ? phase : reason;
  out.total = count_at(pod, {"spec", "containers"});
  for (const Value& container : array_at(pod, {"spec", "initContainers"})) {
    if (restarts_always(&container)) ++out.total;
  }
  const Value* scheduled = find_by(array_at(pod, {"status", "conditions"}), "type", "PodScheduled");
  if (scheduled != nullptr && scheduled->string_or("reason") == "SchedulingGated") out.reason = "SchedulingGated";

  int64_t sidecar_restarts = 0;
  std::string sidecar_last;
  const bool initializing = summarize_init(pod, out, sidecar_restarts, sidecar_last);
  if (!initializing || condition_is_true(pod, "Initialized")) {
    out.restarts = sidecar_restarts;
    out.last_restart = sidecar_last;
    summarize_containers(pod, out);
  }
  if (pod.at({"metadata", "deletionTimestamp"}) != nullptr) {
    if (reason == "NodeLost") {
      out.reason = "Unknown";
    } else if (phase != "Succeeded" && phase != "Failed") {
      out.reason = "Terminating";
    }
  }
  return out;
}

std::string gates(const Value& pod) {
  const Array& wanted = array_at(pod, {"spec", "readinessGates"});
  if (wanted.empty()) return std::string{none};
  size_t open = 0;
  for (const Value& gate : wanted) {
    if (condition_is_true(pod, gate.string_or("conditionType"))) ++open;
  }
  return std::to_string(open) + "/" + std::to_string(wanted.size());
}

std::string address(const Value& pod) {
  const Array& all = array_at(pod, {"status", "podIPs"});
  if (!all.empty()) return std::string{all.front().string_or("ip", none)};
  return text_at(pod, {"status", "podIP"}, none);
}

void cells(const Value& pod, int64_t now_ms, Array& out) {
  const Summary summary = summarize(pod);
  std::string restarts = std::to_string(summary.restarts);
  if (summary.restarts != 0 && !summary.last_restart.empty())
    restarts += " (" + age_since(summary.last_restart, now_ms) + " ago)";
  out.emplace_back(name_of(pod));
  out.emplace_back(std::to_string(summary.ready) + "/" + std::to_string(summary.total));
  out.emplace_back(summary.reason);
  out.emplace_back(std::move(restarts));
  out.emplace_back(age_of(pod, now_ms));
  out.emplace_back(address(pod));
  out.emplace_back(text_at(pod, {"spec", "nodeName"}, none));
  out.emplace_back(text_at(pod, {"status", "nominatedNodeName"}, none));
  out.emplace_back(gates(pod));
}

}  // namespace

std::vector<Printer> pod_printers() { return {{"", "Pod", columns, cells}}; }

}  // namespace kring::columns
