// Which objects a list or watch is about: label and field selectors over stored objects.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "objects/fields.h"
#include "objects/labels.h"
#include "objects/object.h"

namespace kring::api {

class Filter {
 public:
  // bad_request: a selector does not parse, or names a field that the kind does not offer.
  static Result<Filter> make(const Kind& kind, std::string_view labels, std::string_view fields);

  bool everything() const { return labels_.empty() && fields_.empty(); }
  bool matches(const Object& object) const;
  // The one name that can match, where the selector says so: a list of it is a lookup.
  std::optional<std::string_view> exact_name() const { return fields_.exact("metadata.name"); }

 private:
  labels::Selector labels_;
  fields::Selector fields_;
};

// A label of a stored object.
std::optional<std::string_view> label_of(const Object& object, std::string_view key);

}  // namespace kring::api
