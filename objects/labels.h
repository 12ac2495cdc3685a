// Label selectors: `app=web,tier in (a, b),!old`, and LabelSelector objects with matchLabels and matchExpressions.
// A selector is a list of requirements that must all hold, sorted by key; an empty one matches everything.
// Source: kubernetes.io "Labels and Selectors"; error texts as k8s.io/apimachinery.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "objects/json.h"
#include "objects/result.h"

namespace kring::labels {

enum class Operator : uint8_t { in, not_in, equals, double_equals, not_equals, exists, does_not_exist, greater, less };

struct Requirement {
  std::string key;
  Operator op = Operator::exists;
  std::vector<std::string> values;  // sorted

  std::string to_string() const;
};

// Checks key and values. Errors: bad_request in Kubernetes' words. REQUIRES: no other reason to refuse; `op` is valid.
Result<Requirement> make_requirement(std::string_view key, Operator op, std::vector<std::string> values);

using Pair = std::pair<std::string_view, std::string_view>;

class Selector {
 public:
  Selector() = default;  // everything
  static Selector everything() { return {}; }
  static Selector nothing();
  // Errors: bad_request, "unable to parse requirement: ...".
  static Result<Selector> parse(std::string_view text);
  // A metav1.LabelSelector: null (absent) matches nothing, an empty one everything.
  static Result<Selector> from_label_selector(const json::Value* selector);
  // A plain map as in a Service or a ReplicationController: all must be equal. Null or empty matches everything.
  static Selector from_map(const json::Value* map);

  bool matches(std::span<const Pair> labels) const;
  // An object of strings, as metadata.labels; null has no labels.
  bool matches(const json::Value* labels) const;
  // Any other form of labels: find(key) -> std::optional<std::string_view>.
  template <class Find>
  bool matches_with(const Find& find) const {
    return matches_lookup(
        {&find, [](const void* f, std::string_view key) { return (*static_cast<const Find*>(f))(key); }});
  }

  bool empty() const { return !nothing_ && requirements_.empty(); }
  bool matches_nothing() const { return nothing_; }
  const std::vector<Requirement>& requirements() const { return requirements_; }
  void add(Requirement requirement);
  // The value that a label must have, if the selector asks for exactly one.
  std::optional<std::string_view> exact(std::string_view key) const;
  // Canonical text: sorted by key, `a=b,c in (d,e),!f`; empty for everything and for nothing.
  std::string to_string() const;

 private:
  struct Lookup {
    const void* labels;
    std::optional<std::string_view> (*find)(const void* labels, std::string_view key);
  };
  bool matches_lookup(Lookup lookup) const;

  std::vector<Requirement> requirements_;
  bool nothing_ = false;
};

}  // namespace kring::labels
