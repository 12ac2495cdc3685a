#include "runtime/cli/cli.h"

#include <CLI/CLI.hpp>
#include <cstdio>

#include "runtime/cli/image.h"

namespace kring::cli {
namespace {

std::string one_line(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return text;
}

struct Options {
  NodeConfig node;
  std::string config_file;
  std::string data_dir = NodeConfig{}.data_dir;
  std::string cgroup_prefix = NodeConfig{}.cgroup_prefix;
  bool yes = false;
  bool json = false;
  std::vector<std::string> image_arguments;
};

CLI::App* add_node(CLI::App& app, Options& o) {
  auto* verb = app.add_subcommand("node", "Run a node: API server, scheduler, controllers and pods in one process");
  verb->add_option("--data-dir", o.node.data_dir, "Where everything is kept")->capture_default_str();
  verb->add_option("--listen", o.node.listen, "ADDRESS:PORT of the API")->capture_default_str();
  verb->add_option("--node-name", o.node.node_name, "Name of this node (default: the host name)");
  verb->add_option("--pod-cidr", o.node.pod_cidr, "Network of the pods")->capture_default_str();
  verb->add_option("--service-cidr", o.node.service_cidr, "Network of the services")->capture_default_str();
  verb->add_option("--cluster-domain", o.node.cluster_domain, "Domain of the cluster's names")->capture_default_str();
  verb->add_option("--cgroup-prefix", o.node.cgroup_prefix, "Parent cgroup of the pods")->capture_default_str();
  verb->add_option("--config", o.config_file, "YAML file with these settings; the command line wins");
  verb->add_flag("--verbose", o.node.verbose, "Log every request");
  return verb;
}

}  // namespace

int complain(const Error& error) {
  std::fprintf(stderr, "kring: %s\n", one_line(error.message).c_str());
  return 1;
}

int run(int argc, char** argv) {
  CLI::App app{"kring: a Kubernetes cluster in one lightweight process", "kring"};
  app.require_subcommand(1);
  app.failure_message([](const CLI::App*, const CLI::Error& e) { return "kring: " + one_line(e.what()) + "\n"; });
  Options o;
  auto* node_verb = add_node(app, o);
  auto* image_verb = app.add_subcommand("image", "Images on this node: import, list, remove, verify");
  image_verb->add_option("--data-dir", o.data_dir, "The node's data directory")->capture_default_str();
  image_verb->prefix_command();
  auto* version_verb = app.add_subcommand("version", "Print the version");
  version_verb->add_flag("--json", o.json, "As JSON");
  auto* fsck_verb = app.add_subcommand("fsck", "Check the log and the snapshots of a data directory; changes nothing");
  fsck_verb->add_option("data-dir", o.data_dir, "The data directory")->required();
  auto* reset_verb = app.add_subcommand("reset", "Remove everything that kring made on this machine");
  reset_verb->add_option("--data-dir", o.data_dir, "The data directory")->capture_default_str();
  reset_verb->add_option("--cgroup-prefix", o.cgroup_prefix, "Parent cgroup of the pods")->capture_default_str();
  reset_verb->add_flag("--yes", o.yes, "Do it; without it nothing is removed");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    const int code = app.exit(e);
    return code == 0 ? 0 : 2;
  }
  if (*node_verb) {
    std::vector<std::string> given;
    for (const CLI::Option* option : node_verb->get_options()) {
      if (option->count() > 0) given.push_back(option->get_lnames().empty() ? "" : option->get_lnames().front());
    }
    return node(std::move(o.node), o.config_file, given);
  }
  if (*image_verb) return image(o.data_dir, image_verb->remaining());
  if (*version_verb) return version(o.json);
  if (*fsck_verb) return fsck(o.data_dir);
  return reset(o.data_dir, o.cgroup_prefix, o.yes);
}

}  // namespace kring::cli
