#include "runtime/http/server.h"

#include <algorithm>
#include <list>
#include <unordered_set>

#include "objects/check.h"
#include "objects/limits.h"
#include "runtime/http/connection.h"
#include "runtime/http/message.h"
#include "runtime/http/stream.h"
#include "runtime/http/tls.h"
#include "runtime/tasks/signal.h"
#include "runtime/tasks/task_group.h"

namespace kring::http {
namespace {

// Requests under way when the server stops may take so long; then they are cancelled.
constexpr int64_t drain_ms = 2000;
// Out of descriptors: the pending client waits until some connection ends.
constexpr int64_t accept_pause_ms = 100;
// Connections accepted in one turn; others get their turn in between.
constexpr int accepts_per_turn = 64;
// Connections above the limit that are told so with a 503; beyond that they are closed at once.
uint32_t refusals_max(const Limits& limits) { return std::max<uint32_t>(limits.connections_max / 16, 4); }

enum class Kind : uint8_t { plain, tls, unix_socket };

struct Endpoint {
  std::unique_ptr<net::Listener> listener;
  Kind kind;
};

class ServerImpl final : public Server, public ConnectionHost {
 public:
  ServerImpl(Env& env, Handler& handler, Limits limits)
      : env_(env), handler_(handler), limits_(limits), connections_(env, "http connections"), deadline_moved_(env) {}

  Result<void> listen_tls(const std::string& address) override { return listen_tcp(address, Kind::tls); }
  Result<void> listen_plain(const std::string& address) override { return listen_tcp(address, Kind::plain); }
  Result<void> listen_unix(const std::string& path) override {
    KRING_TRY(auto listener, net::Listener::unix_socket(env_.loop, path));
    endpoints_.push_back(Endpoint{std::move(listener), Kind::unix_socket});
    return {};
  }

  Result<void> set_certificate(const KeyPair& server, const std::string& client_ca_pem) override {
    KRING_TRY(tls_, TlsContext::server(server, client_ca_pem));
    return {};
  }

  uint16_t port() const override {
    for (const auto& endpoint : endpoints_) {
      if (endpoint.kind != Kind::unix_socket) return endpoint.listener->port();
    }
    return 0;
  }
  uint32_t connections() const override { return static_cast<uint32_t>(open_.size()); }

  Task<Result<void>> run_loop() override;

  Env& env() override { return env_; }
  Handler& handler() override { return handler_; }
  const Limits& limits() override { return limits_; }
  bool draining() const override { return draining_; }
  const std::string& date() override;
  void deadline_at(Mono when) override;

 private:
  Result<void> listen_tcp(const std::string& address, Kind kind);
  Task<Result<void>> accept_loop(Endpoint& endpoint);
  Task<Result<void>> deadlines_loop();
  void start_connection(net::Accepted accepted, Kind kind);
  Task<Result<void>> serve_connection(std::unique_ptr<Connection> connection);
  Task<Result<void>> drain();
  Mono expire_due();

  Env& env_;
  Handler& handler_;
  Limits limits_;
  std::list<Endpoint> endpoints_;
  std::shared_ptr<TlsContext> tls_;
  TaskGroup connections_;
  std::unordered_set<Connection*> open_;  // the order never reaches an output
  bool draining_ = false;
  std::string date_;
  int64_t date_seconds_ = -1;
  Signal deadline_moved_;
  Mono next_sweep_{INT64_MAX};
  bool accept_failed_ = false;
};

Result<void> ServerImpl::listen_tcp(const std::string& address, Kind kind) {
  KRING_TRY(auto listener, net::Listener::tcp(env_.loop, address));
  endpoints_.push_back(Endpoint{std::move(listener), kind});
  return {};
}

const std::string& ServerImpl::date() {
  const int64_t now = env_.clock.wall().ns / 1'000'000'000;
  if (now != date_seconds_) {
    date_seconds_ = now;
    date_ = http_date(now);
  }
  return date_;
}

// A sweep comes at the earliest deadline that was ever asked for since the last one, even when it has been met
// meanwhile: so a busy connection costs a comparison a request, and an idle server no wake-up.
void ServerImpl::deadline_at(Mono when) {
  if (when >= next_sweep_) return;
  next_sweep_ = when;
  deadline_moved_.notify();
}

Mono ServerImpl::expire_due() {
  const Mono now = env_.clock.now();
  Mono earliest{INT64_MAX};
  for (Connection* connection : open_) {
    const auto deadline = connection->deadline();
    if (!deadline) continue;
    if (*deadline <= now) {
      connection->expire();
    } else {
      earliest = std::min(earliest, *deadline);
    }
  }
  return earliest;
}

Task<Result<void>> ServerImpl::deadlines_loop() {
  while (true) {
    Result<void> woken;
    if (next_sweep_.ns == INT64_MAX) {
      woken = co_await deadline_moved_.wait();
    } else {
      woken = co_await deadline_moved_.wait_until(next_sweep_);
    }
    if (woken.has_error() && woken.error().reason != Reason::timeout) co_return woken;
    if (env_.clock.now() >= next_sweep_) next_sweep_ = expire_due();
  }
}

Task<Result<void>> ServerImpl::accept_loop(Endpoint& endpoint) {
  while (true) {
    KRING_CO_TRY_VOID(co_await endpoint.listener->wait());
    for (int i = 0; i < accepts_per_turn; ++i) {
      auto accepted = endpoint.listener->accept();
      if (accepted.has_error()) {
        if (!accept_failed_) env_.log.warn("cannot accept connections", {{"err", accepted.error()}});
        accept_failed_ = true;
        KRING_CO_TRY_VOID(co_await env_.clock.sleep_ms(accept_pause_ms));
        break;
      }
      if (!*accepted) break;
      accept_failed_ = false;
      start_connection(std::move(**accepted), endpoint.kind);
    }
  }
}

void ServerImpl::start_connection(net::Accepted accepted, Kind kind) {
  if (open_.size() >= limits_.connections_max + refusals_max(limits_)) return;  // closes it
  if (kind == Kind::tls && !tls_) return;
  Peer peer{.address = std::move(accepted.peer), .unix_socket = accepted.unix_socket, .unix_uid = accepted.unix_uid};
  net::Socket socket{env_.loop, std::move(accepted.fd)};
  std::unique_ptr<Stream> stream;
  if (kind == Kind::tls) {
    auto session = TlsSession::server(*tls_, env_.clock.wall());
    stream = tls_stream(std::move(socket), tls_, std::move(session));
  } else {
    stream = plain_stream(std::move(socket));
  }
  const bool refuse = open_.size() >= limits_.connections_max;
  auto connection = std::make_unique<Connection>(*this, std::move(stream), std::move(peer), refuse);
  open_.insert(connection.get());
  connections_.spawn("http connection", &ServerImpl::serve_connection, std::ref(*this), std::move(connection));
}

Task<Result<void>> ServerImpl::serve_connection(std::unique_ptr<Connection> connection) {
  const auto served = co_await connection->serve();
  open_.erase(connection.get());
  co_return served;
}

// Idle connections close at once, streams are ended, requests under way get a moment.
Task<Result<void>> ServerImpl::drain() {
  draining_ = true;
  for (Connection* connection : open_) connection->drain();
  const auto emptied = co_await with_deadline(env_, drain_ms, connections_.wait_empty());
  if (emptied.has_error()) connections_.cancel();
  co_return co_await connections_.join();
}

Task<Result<void>> ServerImpl::run_loop() {
  TaskGroup loops{env_, "http server"};
  for (auto& endpoint : endpoints_) {
    loops.spawn("http accept", &ServerImpl::accept_loop, std::ref(*this), std::ref(endpoint));
  }
  loops.spawn("http deadlines", &ServerImpl::deadlines_loop, std::ref(*this));
  const auto ended = co_await loops.join();
  endpoints_.clear();
  const auto drained = co_await shielded(env_, drain());
  if (failed(ended)) co_return ended;
  if (failed(drained)) co_return drained;
  co_return ended;
}

}  // namespace

Limits Limits::standard() {
  return Limits{.header_bytes_max = limits::http_header_bytes_max,
                .target_bytes_max = limits::http_target_bytes_max,
                .body_bytes_max = limits::request_body_bytes_max,
                .connections_max = limits::http_connections_max,
                .header_timeout_ms = limits::http_header_timeout_ms,
                .body_timeout_ms = limits::http_body_timeout_ms,
                .idle_timeout_ms = limits::http_idle_timeout_ms,
                .write_timeout_ms = limits::http_write_timeout_ms};
}

std::unique_ptr<Server> make_server(Env& env, Handler& handler, Limits limits) {
  return std::make_unique<ServerImpl>(env, handler, limits);
}

}  // namespace kring::http
