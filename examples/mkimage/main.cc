// kring_mkimage: builds an image archive from files, without a container engine.
//   kring_mkimage --output X.tar --tag NAME:TAG... [--layer DIR]... [--tree DIR]... [--file SOURCE=PATH]... [--link
//   PATH=TARGET]...
//     [--directory PATH=MODE]... [--applets /bin/busybox] [--entrypoint WORD]... [--cmd WORD]... [--env K=V]...
//     [--user U] [--workdir W] [--label K=V]... [--arch amd64|arm64] [--compress none|gzip|zstd] [--format oci|docker]
// Every --layer is a layer; trees, files, links and directories form one more layer, the topmost.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <utility>

#include "examples/mkimage/archive.h"

namespace {

using namespace mkimage;

struct Job {
  std::string output, format = "oci";
  Compression compression = Compression::gzip;
  Image image;
  std::vector<Entry> entries;  // of the topmost layer
};

[[noreturn]] void die(const std::string& message) {
  std::fprintf(stderr, "kring_mkimage: %s\n", message.c_str());
  std::exit(2);
}

std::pair<std::string, std::string> split(const std::string& value) {
  size_t equal = value.find('=');
  if (equal == std::string::npos) die("'" + value + "' must be NAME=VALUE");
  return {value.substr(0, equal), value.substr(equal + 1)};
}

std::string relative(std::string path) {
  while (path.starts_with('/')) path.erase(0, 1);
  return path;
}

std::string read_whole(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  if (!in) die("cannot read " + path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

// busybox names its commands itself; each becomes a link to it.
void add_applets(Job& job, const std::string& program) {
  job.entries.push_back(Entry{.path = "bin/busybox", .content = read_whole(program), .mode = 0755});
  FILE* list = popen(("'" + program + "' --list").c_str(), "r");
  if (list == nullptr) die("cannot run " + program);
  char name[128];
  while (std::fscanf(list, "%127s", name) == 1) {
    if (std::string{name} == "busybox") continue;
    job.entries.push_back(Entry{.path = "bin/" + std::string{name}, .type = '2', .link = "busybox", .mode = 0777});
  }
  if (pclose(list) != 0) die(program + " --list failed");
}

void set_compression(Job& job, const std::string& value) {
  if (value == "none")
    job.compression = Compression::none;
  else if (value == "gzip")
    job.compression = Compression::gzip;
  else if (value == "zstd")
    job.compression = Compression::zstd;
  else
    die("--compress must be none, gzip or zstd");
}

bool set_config(Image& image, const std::string& option, const std::string& value) {
  if (option == "--tag")
    image.tags.push_back(value);
  else if (option == "--entrypoint")
    image.entrypoint.push_back(value);
  else if (option == "--cmd")
    image.command.push_back(value);
  else if (option == "--env")
    image.env.push_back(value);
  else if (option == "--user")
    image.user = value;
  else if (option == "--workdir")
    image.working_directory = value;
  else if (option == "--stop-signal")
    image.stop_signal = value;
  else if (option == "--arch")
    image.architecture = value;
  else if (option == "--label")
    image.labels.insert(split(value));
  else
    return false;
  return true;
}

void apply(Job& job, const std::string& option, const std::string& value) {
  if (set_config(job.image, option, value)) return;
  if (option == "--output") {
    job.output = value;
  } else if (option == "--format") {
    job.format = value;
  } else if (option == "--compress") {
    set_compression(job, value);
  } else if (option == "--layer") {
    job.image.layers.push_back(tar(tree(value)));
  } else if (option == "--tree") {
    for (auto& entry : tree(value)) job.entries.push_back(std::move(entry));
  } else if (option == "--file") {
    auto [source, path] = split(value);
    job.entries.push_back(Entry{.path = relative(path), .content = read_whole(source), .mode = 0755});
  } else if (option == "--link") {
    auto [path, target] = split(value);
    job.entries.push_back(Entry{.path = relative(path), .type = '2', .link = target, .mode = 0777});
  } else if (option == "--directory") {
    auto [path, mode] = split(value);
    auto bits = static_cast<uint32_t>(std::strtoul(mode.c_str(), nullptr, 8));
    job.entries.push_back(Entry{.path = relative(path), .type = '5', .mode = bits});
  } else if (option == "--applets") {
    add_applets(job, value);
  } else {
    die("unknown option " + option);
  }
}

}  // namespace

int main(int count, char** arguments) {
  Job job;
  for (int i = 1; i < count; i += 2) {
    if (i + 1 >= count) die(std::string{arguments[i]} + " needs a value");
    apply(job, arguments[i], arguments[i + 1]);
  }
  if (job.output.empty()) die("--output is missing");
  if (!job.entries.empty()) job.image.layers.push_back(tar(with_parents(job.entries)));
  bool docker = job.format == "docker";
  if (!docker && job.format != "oci") die("--format must be oci or docker");
  auto files = docker ? docker_save({job.image}) : oci_layout({job.image}, job.compression);
  std::ofstream out{job.output, std::ios::binary | std::ios::trunc};
  out << archive(files);
  out.close();
  if (!out) die("cannot write " + job.output);
  return 0;
}
