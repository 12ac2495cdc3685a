// A node for tests: a data directory, the real keepers, busybox as the image. Runs as root in network and mount
// namespaces of its own (sandbox_test's main), with a cgroup prefix of its own; everything is removed at the end.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/env/linux/linux_env.h"
#include "runtime/env/processes.h"
#include "runtime/pods/linux_processes.h"
#include "runtime/tasks/task_group.h"

namespace kring::test {

// Why tests with containers cannot run here; empty when they can.
std::string cannot_run();

class Node {
 public:
  Node();
  ~Node();

  template <class T>
  Result<T> run(Task<Result<T>> task) {
    Result<T> out = Error{Reason::unknown, "the task did not end"};
    auto ended = run_to_end(env(), "test", store(std::move(task), out));
    EXPECT_TRUE(ended.has_value());
    return out;
  }

  // kring dies (SIGKILL, as far as its keepers can see) and starts again; returns what it adopted.
  std::vector<PodRecord> restart();

  PodConfig pod_config(const std::string& uid);
  // A container of the busybox image that runs a shell script.
  ContainerConfig shell(const std::string& uid, const std::string& name, const std::string& script);
  PodRecord start_pod(const std::string& uid);
  ContainerRecord start(ContainerConfig config);
  // Starts it and waits for its end.
  ContainerRecord run_to_exit(ContainerConfig config);
  ProcessEvent next_event();
  // The payloads of a log, without times, one "stdout F text" a line; all its files, oldest first.
  std::string log(const ContainerConfig& config);
  // What the script prints, in a pod of its own.
  std::string output(const std::string& script, const std::function<void(ContainerConfig&)>& change = {});

  Env& env() { return linux_->env(); }
  Processes& processes() { return *processes_; }
  const std::string& directory() const { return directory_; }
  const std::string& image() const { return image_; }
  const pods::LinuxProcessesOptions& options() const { return options_; }
  void crash() { processes_.reset(); }

 private:
  template <class T>
  static Task<Result<void>> store(Task<Result<T>> task, Result<T>& out) {
    out = co_await std::move(task);
    co_return Result<void>{};
  }

  std::unique_ptr<LinuxEnv> linux_;
  std::string directory_, image_;
  pods::LinuxProcessesOptions options_;
  std::unique_ptr<Processes> processes_;
  int next_pod_ = 0;
};

// A copy of the busybox image to spoil, below the node's directory.
std::string make_image(const std::string& path);
std::string read_file(const std::string& path);
void write_file(const std::string& path, const std::string& content);
int shell(const std::string& command);  // on the node, for set-up

}  // namespace kring::test
