#include "runtime/cli/config.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <cctype>
#include <cerrno>

#include "objects/names.h"
#include "objects/yaml.h"

namespace kring::cli {
namespace {

Error bad(std::string message) { return Error{Reason::bad_request, std::move(message)}; }

struct TextSetting {
  std::string_view name;
  std::string NodeConfig::*member;
};
constexpr TextSetting text_settings[] = {
    {"data-dir", &NodeConfig::data_dir},           {"listen", &NodeConfig::listen},
    {"node-name", &NodeConfig::node_name},         {"pod-cidr", &NodeConfig::pod_cidr},
    {"service-cidr", &NodeConfig::service_cidr},   {"cluster-domain", &NodeConfig::cluster_domain},
    {"cgroup-prefix", &NodeConfig::cgroup_prefix},
};

Result<void> check_listen(const std::string& listen) {
  const size_t colon = listen.rfind(':');
  std::string host = colon == std::string::npos ? listen : listen.substr(0, colon);
  const std::string port = colon == std::string::npos ? "" : listen.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  boost::system::error_code ec;
  asio::ip::make_address(host, ec);
  const bool digits = !port.empty() && port.size() <= 5 && std::all_of(port.begin(), port.end(), ::isdigit);
  if (ec || !digits || std::stoul(port) > 65535)
    return bad("--listen takes ADDRESS:PORT, such as 0.0.0.0:6443 or [::]:6443, not \"" + listen + "\"");
  return {};
}

Result<void> check_cidr(std::string_view flag, const std::string& cidr, unsigned prefix_max) {
  boost::system::error_code ec4;
  boost::system::error_code ec6;
  const auto v4 = asio::ip::make_network_v4(cidr, ec4);
  const auto v6 = asio::ip::make_network_v6(cidr, ec6);
  const bool fits4 = !ec4 && v4.prefix_length() >= 8 && v4.prefix_length() <= prefix_max;
  const bool fits6 = !ec6 && v6.prefix_length() >= 48 && v6.prefix_length() <= 120;
  if (!fits4 && !fits6)
    return bad("--" + std::string{flag} + " takes a network such as 10.42.0.0/16 (prefix 8 to " +
               std::to_string(prefix_max) + "), not \"" + cidr + "\"");
  return {};
}

Result<void> check_disjoint(const NodeConfig& config) {
  boost::system::error_code ec;
  const auto pods = asio::ip::make_network_v4(config.pod_cidr, ec);
  if (ec) return {};
  const auto services = asio::ip::make_network_v4(config.service_cidr, ec);
  if (ec) return {};
  const auto mask = std::min(pods.prefix_length(), services.prefix_length());
  const auto shift = 32U - mask;
  if ((pods.network().to_uint() >> shift) == (services.network().to_uint() >> shift))
    return bad("--pod-cidr " + config.pod_cidr + " and --service-cidr " + config.service_cidr + " overlap");
  return {};
}

Result<std::string> machine_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return io_error("gethostname", errno);
  std::string text = name;
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

}  // namespace

Result<std::string> read_text(const std::string& path, size_t bytes_max) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return io_error("open " + path, errno);
  std::string text(bytes_max + 1, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t n = ::read(fd, text.data() + size, text.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const int error = errno;
      ::close(fd);
      return io_error("read " + path, error);
    }
    if (n == 0) break;
    size += static_cast<size_t>(n);
  }
  ::close(fd);
  if (size > bytes_max) return bad(path + " is larger than " + std::to_string(bytes_max) + " bytes");
  text.resize(size);
  return text;
}

Result<void> apply_config_file(std::string_view path, std::string_view text, NodeConfig& config) {
  const std::string where{path};
  auto parsed = yaml::parse(text);
  if (parsed.has_error()) return bad(where + ": " + parsed.error().message);
  const json::Value& root = parsed->value;
  if (root.is_null()) return {};
  if (!root.is_object()) return bad(where + ": a mapping of settings is wanted, such as \"data-dir: /srv/kring\"");
  for (const auto& [key, value] : root.as_object()) {
    if (key == "verbose") {
      if (!value.is_bool()) return bad(where + ": verbose takes true or false");
      config.verbose = value.as_bool();
      continue;
    }
    const auto* setting = std::find_if(std::begin(text_settings), std::end(text_settings),
                                       [&](const TextSetting& s) { return s.name == key; });
    if (setting == std::end(text_settings)) return bad(where + ": unknown setting \"" + key + "\"");
    if (!value.is_string()) return bad(where + ": " + key + " takes a text");
    config.*(setting->member) = value.as_string();
  }
  return {};
}

void copy_settings(const std::vector<std::string>& names, const NodeConfig& from, NodeConfig& to) {
  for (const std::string& name : names) {
    if (name == "verbose") to.verbose = from.verbose;
    for (const TextSetting& setting : text_settings) {
      if (setting.name == name) to.*(setting.member) = from.*(setting.member);
    }
  }
}

Result<void> validate(NodeConfig& config) {
  if (config.data_dir.empty() || config.data_dir.front() != '/')
    return bad("--data-dir takes an absolute path, not \"" + config.data_dir + "\"");
  if (config.node_name.empty()) {
    KRING_TRY(config.node_name, machine_name());
  }
  if (auto wrong = names::dns1123_subdomain(config.node_name); !wrong.empty())
    return bad("--node-name \"" + config.node_name + "\": " + wrong.front());
  if (auto wrong = names::dns1123_subdomain(config.cluster_domain); !wrong.empty())
    return bad("--cluster-domain \"" + config.cluster_domain + "\": " + wrong.front());
  if (auto wrong = names::dns1123_label(config.cgroup_prefix); !wrong.empty())
    return bad("--cgroup-prefix \"" + config.cgroup_prefix + "\": " + wrong.front());
  KRING_TRY_VOID(check_listen(config.listen));
  KRING_TRY_VOID(check_cidr("pod-cidr", config.pod_cidr, 28));
  KRING_TRY_VOID(check_cidr("service-cidr", config.service_cidr, 28));
  return check_disjoint(config);
}

}  // namespace kring::cli
