// Objects from JSON, for tests of what reads them.
#pragma once

#include <string_view>

#include "objects/object.h"

namespace kring::test {

// Defaults and checks applied as the API server does. The process dies on text that is not one.
ObjectPtr object_of(const Kind& kind, std::string_view json_text, Revision revision = 1);

}  // namespace kring::test
