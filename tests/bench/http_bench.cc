// A server that answers every request with the same 2 KB, to be measured beside nginx serving a file of that size:
//   http_bench PLAIN_PORT TLS_PORT DIRECTORY     DIRECTORY gets ca.crt and the server's key pair
// tests/bench/http_bench.sh runs both under wrk and prints the ratios.
#include <cstdio>
#include <cstdlib>

#include "objects/check.h"
#include "runtime/env/linux/linux_env.h"
#include "runtime/env/linux/process_signals.h"
#include "runtime/http/server.h"
#include "runtime/tasks/task_group.h"

namespace kring {
namespace {

class FixedBody final : public http::Handler {
 public:
  FixedBody() : body_(std::make_shared<const std::string>(2048, 'k')) {}
  Task<void> serve(http::Request&, http::Reply& reply) override {
    http::Response response{.content_type = "text/plain", .shared_body = body_};
    const auto sent = co_await reply.send(std::move(response));
    KRING_MAYBE(sent.has_error());
  }

 private:
  std::shared_ptr<const std::string> body_;
};

Task<Result<void>> stop_on_signal(Env& env, TaskGroup& group) {
  ProcessSignals signals{env};
  const auto number = co_await signals.next();
  group.cancel();
  co_return number.has_error() ? Result<void>{number.error()} : Result<void>{};
}

Task<Result<void>> serve(Env& env, std::string plain_port, std::string tls_port, std::string directory) {
  KRING_CO_TRY(const auto authority, co_await http::CertificateAuthority::open(env, directory));
  http::CertificateRequest request{
      .common_name = "bench", .dns_names = {"localhost"}, .addresses = {"127.0.0.1"}, .server = true};
  KRING_CO_TRY(const auto pair, co_await authority->load_or_issue("server", std::move(request)));
  FixedBody handler;
  const auto server = http::make_server(env, handler, http::Limits::standard());
  KRING_CO_TRY_VOID(server->set_certificate(pair, authority->certificate_pem()));
  KRING_CO_TRY_VOID(server->listen_plain("127.0.0.1:" + plain_port));
  KRING_CO_TRY_VOID(server->listen_tls("127.0.0.1:" + tls_port));
  TaskGroup group{env, "bench"};
  group.spawn("server", &http::Server::run_loop, std::ref(*server));
  group.spawn("signals", stop_on_signal, std::ref(env), std::ref(group));
  std::puts("ready");
  std::fflush(stdout);
  co_return co_await group.join();
}

}  // namespace
}  // namespace kring

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: http_bench PLAIN_PORT TLS_PORT DIRECTORY\n", stderr);
    return 2;
  }
  auto world = kring::LinuxEnv::make();
  if (world.has_error()) {
    std::fprintf(stderr, "%s\n", world.error().message.c_str());
    return 1;
  }
  const auto result = (*world)->run(kring::serve((*world)->env(), argv[1], argv[2], argv[3]));
  if (kring::failed(result)) std::fprintf(stderr, "%s\n", result.error().message.c_str());
  return kring::failed(result) ? 1 : 0;
}
