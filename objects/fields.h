// Field selectors: `status.phase!=Running,spec.nodeName=a`. Only equality; `\`, `,` and `=` in values are escaped with
// a backslash. Which fields a kind offers is known by its hooks, not here.
// Source: kubernetes.io "Field Selectors"; error texts as k8s.io/apimachinery.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "objects/result.h"

namespace kring::fields {

struct Term {
  std::string field;
  std::string value;
  bool negated = false;

  friend bool operator==(const Term&, const Term&) = default;
};

class Selector {
 public:
  Selector() = default;  // everything
  // Errors: bad_request, "invalid selector: 'a'; can't understand 'a'".
  static Result<Selector> parse(std::string_view text);

  // value_of(field) -> anything that compares to std::string; absent fields are empty.
  template <class ValueOf>
  bool matches_with(const ValueOf& value_of) const {
    for (const Term& term : terms_) {
      if ((value_of(term.field) == term.value) == term.negated) return false;
    }
    return true;
  }

  bool empty() const { return terms_.empty(); }
  const std::vector<Term>& terms() const { return terms_; }
  // The value that the field must have, if the selector asks for one: metadata.name=web is a lookup.
  std::optional<std::string_view> exact(std::string_view field) const;
  std::string to_string() const;

 private:
  std::vector<Term> terms_;
};

std::string escape(std::string_view value);

}  // namespace kring::fields
