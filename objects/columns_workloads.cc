#include "objects/columns_tables.h"
#include "objects/columns_tools.h"
#include "objects/time.h"

namespace kring::columns {
namespace {

using json::Array;
using json::Value;

constexpr Column containers_column{"Containers", "string", "", "Names of the containers", 1};
constexpr Column images_column{"Images", "string", "", "Their images", 1};
constexpr Column selector_column{"Selector", "string", "", "Labels of the pods", 1};

void add_template(const Value& object, Array& out) {
  const Value* spec = object.at({"spec", "template", "spec"});
  out.emplace_back(spec == nullptr ? "" : container_names(*spec));
  out.emplace_back(spec == nullptr ? "" : container_images(*spec));
}

std::string ready_of(const Value& object, std::string_view ready) {
  return std::to_string(int_at(object, {"status", ready})) + "/" + std::to_string(int_at(object, {"spec", "replicas"}));
}

constexpr Column deployment_columns[] = {
    name_column,
    {"Ready", "string", "", "Pods that are ready, of those wanted"},
    {"Up-to-date", "string", "", "Pods of the newest template"},
    {"Available", "string", "", "Pods that have been ready long enough"},
    age_column,
    containers_column,
    images_column,
    selector_column,
};
void deployment_cells(const Value& object, int64_t now_ms, Array& out) {
  out.emplace_back(name_of(object));
  out.emplace_back(ready_of(object, "readyReplicas"));
  out.emplace_back(int_at(object, {"status", "updatedReplicas"}));
  out.emplace_back(int_at(object, {"status", "availableReplicas"}));
  out.emplace_back(age_of(object, now_ms));
  add_template(object, out);
  out.emplace_back(selector_text(object.at({"spec", "selector"})));
}

constexpr Column replica_columns[] = {
    name_column,
    {"Desired", "integer", "", "Pods that are wanted"},
    {"Current", "integer", "", "Pods that exist"},
    {"Ready", "integer", "", "Pods that are ready"},
    age_column,
    containers_column,
    images_column,
    selector_column,
};
void add_replicas(const Value& object, int64_t now_ms, Array& out) {
  out.emplace_back(name_of(object));
  out.emplace_back(int_at(object, {"spec", "replicas"}));
  out.emplace_back(int_at(object, {"status", "replicas"}));
  out.emplace_back(int_at(object, {"status", "readyReplicas"}));
  out.emplace_back(age_of(object, now_ms));
  add_template(object, out);
}
void replica_set_cells(const Value& object, int64_t now_ms, Array& out) {
  add_replicas(object, now_ms, out);
  out.emplace_back(selector_text(object.at({"spec", "selector"})));
}
void controller_cells(const Value& object, int64_t now_ms, Array& out) {
  add_replicas(object, now_ms, out);
  out.emplace_back(labels_text(object_at(object, {"spec", "selector"})));
}

constexpr Column daemon_columns[] = {
    name_column,
    {"Desired", "integer", "", "Nodes that should run a pod"},
    {"Current", "integer", "", "Nodes that run a pod"},
    {"Ready", "integer", "", "Pods that are ready"},
    {"Up-to-date", "integer", "", "Pods of the newest template"},
    {"Available", "integer", "", "Pods that have been ready long enough"},
    {"Node Selector", "string", "", "Labels of the nodes"},
    age_column,
    containers_column,
    images_column,
    selector_column,
};
void daemon_cells(const Value& object, int64_t now_ms, Array& out) {
  out.emplace_back(name_of(object));
  for (std::string_view count :
       {"desiredNumberScheduled", "currentNumberScheduled", "numberReady", "updatedNumberScheduled", "numberAvailable"})
    out.emplace_back(int_at(object, {"status", count}));
  out.emplace_back(labels_text(object_at(object, {"spec", "template", "spec", "nodeSelector"})));
  out.emplace_back(age_of(object, now_ms));
  add_template(object, out);
  out.emplace_back(selector_text(object.at({"spec", "selector"})));
}

constexpr Column stateful_columns[] = {name_column,
                                       {"Ready", "string", "", "Pods that are ready, of those wanted"},
                                       age_column,
                                       containers_column,
                                       images_column};
void stateful_cells(const Value& object, int64_t now_ms, Array& out) {
  out.emplace_back(name_of(object));
  out.emplace_back(ready_of(object, "readyReplicas"));
  out.emplace_back(age_of(object, now_ms));
  add_template(object, out);
}

// Jobs.
constexpr Column job_columns[] = {
    name_column,
    {"Status", "string", "", "Running, Complete, Failed, ..."},
    {"Completions", "string", "", "Pods that succeeded, of those wanted"},
    {"Duration", "string", "", "Time from start to end"},
    age_column,
    containers_column,
    images_column,
    selector_column,
};

std::string job_status(const Value& job) {
  const Array& conditions = array_at(job, {"status", "conditions"});
  const auto is = [&](std::string_view type) {
    const Value* condition = find_by(conditions, "type", type);
    return condition != nullptr && condition->string_or("status") == "True";
  };
  if (is("Complete")) return "Complete";
  if (is("Failed")) return "Failed";
  if (job.at({"metadata", "deletionTimestamp"}) != nullptr) return "Terminating";
  if (is("Suspended")) return "Suspended";
  if (is("FailureTarget")) return "FailureTarget";
  if (is("SuccessCriteriaMet")) return "SuccessCriteriaMet";
  return "Running";
}

std::string job_completions(const Value& job) {
  const std::string done = std::to_string(int_at(job, {"status", "succeeded"}));
  if (const Value* wanted = job.at({"spec", "completions"}); wanted != nullptr && wanted->is_int())
    return done + "/" + std::to_string(wanted->as_int());
  const int64_t parallel = int_at(job, {"spec", "parallelism"});
  return parallel > 1 ? done + "/1 of " + std::to_string(parallel) : done + "/1";
}

std::string job_duration(const Value& job, int64_t now_ms) {
  const auto start = parse_time(text_at(job, {"status", "startTime"}));
  if (start.has_error()) return "";
  const auto end = parse_time(text_at(job, {"status", "completionTime"}));
  return human_duration((end.has_error() ? now_ms / 1000 : end->seconds) - start->seconds);
}

void job_cells(const Value& object, int64_t now_ms, Array& out) {
  out.emplace_back(name_of(object));
  out.emplace_back(job_status(object));
  out.emplace_back(job_completions(object));
  out.emplace_back(job_duration(object, now_ms));
  out.emplace_back(age_of(object, now_ms));
  add_template(object, out);
  out.emplace_back(selector_text(object.at({"spec", "selector"})));
}

constexpr Column cron_columns[] = {
    name_column,
    {"Schedule", "string", "", "When jobs start"},
    {"Timezone", "string", "", "Time zone of the schedule"},
    {"Suspend", "string", "", "Whether no jobs start"},
    {"Active", "integer", "", "Jobs that run"},
    {"Last Schedule", "string", "", "Time since the last job started"},
    age_column,
    containers_column,
    images_column,
    selector_column,
};
void cron_cells(const Value& object, int64_t now_ms, Array& out) {
  const std::string last = text_at(object, {"status", "lastScheduleTime"});
  const Value* pod = object.at({"spec", "jobTemplate", "spec", "template", "spec"});
  out.emplace_back(name_of(object));
  out.emplace_back(text_at(object, {"spec", "schedule"}));
  out.emplace_back(text_at(object, {"spec", "timeZone"}, none));
  out.emplace_back(bool_at(object, {"spec", "suspend"}) ? "True" : "False");
  out.emplace_back(static_cast<int64_t>(count_at(object, {"status", "active"})));
  out.emplace_back(last.empty() ? std::string{none} : age_since(last, now_ms));
  out.emplace_back(age_of(object, now_ms));
  out.emplace_back(pod == nullptr ? "" : container_names(*pod));
  out.emplace_back(pod == nullptr ? "" : container_images(*pod));
  out.emplace_back(selector_text(object.at({"spec", "jobTemplate", "spec", "selector"})));
}

constexpr Column revision_columns[] = {name_column,
                                       {"Controller", "string", "", "Who the revision belongs to"},
                                       {"Revision", "string", "", "Number of the revision"},
                                       age_column};
void revision_cells(const Value& object, int64_t now_ms, Array& out) {
  std::string owner{none};
  for (const Value& reference : array_at(object, {"metadata", "ownerReferences"})) {
    if (!reference.bool_or("controller", false)) continue;
    std::string kind{reference.string_or("kind")};
    for (char& c : kind) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    const std::string version{reference.string_or("apiVersion")};
    const size_t slash = version.find('/');
    if (slash != std::string::npos) kind += "." + version.substr(0, slash);
    owner = kind + "/" + std::string{reference.string_or("name")};
  }
  out.emplace_back(name_of(object));
  out.emplace_back(std::move(owner));
  out.emplace_back(int_at(object, {"revision"}));
  out.emplace_back(age_of(object, now_ms));
}

// Autoscalers.
constexpr Column scaler_columns[] = {
    name_column,
    {"Reference", "string", "", "What is scaled"},
    {"Targets", "string", "", "Metrics, now and wanted"},
    {"MinPods", "string", "", "Fewest pods"},
    {"MaxPods", "string", "", "Most pods"},
    {"Replicas", "string", "", "Pods now"},
    age_column,
};

std::string measured(const Value* current) {
  if (current == nullptr) return "<unknown>";
  if (const Value* percent = current->find("averageUtilization"); percent != nullptr && percent->is_int())
    return std::to_string(percent->as_int()) + "%";
  const std::string_view average = current->string_or("averageValue");
  return std::string{average.empty() ? current->string_or("value", "<unknown>") : average};
}

std::string scaler_targets(const Value& scaler) {
  const Array& now = array_at(scaler, {"status", "currentMetrics"});
  std::string out;
  size_t index = 0;
  for (const Value& metric : array_at(scaler, {"spec", "metrics"})) {
    std::string type{metric.string_or("type")};
    const std::string label = type == "Resource" ? text_at(metric, {"resource", "name"}) + ": " : "";
    if (!type.empty()) type[0] = static_cast<char>(type[0] - 'A' + 'a');
    const Value* current = index < now.size() ? now[index].at({type, "current"}) : nullptr;
    out += (out.empty() ? "" : ", ") + label + measured(current) + "/" + measured(metric.at({type, "target"}));
    ++index;
  }
  return out.empty() ? std::string{none} : out;
}

void scaler_cells(const Value& object, int64_t now_ms, Array& out) {
  out.emplace_back(name_of(object));
  out.emplace_back(text_at(object, {"spec", "scaleTargetRef", "kind"}) + "/" +
                   text_at(object, {"spec", "scaleTargetRef", "name"}));
  out.emplace_back(scaler_targets(object));
  out.emplace_back(text_at(object, {"spec", "minReplicas"}, "<unset>"));
  out.emplace_back(int_at(object, {"spec", "maxReplicas"}));
  out.emplace_back(int_at(object, {"status", "currentReplicas"}));
  out.emplace_back(age_of(object, now_ms));
}

}  // namespace

std::vector<Printer> workload_printers() {
  return {
      {"apps", "Deployment", deployment_columns, deployment_cells},
      {"apps", "ReplicaSet", replica_columns, replica_set_cells},
      {"", "ReplicationController", replica_columns, controller_cells},
      {"apps", "DaemonSet", daemon_columns, daemon_cells},
      {"apps", "StatefulSet", stateful_columns, stateful_cells},
      {"apps", "ControllerRevision", revision_columns, revision_cells},
      {"batch", "Job", job_columns, job_cells},
      {"batch", "CronJob", cron_columns, cron_cells},
      {"autoscaling", "HorizontalPodAutoscaler", scaler_columns, scaler_cells},
  };
}

}  // namespace kring::columns
