// The server's contract, seen from the wire. Method: raw bytes over loopback; deadlines are shortened through Limits.
#include <sys/stat.h>

#include "tests/runtime/http/http_fixture.h"

namespace kring::http {
namespace {

size_t count(const std::string& text, std::string_view part) {
  size_t n = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++n;
  return n;
}

Task<Result<void>> keep_alive(HttpTest& test) {
  KRING_CO_TRY(const auto client, co_await RawClient::connect(test));
  for (int i = 1; i <= 3; ++i) {
    KRING_CO_TRY_VOID(co_await client->send("GET /echo?" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n"));
    KRING_CO_TRY_VOID(co_await client->read_until("GET /echo?" + std::to_string(i) + " []"));
  }
  EXPECT_EQ(test.server->connections(), 1u);
  EXPECT_EQ(count(client->received, "HTTP/1.1 200 OK\r\nDate: "), 3u);
  EXPECT_EQ(client->received.find("Connection:"), std::string::npos);
  co_return Result<void>{};
}
TEST_F(HttpTest, OneConnectionServesManyRequests) { serve_while(keep_alive); }

Task<Result<void>> pipelined(HttpTest& test) {
  KRING_CO_TRY(const auto client, co_await RawClient::connect(test));
  KRING_CO_TRY_VOID(co_await client->send(
      "PUT /echo?1 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nabGET /echo?2 HTTP/1.1\r\nHost: x\r\n\r\n"
      "PUT /echo?3 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: "
      "close\r\n\r\n3\r\ncde\r\n0\r\n\r\n"));
  KRING_CO_TRY_VOID(co_await client->read_to_end());
  const size_t one = client->received.find("PUT /echo?1 [ab]"), two = client->received.find("GET /echo?2 []"),
               three = client->received.find("PUT /echo?3 [cde]");
  EXPECT_TRUE(one < two && two < three && three != std::string::npos) << client->received;
  EXPECT_NE(client->received.find("Connection: close"), std::string::npos);
  co_return Result<void>{};
}
TEST_F(HttpTest, PipelinedRequestsAreAnsweredInTheirOrder) { serve_while(pipelined); }

Task<Result<void>> head(HttpTest& test) {
  KRING_CO_TRY(const auto client, co_await RawClient::connect(test));
  KRING_CO_TRY_VOID(
      co_await client->send("HEAD /echo HTTP/1.1\r\nHost: x\r\n\r\nGET /none HTTP/1.1\r\nHost: x\r\n\r\n"
                            "GET /echo HTTP/1.0\r\n\r\n"));
  KRING_CO_TRY_VOID(co_await client->read_to_end());
  EXPECT_NE(client->received.find("Content-Length: 13\r\n\r\nHTTP/1.1 204 No Content\r\n"), std::string::npos)
      << client->received;
  EXPECT_EQ(client->received.find("never sent"), std::string::npos);
  EXPECT_TRUE(client->received.ends_with("Connection: close\r\nContent-Length: 12\r\n\r\nGET /echo []"));
  co_return Result<void>{};
}
TEST_F(HttpTest, HeadAndEmptyAnswersHaveNoBodyAndOldClientsGetTheirClose) { serve_while(head); }

Task<Result<void>> expect_continue(HttpTest& test) {
  KRING_CO_TRY(const auto client, co_await RawClient::connect(test));
  KRING_CO_TRY_VOID(
      co_await client->send("PUT /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"));
  KRING_CO_TRY_VOID(co_await client->read_until("HTTP/1.1 100 Continue\r\n\r\n"));
  EXPECT_EQ(test.server->connections(), 1u);
  KRING_CO_TRY_VOID(co_await client->send("abc"));
  KRING_CO_TRY_VOID(co_await client->read_until("PUT /echo [abc]"));
  KRING_CO_TRY(const auto greedy, co_await RawClient::connect(test));
  KRING_CO_TRY_VOID(co_await greedy->send(
      "PUT /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n"));
  KRING_CO_TRY_VOID(co_await greedy->read_to_end());
  EXPECT_TRUE(greedy->received.starts_with("HTTP/1.1 413 ")) << greedy->received;
  co_return Result<void>{};
}
TEST_F(HttpTest, ABodyIsAskedForOnlyWhenItWillBeTaken) { serve_while(expect_continue); }

// Security row A4: header caps. Each refusal is a Kubernetes Status, and the connection closes after it.
Task<Result<void>> refusals(HttpTest& test) {
  const std::pair<std::string, std::string> cases[] = {
      {"nonsense\r\n\r\n", "400 Bad Request"},
      {"GET / HTTP/1.1\r\n\r\n", "400 Bad Request"},
      {"GET /" + std::string(20'000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n", "414 URI Too Long"},
      {"GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(70'000, 'a') + "\r\n\r\n",
       "431 Request Header Fields Too Large"},
      {"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n", "413 Request Entity Too Large"},
      {"GET / HTTP/3.0\r\nHost: x\r\n\r\n", "505 HTTP Version Not Supported"},
      {"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", "501 Not Implemented"}};
  for (const auto& [bytes, status] : cases) {
    KRING_CO_TRY(const auto client, co_await RawClient::connect(test));
    KRING_CO_TRY_VOID(co_await client->send(bytes));
    KRING_CO_TRY_VOID(co_await client->read_to_end());
    EXPECT_TRUE(client->received.starts_with("HTTP/1.1 " + status)) << client->received;
    EXPECT_NE(client->received.find("\"kind\":\"Status\""), std::string::npos) << status;
    EXPECT_NE(client->received.find("\"code\":" + status.substr(0, 3)), std::string::npos) << status;
    EXPECT_NE(client->received.find("Connection: close"), std::string::npos) << status;
  }
  EXPECT_EQ(test.server->connections() <= 1, true);
  co_return Result<void>{};
}
TEST_F(HttpTest, RefusalsAreStatusesAndCloseTheConnection) {
  serve_while(refusals);
  EXPECT_EQ(handler.requests, 0);
}

// Bytes that a refused client goes on sending must not reset the connection before it has read the answer.
Task<Result<void>> refused_while_sending(HttpTest& test) {
  KRING_CO_TRY(const auto client, co_await RawClient::connect(test));
  KRING_CO_TRY_VOID(co_await client->send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n"));
  KRING_CO_TRY_VOID(co_await client->send(std::string(500'000, 'x')));
  KRING_CO_TRY_VOID(co_await client->read_to_end());
  EXPECT_TRUE(client->received.starts_with("HTTP/1.1 413 ")) << client->received;
  co_return Result<void>{};
}
TEST_F(HttpTest, ARefusedClientReadsWhyEvenWhileItSends) { serve_while(refused_while_sending); }

Limits impatient() {
  Limits limits = Limits::standard();
  limits.header_timeout_ms = limits.body_timeout_ms = limits.idle_timeout_ms = limits.write_timeout_ms = 60;
  return limits;
}

// Security row A4: slow client. A header or body that trickles in is answered with 408 at its deadline, however often
// a byte arrives; an idle connection is closed without a word.
Task<Result<void>> trickle(HttpTest& test, std::string first, std::string& received) {
  KRING_CO_TRY(const auto client, co_await RawClient::connect(test));
  KRING_CO_TRY_VOID(co_await client->send(first));
  for (int i = 0; i < 1000 && !client->ended; ++i) {
    const auto sent = co_await client->send("a");
    if (sent.has_error()) break;
    const auto read = co_await with_deadline(test.env, 5, client->read_until("HTTP/1.1 408 Request Timeout"));
    if (!read.has_error()) break;
  }
  received = client->received;
  co_return Result<void>{};
}
Task<Result<void>> slow_clients(HttpTest& test) {
  std::string header, body;
  KRING_CO_TRY_VOID(co_await trickle(test, "GET /echo HTTP/1.1\r\nHost: ", header));
  EXPECT_TRUE(header.starts_with("HTTP/1.1 408 Request Timeout")) << header;
  KRING_CO_TRY_VOID(co_await trickle(test, "PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n", body));
  EXPECT_TRUE(body.starts_with("HTTP/1.1 408 Request Timeout")) << body;
  KRING_CO_TRY(const auto silent, co_await RawClient::connect(test));
  KRING_CO_TRY_VOID(co_await silent->read_to_end());
  EXPECT_EQ(silent->received, "");
  KRING_CO_TRY(const auto idle, co_await RawClient::connect(test));
  KRING_CO_TRY_VOID(co_await idle->send("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"));
  KRING_CO_TRY_VOID(co_await idle->read_to_end());
  EXPECT_TRUE(idle->received.ends_with("GET /echo []")) << idle->received;
  co_return Result<void>{};
}
TEST_F(HttpTest, SlowAndIdleClientsAreCutOffAtTheirDeadline) { serve_while(slow_clients, impatient()); }

// Security row A4: a client that asks for much and reads nothing loses its connection.
Task<Result<void>> reads_nothing(HttpTest& test) {
  KRING_CO_TRY(const auto client, co_await RawClient::connect(test));
  for (int i = 0; i < 20; ++i) KRING_CO_TRY_VOID(co_await client->send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n"));
  while (test.server->connections() > 0 || test.handler.requests == 0) {
    KRING_CO_TRY_VOID(co_await test.env.clock.sleep_ms(5));
  }
  EXPECT_LT(test.handler.requests, 20);
  EXPECT_TRUE(test.handler.last.has_error());
  co_return Result<void>{};
}
TEST_F(HttpTest, AReaderThatStallsIsCutOff) { serve_while(reads_nothing, impatient()); }

// Security row A4: connection caps.
Task<Result<void>> too_many(HttpTest& test) {
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 2; ++i) {
    KRING_CO_TRY(auto client, co_await RawClient::connect(test));
    KRING_CO_TRY_VOID(co_await client->send("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"));
    KRING_CO_TRY_VOID(co_await client->read_until("GET /echo []"));
    clients.push_back(std::move(client));
  }
  KRING_CO_TRY(const auto refused, co_await RawClient::connect(test));
  KRING_CO_TRY_VOID(co_await refused->send("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"));
  KRING_CO_TRY_VOID(co_await refused->read_to_end());
  EXPECT_TRUE(refused->received.starts_with("HTTP/1.1 503 Service Unavailable")) << refused->received;
  clients.pop_back();
  while (test.server->connections() > 1) KRING_CO_TRY_VOID(co_await test.env.clock.sleep_ms(1));
  KRING_CO_TRY(const auto next, co_await RawClient::connect(test));
  KRING_CO_TRY_VOID(co_await next->send("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"));
  co_return co_await next->read_until("GET /echo []");
}
TEST_F(HttpTest, ConnectionsAboveTheLimitAreToldAndALeavingOneMakesRoom) {
  Limits limits = Limits::standard();
  limits.connections_max = 2;
  serve_while(too_many, limits);
}

// Far above the limit even the refusals are bounded: the rest is closed at once.
Task<Result<void>> flood(HttpTest& test) {
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 20; ++i) {
    KRING_CO_TRY(auto client, co_await RawClient::connect(test));
    clients.push_back(std::move(client));
  }
  KRING_CO_TRY_VOID(co_await clients.back()->read_to_end());
  EXPECT_EQ(clients.back()->received, "");
  EXPECT_LE(test.server->connections(), 6u);
  co_return Result<void>{};
}
TEST_F(HttpTest, AFloodOfConnectionsIsBounded) {
  Limits limits = Limits::standard();
  limits.connections_max = 2;
  serve_while(flood, limits);
}

Task<Result<void>> stream(HttpTest& test) {
  {
    KRING_CO_TRY(const auto client, co_await RawClient::connect(test));
    KRING_CO_TRY_VOID(co_await client->send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n"));
    KRING_CO_TRY_VOID(co_await client->read_until("3\r\none\r\n3\r\ntwo\r\n"));
    EXPECT_NE(client->received.find("Transfer-Encoding: chunked\r\n\r\n"), std::string::npos);
    EXPECT_EQ(test.handler.streams_ended, 0);
  }  // the client leaves
  while (test.handler.streams_ended == 0) KRING_CO_TRY_VOID(co_await test.env.clock.sleep_ms(1));
  co_return Result<void>{};
}
TEST_F(HttpTest, AStreamLearnsThatItsClientLeft) { serve_while(stream); }

Task<Result<void>> drain_stream(HttpTest& test) {
  KRING_CO_TRY(const auto watcher, co_await RawClient::connect(test));
  KRING_CO_TRY(const auto idle, co_await RawClient::connect(test));
  KRING_CO_TRY(const auto busy, co_await RawClient::connect(test));
  KRING_CO_TRY_VOID(co_await watcher->send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n"));
  KRING_CO_TRY_VOID(co_await watcher->read_until("two"));
  KRING_CO_TRY_VOID(co_await test.handler.entered.wait());
  KRING_CO_TRY_VOID(co_await idle->send("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"));
  KRING_CO_TRY_VOID(co_await idle->read_until("GET /echo []"));
  KRING_CO_TRY_VOID(co_await busy->send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"));
  KRING_CO_TRY_VOID(co_await test.handler.entered.wait());
  test.group->cancel();  // the server stops
  KRING_CO_TRY_VOID(co_await idle->read_to_end());
  KRING_CO_TRY_VOID(co_await watcher->read_to_end());
  EXPECT_TRUE(watcher->received.ends_with("3\r\ntwo\r\n0\r\n\r\n")) << watcher->received;
  test.handler.release.notify();
  KRING_CO_TRY_VOID(co_await busy->read_to_end());
  EXPECT_TRUE(busy->received.ends_with("late")) << busy->received;
  EXPECT_NE(busy->received.find("Connection: close"), std::string::npos);
  co_return Result<void>{};
}
TEST_F(HttpTest, StoppingEndsStreamsClosesIdleOnesAndFinishesWhatIsUnderWay) { serve_while(drain_stream); }

Task<Result<void>> drain_stuck(HttpTest& test) {
  KRING_CO_TRY(const auto busy, co_await RawClient::connect(test));
  KRING_CO_TRY_VOID(co_await busy->send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"));
  KRING_CO_TRY_VOID(co_await test.handler.entered.wait());
  test.group->cancel();
  KRING_CO_TRY_VOID(co_await busy->read_to_end());
  EXPECT_EQ(busy->received, "");
  EXPECT_EQ(test.handler.last.error().reason, Reason::canceled);
  co_return Result<void>{};
}
TEST_F(HttpTest, ARequestThatDoesNotEndIsCancelledWhenTheServerStops) { serve_while(drain_stuck); }

Task<Result<void>> silent(HttpTest& test) {
  KRING_CO_TRY(const auto fetched, co_await fetch(test.env, {.url = test.url("/silent")}, {}));
  EXPECT_EQ(fetched.head.status, 500);
  co_return Result<void>{};
}
TEST_F(HttpTest, AHandlerThatForgetsToAnswerIsAnInternalError) {
  testing::internal::CaptureStderr();
  serve_while(silent);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("handler sent no answer"), std::string::npos);
}

Task<Result<void>> unix_peer(HttpTest& test) {
  struct stat info {};
  EXPECT_EQ(::stat((test.directory + "/socket").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  ClientOptions options{.unix_path = test.directory + "/socket"};
  KRING_CO_TRY(const auto fetched, co_await fetch(test.env, {.url = "http://local/peer"}, std::move(options)));
  EXPECT_EQ(fetched.body, "unix uid=" + std::to_string(getuid()));
  co_return Result<void>{};
}
// Security row S14: the local socket is a file of mode 0600 and knows who is at the other end.
TEST_F(HttpTest, AUnixSocketIsPrivateAndNamesThePeersUser) { serve_while(unix_peer); }

TEST(ServerListen, SaysWhatIsWrongWithAnAddress) {
  auto world = LinuxEnv::make();
  ScriptedHandler handler{(*world)->env()};
  const auto server = make_server((*world)->env(), handler, Limits::standard());
  for (const char* address : {"", "1.2.3.4", "1.2.3.4:x", "1.2.3.4:70000", "host:80", "[::1:80"}) {
    EXPECT_EQ(server->listen_plain(address).error().reason, Reason::invalid) << address;
  }
  EXPECT_FALSE(server->listen_plain("[::1]:0").has_error());
  EXPECT_GT(server->port(), 0);
}

}  // namespace
}  // namespace kring::http
