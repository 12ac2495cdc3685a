// The client against our server, and against raw answers that break the rules.
#include "tests/runtime/http/http_fixture.h"

namespace kring::http {
namespace {

Task<Result<void>> redirects(HttpTest& test) {
  ClientOptions follow{.redirects_max = 2};
  KRING_CO_TRY(const auto direct, co_await fetch(test.env, {.url = test.url("/redirect?to=/echo")}, {}));
  EXPECT_EQ(direct.head.status, 302);  // nobody asked to follow
  KRING_CO_TRY(const auto followed, co_await fetch(test.env, {.url = test.url("/redirect?to=/echo%3Fa")}, follow));
  EXPECT_EQ(followed.body, "GET /echo?a []");
  EXPECT_EQ(followed.head.url, test.url("/echo?a"));
  const auto loop = co_await fetch(test.env, {.url = test.url("/redirect?to=%3Fto=%253Fto=x")}, follow);
  KRING_MAYBE(loop.has_value());
  // Security row I4: no redirect leaves HTTP.
  const auto file = co_await fetch(test.env, {.url = test.url("/redirect?to=file:///etc/passwd")}, follow);
  EXPECT_EQ(file.error().reason, Reason::invalid);
  co_return Result<void>{};
}
TEST_F(HttpTest, RedirectsAreFollowedOnlyWhenAskedForAndOnlyToHttp) { serve_while(redirects); }

Task<Result<void>> too_large(HttpTest& test) {
  ClientOptions options{.body_bytes_max = 1000};
  const auto fetched = co_await fetch(test.env, {.url = test.url("/big")}, std::move(options));
  EXPECT_EQ(fetched.error().reason, Reason::request_entity_too_large);
  co_return Result<void>{};
}
TEST_F(HttpTest, FetchIsBounded) { serve_while(too_large); }

Task<Result<void>> nobody(HttpTest& test) {
  const std::string url = test.url("/");
  const auto refused = co_await fetch(test.env, {.url = "http://127.0.0.1:1/"}, {});
  EXPECT_EQ(refused.error().reason, Reason::io);
  EXPECT_NE(refused.error().message.find("onnection refused"), std::string::npos) << refused.error().message;
  ClientOptions hasty{.head_timeout_ms = 20};
  const auto late = co_await fetch(test.env, {.url = test.url("/slow")}, std::move(hasty));
  EXPECT_EQ(late.error().reason, Reason::timeout);
  ClientOptions bored{.idle_timeout_ms = 20};
  const auto stalled = co_await fetch(test.env, {.url = test.url("/stream")}, std::move(bored));
  EXPECT_EQ(stalled.error().reason, Reason::timeout);
  co_return Result<void>{};
}
TEST_F(HttpTest, EveryWaitOfTheClientEnds) { serve_while(nobody); }

// A listener that answers one connection with fixed bytes and closes.
Task<Result<void>> answer_once(Env& env, net::Listener& listener, std::string bytes) {
  KRING_CO_TRY_VOID(co_await listener.wait());
  KRING_CO_TRY(auto accepted, listener.accept());
  net::Socket socket{env.loop, std::move(accepted->fd)};
  std::array<uint8_t, 4096> request{};
  const auto [read_error, n] = co_await socket.read_some(request);
  const std::span out{reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
  const auto [write_error, sent] = co_await socket.write_some(net::Parts{out});
  EXPECT_FALSE(read_error || write_error);
  EXPECT_EQ(sent, bytes.size());
  co_return Result<void>{};
}
Task<Result<void>> fetch_raw(HttpTest& test, std::string bytes, std::string& outcome) {
  KRING_CO_TRY(const auto listener, net::Listener::tcp(test.env.loop, "127.0.0.1:0"));
  TaskGroup group{test.env, "raw"};
  group.spawn("answer", answer_once, std::ref(test.env), std::ref(*listener), std::move(bytes));
  const std::string url = "http://127.0.0.1:" + std::to_string(listener->port()) + "/";
  const auto fetched = co_await fetch(test.env, {.url = url}, {});
  outcome = fetched.has_error() ? "error" : std::to_string(fetched->head.status) + " " + fetched->body;
  co_return co_await group.join();
}
Task<Result<void>> raw_answers(HttpTest& test) {
  const std::pair<const char*, const char*> cases[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", "200 ab"},
      {"HTTP/1.1 200 OK\r\n\r\nto the end", "200 to the end"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n", "200 ab"},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: "
       "1\r\n\r\nx",
       "201 x"},
      {"HTTP/1.1 204 No Content\r\n\r\n", "204 "},
      // An end that comes too early is an error, never a shorter body.
      {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", "error"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", "error"},
      {"HTTP/1.1 200 OK\r\nContent-Le", "error"},
      {"", "error"},
      {"SSH-2.0-OpenSSH\r\n", "error"}};
  for (const auto& [bytes, expected] : cases) {
    std::string outcome;
    if (*bytes == 0) continue;
    KRING_CO_TRY_VOID(co_await fetch_raw(test, bytes, outcome));
    EXPECT_EQ(outcome, expected) << bytes;
  }
  co_return Result<void>{};
}
TEST_F(HttpTest, TheClientTellsWholeAnswersFromBrokenOnes) { serve_while(raw_answers); }

// Security row I4: credentials stay with the host and port that they were meant for.
Task<Result<void>> capture_request(Env& env, net::Listener& listener, std::string& seen) {
  KRING_CO_TRY_VOID(co_await listener.wait());
  KRING_CO_TRY(auto accepted, listener.accept());
  net::Socket socket{env.loop, std::move(accepted->fd)};
  std::array<uint8_t, 4096> request{};
  const auto [error, n] = co_await socket.read_some(request);
  seen.assign(request.begin(), request.begin() + static_cast<ptrdiff_t>(n));
  const std::string bytes = "HTTP/1.1 204 No Content\r\n\r\n";
  const std::span out{reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
  const auto [write_error, sent] = co_await socket.write_some(net::Parts{out});
  EXPECT_FALSE(error || write_error || sent != bytes.size());
  co_return Result<void>{};
}
Task<Result<void>> credentials(HttpTest& test) {
  KRING_CO_TRY(const auto listener, net::Listener::tcp(test.env.loop, "127.0.0.1:0"));
  TaskGroup group{test.env, "raw"};
  std::string seen;
  group.spawn("capture", capture_request, std::ref(test.env), std::ref(*listener), std::ref(seen));
  const std::string elsewhere = "http://127.0.0.1:" + std::to_string(listener->port()) + "/x";
  ClientRequest request{.url = test.url("/redirect?to=" + elsewhere)};
  request.headers = {{"Authorization", "Bearer secret"}, {"Accept", "text/plain"}};
  ClientOptions options{.redirects_max = 1};
  KRING_CO_TRY(const auto fetched, co_await fetch(test.env, std::move(request), std::move(options)));
  EXPECT_EQ(fetched.head.status, 204);
  EXPECT_NE(seen.find("Accept: text/plain"), std::string::npos) << seen;
  EXPECT_EQ(seen.find("secret"), std::string::npos) << seen;
  co_return co_await group.join();
}
TEST_F(HttpTest, CredentialsDoNotFollowARedirectToAnotherHost) { serve_while(credentials); }

}  // namespace
}  // namespace kring::http
