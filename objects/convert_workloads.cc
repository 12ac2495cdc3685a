#include <algorithm>
#include <charconv>
#include <limits>

#include "objects/convert.h"
#include "objects/convert_tools.h"

namespace kring::convert {

namespace {

constexpr std::string_view rollback_annotation = "deprecated.deployment.rollback.to";
constexpr std::string_view generation_annotation = "deprecated.daemonset.template.generation";

// The old groups did not ask for a selector: it, and the object's own labels, came from the template.
void labels_from_template(json::Value& value) {
  const json::Object* labels = object_at(value, {"spec", "template", "metadata", "labels"});
  if (labels == nullptr || labels->empty()) return;
  const json::Object copy = *labels;
  json::Object& spec = value["spec"].as_object();
  if (!spec.contains("selector")) {
    json::Object selector;
    selector.set("matchLabels", copy);
    spec.set("selector", std::move(selector));
  }
  json::Value& metadata = value["metadata"];
  if (const json::Value* own = metadata.find("labels"); own == nullptr || !own->is_object() || own->as_object().empty())
    metadata["labels"] = copy;
}

int64_t number_or_zero(const std::string& text) {
  int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

void keep_rollback(json::Value& value) {
  json::Object* spec = object_at(value, {"spec"});
  json::Value* rollback = spec == nullptr ? nullptr : spec->find("rollbackTo");
  if (rollback == nullptr) return;
  set_annotation(value, rollback_annotation, std::to_string(rollback->int_or("revision", 0)));
  value["spec"].as_object().erase("rollbackTo");
}

void default_strategy(json::Object& spec, const json::Value& surge, const json::Value& unavailable) {
  json::Value& strategy = spec["strategy"];
  if (strategy.is_null()) strategy = json::Object{};
  default_to(strategy.as_object(), "type", "RollingUpdate");
  if (strategy.string_or("type") != "RollingUpdate") return;
  json::Object& rolling = strategy.object("rollingUpdate");
  default_to(rolling, "maxUnavailable", unavailable);
  default_to(rolling, "maxSurge", surge);
}

}  // namespace

void in_extensions_deployment(json::Value& value) {
  keep_rollback(value);
  labels_from_template(value);
  json::Object* spec = object_at(value, {"spec"});
  if (spec == nullptr) return;
  default_strategy(*spec, 1, 1);
  // "For ever" in this version: old replica sets were never removed and a rollout never timed out.
  constexpr int64_t unlimited = std::numeric_limits<int32_t>::max();
  default_to(*spec, "revisionHistoryLimit", unlimited);
  default_to(*spec, "progressDeadlineSeconds", unlimited);
}

void in_apps_v1beta1_deployment(json::Value& value) {
  keep_rollback(value);
  labels_from_template(value);
  json::Object* spec = object_at(value, {"spec"});
  if (spec == nullptr) return;
  default_strategy(*spec, "25%", "25%");
  default_to(*spec, "revisionHistoryLimit", 2);
  default_to(*spec, "progressDeadlineSeconds", 600);
}

void out_deployment(json::Value& value) {
  std::string revision;
  if (!take_annotation(value, rollback_annotation, revision)) return;
  json::Object rollback;
  if (revision != "0") rollback.set("revision", number_or_zero(revision));
  value["spec"].object("rollbackTo") = std::move(rollback);
}

void in_extensions_daemon_set(json::Value& value) {
  labels_from_template(value);
  json::Object* spec = object_at(value, {"spec"});
  if (spec == nullptr) return;
  json::Value& strategy = (*spec)["updateStrategy"];
  if (strategy.is_null()) strategy = json::Object{};
  default_to(strategy.as_object(), "type", "OnDelete");
  if (strategy.string_or("type") == "RollingUpdate") default_to(strategy.object("rollingUpdate"), "maxUnavailable", 1);
  if (const json::Value* generation = spec->find("templateGeneration"); generation != nullptr && generation->is_int()) {
    const int64_t number = generation->as_int();
    spec->erase("templateGeneration");
    set_annotation(value, generation_annotation, std::to_string(number));
  }
}

void out_extensions_daemon_set(json::Value& value) {
  std::string generation;
  if (take_annotation(value, generation_annotation, generation))
    value["spec"]["templateGeneration"] = number_or_zero(generation);
}

void in_extensions_replica_set(json::Value& value) { labels_from_template(value); }

void in_apps_v1beta1_stateful_set(json::Value& value) {
  labels_from_template(value);
  json::Object* spec = object_at(value, {"spec"});
  if (spec == nullptr) return;
  json::Value& strategy = (*spec)["updateStrategy"];
  if (strategy.is_null()) strategy = json::Object{};
  default_to(strategy.as_object(), "type", "OnDelete");
}

// status.targetSelector is the whole selector as a text, status.selector its matchLabels; autoscaling/v1 has the text
// only.
void in_scale(json::Value& value) {
  json::Object* status = object_at(value, {"status"});
  if (status == nullptr) return;
  std::string text{value["status"].string_or("targetSelector")};
  if (const json::Value* labels = status->find("selector"); text.empty() && labels != nullptr && labels->is_object())
    for (const auto& [key, label] : labels->as_object().members())
      text.append(text.empty() ? "" : ",").append(key).append("=").append(label.as_string());
  status->erase("targetSelector");
  status->erase("selector");
  if (!text.empty()) status->set("selector", text);
}

void out_scale(json::Value& value) {
  json::Object* status = object_at(value, {"status"});
  json::Value* text = status == nullptr ? nullptr : status->find("selector");
  if (text == nullptr || !text->is_string()) return;
  json::Object labels;
  std::string_view rest = text->as_string();
  // Only a selector of equalities has a map; others are left to targetSelector.
  while (!rest.empty()) {
    const std::string_view term = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), term.size() + 1));
    const size_t equals = term.find('=');
    if (equals == term.npos || term.find_first_of("!() ") != term.npos) {
      labels.clear();
      break;
    }
    std::string_view label = term.substr(equals + 1);
    if (label.starts_with('=')) label.remove_prefix(1);
    labels.set(term.substr(0, equals), label);
  }
  rename(*status, "selector", "targetSelector");
  nest(*status, "selector", std::move(labels));
}

}  // namespace kring::convert
