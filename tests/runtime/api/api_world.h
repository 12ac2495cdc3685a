// An API server in the simulated world: the real store, registry and handlers on a simulated disk and clock; requests
// are given to the handler directly and answered into memory.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/api/api_server.h"
#include "runtime/client/client.h"
#include "runtime/store/store.h"
#include "runtime/tasks/signal.h"
#include "tests/sim/sim_world.h"

namespace kring::api {

struct Answer {
  int status = 0;
  std::string content_type, body;
  std::vector<http::Header> headers;

  json::Value value() const;              // the body as JSON; null when it is none
  std::string message() const;            // of a Status
  std::string reason() const;
  std::string header(std::string_view name) const;
};

// One request and its reply, also of a stream while it runs.
class Exchange final : public http::Reply {
 public:
  explicit Exchange(Env& env) : gone_(env), unstalled_(env) {}

  Task<Result<void>> send(http::Response response) override;
  Task<Result<void>> begin(int status, std::string content_type, std::vector<http::Header> headers) override;
  Task<Result<void>> chunk(std::string_view data) override;
  Task<Result<void>> end() override;
  Task<Result<void>> closed() override;

  // The client goes away.
  void disconnect() { gone_.notify(); }
  // The client stops and goes on reading.
  void stall() { stalled_ = true; }
  void unstall();
  // Events that came since the last call, as values.
  std::vector<json::Value> events();

  http::Request request;
  Answer answer;
  bool ended = false;                     // the handler returned
  bool finished = false;                  // the stream was ended properly

 private:
  Signal gone_, unstalled_;
  bool stalled_ = false;
  size_t read_ = 0;
};

class ApiWorld {
 public:
  explicit ApiWorld(uint64_t seed = 1, store::Options options = {});
  ~ApiWorld();

  // Requests as root over the Unix socket, unless `peer` says otherwise.
  Answer get(const std::string& target, std::string accept = {});
  Answer post(const std::string& target, std::string body, std::string content_type = "application/json");
  Answer put(const std::string& target, std::string body, std::string content_type = "application/json");
  Answer patch(const std::string& target, std::string body, std::string content_type);
  Answer del(const std::string& target, std::string body = {});
  Answer send(http::Request request);
  static http::Request request(std::string method, std::string target, std::string body = {});

  // Begins a watch (or another stream) and returns while it runs.
  std::shared_ptr<Exchange> open(const std::string& target, std::string accept = {});
  void settle() { world.run_until_idle(); }
  void seconds(int64_t n) { world.advance(n * 1'000'000'000); }

  // A namespace with its default account, as the controllers make it.
  void make_namespace(const std::string& name);
  // A small valid pod, bound to a node when one is named.
  static std::string pod(const std::string& name, const std::string& labels = "{}", const std::string& node = {});

  sim::SimWorld world;
  http::Peer peer;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<Registry> registry;
  std::unique_ptr<Authenticator> authenticator;
  std::unique_ptr<Authorizer> authorizer;
  std::unique_ptr<ApiServer> server;
  std::unique_ptr<client::Client> client;
};

}  // namespace kring::api
