// kring image import|list|remove|verify: works on the data directory itself, whether a node runs or not.
#pragma once

#include <string>
#include <vector>

#include "runtime/env/env.h"

namespace kring::cli {

// The verb with its arguments; appends what a person should read to `out`. The process' exit code.
Task<Result<int>> image_command(Env& env, std::string data_dir, std::vector<std::string> arguments, std::string& out);

// The same with a loop of its own, printing; what main calls.
int image(const std::string& data_dir, std::vector<std::string> arguments);

}  // namespace kring::cli
