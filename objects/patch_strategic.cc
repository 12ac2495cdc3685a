#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "objects/patch.h"
#include "objects/patch_tools.h"
#include "objects/quote.h"

namespace kring::patch {

namespace {

constexpr std::string_view directive_marker = "$patch";
constexpr std::string_view retain_keys_marker = "$retainKeys";
constexpr std::string_view delete_list_prefix = "$deleteFromPrimitiveList";
constexpr std::string_view element_order_prefix = "$setElementOrder";

// What is known of the members of an object: the fields of a type, or that all have one type (a map), or nothing (raw
// JSON), where objects merge and lists are replaced.
struct Schema {
  const codec::TypeInfo* type = nullptr;
  const codec::TypeInfo* map_values = nullptr;
};

struct FieldRule {
  Schema schema;  // of the field's value, or of its items
  std::string_view strategy;
  std::string_view merge_key;
};

Error refused(std::string message) { return {Reason::bad_request, std::move(message)}; }
Error bad_primitive_list() { return refused("invalid patch format of primitive list"); }
Error bad_retain_keys() { return refused("invalid patch format of retainKeys"); }
Error bad_element_order() { return refused("invalid patch format of setElementOrder list"); }
Error no_merge_key(const json::Value& item, std::string_view key) {
  return refused("map: " + go_value(item) + " does not contain declared merge key: " + std::string{key});
}

const char* go_type(const json::Value& value) {
  switch (value.type()) {
    case json::Type::null: return "<nil>";
    case json::Type::boolean: return "bool";
    case json::Type::integer: return "int64";
    case json::Type::number: return "float64";
    case json::Type::string: return "string";
    case json::Type::array: return "[]interface {}";
    case json::Type::object: return "map[string]interface {}";
  }
  return "";
}

Error bad_type(const char* expected, const json::Value& actual) {
  return refused(std::string{"expected a "} + expected + ", but received a " + go_type(actual));
}

bool has_directive(const json::Value& item) { return item.find(directive_marker) != nullptr; }
bool is_delete(const json::Value& item) { return item.string_or(directive_marker) == "delete"; }

// Nulls in what a patch adds only mean that there is nothing.
void discard_nulls(json::Value& value) {
  if (value.is_object()) {
    std::erase_if(value.as_object().members(), [](const json::Member& member) { return member.value.is_null(); });
    for (json::Member& member : value.as_object()) discard_nulls(member.value);
  } else if (value.is_array()) {
    for (json::Value& item : value.as_array()) discard_nulls(item);
  }
}

// Drops objects with a directive from what a patch adds; false when the value itself is one.
bool remove_directives(json::Value& value) {
  if (value.is_object()) {
    if (has_directive(value)) return false;
    std::erase_if(value.as_object().members(), [](json::Member& member) { return !remove_directives(member.value); });
  } else if (value.is_array()) {
    std::erase_if(value.as_array(), [](json::Value& item) { return !remove_directives(item); });
  }
  return true;
}

// What tells one list item from another: its merge key's value, or itself in a list of primitives.
Result<std::string> identity(const json::Value& item, std::string_view merge_key) {
  if (merge_key.empty()) return json::print(item);
  if (!item.is_object()) return bad_type("map[string]interface {}", item);
  const json::Value* key = item.find(merge_key);
  if (key == nullptr) return no_merge_key(item, merge_key);
  return json::print(*key);
}

// Identities with their first place in a list.
class Order {
 public:
  static Result<Order> of(const json::Array& items, std::string_view merge_key) {
    Order order;
    for (const json::Value& item : items) {
      KRING_TRY(std::string key, identity(item, merge_key));
      order.add(std::move(key));
    }
    return order;
  }
  // Lists of a live object may lack merge keys where nobody compares them.
  static Order of_known(const json::Array& items, std::string_view merge_key) {
    Order order;
    for (const json::Value& item : items) {
      if (Result<std::string> key = identity(item, merge_key); key.has_value()) order.add(std::move(*key));
    }
    return order;
  }
  // Behind all others, unless it is there already; true when it was not.
  bool add(std::string key) { return places_.emplace(std::move(key), places_.size()).second; }
  std::optional<size_t> find(const std::string& key) const {
    const auto found = places_.find(key);
    return found == places_.end() ? std::nullopt : std::optional{found->second};
  }

 private:
  std::map<std::string, size_t, std::less<>> places_;
};

struct Placed {
  json::Value item;
  std::optional<size_t> in_patch, in_live;
};

// Puts the items that the patch names in the patch's order, the others in the live object's, and weaves the two: an
// item only the server knows goes before the first item of the patch that stood after it in the live list.
Result<json::Array> arranged(json::Array items, const Order& patch_order, const Order& live_order,
                             std::string_view merge_key) {
  std::vector<Placed> named, others;
  for (json::Value& item : items) {
    KRING_TRY(const std::string key, identity(item, merge_key));
    Placed placed{std::move(item), patch_order.find(key), live_order.find(key)};
    (placed.in_patch ? named : others).push_back(std::move(placed));
  }
  constexpr size_t last = static_cast<size_t>(-1);
  // Sorting by place and then by index keeps equal items as they were.
  auto sort = [&](std::vector<Placed>& list, std::optional<size_t> Placed::* place) {
    std::vector<size_t> indices(list.size());
    for (size_t i = 0; i < indices.size(); ++i) indices[i] = i;
    std::sort(indices.begin(), indices.end(), [&](size_t a, size_t b) {
      return std::pair{(list[a].*place).value_or(last), a} < std::pair{(list[b].*place).value_or(last), b};
    });
    std::vector<Placed> sorted;
    sorted.reserve(list.size());
    for (size_t index : indices) sorted.push_back(std::move(list[index]));
    list = std::move(sorted);
  };
  sort(named, &Placed::in_patch);
  sort(others, &Placed::in_live);
  json::Array result;
  result.reserve(items.size());
  size_t i = 0, j = 0;
  while (i < others.size() || j < named.size()) {
    bool take_other = j == named.size();
    if (i < others.size() && j < named.size()) {
      take_other = others[i].in_live && named[j].in_live && *others[i].in_live < *named[j].in_live;
    }
    result.push_back(std::move(take_other ? others[i++].item : named[j++].item));
  }
  return result;
}

// Every item of a merged list has the same type, and lists of lists do not merge. True for a list of objects.
Result<bool> items_are_objects(const json::Array& live, const json::Array& patch) {
  const json::Value* first = !live.empty() ? &live.front() : !patch.empty() ? &patch.front() : nullptr;
  if (first == nullptr) return refused("no elements in any of the given slices");
  if (first->is_array()) return Error{Reason::invalid, "lists of lists are not supported"};
  auto same = [&](const json::Value& item) {
    return item.type() == first->type() || (item.is_number() && first->is_number());
  };
  if (!std::all_of(live.begin(), live.end(), same) || !std::all_of(patch.begin(), patch.end(), same)) {
    return refused("list element types are not identical: [" + go_value(live) + " " + go_value(patch) + "]");
  }
  return first->is_object();
}

// The field's name after a directive's prefix and slash.
std::optional<std::string_view> field_after(std::string_view key, std::string_view prefix) {
  if (key.size() <= prefix.size() || key[prefix.size()] != '/') return std::nullopt;
  return key.substr(prefix.size() + 1);
}

class Merger {
 public:
  // Both are objects; the patch is consumed.
  Result<void> merge(json::Value& live, json::Value& patch, const Schema& schema) {
    json::Object& changes = patch.as_object();
    KRING_TRY_VOID(steps_.spend(changes.size() + 1));
    if (const json::Value* directive = changes.find(directive_marker)) {
      const std::string name = directive->is_string() ? directive->as_string() : go_value(*directive);
      if (name == "replace") {
        changes.erase(directive_marker);
        live = std::move(patch);
      } else if (name == "delete") {
        live = json::Object{};
      } else {
        return refused("unknown patch type: " + name + " in map: " + go_value(patch));
      }
      return {};
    }
    KRING_TRY_VOID(retain_keys(live.as_object(), changes));
    ObjectEditor editor{live.as_object(), changes.size(), steps_};
    std::vector<bool> done(changes.size());
    for (size_t i = 0; i < changes.size(); ++i) {
      if (!changes.members()[i].key.starts_with(element_order_prefix)) continue;
      done[i] = true;
      KRING_TRY_VOID(set_element_order(editor, changes, i, done, schema));
    }
    for (size_t i = 0; i < changes.size(); ++i) {
      if (done[i]) continue;
      json::Member& change = changes.members()[i];
      KRING_TRY_VOID(merge_member(editor, change.key, change.value, schema));
    }
    return {};
  }

 private:
  static Result<FieldRule> rule_of(const Schema& schema, std::string_view field) {
    if (schema.type == nullptr) {
      return FieldRule{.schema = {.type = schema.map_values}, .strategy = {}, .merge_key = {}};
    }
    const codec::FieldInfo* info = schema.type->find(field);
    if (info == nullptr) {
      return refused("unable to find api field in struct " + std::string{schema.type->name} +
                     " for the json field " + go_quote(field));
    }
    FieldRule rule{.schema = {}, .strategy = info->patch_strategy, .merge_key = info->patch_merge_key};
    if (info->type == codec::FieldType::message) rule.schema.type = info->message;
    if (info->type == codec::FieldType::map_message) rule.schema.map_values = info->message;
    // "merge,retainKeys": retainKeys only concerns who makes the patch.
    const size_t comma = rule.strategy.find(',');
    if (comma != std::string_view::npos) {
      const std::string_view first = rule.strategy.substr(0, comma);
      rule.strategy = first == "retainKeys" ? rule.strategy.substr(comma + 1) : first;
    }
    if (rule.strategy == "retainKeys") rule.strategy = {};
    return rule;
  }

  // $retainKeys names all members that may stay; what the patch sets must be among them.
  Result<void> retain_keys(json::Object& live, json::Object& changes) {
    const json::Value* found = changes.find(retain_keys_marker);
    if (found == nullptr) return {};
    if (!found->is_array()) return bad_retain_keys();
    std::set<std::string, std::less<>> kept;
    for (const json::Value& key : found->as_array()) {
      if (key.is_string()) kept.insert(key.as_string());
    }
    changes.erase(retain_keys_marker);
    for (const json::Member& change : changes) {
      if (change.value.is_null() || change.key.starts_with(delete_list_prefix) ||
          change.key.starts_with(element_order_prefix)) {
        continue;
      }
      if (!kept.contains(change.key)) return bad_retain_keys();
    }
    KRING_TRY_VOID(steps_.spend(live.size()));
    std::erase_if(live.members(), [&](const json::Member& member) { return !kept.contains(member.key); });
    return {};
  }

  // Merges the list that $setElementOrder/<field> (the change at `index`) speaks of, and orders it.
  Result<void> set_element_order(ObjectEditor& live, json::Object& changes, size_t index, std::vector<bool>& done,
                                 const Schema& schema) {
    const json::Value wanted = std::move(changes.members()[index].value);
    if (!wanted.is_array()) return bad_type("[]interface {}", wanted);
    const auto name = field_after(changes.members()[index].key, element_order_prefix);
    if (!name) return bad_element_order();
    const std::string field{*name};
    KRING_TRY_VOID(steps_.spend(changes.size()));
    json::Value* change = nullptr;
    for (size_t i = 0; i < changes.size(); ++i) {
      if (changes.members()[i].key != field) continue;
      change = &changes.members()[i].value;
      if (!change->is_array()) return bad_type("[]interface {}", *change);
      done[i] = true;
    }
    KRING_TRY(json::Value* current, live.find(field));
    if (current != nullptr && !current->is_array()) return bad_type("[]interface {}", *current);
    KRING_TRY(const FieldRule rule, rule_of(schema, field));
    if (change != nullptr) KRING_TRY_VOID(check_element_order(change->as_array(), wanted.as_array(), rule.merge_key));
    if (current == nullptr && change == nullptr) return {};
    const Order live_order = live_order_of(current, change, rule.merge_key);
    json::Array merged;
    if (current == nullptr) {
      remove_directives(*change);
      merged = std::move(change->as_array());
    } else if (change == nullptr) {
      merged = std::move(current->as_array());
    } else {
      KRING_TRY(merged, merge_lists(std::move(current->as_array()), std::move(change->as_array()), rule, false));
    }
    KRING_TRY_VOID(steps_.spend(16 * (merged.size() + wanted.as_array().size())));
    KRING_TRY(const Order patch_order, Order::of(wanted.as_array(), rule.merge_key));
    KRING_TRY(json::Array result, arranged(std::move(merged), patch_order, live_order, rule.merge_key));
    return live.set(field, json::Value{std::move(result)});
  }

  // The order of the live list, which decides between items that only the server knows and those of the patch.
  // Kubernetes reads it from the very array that it merges into, so a new item in a place that a deletion freed counts
  // as live, and others do not; found by comparing with kubectl patch --local.
  static Order live_order_of(const json::Value* current, const json::Value* change, std::string_view merge_key) {
    if (current == nullptr) return {};
    const json::Array& live = current->as_array();
    std::set<std::string> deleted;
    if (change != nullptr) {
      for (const json::Value& item : change->as_array()) {
        const json::Value* key = item.find(merge_key);
        if (key != nullptr && is_delete(item)) deleted.insert(json::print(*key));
      }
    }
    Order order;
    size_t freed = 0;
    for (const json::Value& item : live) {
      Result<std::string> key = identity(item, merge_key);
      if (key.has_error()) continue;
      if (deleted.contains(*key)) {
        ++freed;
      } else {
        order.add(std::move(*key));
      }
    }
    for (size_t i = 0; freed > 0 && i < change->as_array().size(); ++i) {
      const json::Value& item = change->as_array()[i];
      if (has_directive(item)) continue;
      Result<std::string> key = identity(item, merge_key);
      if (key.has_value() && order.add(std::move(*key))) --freed;
    }
    return order;
  }

  // The items of the patch must be among the wanted ones, and in that order.
  static Result<void> check_element_order(const json::Array& items, const json::Array& wanted,
                                          std::string_view merge_key) {
    if (items.empty() || wanted.empty()) return {};
    size_t at = 0;
    for (const json::Value& item : items) {
      if (!merge_key.empty() && !item.is_object()) return bad_type("map[string]interface {}", item);
      if (has_directive(item)) continue;
      if (at == wanted.size()) return order_mismatch(items, wanted);
      KRING_TRY(const std::string key, identity(item, merge_key));
      bool found = false;
      while (!found && at < wanted.size()) {
        KRING_TRY(const std::string next, identity(wanted[at++], merge_key));
        found = next == key;
      }
      if (!found) return order_mismatch(items, wanted);
    }
    return {};
  }

  static Error order_mismatch(const json::Array& items, const json::Array& wanted) {
    return refused("The order in patch list:\n" + go_value(items) + "\n doesn't match $setElementOrder list:\n" +
                   go_value(wanted) + "\n");
  }

  Result<void> merge_member(ObjectEditor& live, std::string_view key, json::Value& change, const Schema& schema) {
    const bool deletes_items = key.starts_with(delete_list_prefix);
    if (deletes_items) {
      const auto field = field_after(key, delete_list_prefix);
      if (!field) return bad_primitive_list();
      key = *field;
    }
    if (change.is_null()) return live.erase(key);
    KRING_TRY(json::Value* current, live.find(key));
    const bool both_objects = current != nullptr && current->is_object() && change.is_object();
    const bool both_arrays = current != nullptr && current->is_array() && change.is_array();
    if (deletes_items && !both_arrays) {
      return current != nullptr && !change.is_array() ? bad_primitive_list() : Result<void>{};
    }
    if (!both_objects && !both_arrays) {
      discard_nulls(change);
      if (remove_directives(change)) return live.set(key, std::move(change));
      return live.erase(key);
    }
    KRING_TRY(const FieldRule rule, rule_of(schema, key));
    if (both_arrays) {
      KRING_TRY(json::Array merged,
                merge_lists(std::move(current->as_array()), std::move(change.as_array()), rule, deletes_items));
      *current = json::Value{std::move(merged)};
      return {};
    }
    if (rule.strategy == "replace") {
      *current = std::move(change);
      return {};
    }
    return merge(*current, change, rule.schema);
  }

  Result<json::Array> merge_lists(json::Array live, json::Array patch, const FieldRule& rule, bool deletes_items) {
    if (rule.strategy != "merge" && !deletes_items) return patch;
    if (live.empty() && patch.empty()) return live;
    KRING_TRY_VOID(steps_.spend(16 * (live.size() + patch.size())));
    KRING_TRY(const bool objects, items_are_objects(live, patch));
    if (!objects) return merge_primitives(std::move(live), std::move(patch), deletes_items);
    if (rule.merge_key.empty()) return refused("cannot merge lists without merge key for struct");
    KRING_TRY(const bool replaced, apply_list_directives(live, patch, rule.merge_key));
    if (replaced) return live;
    const Order live_order = Order::of_known(live, rule.merge_key);
    KRING_TRY(const Order patch_order, Order::of(patch, rule.merge_key));
    KRING_TRY(json::Array merged, merge_items(std::move(live), std::move(patch), rule));
    return arranged(std::move(merged), patch_order, live_order, rule.merge_key);
  }

  static Result<json::Array> merge_primitives(json::Array live, json::Array patch, bool deletes_items) {
    KRING_TRY(const Order live_order, Order::of(live, {}));
    KRING_TRY(const Order patch_order, Order::of(patch, {}));
    if (deletes_items) {
      std::erase_if(live, [&](const json::Value& item) { return patch_order.find(json::print(item)).has_value(); });
      return live;
    }
    std::set<std::string> seen;
    json::Array merged;
    for (json::Array* list : {&live, &patch}) {
      for (json::Value& item : *list) {
        if (seen.insert(json::print(item)).second) merged.push_back(std::move(item));
      }
    }
    return arranged(std::move(merged), patch_order, live_order, {});
  }

  // Carries out the items that are directives and takes them from the patch. True when the list was replaced.
  static Result<bool> apply_list_directives(json::Array& live, json::Array& patch, std::string_view merge_key) {
    bool replace = false;
    std::set<std::string> deleted;
    for (const json::Value& item : patch) {
      const json::Value* directive = item.find(directive_marker);
      if (directive == nullptr) continue;
      if (is_delete(item)) {
        KRING_TRY(std::string key, identity(item, merge_key));
        deleted.insert(std::move(key));
      } else if (item.string_or(directive_marker) == "replace") {
        replace = true;
      } else if (item.string_or(directive_marker) == "merge") {
        return refused("merging lists cannot yet be specified in the patch");
      } else {
        return refused("unknown patch type: " + go_value(*directive) + " in map: " + go_value(item));
      }
    }
    std::erase_if(patch, has_directive);
    if (replace) {
      for (const json::Value& item : patch) KRING_TRY_VOID(drop_value(identity(item, merge_key)));
      live = std::move(patch);
      return true;
    }
    if (!deleted.empty()) {
      std::erase_if(live, [&](const json::Value& item) {
        const json::Value* key = item.find(merge_key);
        return key != nullptr && deleted.contains(json::print(*key));
      });
    }
    return false;
  }

  static Result<void> drop_value(const Result<std::string>& result) {
    if (result.has_error()) return result.error();
    return {};
  }

  Result<json::Array> merge_items(json::Array live, json::Array patch, const FieldRule& rule) {
    std::map<std::string, size_t> places;
    for (size_t i = 0; i < live.size(); ++i) {
      const json::Value* key = live[i].find(rule.merge_key);
      if (key != nullptr) places.emplace(json::print(*key), i);
    }
    for (json::Value& item : patch) {
      KRING_TRY(std::string key, identity(item, rule.merge_key));
      const auto [place, added] = places.emplace(std::move(key), live.size());
      if (added) {
        live.push_back(std::move(item));
      } else {
        KRING_TRY_VOID(merge(live[place->second], item, rule.schema));
      }
    }
    return live;
  }

  Steps steps_;
};

}  // namespace

Result<void> apply_strategic(json::Value& document, json::Value patch, const codec::TypeInfo& type) {
  if (!patch.is_object() || !document.is_object()) return refused("invalid JSON document");
  return Merger{}.merge(document, patch, Schema{.type = &type});
}

}  // namespace kring::patch
