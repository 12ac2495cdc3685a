#include "runtime/node.h"

#include <sys/stat.h>

#include "runtime/cli/cli.h"
#include "runtime/cli/config.h"

namespace kring::cli {
namespace {

constexpr size_t config_bytes_max = 64 * 1024;

Task<Result<int>> run_verb(Env& env, NodeConfig config) {
  auto ran = co_await run_node(env, std::move(config));
  if (ran.has_error()) co_return std::move(ran).error();
  co_return 0;
}

}  // namespace

int node(NodeConfig config, const std::string& config_file, const std::vector<std::string>& given) {
  if (!config_file.empty()) {
    const NodeConfig command_line = config;
    auto text = read_text(config_file, config_bytes_max);
    if (text.has_error()) return complain(text.error());
    auto applied = apply_config_file(config_file, *text, config);
    if (applied.has_error()) return complain(applied.error());
    copy_settings(given, command_line, config);
  }
  auto valid = validate(config);
  if (valid.has_error()) return complain(valid.error());
  // Nothing that this process makes is for other users.
  ::umask(077);
  return run_task(config.verbose ? LogLevel::debug : LogLevel::info,
                  [&config](Env& env) { return run_verb(env, config); });
}

}  // namespace kring::cli
