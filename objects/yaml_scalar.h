// What a plain YAML scalar means, as Go's yaml.v2 resolves it. Shared by the reader and the printer, which quotes every
// text that would read back as something else.
#pragma once

#include <string>
#include <string_view>

#include "objects/json.h"

namespace kring::yaml {

enum class Tag : uint8_t { str, boolean, integer, floating, null, merge };

struct Scalar {
  Tag tag = Tag::str;
  json::Value value;  // not set for str and merge: the text is the value
};

// REQUIRES: the scalar was not quoted.
Scalar resolve(std::string_view text);
// True for texts that other YAML readers take for a time or a base-60 number, although this one does not.
bool is_ambiguous(std::string_view text);
// "!!int", for messages.
std::string_view tag_name(Tag tag);

}  // namespace kring::yaml
