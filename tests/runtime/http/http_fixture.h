// A server of the real world on loopback with a scripted handler, and a client that sends raw bytes.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <functional>

#include "objects/check.h"
#include "runtime/env/linux/linux_env.h"
#include "runtime/env/linux/socket.h"
#include "runtime/env/waiter.h"
#include "runtime/http/client.h"
#include "runtime/http/server.h"
#include "runtime/tasks/signal.h"
#include "runtime/tasks/task_group.h"

namespace kring::http {

// Answers by path; counts what it saw.
//   /echo     the method, target and body
//   /peer     who the transport says is there
//   /big      4 MiB
//   /stream   chunks "one", "two", then waits until the client is gone or the request is cancelled, then ends
//   /slow     answers only after `release` was notified
//   /silent   returns without an answer
class ScriptedHandler final : public Handler {
 public:
  explicit ScriptedHandler(Env& env) : release(env), entered(env) {}

  Task<void> serve(Request& request, Reply& reply) override {
    ++requests;
    Result<void> done;
    if (request.path == "/echo") {
      done = co_await reply.send(text(200, request.method + " " + request.target + " [" + request.body + "]"));
    } else if (request.path == "/peer") {
      done = co_await reply.send(text(200, describe(request.peer)));
    } else if (request.path == "/big") {
      Response response = text(200, {});
      response.shared_body = big;
      done = co_await reply.send(std::move(response));
    } else if (request.path == "/stream") {
      done = co_await stream(reply);
    } else if (request.path == "/slow") {
      entered.notify();
      done = co_await release.wait();
      if (!done.has_error()) done = co_await reply.send(text(200, "late"));
    } else if (request.path == "/redirect") {
      Response response = text(302, "moved");
      response.headers.push_back({"Location", std::string{request.query_value("to")}});
      done = co_await reply.send(std::move(response));
    } else if (request.path == "/none") {
      done = co_await reply.send(Response{.status = 204, .body = "never sent"});
    } else if (request.path != "/silent") {
      done = co_await reply.send(text(404, "nothing here"));
    }
    last = done;
  }

  int requests = 0;
  int streams_ended = 0;
  Result<void> last;
  Signal release, entered;
  std::shared_ptr<const std::string> big = std::make_shared<const std::string>(4 << 20, 'b');

 private:
  static Response text(int status, std::string body) {
    Response response;
    response.status = status;
    response.content_type = "text/plain";
    response.body = std::move(body);
    return response;
  }
  static std::string describe(const Peer& peer) {
    std::string text = peer.tls ? "tls" : peer.unix_socket ? "unix uid=" + std::to_string(peer.unix_uid) : "plain";
    if (peer.certificate) text += " cn=" + peer.common_name;
    for (const auto& organization : peer.organizations) text += " o=" + organization;
    return text;
  }
  Task<Result<void>> stream(Reply& reply) {
    KRING_CO_TRY_VOID(co_await reply.begin(200, "text/plain", {}));
    KRING_CO_TRY_VOID(co_await reply.chunk("one"));
    KRING_CO_TRY_VOID(co_await reply.chunk("two"));
    entered.notify();
    const auto gone = co_await reply.closed();
    ++streams_ended;
    co_return gone;
  }
};

class HttpTest : public testing::Test {
 protected:
  HttpTest() : world_(LinuxEnv::make({.log_level = LogLevel::error})), env(world_.value()->env()), handler(env) {
    char name[] = "/tmp/kring-http-test-XXXXXX";
    directory = mkdtemp(name);
  }
  ~HttpTest() override { std::filesystem::remove_all(directory); }

  // Runs `client` beside the server; returns what it returned once both have ended.
  using Body = Task<Result<void>> (*)(HttpTest& test);
  void serve_while(Body client, Limits limits = Limits::standard()) {
    server = make_server(env, handler, limits);
    const auto result = run_to_end(env, "test", serve_and_run(client));
    EXPECT_FALSE(result.has_error()) << to_string(result.error());
    server.reset();
  }

 private:
  Task<Result<void>> serve_and_run(Body client) {
    KRING_CO_TRY_VOID(server->listen_plain("127.0.0.1:0"));
    KRING_CO_TRY_VOID(server->listen_unix(directory + "/socket"));
    group = std::make_unique<TaskGroup>(env, "test");
    group->spawn("server", &Server::run_loop, std::ref(*server));
    const auto result = co_await with_deadline(env, 30'000, client(*this));
    group->cancel();
    const auto joined = co_await group->join();
    group.reset();
    co_return result.has_error() ? result : joined;
  }
  Result<std::unique_ptr<LinuxEnv>> world_;

 public:
  Env& env;
  ScriptedHandler handler;
  std::unique_ptr<Server> server;
  std::unique_ptr<TaskGroup> group;
  std::string directory;
  std::string url(std::string path) const { return "http://127.0.0.1:" + std::to_string(server->port()) + path; }
};

// A connection that speaks raw bytes.
class RawClient {
 public:
  static Task<Result<std::unique_ptr<RawClient>>> connect(HttpTest& test) {
    const net::IpAddress address{.host = "127.0.0.1", .port = test.server->port()};
    KRING_CO_TRY(auto fd, co_await net::connect_tcp(test.env, address));
    std::unique_ptr<RawClient> client{new RawClient(test.env, std::move(fd))};
    co_return client;
  }
  Task<Result<void>> send(std::string text) {
    size_t sent = 0;
    while (sent < text.size()) {
      const std::span bytes{reinterpret_cast<const uint8_t*>(text.data()) + sent, text.size() - sent};
      const auto [error, n] = co_await socket.write_some(net::Parts{bytes});
      if (error) co_return Error{Reason::io, "send: " + error.message()};
      sent += n;
    }
    co_return Result<void>{};
  }
  // Until the received bytes contain `text`, or the end; what came is in `received`.
  Task<Result<void>> read_until(std::string text) {
    while (received.find(text) == std::string::npos) {
      std::array<uint8_t, 65536> block;
      const auto [error, n] = co_await socket.read_some(block);
      if (co_await cancelled()) co_return canceled_error();
      if (error) {
        ended = true;
        co_return Error{Reason::io, "ended without '" + text + "' after: " + received};
      }
      received.append(block.begin(), block.begin() + static_cast<ptrdiff_t>(n));
    }
    co_return Result<void>{};
  }
  Task<Result<void>> read_to_end() {
    const auto read = co_await read_until("\x01 never sent");
    co_return read.has_error() && !ended ? read : Result<void>{};
  }
  net::Socket socket;
  std::string received;
  bool ended = false;

 private:
  RawClient(Env& env, UniqueFd fd) : socket(env.loop, std::move(fd)) {}
};

}  // namespace kring::http
