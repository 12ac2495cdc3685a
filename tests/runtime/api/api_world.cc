#include "tests/runtime/api/api_world.h"

#include "objects/check.h"
#include "runtime/api/local_client.h"
#include "runtime/http/message.h"

namespace kring::api {
namespace {

Task<Result<void>> open_store(Env& env, store::Options options, std::unique_ptr<store::Store>& out) {
  auto opened = co_await store::open(env, std::move(options));
  if (opened.has_error()) co_return std::move(opened).error();
  out = std::move(opened->store);
  co_return Result<void>{};
}

Task<Result<void>> run_store(store::Store& store) { co_return co_await store.run_loop(); }

Task<Result<void>> serve_exchange(http::Handler& handler, std::shared_ptr<Exchange> exchange) {
  co_await handler.serve(exchange->request, *exchange);
  exchange->ended = true;
  co_return Result<void>{};
}

}  // namespace

json::Value Answer::value() const {
  auto parsed = json::parse(body);
  return parsed.has_value() ? std::move(parsed->value) : json::Value{};
}

std::string Answer::message() const { return std::string{value().string_or("message")}; }
std::string Answer::reason() const { return std::string{value().string_or("reason")}; }

std::string Answer::header(std::string_view name) const {
  for (const http::Header& header : headers) {
    if (http::equal_ignoring_case(header.name, name)) return header.value;
  }
  return {};
}

Task<Result<void>> Exchange::send(http::Response response) {
  KRING_CHECK(answer.status == 0, "one response per request");
  answer.status = response.status;
  answer.content_type = std::move(response.content_type);
  answer.headers = std::move(response.headers);
  answer.body = response.shared_body != nullptr ? *response.shared_body : std::move(response.body);
  co_return Result<void>{};
}

Task<Result<void>> Exchange::begin(int status, std::string content_type, std::vector<http::Header> headers) {
  KRING_CHECK(answer.status == 0, "one response per request");
  answer.status = status;
  answer.content_type = std::move(content_type);
  answer.headers = std::move(headers);
  co_return Result<void>{};
}

Task<Result<void>> Exchange::chunk(std::string_view data) {
  std::string copy{data};
  while (stalled_) {
    auto woken = co_await unstalled_.wait();
    if (woken.has_error()) co_return std::move(woken).error();
  }
  answer.body += copy;
  co_return Result<void>{};
}

Task<Result<void>> Exchange::end() {
  finished = true;
  co_return Result<void>{};
}

Task<Result<void>> Exchange::closed() { co_return co_await gone_.wait(); }

void Exchange::unstall() {
  stalled_ = false;
  unstalled_.notify();
}

std::vector<json::Value> Exchange::events() {
  std::vector<json::Value> out;
  for (;;) {
    const size_t end = answer.body.find('\n', read_);
    if (end == std::string::npos) return out;
    auto parsed = json::parse(std::string_view{answer.body}.substr(read_, end - read_));
    KRING_CHECK(parsed.has_value(), "an event is a line of JSON");
    out.push_back(std::move(parsed->value));
    read_ = end + 1;
  }
}

ApiWorld::ApiWorld(uint64_t seed, store::Options options) : world(seed) {
  peer.unix_socket = true;
  peer.address = "unix";
  if (options.directory.empty()) options.directory = "/store";
  auto opened = world.run(open_store(world.env(), std::move(options), store));
  KRING_CHECK(opened.has_value(), "the store opens");
  world.spawn("store", run_store, std::ref(*store));
  registry = std::make_unique<Registry>(world.env(), *store);
  authenticator = make_certificate_authenticator();
  authorizer = make_masters_authorizer();
  client = make_local_client(*registry);
  server = std::make_unique<ApiServer>(
      ApiServerParts{world.env(), *registry, *authenticator, *authorizer, nullptr, nullptr, {}});
  make_namespace("default");
}

ApiWorld::~ApiWorld() { KRING_CHECK(world.stop(), "every task ends"); }

http::Request ApiWorld::request(std::string method, std::string target, std::string body) {
  http::Request request;
  request.method = std::move(method);
  request.target = std::move(target);
  request.body = std::move(body);
  KRING_CHECK(http::parse_target(request), request.target);
  return request;
}

Answer ApiWorld::send(http::Request request) {
  auto exchange = std::make_shared<Exchange>(world.env());
  request.peer = peer;
  exchange->request = std::move(request);
  http::Handler& handler = *server;
  world.spawn("request", serve_exchange, std::ref(handler), exchange);
  KRING_CHECK(world.run_until([&] { return exchange->ended; }), "the request is answered");
  return exchange->answer;
}

Answer ApiWorld::get(const std::string& target, std::string accept) {
  http::Request r = request("GET", target);
  if (!accept.empty()) r.headers.push_back({"Accept", std::move(accept)});
  return send(std::move(r));
}

Answer ApiWorld::post(const std::string& target, std::string body, std::string content_type) {
  http::Request r = request("POST", target, std::move(body));
  r.headers.push_back({"Content-Type", std::move(content_type)});
  return send(std::move(r));
}

Answer ApiWorld::put(const std::string& target, std::string body, std::string content_type) {
  http::Request r = request("PUT", target, std::move(body));
  r.headers.push_back({"Content-Type", std::move(content_type)});
  return send(std::move(r));
}

Answer ApiWorld::patch(const std::string& target, std::string body, std::string content_type) {
  http::Request r = request("PATCH", target, std::move(body));
  r.headers.push_back({"Content-Type", std::move(content_type)});
  return send(std::move(r));
}

Answer ApiWorld::del(const std::string& target, std::string body) {
  return send(request("DELETE", target, std::move(body)));
}

std::shared_ptr<Exchange> ApiWorld::open(const std::string& target, std::string accept) {
  auto exchange = std::make_shared<Exchange>(world.env());
  exchange->request = request("GET", target);
  exchange->request.peer = peer;
  if (!accept.empty()) exchange->request.headers.push_back({"Accept", std::move(accept)});
  http::Handler& handler = *server;
  world.spawn("stream", serve_exchange, std::ref(handler), exchange);
  settle();
  return exchange;
}

void ApiWorld::make_namespace(const std::string& name) {
  const Answer made =
      post("/api/v1/namespaces", R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":")" + name + "\"}}");
  KRING_CHECK(made.status == 201, made.body);
  const Answer account = post("/api/v1/namespaces/" + name + "/serviceaccounts",
                              R"({"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"default"}})");
  KRING_CHECK(account.status == 201, account.body);
}

std::string ApiWorld::pod(const std::string& name, const std::string& labels, const std::string& node) {
  std::string out = R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":")" + name + R"(","labels":)" + labels +
                    R"(},"spec":{"containers":[{"name":"app","image":"app:1"}])";
  if (!node.empty()) out += R"(,"nodeName":")" + node + '"';
  return out + "}}";
}

}  // namespace kring::api
