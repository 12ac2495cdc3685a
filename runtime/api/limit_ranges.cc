#include "runtime/api/limit_ranges.h"

#include <optional>
#include <vector>

#include "objects/codec.h"
#include "objects/quantity.h"
#include "runtime/api/metadata.h"
#include "runtime/api/status.h"

namespace kring::api {
namespace {

std::optional<Quantity> quantity_of(const json::Value* map, std::string_view resource) {
  const json::Value* value = map == nullptr ? nullptr : map->find(resource);
  if (value == nullptr) return std::nullopt;
  auto parsed = Quantity::from_json(*value);
  if (parsed.has_error()) return std::nullopt;
  return *parsed;
}

// Takes what the item offers for resources that the container does not mention; their names, for the annotation.
std::string fill(json::Value& container, std::string_view section, const json::Value* offered) {
  std::string names;
  if (offered == nullptr || !offered->is_object()) return names;
  json::Value& resources = container["resources"];
  if (!resources.is_object()) resources = json::Object{};
  json::Object& amounts = resources.object(section);
  for (const json::Member& member : offered->as_object()) {
    if (amounts.contains(member.key)) continue;
    amounts.set(member.key, member.value);
    names += (names.empty() ? "" : ", ") + member.key;
  }
  return names;
}

// What is bounded: one container's amounts, or a pod's sums.
struct Amounts {
  std::optional<Quantity> request, limit;
};

void check_min(std::string_view type, std::string_view resource, const Quantity& min, const Amounts& amounts,
               std::vector<std::string>& errors) {
  const std::string head = "minimum " + std::string{resource} + " usage per " + std::string{type} + " is " +
                           min.to_string();
  if (!amounts.request) {
    errors.push_back(head + ".  No request is specified");
  } else if (*amounts.request < min) {
    errors.push_back(head + ", but request is " + amounts.request->to_string());
  } else if (amounts.limit && *amounts.limit < min) {
    errors.push_back(head + ", but limit is " + amounts.limit->to_string());
  }
}

void check_max(std::string_view type, std::string_view resource, const Quantity& max, const Amounts& amounts,
               std::vector<std::string>& errors) {
  const std::string head = "maximum " + std::string{resource} + " usage per " + std::string{type} + " is " +
                           max.to_string();
  if (!amounts.limit) {
    errors.push_back(head + ".  No limit is specified");
  } else if (*amounts.limit > max) {
    errors.push_back(head + ", but limit is " + amounts.limit->to_string());
  } else if (amounts.request && *amounts.request > max) {
    errors.push_back(head + ", but request is " + amounts.request->to_string());
  }
}

void check_ratio(std::string_view type, std::string_view resource, const Quantity& max, const Amounts& amounts,
                 std::vector<std::string>& errors) {
  const std::string head = std::string{resource} + " max limit to request ratio per " + std::string{type} + " is " +
                           max.to_string() + ", but ";
  if (!amounts.request || amounts.request->is_zero()) {
    errors.push_back(head + "no request is specified or request is 0");
  } else if (!amounts.limit || amounts.limit->is_zero()) {
    errors.push_back(head + "no limit is specified or limit is 0");
  } else if (const double ratio = amounts.limit->approximate() / amounts.request->approximate();
             ratio > max.approximate()) {
    errors.push_back(head + "provided ratio is " + std::to_string(ratio));
  }
}

template <class Check, class Find>
void check_each(const json::Value& item, std::string_view bound, Check check, const Find& find,
                std::vector<std::string>& errors) {
  const json::Value* bounds = item.find(bound);
  if (bounds == nullptr || !bounds->is_object()) return;
  for (const json::Member& member : bounds->as_object()) {
    auto quantity = Quantity::from_json(member.value);
    if (quantity.has_value()) check(item.string_or("type"), member.key, *quantity, find(member.key), errors);
  }
}

template <class Find>
void check_item(const json::Value& item, const Find& find, std::vector<std::string>& errors) {
  check_each(item, "min", check_min, find, errors);
  check_each(item, "max", check_max, find, errors);
  check_each(item, "maxLimitRequestRatio", check_ratio, find, errors);
}

Amounts amounts_of(const json::Value& container, std::string_view resource) {
  return Amounts{quantity_of(container.at({"resources", "requests"}), resource),
                 quantity_of(container.at({"resources", "limits"}), resource)};
}

void add(std::optional<Quantity>& sum, const std::optional<Quantity>& amount) {
  if (!amount) return;
  sum = sum ? *sum + *amount : *amount;
}

json::Array* containers_of(json::Value& pod, std::string_view list) {
  json::Value* containers = pod.at({"spec", list});
  return containers != nullptr && containers->is_array() ? &containers->as_array() : nullptr;
}

Amounts pod_amounts(json::Value& pod, std::string_view resource) {
  Amounts sum;
  if (const json::Array* containers = containers_of(pod, "containers")) {
    for (const json::Value& container : *containers) {
      const Amounts amounts = amounts_of(container, resource);
      add(sum.request, amounts.request);
      add(sum.limit, amounts.limit);
    }
  }
  return sum;
}

void fill_containers(json::Value& pod, const json::Value& item, std::string& note) {
  for (const std::string_view list : {"initContainers", "containers"}) {
    json::Array* containers = containers_of(pod, list);
    if (containers == nullptr) continue;
    for (json::Value& container : *containers) {
      const std::string what = list == "containers" ? " for container " : " for init container ";
      const std::string name{container.string_or("name")};
      const std::string requests = fill(container, "requests", item.find("defaultRequest"));
      const std::string limits = fill(container, "limits", item.find("default"));
      if (!requests.empty()) note += (note.empty() ? "" : "; ") + requests + " request" + what + name;
      if (!limits.empty()) note += (note.empty() ? "" : "; ") + limits + " limit" + what + name;
    }
  }
}

template <class Use>
void each_item(const std::vector<json::Value>& ranges, std::string_view type, const Use& use) {
  for (const json::Value& range : ranges) {
    const json::Value* limits = range.at({"spec", "limits"});
    if (limits == nullptr || !limits->is_array()) continue;
    for (const json::Value& item : limits->as_array()) {
      if (item.string_or("type") == type) use(item);
    }
  }
}

}  // namespace

Result<void> apply_limit_ranges(store::Store& store, const std::string& ns, json::Value& pod) {
  if (store.count(kinds::limit_range()) == 0) return {};
  std::vector<json::Value> ranges;
  for (const ObjectPtr& object : store.list(kinds::limit_range(), ns).objects) {
    ranges.push_back(codec::to_value(*object));
  }
  std::string note;
  each_item(ranges, "Container", [&](const json::Value& item) { fill_containers(pod, item, note); });
  if (!note.empty()) {
    json::Value& annotations = metadata_of(pod)["annotations"];
    if (!annotations.is_object()) annotations = json::Object{};
    annotations.as_object().set("kubernetes.io/limit-ranger", "LimitRanger plugin set: " + note);
  }
  std::vector<std::string> errors;
  each_item(ranges, "Container", [&](const json::Value& item) {
    for (const std::string_view list : {"initContainers", "containers"}) {
      const json::Array* containers = containers_of(pod, list);
      if (containers == nullptr) continue;
      for (const json::Value& container : *containers) {
        check_item(item, [&](std::string_view resource) { return amounts_of(container, resource); }, errors);
      }
    }
  });
  each_item(ranges, "Pod", [&](const json::Value& item) {
    check_item(item, [&](std::string_view resource) { return pod_amounts(pod, resource); }, errors);
  });
  if (errors.empty()) return {};
  std::string message = errors.front();
  if (errors.size() > 1) {
    message = "[" + errors.front();
    for (size_t i = 1; i < errors.size(); ++i) message += ", " + errors[i];
    message += ']';
  }
  return forbidden(kinds::pod(), metadata_text(pod, "name"), message);
}

}  // namespace kring::api
