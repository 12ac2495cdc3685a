#include <cstdio>

#include "runtime/cli/cli.h"
#include "runtime/env/linux/linux_env.h"

namespace kring::cli {
namespace {

Task<Result<void>> keep_code(Task<Result<int>> task, int& code) {
  auto done = co_await std::move(task);
  if (done.has_error()) co_return std::move(done).error();
  code = *done;
  co_return Result<void>{};
}

}  // namespace

int run_task(LogLevel level, std::function<Task<Result<int>>(Env&)> verb) {
  LinuxEnvOptions options;
  options.log_level = level;
  auto world = LinuxEnv::make(options);
  if (world.has_error()) return complain(world.error());
  int code = 0;
  auto done = (*world)->run(keep_code(verb((*world)->env()), code));
  return done.has_error() ? complain(done.error()) : code;
}

}  // namespace kring::cli
