#include "tests/runtime/pods/node.h"

#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace kring::test {

namespace fs = std::filesystem;

std::string cannot_run() {
  if (::geteuid() != 0) return "needs root";
  if (!fs::exists("/bin/busybox")) return "needs busybox-static";
  return {};
}

std::string read_file(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

void write_file(const std::string& path, const std::string& content) {
  fs::create_directories(fs::path{path}.parent_path());
  std::ofstream{path, std::ios::binary} << content;
}

int shell(const std::string& command) { return std::system(command.c_str()); }

std::string make_image(const std::string& path) {
  for (const char* name : {"bin", "etc", "tmp", "root"}) fs::create_directories(path + "/" + name);
  fs::permissions(path + "/tmp", fs::perms{01777});
  fs::copy_file("/bin/busybox", path + "/bin/busybox", fs::copy_options::overwrite_existing);
  for (const char* name : {"sh", "cat", "echo", "sleep", "id", "ls", "mknod", "mount", "env", "true", "false", "kill",
                           "touch", "dd", "head", "readlink", "ps", "hostname", "ip", "stat", "chmod", "ping", "nc",
                           "seq", "yes", "wc", "grep", "ln", "mkdir", "mkfifo", "sysctl", "date", "tail", "od"}) {
    std::error_code ignored;
    fs::create_symlink("busybox", path + "/bin/" + name, ignored);
  }
  write_file(path + "/etc/passwd",
             "root:x:0:0:root:/root:/bin/sh\nweb:x:1000:1001:web:/home/web:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n");
  write_file(path + "/etc/group", "root:x:0:\nweb:x:1001:\naudio:x:29:web\nvideo:x:44:web,root\n");
  return path;
}

Node::Node() {
  char path[] = "/tmp/kring-pods-XXXXXX";
  directory_ = ::mkdtemp(path);
  auto made = LinuxEnv::make({.log_level = LogLevel::error});
  if (made.has_value()) linux_ = std::move(*made);
  image_ = make_image(directory_ + "/image");
  options_.data_dir = directory_ + "/data";
  options_.cgroup_prefix = "kring-test-" + std::to_string(::getpid());
  auto opened = pods::make_linux_processes(env(), options_);
  EXPECT_TRUE(opened.has_value());
  processes_ = std::move(*opened);
}

Node::~Node() {
  processes_.reset();
  const auto gone = pods::reset_processes(options_);
  EXPECT_TRUE(gone.has_value()) << (gone.has_value() ? "" : gone.error().message);
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

std::vector<PodRecord> Node::restart() {
  processes_.reset();
  auto opened = pods::make_linux_processes(env(), options_);
  EXPECT_TRUE(opened.has_value());
  processes_ = std::move(*opened);
  auto adopted = run(processes_->adopt());
  EXPECT_TRUE(adopted.has_value());
  return adopted.has_value() ? std::move(*adopted) : std::vector<PodRecord>{};
}

PodConfig Node::pod_config(const std::string& uid) {
  PodConfig config;
  config.uid = uid;
  config.ns = "default";
  config.name = "pod-" + uid;
  config.hostname = "host-" + uid;
  config.qos_class = "BestEffort";
  config.directory = options_.data_dir + "/pods/" + uid;
  config.log_directory = options_.data_dir + "/logs/" + uid;
  return config;
}

ContainerConfig Node::shell(const std::string& uid, const std::string& name, const std::string& script) {
  ContainerConfig config;
  config.pod_uid = uid;
  config.name = name;
  config.layers = {image_};
  config.args = {"/bin/sh", "-c", script};
  config.log_path = options_.data_dir + "/logs/" + uid + "/" + name + "/0.log";
  config.termination_message_path = "/dev/termination-log";
  return config;
}

PodRecord Node::start_pod(const std::string& uid) {
  auto started = run(processes_->start_pod(pod_config(uid)));
  EXPECT_TRUE(started.has_value()) << (started.has_value() ? "" : started.error().message);
  return started.has_value() ? *started : PodRecord{};
}

ContainerRecord Node::start(ContainerConfig config) {
  auto started = run(processes_->start_container(std::move(config)));
  EXPECT_TRUE(started.has_value()) << (started.has_value() ? "" : started.error().message);
  return started.has_value() ? *started : ContainerRecord{};
}

ProcessEvent Node::next_event() {
  auto event = run(processes_->next_event());
  EXPECT_TRUE(event.has_value());
  return event.has_value() ? *event : ProcessEvent{};
}

ContainerRecord Node::run_to_exit(ContainerConfig config) {
  const std::string name = config.name;
  const ContainerRecord started = start(std::move(config));
  if (!started.running) return started;
  while (true) {
    const ProcessEvent event = next_event();
    if (event.what == ProcessEvent::What::pod_lost || event.container.name == name) return event.container;
  }
}

std::string Node::log(const ContainerConfig& config) {
  std::vector<std::string> files;
  for (int i = 0; fs::exists(config.log_path + (i == 0 ? "" : "." + std::to_string(i))); ++i) {
    files.push_back(config.log_path + (i == 0 ? "" : "." + std::to_string(i)));
  }
  std::string out;
  for (auto file = files.rbegin(); file != files.rend(); ++file) {
    std::istringstream lines{read_file(*file)};
    for (std::string line; std::getline(lines, line);) out += line.substr(line.find(' ') + 1) + "\n";
  }
  return out;
}

std::string Node::output(const std::string& script, const std::function<void(ContainerConfig&)>& change) {
  const std::string uid = "out-" + std::to_string(next_pod_++);
  start_pod(uid);
  // One pipe, so that the order of lines is that of the script.
  ContainerConfig config = shell(uid, "main", "exec 2>&1; " + script);
  if (change) change(config);
  const ContainerRecord ended = run_to_exit(config);
  std::string out = ended.start_error.empty() ? "" : "start error: " + ended.start_error + "\n";
  std::istringstream lines{log(config)};
  for (std::string line; std::getline(lines, line);) {
    out += line.starts_with("stdout F ") ? line.substr(9) + "\n" : line + "\n";
  }
  const auto removed = run(processes_->remove_pod(uid));
  EXPECT_TRUE(removed.has_value()) << (removed.has_value() ? "" : removed.error().message);
  return out;
}

namespace {

// Everything below happens in namespaces of its own, whatever a failing test leaves behind.
class OwnNamespaces : public ::testing::Environment {
 public:
  void SetUp() override {
    if (::geteuid() == 0) ASSERT_EQ(::unshare(CLONE_NEWNS | CLONE_NEWNET), 0);
  }
};
const auto* const own_namespaces = ::testing::AddGlobalTestEnvironment(new OwnNamespaces);

}  // namespace

}  // namespace kring::test
