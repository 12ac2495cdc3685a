// The command line: one verb per file. Errors are one line on stderr and a non-zero exit code: 1 for a failure, 2 for
// a wrong call.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "runtime/env/env.h"
#include "runtime/node.h"

namespace kring::cli {

// Parses and runs; the process' exit code.
int run(int argc, char** argv);

// Runs one task to its end on a loop and a real environment of its own. The only way a verb enters the async world.
int run_task(LogLevel level, std::function<Task<Result<int>>(Env&)> verb);

// The verbs.
int node(NodeConfig config, const std::string& config_file, const std::vector<std::string>& given);
int version(bool json);
int fsck(const std::string& data_dir);
int reset(const std::string& data_dir, const std::string& cgroup_prefix, bool yes);

// "kring: <message>" on stderr, in one line.
int complain(const Error& error);

}  // namespace kring::cli
