// api_bench [--dir D] [--seconds N]: how fast the API server is, over TLS on the loopback, with a client of its own.
// A child process serves (real disk, real store, one loop); the parent is the load: sixteen connections with one
// request each on its way, then a thousand watchers. Prints one table.
// api_bench --serve D PORT: only the server, for trying it with kubectl (D/admin.{crt,key} is the client).
#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "runtime/api/api_server.h"
#include "runtime/api/bootstrap.h"
#include "runtime/api/local_client.h"
#include "runtime/env/linux/linux_env.h"
#include "runtime/http/certificates.h"
#include "runtime/http/server.h"
#include "runtime/store/store.h"
#include "runtime/tasks/task_group.h"

namespace kring {
namespace {

using Steady = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "api_bench: %s\n", what.c_str());
  std::exit(1);
}

// --- the server -----------------------------------------------------------------------------------------------------

void write_file(const std::string& path, const std::string& text) {
  std::ofstream out{path};
  out << text;
  out.close();
  ::chmod(path.c_str(), 0600);
}

Task<Result<void>> store_loop(store::Store& store) { co_return co_await store.run_loop(); }
Task<Result<void>> http_loop(http::Server& server) { co_return co_await server.run_loop(); }

Task<Result<void>> make_account(client::Client& client) {
  json::Object meta;
  meta.append("name", "default");
  json::Object account;
  account.append("metadata", std::move(meta));
  auto made = co_await client.create(kinds::service_account(), "default", std::move(account), {});
  if (made.has_error() && made.error().reason != Reason::already_exists) co_return std::move(made).error();
  co_return Result<void>{};
}

Task<Result<void>> serve(Env& env, std::string directory, uint16_t port, int ready_fd) {
  auto authority = co_await http::CertificateAuthority::open(env, directory);
  if (authority.has_error()) co_return std::move(authority).error();
  http::CertificateRequest server_names{.common_name = "kring", .dns_names = {"localhost"},
                                        .addresses = {"127.0.0.1"}, .server = true};
  auto certificate = (*authority)->issue(server_names);
  http::CertificateRequest admin{.common_name = "bench", .organizations = {"system:masters"}, .client = true};
  auto client_pair = (*authority)->issue(admin);
  if (certificate.has_error() || client_pair.has_error()) co_return Error{Reason::internal_error, "no certificate"};
  write_file(directory + "/ca.crt", (*authority)->certificate_pem());
  write_file(directory + "/admin.crt", client_pair->certificate_pem);
  write_file(directory + "/admin.key", client_pair->key_pem);
  store::Options options;
  options.directory = directory + "/store";
  auto opened = co_await store::open(env, std::move(options));
  if (opened.has_error()) co_return std::move(opened).error();
  store::Store& store = *opened->store;
  api::Registry registry{env, store};
  auto authenticator = api::make_certificate_authenticator();
  auto authorizer = api::make_masters_authorizer();
  api::ApiServer api{api::ApiServerParts{env, registry, *authenticator, *authorizer, nullptr, nullptr, {}}};
  http::Limits limits = http::Limits::standard();
  auto server = http::make_server(env, api, limits);
  KRING_CO_TRY_VOID(server->set_certificate(*certificate, (*authority)->certificate_pem()));
  KRING_CO_TRY_VOID(server->listen_tls("127.0.0.1:" + std::to_string(port)));
  TaskGroup group{env, "bench"};
  group.spawn("store", store_loop, std::ref(store));
  auto client = api::make_local_client(registry);
  KRING_CO_TRY_VOID(co_await api::bootstrap(*client, {}));
  KRING_CO_TRY_VOID(co_await make_account(*client));
  group.spawn("http", http_loop, std::ref(*server));
  api.set_ready(true);
  const uint16_t chosen = server->port();
  if (ready_fd >= 0 && ::write(ready_fd, &chosen, sizeof chosen) != sizeof chosen) fail("pipe");
  co_return co_await group.join();
}

int run_server(const std::string& directory, uint16_t port, int ready_fd) {
  ::mkdir(directory.c_str(), 0700);
  auto world = LinuxEnv::make();
  if (world.has_error()) fail(to_string(world.error()));
  auto ended = (*world)->run(serve((*world)->env(), directory, port, ready_fd));
  if (ended.has_error()) fail(to_string(ended.error()));
  return 0;
}

// --- the load -------------------------------------------------------------------------------------------------------

struct Connection {
  int fd = -1;
  SSL* ssl = nullptr;
  std::string out, in;
  size_t sent = 0;
  Steady::time_point started;
  bool streaming = false;      // a watch: no end of the body
  size_t lines = 0;

  ~Connection() {
    if (ssl != nullptr) SSL_free(ssl);
    if (fd >= 0) ::close(fd);
  }
};

class Load {
 public:
  Load(const std::string& directory, uint16_t port) : port_(port), epoll_(::epoll_create1(0)) {
    context_ = SSL_CTX_new(TLS_client_method());
    SSL_CTX_use_certificate_file(context_, (directory + "/admin.crt").c_str(), SSL_FILETYPE_PEM);
    SSL_CTX_use_PrivateKey_file(context_, (directory + "/admin.key").c_str(), SSL_FILETYPE_PEM);
    SSL_CTX_load_verify_locations(context_, (directory + "/ca.crt").c_str(), nullptr);
    SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_mode(context_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  }

  Connection& connect() {
    auto made = std::make_unique<Connection>();
    made->fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(made->fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("connect");
    made->ssl = SSL_new(context_);
    SSL_set_fd(made->ssl, made->fd);
    if (SSL_connect(made->ssl) != 1) fail("TLS handshake");
    ::fcntl(made->fd, F_SETFL, O_NONBLOCK);
    epoll_event event{.events = EPOLLIN, .data = {.ptr = made.get()}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, made->fd, &event);
    connections_.push_back(std::move(made));
    return *connections_.back();
  }

  void send(Connection& c, std::string request) {
    c.out = std::move(request);
    c.sent = 0;
    c.started = Steady::now();
    flush(c);
  }

  // Waits for readable connections and hands each complete response, or each line of a stream, to `got`.
  void poll(int ms, const std::function<void(Connection&)>& got) {
    epoll_event events[64];
    const int n = ::epoll_wait(epoll_, events, 64, ms);
    for (int i = 0; i < n; ++i) read(*static_cast<Connection*>(events[i].data.ptr), got);
  }

 private:
  void flush(Connection& c) {
    while (c.sent < c.out.size()) {
      const int n = SSL_write(c.ssl, c.out.data() + c.sent, static_cast<int>(c.out.size() - c.sent));
      if (n <= 0) fail("write");   // requests are far smaller than a socket buffer
      c.sent += static_cast<size_t>(n);
    }
  }

  void read(Connection& c, const std::function<void(Connection&)>& got) {
    char buffer[32 * 1024];
    for (;;) {
      const int n = SSL_read(c.ssl, buffer, sizeof buffer);
      if (n <= 0) {
        if (SSL_get_error(c.ssl, n) == SSL_ERROR_WANT_READ) break;
        fail("the server closed a connection");
      }
      c.in.append(buffer, static_cast<size_t>(n));
    }
    if (c.streaming) {
      const auto lines = static_cast<size_t>(std::count(c.in.begin(), c.in.end(), '\n'));
      if (c.in.find("{\"type\"") != std::string::npos && lines > 0) {
        c.in.clear();
        got(c);
      }
      return;
    }
    const size_t head = c.in.find("\r\n\r\n");
    if (head == std::string::npos) return;
    const size_t at = c.in.find("Content-Length: ");
    if (at == std::string::npos || at > head) fail("no Content-Length: " + c.in.substr(0, head));
    const size_t length = std::stoul(c.in.substr(at + 16));
    if (c.in.size() < head + 4 + length) return;
    got(c);
    c.in.clear();
  }

  uint16_t port_;
  int epoll_;
  SSL_CTX* context_;
  std::vector<std::unique_ptr<Connection>> connections_;
};

std::string get_request(const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n";
}

std::string post_request(const std::string& path, const std::string& body) {
  return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

struct Times {
  std::vector<double> us;
  void add(Steady::time_point from) {
    us.push_back(std::chrono::duration<double, std::micro>(Steady::now() - from).count());
  }
  double at(double share) {
    if (us.empty()) return 0;
    std::sort(us.begin(), us.end());
    return us[std::min(us.size() - 1, static_cast<size_t>(share * static_cast<double>(us.size())))];
  }
};

pid_t server_pid = 0;

// CPU time of the server so far: what a request costs even when the machine is busy with something else.
double server_cpu_us() {
  std::ifstream stat{"/proc/" + std::to_string(server_pid) + "/stat"};
  std::string text{std::istreambuf_iterator<char>{stat}, {}};
  text.erase(0, text.rfind(')') + 2);
  std::istringstream words{text};
  std::string word;
  for (int i = 0; i < 11; ++i) words >> word;
  double user = 0, system = 0;
  words >> user >> system;
  return (user + system) * 1e6 / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

void print_row(const char* what, double rate, double cpu_us, Times& times) {
  std::printf("| %-44s | %9.0f /s | %8.0f us | %8.0f us | %8.1f us |\n", what, rate, times.at(0.5), times.at(0.99),
              cpu_us);
  std::fflush(stdout);
}

// Closed loop: every connection has one request on its way.
void closed_loop(Load& load, std::vector<Connection*>& connections, const char* what, double seconds, int expected,
                 const std::function<std::string()>& next) {
  Times times;
  size_t done = 0;
  const std::string line = "HTTP/1.1 " + std::to_string(expected);
  for (Connection* c : connections) load.send(*c, next());
  const double cpu = server_cpu_us();
  const auto begin = Steady::now();
  size_t open = connections.size();
  const auto left = [&] { return std::chrono::duration<double>(Steady::now() - begin).count() < seconds; };
  while (open > 0) {
    load.poll(1000, [&](Connection& c) {
      if (!c.in.starts_with(line)) fail(std::string{what} + ": " + c.in.substr(0, 600));
      times.add(c.started);
      ++done;
      if (left()) {
        load.send(c, next());
      } else {
        --open;
      }
    });
  }
  const double took = std::chrono::duration<double>(Steady::now() - begin).count();
  print_row(what, static_cast<double>(done) / took, (server_cpu_us() - cpu) / static_cast<double>(done), times);
}

constexpr auto config_maps = "/api/v1/namespaces/default/configmaps";

std::string config_map(const std::string& name) {
  return R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":")" + name +
         R"(","labels":{"app":"bench","tier":"load"}},"data":{"key":")" + std::string(300, 'x') + "\"}}";
}

std::string pod(const std::string& name) {
  return R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":")" + name +
         R"(","labels":{"app":"bench"}},"spec":{"containers":[{"name":"app","image":"gcr.io/kuar-demo/kuard-amd64:1",)"
         R"("ports":[{"containerPort":8080,"name":"http"}],"resources":{"requests":{"cpu":"10m"}}}]}})";
}

// Write to watch event: one create at a time, seen by everybody.
void watch_latency(Load& load, size_t watchers, int rounds) {
  std::vector<Connection*> watching;
  for (size_t i = 0; i < watchers; ++i) {
    Connection& c = load.connect();
    c.streaming = true;
    load.send(c, get_request(std::string{config_maps} + "?watch=true&labelSelector=app%3Dwatched"));
    watching.push_back(&c);
  }
  Connection& writer = load.connect();
  for (int i = 0; i < 20; ++i) load.poll(50, [](Connection&) {});
  Times times;
  const double cpu = server_cpu_us();
  for (int round = 0; round < rounds; ++round) {
    size_t seen = 0;
    std::string body = R"({"metadata":{"name":"watched-)" + std::to_string(::getpid()) + '-' + std::to_string(round) +
                       R"(","labels":{"app":"watched"}},"data":{"key":")" + std::string(300, 'x') + "\"}}";
    load.send(writer, post_request(config_maps, body));
    const auto from = writer.started;
    while (seen < watchers) {
      load.poll(2000, [&](Connection& c) {
        if (!c.streaming) return;
        ++seen;
        times.add(from);
      });
    }
    ::usleep(2000);
    load.poll(0, [](Connection&) {});
  }
  const std::string what = "write to watch event, " + std::to_string(watchers) + " watchers";
  print_row(what.c_str(), 0, (server_cpu_us() - cpu) / static_cast<double>(times.us.size()), times);
}

int bench(const std::string& directory, double seconds) {
  int pipe_ends[2];
  if (::pipe(pipe_ends) != 0) fail("pipe");
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::close(pipe_ends[0]);
    std::exit(run_server(directory, 0, pipe_ends[1]));
  }
  ::close(pipe_ends[1]);
  server_pid = child;
  uint16_t port = 0;
  if (::read(pipe_ends[0], &port, sizeof port) != sizeof port) fail("the server did not start");
  Load load{directory, port};
  std::vector<Connection*> connections;
  for (int i = 0; i < 16; ++i) connections.push_back(&load.connect());
  std::printf("| %-44s | %12s | %11s | %11s | %11s |\n|---|---|---|---|---|\n", "16 connections, TLS, one request each",
              "rate", "p50", "p99", "server CPU");
  uint64_t n = 0;
  const std::string run = std::to_string(::getpid());
  closed_loop(load, connections, "durable create, ConfigMap of 0.5 KB", seconds, 201,
              [&] { return post_request(config_maps, config_map("b" + run + '-' + std::to_string(++n))); });
  closed_loop(load, connections, "durable create, Pod", seconds, 201, [&] {
    return post_request("/api/v1/namespaces/default/pods", pod("p" + run + '-' + std::to_string(++n)));
  });
  const std::string one = get_request("/api/v1/namespaces/default/configmaps/b" + run + "-1");
  closed_loop(load, connections, "read of one object", seconds, 200, [&] { return one; });
  const std::string health = get_request("/livez");
  closed_loop(load, connections, "read of /livez", seconds, 200, [&] { return health; });
  const std::string list = get_request("/api/v1/namespaces/default/configmaps?limit=500");
  closed_loop(load, connections, "list of 500 objects", seconds, 200, [&] { return list; });
  watch_latency(load, 100, 50);
  watch_latency(load, 1000, 50);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  return 0;
}

}  // namespace
}  // namespace kring

int main(int argc, char** argv) {
  std::string directory = "/tmp/kring-api-bench";
  double seconds = 3;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    if (flag == "--serve" && i + 2 < argc) {
      return kring::run_server(argv[i + 1], static_cast<uint16_t>(std::stoi(argv[i + 2])), -1);
    }
    if (flag == "--dir") directory = argv[i + 1];
    if (flag == "--seconds") seconds = std::stod(argv[i + 1]);
  }
  return kring::bench(directory, seconds);
}
