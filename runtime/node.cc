#include "runtime/node.h"

#include <algorithm>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <csignal>
#include <cstdio>
#include <memory>

#include "objects/limits.h"
#include "runtime/api/access_reviews.h"
#include "runtime/api/api_server.h"
#include "runtime/api/bootstrap.h"
#include "runtime/api/local_client.h"
#include "runtime/api/rbac.h"
#include "runtime/env/disk.h"
#include "runtime/env/linux/host.h"
#include "runtime/env/linux/process_signals.h"
#include "runtime/env/linux/service_manager.h"
#include "runtime/http/server.h"
#include "runtime/kubeconfig.h"
#include "runtime/node_parts.h"
#include "runtime/tasks/task_group.h"

namespace kring {
namespace {

constexpr int64_t certificate_look_ms = 12 * 3600 * 1000;

// The n-th address of a network, as text.
std::string nth_address(const std::string& cidr, uint32_t n) {
  boost::system::error_code ec;
  if (const auto v4 = asio::ip::make_network_v4(cidr, ec); !ec)
    return asio::ip::address_v4{v4.network().to_uint() + n}.to_string();
  const auto v6 = asio::ip::make_network_v6(cidr, ec);
  auto bytes = v6.network().to_bytes();
  bytes[15] = static_cast<unsigned char>(bytes[15] + n);
  return asio::ip::address_v6{bytes}.to_string();
}

// "0.0.0.0:6443" -> "0.0.0.0", "[::]:6443" -> "::".
std::string listen_host(const std::string& listen) {
  std::string host = listen.substr(0, listen.rfind(':'));
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  return host;
}

bool is_wildcard(const std::string& host) { return host == "0.0.0.0" || host == "::"; }

std::string in_url(const std::string& host) { return host.find(':') == std::string::npos ? host : "[" + host + "]"; }

class Node {
 public:
  Node(Env& env, NodeConfig config) : env_(env), config_(std::move(config)), host_(std::make_unique<LinuxHost>()) {}

  Task<Result<void>> run() {
    // The store's loop ends after everything that writes to it.
    TaskGroup storing{env_, "storing"};
    TaskGroup loops{env_, "node"};
    ProcessSignals signals{env_};
    auto started = co_await start(storing, loops);
    if (!started.has_error()) {
      announce();
      loops.spawn("signals", &Node::signals_loop, std::ref(*this), std::ref(signals), std::ref(loops));
    } else {
      loops.cancel();
    }
    auto ended = co_await loops.join();
    if (store_ != nullptr) {
      auto saved = co_await shielded(env_, store_->snapshot());
      if (failed(saved)) env_.log.error("snapshot at shutdown failed", {{"err", saved.error()}});
    }
    storing.cancel();
    auto stored = co_await shielded(env_, storing.join());
    if (started.has_error()) co_return started;
    if (failed(ended)) co_return ended;
    co_return failed(stored) ? stored : Result<void>{};
  }

 private:
  Task<Result<void>> start(TaskGroup& storing, TaskGroup& loops);
  Task<Result<void>> open_store(TaskGroup& storing);
  Task<Result<void>> make_keys();
  Task<Result<void>> install_certificates();
  Task<Result<void>> listen(TaskGroup& loops);
  Task<Result<void>> write_kubeconfig();
  void announce() const;
  static Task<Result<void>> signals_loop(Node& node, ProcessSignals& signals, TaskGroup& loops);
  static Task<Result<void>> certificates_loop(Node& node);
  static Task<Result<void>> service_watchdog_loop(Env& env, int64_t every_ms);

  Env& env_;
  NodeConfig config_;
  std::unique_ptr<Host> host_;
  HostFacts facts_;
  std::shared_ptr<void> lock_;
  std::unique_ptr<http::CertificateAuthority> authority_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<api::Registry> registry_;
  std::unique_ptr<api::Tokens> tokens_;
  std::unique_ptr<api::Authenticator> authenticator_;
  std::unique_ptr<api::Authorizer> authorizer_;
  std::unique_ptr<api::Reviews> reviews_;
  std::unique_ptr<client::Client> client_;
  std::unique_ptr<NodeParts> parts_;
  std::unique_ptr<api::ApiServer> api_;
  std::unique_ptr<http::Server> server_;
};

Task<Result<void>> Node::start(TaskGroup& storing, TaskGroup& loops) {
  facts_ = host_->facts();
  KRING_CO_TRY_VOID(co_await env_.disk.make_directory(config_.data_dir));
  KRING_CO_TRY(lock_, env_.disk.lock(config_.data_dir + "/lock"));
  KRING_CO_TRY_VOID(co_await open_store(storing));
  KRING_CO_TRY_VOID(co_await make_keys());

  authenticator_ = api::make_token_authenticator(*tokens_);
  authorizer_ = api::make_rbac_authorizer(*store_);
  reviews_ = api::make_access_reviews(*store_, *authorizer_, *tokens_);
  registry_ = std::make_unique<api::Registry>(env_, *store_);
  client_ = api::make_local_client(*registry_);

  NodePartsOptions options{config_, authority_->certificate_pem()};
  KRING_CO_TRY(parts_, co_await NodeParts::open(env_, *client_, *host_, *tokens_, *store_, std::move(options)));
  const std::string advertise = facts_.addresses.empty() ? "127.0.0.1" : facts_.addresses.front();
  api_ = std::make_unique<api::ApiServer>(api::ApiServerParts{
      env_, *registry_, *authenticator_, *authorizer_, &parts_->access(), reviews_.get(), {KRING_VERSION, advertise}});
  KRING_CO_TRY_VOID(co_await listen(loops));
  api::BootstrapOptions bootstrap{nth_address(config_.service_cidr, 1), advertise, server_->port()};
  KRING_CO_TRY_VOID(co_await api::bootstrap(*client_, std::move(bootstrap)));
  parts_->spawn_loops(loops);
  KRING_CO_TRY_VOID(co_await write_kubeconfig());
  api_->set_ready(true);
  co_return Result<void>{};
}

Task<Result<void>> Node::open_store(TaskGroup& storing) {
  store::Options options;
  options.directory = config_.data_dir + "/store";
  options.watch_events_max = limits::watch_events_max;
  options.watch_events_bytes_max = limits::watch_events_bytes_max;
  KRING_CO_TRY(store::Opened opened, co_await store::open(env_, std::move(options)));
  for (const std::string& note : opened.notes) env_.log.warn("recovery", {{"note", note}});
  store_ = std::move(opened.store);
  storing.spawn("store", &store::Store::run_loop, std::ref(*store_));
  co_return Result<void>{};
}

Task<Result<void>> Node::make_keys() {
  KRING_CO_TRY(authority_, co_await http::CertificateAuthority::open(env_, config_.data_dir + "/pki"));
  http::CertificateRequest signer;
  signer.common_name = "kring service account issuer";
  // Tokens end with the key that signed them, so this one lives as long as the authority.
  signer.valid_days = 3650;
  KRING_CO_TRY(http::KeyPair key, co_await authority_->load_or_issue("service-account", std::move(signer)));
  const std::string issuer = "https://kubernetes.default.svc." + config_.cluster_domain;
  tokens_ = std::make_unique<api::Tokens>(env_, *store_, std::move(key), issuer);
  co_return Result<void>{};
}

// The server's and the admin's certificates, made or renewed as needed.
Task<Result<void>> Node::install_certificates() {
  http::CertificateRequest request;
  request.common_name = "kube-apiserver";
  request.server = true;
  request.dns_names = {"localhost", config_.node_name, "kubernetes", "kubernetes.default", "kubernetes.default.svc",
                       "kubernetes.default.svc." + config_.cluster_domain};
  request.addresses = {"127.0.0.1", "::1", nth_address(config_.service_cidr, 1)};
  const auto add = [&request](const std::string& address) {
    const bool there =
        std::find(request.addresses.begin(), request.addresses.end(), address) != request.addresses.end();
    if (!there) request.addresses.push_back(address);
  };
  for (const std::string& address : facts_.addresses) add(address);
  if (const std::string host = listen_host(config_.listen); !is_wildcard(host)) add(host);
  KRING_CO_TRY(const http::KeyPair pair, co_await authority_->load_or_issue("apiserver", std::move(request)));
  co_return server_->set_certificate(pair, authority_->certificate_pem());
}

Task<Result<void>> Node::listen(TaskGroup& loops) {
  server_ = http::make_server(env_, *api_, http::Limits::standard());
  KRING_CO_TRY_VOID(co_await install_certificates());
  KRING_CO_TRY_VOID(server_->listen_tls(config_.listen));
  KRING_CO_TRY_VOID(server_->listen_unix(config_.data_dir + "/kring.sock"));
  loops.spawn("http server", &http::Server::run_loop, std::ref(*server_));
  loops.spawn("certificates", &Node::certificates_loop, std::ref(*this));
  if (const auto every = service_watchdog_ms())
    loops.spawn("service watchdog", &Node::service_watchdog_loop, std::ref(env_), *every);
  co_return Result<void>{};
}

Task<Result<void>> Node::write_kubeconfig() {
  http::CertificateRequest request;
  request.common_name = "kubernetes-admin";
  request.organizations = {"system:masters"};
  request.client = true;
  KRING_CO_TRY(http::KeyPair pair, co_await authority_->load_or_issue("admin", std::move(request)));
  std::string host = listen_host(config_.listen);
  if (is_wildcard(host)) host = host == "::" ? "::1" : "127.0.0.1";
  KubeconfigParts parts;
  parts.server = "https://" + in_url(host) + ":" + std::to_string(server_->port());
  parts.ca_pem = authority_->certificate_pem();
  parts.client = std::move(pair);
  co_return co_await write_private_file(env_, config_.data_dir, "admin.kubeconfig", kubeconfig_text(parts));
}

Task<Result<void>> Node::certificates_loop(Node& node) {
  while (true) {
    auto slept = co_await node.env_.clock.sleep_ms(certificate_look_ms);
    if (slept.has_error()) co_return slept;
    auto renewed = co_await node.install_certificates();
    if (failed(renewed)) node.env_.log.warn("certificate renewal failed", {{"err", renewed.error()}});
    auto written = co_await node.write_kubeconfig();
    if (failed(written)) node.env_.log.warn("kubeconfig renewal failed", {{"err", written.error()}});
  }
}

Task<Result<void>> Node::service_watchdog_loop(Env& env, int64_t every_ms) {
  while (true) {
    auto slept = co_await env.clock.sleep_ms(every_ms);
    if (slept.has_error()) co_return slept;
    auto told = notify_service_manager("WATCHDOG=1");
    if (failed(told)) env.log.warn("service manager not reached", {{"err", told.error()}});
  }
}

void Node::announce() const {
  const std::string url = "https://" + in_url(listen_host(config_.listen)) + ":" + std::to_string(server_->port());
  std::printf("kring %s is ready: %s, kubeconfig %s/admin.kubeconfig\n", KRING_VERSION, url.c_str(),
              config_.data_dir.c_str());
  std::fflush(stdout);
  auto told = notify_service_manager("READY=1\nSTATUS=ready");
  if (failed(told)) env_.log.warn("service manager not reached", {{"err", told.error()}});
}

// Ends with the first SIGTERM or SIGINT, and ends everything else with it. Pods go on.
Task<Result<void>> Node::signals_loop(Node& node, ProcessSignals& signals, TaskGroup& loops) {
  while (true) {
    auto signal = co_await signals.next();
    if (signal.has_error()) co_return std::move(signal).error();
    if (*signal == SIGHUP) continue;
    node.env_.log.info("stopping, pods go on", {{"signal", *signal}});
    auto told = notify_service_manager("STOPPING=1");
    if (failed(told)) node.env_.log.warn("service manager not reached", {{"err", told.error()}});
    node.api_->stop();
    loops.cancel();
    co_return Result<void>{};
  }
}

}  // namespace

Task<Result<void>> run_node(Env& env, NodeConfig config) {
  Node node{env, std::move(config)};
  co_return co_await node.run();
}

}  // namespace kring
