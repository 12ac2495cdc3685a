#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "runtime/cli/cli.h"
#include "runtime/env/disk.h"
#include "runtime/env/linux/host.h"
#include "runtime/pods/linux_processes.h"

namespace kring::cli {
namespace {

// What kring makes in a data directory; anything else there is a person's and stays.
constexpr const char* made[] = {"pods",           "logs",      "images", "store", "pki",
                                "admin.kubeconfig", "kring.sock", "lock"};

Task<Result<int>> run_verb(Env& env, std::string data_dir, std::string cgroup_prefix) {
  struct stat status{};
  if (::stat(data_dir.c_str(), &status) != 0) {
    if (errno == ENOENT) co_return 0;
    co_return io_error("stat " + data_dir, errno);
  }
  // A running node holds the lock.
  KRING_CO_TRY(const std::shared_ptr<void> lock, env.disk.lock(data_dir + "/lock"));
  KRING_CO_TRY_VOID(pods::reset_processes({data_dir, cgroup_prefix}));
  LinuxHostFiles files{env};
  for (const char* name : made) {
    auto removed = co_await files.remove_tree(data_dir + "/" + name);
    if (removed.has_error() && removed.error().reason != Reason::not_found) co_return std::move(removed).error();
  }
  // Empty now, unless something in it is not kring's.
  if (::rmdir(data_dir.c_str()) != 0 && errno != ENOTEMPTY && errno != EEXIST)
    co_return io_error("remove " + data_dir, errno);
  co_return 0;
}

}  // namespace

int reset(const std::string& data_dir, const std::string& cgroup_prefix, bool yes) {
  if (!yes) {
    std::printf("would remove every pod, cgroup and mount of kring and its files in %s; run again with --yes\n",
                data_dir.c_str());
    return 0;
  }
  return run_task(LogLevel::warn, [&](Env& env) { return run_verb(env, data_dir, cgroup_prefix); });
}

}  // namespace kring::cli
