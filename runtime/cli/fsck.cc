#include <cstdio>

#include "runtime/cli/cli.h"
#include "runtime/store/store.h"

namespace kring::cli {
namespace {

Task<Result<int>> run_verb(Env& env, std::string data_dir) {
  auto checked = co_await store::fsck(env, data_dir + "/store");
  if (checked.has_error()) co_return std::move(checked).error();
  for (const std::string& line : checked->lines) std::printf("%s\n", line.c_str());
  std::printf("%s: %zu objects at revision %llu\n", checked->clean ? "clean" : "not clean", checked->objects,
              static_cast<unsigned long long>(checked->revision));
  co_return checked->clean ? 0 : 1;
}

}  // namespace

int fsck(const std::string& data_dir) {
  return run_task(LogLevel::warn, [&data_dir](Env& env) { return run_verb(env, data_dir); });
}

}  // namespace kring::cli
