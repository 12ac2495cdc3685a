// JSON -> FlatBuffer -> JSON, judged: what kring_roundtrip prints and the tests run.
#pragma once

#include <string>
#include <string_view>

#include "objects/result.h"

namespace kring {

// Takes one object through its table's FlatBuffer and, when it is a version of a stored kind, through the stored
// shape and back. `expected` is the JSON that must come out (the input itself, unless a file says otherwise).
// Returns what the object is, "apps/v1 Deployment"; the error says which field was lost, invented or changed.
// Not compared: metadata.resourceVersion of the stored shape, which the store gives.
Result<std::string> roundtrip(std::string_view input, std::string_view expected);

}  // namespace kring
