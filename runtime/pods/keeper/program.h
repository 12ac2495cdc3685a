// Finding and executing the container's program, with the words runc has for what can go wrong.
#pragma once

#include "runtime/pods/keeper/spec.h"
#include "runtime/pods/keeper/text.h"

namespace kring::keeper {

inline constexpr std::string_view default_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// Returns only when it failed. `env` gets PATH and HOME when it has none.
void execute(TextList args, TextList env, std::string_view home, Fault& fault);

// Where `name` would be found: itself when it holds a slash, else through `path`. For tests and execute().
bool look_up(std::string_view name, std::string_view path, Path& out, Fault& fault);

}  // namespace kring::keeper
