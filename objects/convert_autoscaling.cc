// Horizontal autoscalers. autoscaling/v2beta1 names each metric's target in fields of its own; autoscaling/v1 knows
// only the CPU utilisation and carries the rest in annotations, as JSON in v2beta1's shape.
#include <span>

#include "objects/convert.h"
#include "objects/convert_tools.h"

namespace kring::convert {

namespace {

constexpr std::string_view metrics_annotation = "autoscaling.alpha.kubernetes.io/metrics";
constexpr std::string_view statuses_annotation = "autoscaling.alpha.kubernetes.io/current-metrics";
constexpr std::string_view conditions_annotation = "autoscaling.alpha.kubernetes.io/conditions";
constexpr std::string_view behavior_annotation = "autoscaling.alpha.kubernetes.io/behavior";

// One pair of names: a member of the old source, and where v2 has it.
struct Pair {
  std::string_view old_name;
  std::string_view nested;  // "metric", "target", "current"; empty: beside them
  std::string_view name;
};

constexpr Pair object_source[] = {{"target", "", "describedObject"},
                                  {"metricName", "metric", "name"},
                                  {"selector", "metric", "selector"},
                                  {"targetValue", "target", "value"},
                                  {"averageValue", "target", "averageValue"}};
constexpr Pair pods_source[] = {{"metricName", "metric", "name"},
                                {"selector", "metric", "selector"},
                                {"targetAverageValue", "target", "averageValue"}};
constexpr Pair resource_source[] = {{"targetAverageUtilization", "target", "averageUtilization"},
                                    {"targetAverageValue", "target", "averageValue"}};
constexpr Pair external_source[] = {{"metricName", "metric", "name"},
                                    {"metricSelector", "metric", "selector"},
                                    {"targetValue", "target", "value"},
                                    {"targetAverageValue", "target", "averageValue"}};
constexpr Pair object_status[] = {{"target", "", "describedObject"},
                                  {"metricName", "metric", "name"},
                                  {"selector", "metric", "selector"},
                                  {"currentValue", "current", "value"},
                                  {"averageValue", "current", "averageValue"}};
constexpr Pair pods_status[] = {{"metricName", "metric", "name"},
                                {"selector", "metric", "selector"},
                                {"currentAverageValue", "current", "averageValue"}};
constexpr Pair resource_status[] = {{"currentAverageUtilization", "current", "averageUtilization"},
                                    {"currentAverageValue", "current", "averageValue"}};
constexpr Pair external_status[] = {{"metricName", "metric", "name"},
                                    {"metricSelector", "metric", "selector"},
                                    {"currentValue", "current", "value"},
                                    {"currentAverageValue", "current", "averageValue"}};

struct Source {
  std::string_view name;
  std::span<const Pair> spec, status;
};
constexpr Source sources[] = {{"object", object_source, object_status},
                              {"pods", pods_source, pods_status},
                              {"resource", resource_source, resource_status},
                              {"containerResource", resource_source, resource_status},
                              {"external", external_source, external_status}};

void source_in(json::Object& source, std::span<const Pair> pairs) {
  json::Object metric, target, current;
  for (const Pair& pair : pairs) {
    if (pair.nested.empty()) {
      rename(source, pair.old_name, pair.name);
    } else {
      json::Object& nested = pair.nested == "metric" ? metric : pair.nested == "target" ? target : current;
      move(source, pair.old_name, nested, pair.name);
    }
  }
  nest(source, "metric", std::move(metric));
  if (!target.empty()) {
    const std::string_view type = target.contains("averageUtilization") ? "Utilization"
                                  : target.contains("averageValue")     ? "AverageValue"
                                                                        : "Value";
    json::Object typed;
    typed.append("type", type);
    for (json::Member& member : target.members()) typed.append(std::move(member.key), std::move(member.value));
    source.set("target", std::move(typed));
  }
  nest(source, "current", std::move(current));
}

void source_out(json::Object& source, std::span<const Pair> pairs) {
  // The nested objects are taken out first: "target" is also an old name.
  json::Object metric, target, current;
  for (auto [name, into] :
       {std::pair{"metric", &metric}, std::pair{"target", &target}, std::pair{"current", &current}}) {
    json::Value* found = source.find(name);
    if (found == nullptr || !found->is_object()) continue;
    *into = std::move(found->as_object());
    source.erase(name);
  }
  for (const Pair& pair : pairs) {
    if (pair.nested.empty()) {
      rename(source, pair.name, pair.old_name);
    } else {
      json::Object& nested = pair.nested == "metric" ? metric : pair.nested == "target" ? target : current;
      move(nested, pair.name, source, pair.old_name);
    }
  }
}

using Turn = void (*)(json::Object&, std::span<const Pair>);

void turn_metrics(json::Array& metrics, Turn turn, std::span<const Pair> Source::*pairs) {
  for (json::Value& metric : metrics)
    for (const Source& source : sources)
      if (json::Value* found = metric.find(source.name); found != nullptr && found->is_object())
        turn(found->as_object(), source.*pairs);
}

void turn_all(json::Value& value, Turn turn) {
  if (json::Array* metrics = array_at(value, {"spec", "metrics"})) turn_metrics(*metrics, turn, &Source::spec);
  if (json::Array* metrics = array_at(value, {"status", "currentMetrics"}))
    turn_metrics(*metrics, turn, &Source::status);
}

// The members of an annotation that holds a JSON list; anything else there is left alone.
json::Array take_list(json::Value& value, std::string_view annotation) {
  std::string text;
  if (!take_annotation(value, annotation, text)) return {};
  auto parsed = json::parse(text);
  if (parsed.has_error() || !parsed->value.is_array()) {
    set_annotation(value, annotation, std::move(text));
    return {};
  }
  return std::move(parsed->value.as_array());
}

// The first CPU utilisation among the metrics is taken out; -1 when there is none.
int64_t take_cpu(json::Array& metrics, std::string_view figures) {
  for (auto at = metrics.begin(); at != metrics.end(); ++at) {
    const json::Value* percent = at->at({"resource", figures, "averageUtilization"});
    const json::Value* name = at->at({"resource", "name"});
    if (percent == nullptr || !percent->is_int() || name == nullptr || *name != json::Value{"cpu"}) continue;
    const int64_t taken = percent->as_int();
    metrics.erase(at);
    return taken;
  }
  return -1;
}

json::Value cpu_metric(std::string_view figures, json::Object amounts) {
  json::Object resource;
  resource.append("name", "cpu");
  resource.append(std::string{figures}, std::move(amounts));
  json::Object metric;
  metric.append("type", "Resource");
  metric.append("resource", std::move(resource));
  return metric;
}

void spec_in_v1(json::Value& value) {
  json::Array metrics = take_list(value, metrics_annotation);
  turn_metrics(metrics, source_in, &Source::spec);
  json::Object& spec = value["spec"].as_object();
  if (const json::Value* percent = spec.find("targetCPUUtilizationPercentage")) {
    json::Object target;
    target.append("type", "Utilization");
    target.append("averageUtilization", *percent);
    metrics.push_back(cpu_metric("target", std::move(target)));
    spec.erase("targetCPUUtilizationPercentage");
  }
  if (!metrics.empty()) spec.set("metrics", std::move(metrics));
  std::string behavior;
  if (!take_annotation(value, behavior_annotation, behavior)) return;
  auto parsed = json::parse(behavior);
  if (parsed.has_error()) {
    set_annotation(value, behavior_annotation, std::move(behavior));
  } else {
    value["spec"]["behavior"] = std::move(parsed->value);
  }
}

void status_in_v1(json::Value& value) {
  json::Array metrics = take_list(value, statuses_annotation);
  json::Array conditions = take_list(value, conditions_annotation);
  turn_metrics(metrics, source_in, &Source::status);
  json::Object* status = object_at(value, {"status"});
  if (status != nullptr) {
    if (const json::Value* percent = status->find("currentCPUUtilizationPercentage")) {
      json::Object current;
      current.append("averageUtilization", *percent);
      metrics.push_back(cpu_metric("current", std::move(current)));
      status->erase("currentCPUUtilizationPercentage");
    }
  }
  if (!metrics.empty()) value["status"]["currentMetrics"] = std::move(metrics);
  if (!conditions.empty()) value["status"]["conditions"] = std::move(conditions);
}

}  // namespace

void in_autoscaling_v2beta1(json::Value& value) {
  turn_all(value, source_in);
  std::string behavior;
  if (!take_annotation(value, behavior_annotation, behavior)) return;
  auto parsed = json::parse(behavior);
  if (!parsed.has_error() && value.find("spec") != nullptr) value["spec"]["behavior"] = std::move(parsed->value);
}

void out_autoscaling_v2beta1(json::Value& value) {
  turn_all(value, source_out);
  json::Object* spec = object_at(value, {"spec"});
  json::Value* behavior = spec == nullptr ? nullptr : spec->find("behavior");
  if (behavior == nullptr) return;
  std::string text = json::print(*behavior);
  spec->erase("behavior");
  set_annotation(value, behavior_annotation, std::move(text));
}

void in_autoscaling_v1(json::Value& value) {
  if (object_at(value, {"spec"}) != nullptr) spec_in_v1(value);
  status_in_v1(value);
}

void out_autoscaling_v1(json::Value& value) {
  // CPU leaves the lists while they are in v2's shape; what remains goes to the annotations in v2beta1's.
  json::Array metrics, statuses;
  int64_t target = -1, current = -1;
  if (json::Array* found = array_at(value, {"spec", "metrics"}))
    target = take_cpu(metrics = std::move(*found), "target");
  if (json::Array* found = array_at(value, {"status", "currentMetrics"}))
    current = take_cpu(statuses = std::move(*found), "current");
  turn_metrics(metrics, source_out, &Source::spec);
  turn_metrics(statuses, source_out, &Source::status);

  if (json::Object* spec = object_at(value, {"spec"})) {
    spec->erase("metrics");
    if (target >= 0) spec->set("targetCPUUtilizationPercentage", target);
    if (json::Value* behavior = spec->find("behavior")) {
      std::string text = json::print(*behavior);
      spec->erase("behavior");
      set_annotation(value, behavior_annotation, std::move(text));
    }
  }
  if (json::Object* status = object_at(value, {"status"})) {
    status->erase("currentMetrics");
    if (current >= 0) status->set("currentCPUUtilizationPercentage", current);
    if (json::Value* conditions = status->find("conditions")) {
      std::string text = json::print(*conditions);
      status->erase("conditions");
      set_annotation(value, conditions_annotation, std::move(text));
    }
  }
  if (!metrics.empty()) set_annotation(value, metrics_annotation, json::print(std::move(metrics)));
  if (!statuses.empty()) set_annotation(value, statuses_annotation, json::print(std::move(statuses)));
}

}  // namespace kring::convert
