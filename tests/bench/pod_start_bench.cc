// pod_start_bench [PODS]: how long it takes from "start this pod" to its program running, with the image present, and
// what its keeper costs in memory. Real keepers, namespaces, cgroups, overlayfs; busybox as the image. Runs as root in
// mount and network namespaces of its own, removes what it made, prints one table with the peers' figures.
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "runtime/env/linux/linux_env.h"
#include "runtime/env/processes.h"
#include "runtime/pods/linux_processes.h"
#include "runtime/tasks/task_group.h"

namespace {

namespace fs = std::filesystem;
using namespace kring;

double now_ms() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Figures {
  std::vector<double> pod, container, both, removal;
  std::vector<long> keeper_pss_kib;
  std::string error;
};

double quantile(std::vector<double> values, double q) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<size_t>(q * static_cast<double>(values.size())))];
}

long pss_kib(int32_t pid) {
  std::ifstream file{"/proc/" + std::to_string(pid) + "/smaps_rollup"};
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("Pss:")) return std::atol(line.c_str() + 4);
  }
  return 0;
}

PodConfig pod_config(const std::string& data, const std::string& uid) {
  PodConfig config;
  config.uid = uid;
  config.ns = "bench";
  config.name = uid;
  config.hostname = uid;
  config.directory = data + "/pods/" + uid;
  return config;
}

ContainerConfig container_config(const std::string& data, const std::string& image, const std::string& uid) {
  ContainerConfig config;
  config.pod_uid = uid;
  config.name = "main";
  config.layers = {image};
  config.args = {"/bin/sleep", "1000"};
  config.limits.memory_limit_bytes = 64 << 20;
  config.limits.cpu_limit_milli = 500;
  config.log_path = data + "/logs/" + uid + "/main/0.log";
  config.termination_message_path = "/dev/termination-log";
  return config;
}

// Pods are started one after another and stay until all of them run.
Task<Result<void>> measure(Processes& processes, std::string data, std::string image, int count, Figures& out) {
  std::vector<PodRecord> pods;
  for (int i = 0; i < count; ++i) {
    const std::string uid = "pod-" + std::to_string(i);
    const double begin = now_ms();
    KRING_CO_TRY(PodRecord pod, co_await processes.start_pod(pod_config(data, uid)));
    const double between = now_ms();
    KRING_CO_TRY(const ContainerRecord record, co_await processes.start_container(container_config(data, image, uid)));
    if (!record.running) co_return Error{Reason::internal_error, record.start_error};
    const double end = now_ms();
    out.pod.push_back(between - begin);
    out.container.push_back(end - between);
    out.both.push_back(end - begin);
    pods.push_back(std::move(pod));
  }
  for (const auto& pod : pods) out.keeper_pss_kib.push_back(pss_kib(pod.keeper_pid));
  for (const auto& pod : pods) {
    const double begin = now_ms();
    KRING_CO_TRY_VOID(co_await processes.remove_pod(pod.uid));
    out.removal.push_back(now_ms() - begin);
  }
  co_return Result<void>{};
}

void print_row(const char* what, const std::vector<double>& values) {
  std::printf("%-46s %8.2f %8.2f %8.2f ms\n", what, quantile(values, 0.5), quantile(values, 0.9), quantile(values, 0.99));
}

int run(int count) {
  char path[] = "/tmp/kring-bench-XXXXXX";
  const std::string directory = ::mkdtemp(path), image = directory + "/image";
  fs::create_directories(image + "/bin");
  fs::copy_file("/bin/busybox", image + "/bin/busybox");
  fs::create_symlink("busybox", image + "/bin/sleep");
  auto linux = LinuxEnv::make({.log_level = LogLevel::warn});
  if (linux.has_error()) return std::fprintf(stderr, "%s\n", linux.error().message.c_str()), 1;
  Env& env = (*linux)->env();
  const pods::LinuxProcessesOptions options{.data_dir = directory + "/data",
                                            .cgroup_prefix = "kring-bench-" + std::to_string(::getpid())};
  Figures figures;
  Result<void> done;
  {
    auto processes = pods::make_linux_processes(env, options);
    if (processes.has_error()) return std::fprintf(stderr, "%s\n", processes.error().message.c_str()), 1;
    done = run_to_end(env, "bench", measure(**processes, options.data_dir, image, count, figures));
  }
  const auto reset = pods::reset_processes(options);
  fs::remove_all(directory);
  if (done.has_error() || reset.has_error()) {
    std::fprintf(stderr, "failed: %s\n", (done.has_error() ? done.error() : reset.error()).message.c_str());
    return 1;
  }
  std::printf("%d pods, one after another%24s %8s %8s %8s\n", count, "", "p50", "p90", "p99");
  print_row("pod (keeper, network, IPC, UTS, cgroup)", figures.pod);
  print_row("container (overlay, limits, seccomp, exec)", figures.container);
  print_row("pod created to program running", figures.both);
  print_row("pod removed", figures.removal);
  long pss = 0;
  for (const long one : figures.keeper_pss_kib) pss += one;
  std::printf("keeper, proportional memory of one in %d: %ld KiB (budget 300; containerd shim 11 MiB)\n", count,
              pss / std::max(1, count));
  std::printf("peers, pod created to running: kubelet + containerd 930-1900 ms; crun run 5 ms, runc run 17-24 ms (no pod)\n");
  return quantile(figures.both, 0.5) <= 10.0 ? 0 : 3;
}

}  // namespace

int main(int argc, char** argv) {
  if (::geteuid() != 0 || ::unshare(CLONE_NEWNS | CLONE_NEWNET) != 0) {
    return std::fprintf(stderr, "pod_start_bench needs root\n"), 2;
  }
  return run(argc > 1 ? std::atoi(argv[1]) : 100);
}
