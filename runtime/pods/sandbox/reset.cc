// `kring reset`: ends every pod of a data directory and removes what was made for it. Runs without a loop, when no
// node runs; waits for processes by polling, for a bounded time.
#include "runtime/pods/cgroup/cgroups.h"
#include "runtime/pods/linux_processes.h"
#include "runtime/pods/mounts/host.h"
#include "runtime/pods/sandbox/keeper_link.h"

namespace kring::pods {

namespace {

constexpr int tries_max = 1000;
constexpr int64_t pause_ns = 10'000'000;

void pause() {
  const timespec time{.tv_sec = 0, .tv_nsec = pause_ns};
  sys::ppoll(nullptr, 0, &time);
}

Result<void> remove_group(const cgroup::Cgroups& groups, const std::string& group) {
  for (int i = 0; i < tries_max; ++i) {
    groups.kill(group);
    if (groups.remove(group)) return {};
    pause();
  }
  return Error{Reason::timeout, "cgroup " + group + " cannot be removed"};
}

void end_keeper(const std::string& state_directory) {
  auto found = sandbox::connect_keeper(state_directory);
  if (found.has_error()) return;
  for (int i = 0; i < tries_max; ++i) {
    sandbox::kill_keeper(found->pidfd.get());
    if (sandbox::reap_keeper(found->pidfd.get())) return;
    pause();
  }
}

}  // namespace

Result<void> reset_processes(const LinuxProcessesOptions& options) {
  const auto groups = cgroup::Cgroups::detect(options.cgroup_prefix);
  const std::string pods = options.data_dir + "/pods";
  KRING_TRY(const std::vector<std::string> uids, mounts::list_directories(pods));
  // Keepers first: they are outside the pods' groups, and one without its containers would only report their end.
  for (const auto& uid : uids) end_keeper(pods + "/" + uid + "/keeper");
  Result<void> result;
  for (const auto& group : groups.pod_groups()) {
    if (auto removed = remove_group(groups, group); removed.has_error()) result = removed;
  }
  if (auto removed = remove_group(groups, ""); removed.has_error()) result = removed;
  if (auto unmounted = mounts::unmount_below(pods); unmounted.has_error()) result = unmounted;
  for (const auto& uid : uids) {
    mounts::TreeRemover remover{pods + "/" + uid + "/keeper"};
    while (!remover.step(1024)) {
    }
    if (remover.result().has_error()) result = remover.result();
  }
  return result;
}

}  // namespace kring::pods
