// TLS as clients meet it: who is let in, who gets an alert, what a replaced certificate changes. Method: our client
// against our server, and the openssl program for what our client would not do.
#include <cstdio>
#include <fstream>

#include "tests/runtime/http/http_fixture.h"

namespace kring::http {
namespace {

struct Tls {
  std::unique_ptr<CertificateAuthority> ca, other_ca;
  uint16_t port = 0;
};

// The fixture's plain listener comes first; this one is a second server on the same loop.
struct TlsServer {
  explicit TlsServer(HttpTest& test)
      : test_(test), group(test.env, "tls"), server(make_server(test.env, test.handler, Limits::standard())) {}
  Task<Result<void>> start() {
    KRING_CO_TRY(ca, co_await CertificateAuthority::open(test_.env, test_.directory + "/ca"));
    KRING_CO_TRY(other_ca, co_await CertificateAuthority::open(test_.env, test_.directory + "/other"));
    KRING_CO_TRY(pair, ca->issue(server_request("localhost")));
    KRING_CO_TRY_VOID(server->set_certificate(pair, ca->certificate_pem()));
    KRING_CO_TRY_VOID(server->listen_tls("127.0.0.1:0"));
    group.spawn("server", &Server::run_loop, std::ref(*server));
    co_return Result<void>{};
  }
  Task<Result<void>> stop() {
    group.cancel();
    co_return co_await group.join();
  }
  static CertificateRequest server_request(std::string name) {
    return {.common_name = "server", .dns_names = {std::move(name)}, .addresses = {"127.0.0.1"}, .server = true};
  }
  std::string url(std::string path) const { return "https://127.0.0.1:" + std::to_string(server->port()) + path; }
  ClientOptions options() const { return ClientOptions{.ca_pem = ca->certificate_pem()}; }

  HttpTest& test_;
  TaskGroup group;
  std::unique_ptr<Server> server;
  std::unique_ptr<CertificateAuthority> ca, other_ca;
  KeyPair pair;
};

using TlsBody = Task<Result<void>> (*)(HttpTest&, TlsServer&);
template <TlsBody body>
Task<Result<void>> with_tls(HttpTest& test) {
  TlsServer tls{test};
  const auto started = co_await tls.start();
  auto result = started;
  if (!started.has_error()) result = co_await body(test, tls);
  const auto stopped = co_await shielded(test.env, tls.stop());
  co_return result.has_error() ? result : stopped;
}

Task<Result<void>> serves(HttpTest& test, TlsServer& tls) {
  KRING_CO_TRY(const auto anonymous, co_await fetch(test.env, {.url = tls.url("/peer")}, tls.options()));
  EXPECT_EQ(anonymous.body, "tls");
  KRING_CO_TRY(const auto big, co_await fetch(test.env, {.url = tls.url("/big")}, tls.options()));
  EXPECT_EQ(big.body, *test.handler.big);
  ClientRequest upload{.method = "PUT", .url = tls.url("/echo"), .body = std::string(1'000'000, 'u')};
  KRING_CO_TRY(const auto echoed, co_await fetch(test.env, std::move(upload), tls.options()));
  EXPECT_EQ(echoed.body.size(), 1'000'000 + std::string("PUT /echo []").size());
  co_return Result<void>{};
}
TEST_F(HttpTest, TlsServesLargeBodiesBothWays) { serve_while(with_tls<serves>); }

Task<Result<void>> identity(HttpTest& test, TlsServer& tls) {
  const CertificateRequest admin{.common_name = "admin", .organizations = {"system:masters", "b"}, .client = true};
  KRING_CO_TRY(auto pair, tls.ca->issue(admin));
  auto options = tls.options();
  options.pair = std::make_shared<KeyPair>(std::move(pair));
  KRING_CO_TRY(const auto fetched, co_await fetch(test.env, {.url = tls.url("/peer")}, std::move(options)));
  EXPECT_EQ(fetched.body, "tls cn=admin o=system:masters o=b");
  co_return Result<void>{};
}
TEST_F(HttpTest, AClientCertificateOfOurCaIsAnIdentity) { serve_while(with_tls<identity>); }

// Security row A6: wrong CA, expired, a server's certificate: none of them is an identity, and none becomes anonymous.
Task<Result<void>> bad_identities(HttpTest& test, TlsServer& tls) {
  const CertificateRequest admin{.common_name = "admin", .organizations = {"system:masters"}, .client = true};
  CertificateRequest expired = admin;
  expired.valid_days = -1;
  CertificateRequest wrong_usage = admin;
  wrong_usage.client = false;
  wrong_usage.server = true;
  std::vector<KeyPair> pairs;
  for (const auto& issued : {tls.other_ca->issue(admin), tls.ca->issue(expired), tls.ca->issue(wrong_usage)}) {
    if (issued.has_error()) co_return issued.error();
    pairs.push_back(*issued);
  }
  for (auto& pair : pairs) {
    auto options = tls.options();
    options.pair = std::make_shared<KeyPair>(std::move(pair));
    const auto fetched = co_await fetch(test.env, {.url = tls.url("/peer")}, std::move(options));
    EXPECT_TRUE(fetched.has_error()) << fetched->body;
  }
  EXPECT_EQ(test.handler.requests, 0);
  co_return Result<void>{};
}
TEST_F(HttpTest, ABadClientCertificateIsRefusedAndNeverAnonymous) { serve_while(with_tls<bad_identities>); }

Task<Result<void>> bad_servers(HttpTest& test, TlsServer& tls) {
  ClientOptions stranger{.ca_pem = tls.other_ca->certificate_pem()};
  const auto unknown = co_await fetch(test.env, {.url = tls.url("/peer")}, std::move(stranger));
  EXPECT_TRUE(unknown.has_error());
  const std::string port = std::to_string(tls.server->port());
  const auto named = co_await fetch(test.env, {.url = "https://localhost:" + port + "/peer"}, tls.options());
  EXPECT_TRUE(named.has_value());
  KRING_CO_TRY(const auto elsewhere, tls.ca->issue(TlsServer::server_request("elsewhere")));
  KRING_CO_TRY_VOID(tls.server->set_certificate(elsewhere, tls.ca->certificate_pem()));
  const auto misnamed = co_await fetch(test.env, {.url = "https://localhost:" + port + "/peer"}, tls.options());
  EXPECT_NE(misnamed.error().message.find("ostname mismatch"), std::string::npos) << misnamed.error().message;
  co_return Result<void>{};
}
TEST_F(HttpTest, TheClientRefusesUnknownIssuersAndOtherNames) { serve_while(with_tls<bad_servers>); }

Task<Result<void>> not_tls(HttpTest& test, TlsServer& tls) {
  const net::IpAddress address{.host = "127.0.0.1", .port = tls.server->port()};
  KRING_CO_TRY(auto fd, co_await net::connect_tcp(test.env, address));
  net::Socket socket{test.env.loop, std::move(fd)};
  const std::string text = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::span bytes{reinterpret_cast<const uint8_t*>(text.data()), text.size()};
  const auto [error, sent] = co_await socket.write_some(net::Parts{bytes});
  EXPECT_FALSE(error);
  std::array<uint8_t, 100> answer{};
  const auto [read_error, n] = co_await socket.read_some(answer);
  EXPECT_TRUE(read_error || answer[0] == 0x15) << "an alert or the end";
  KRING_CO_TRY(const auto fetched, co_await fetch(test.env, {.url = tls.url("/peer")}, tls.options()));
  EXPECT_EQ(fetched.head.status, 200);
  co_return Result<void>{};
}
TEST_F(HttpTest, PlainTextOnTheTlsPortHurtsNobodyElse) { serve_while(with_tls<not_tls>); }

// Runs the openssl program beside the loop.
Task<Result<void>> run_program(HttpTest& test, std::string command, std::string& output) {
  const std::string file = test.directory + "/output";
  const std::string shell = "(" + command + ") > " + file + " 2>&1 < /dev/null; touch " + file + ".done";
  std::filesystem::remove(file + ".done");
  EXPECT_EQ(std::system(("(" + shell + ") &").c_str()), 0);
  while (!std::filesystem::exists(file + ".done")) KRING_CO_TRY_VOID(co_await test.env.clock.sleep_ms(5));
  std::ifstream in(file);
  output.assign(std::istreambuf_iterator<char>{in}, {});
  co_return Result<void>{};
}

Task<Result<void>> versions(HttpTest& test, TlsServer& tls) {
  const std::string connect = "timeout 10 openssl s_client -connect 127.0.0.1:" + std::to_string(tls.server->port());
  std::string output;
  KRING_CO_TRY_VOID(co_await run_program(test, connect + " -tls1_2 -alpn h2,http/1.1", output));
  EXPECT_NE(output.find("ALPN protocol: http/1.1"), std::string::npos) << output;
  EXPECT_NE(output.find("TLSv1.2"), std::string::npos);
  KRING_CO_TRY_VOID(co_await run_program(test, connect + " -tls1_3", output));
  EXPECT_NE(output.find("TLSv1.3, Cipher is"), std::string::npos) << output;
  KRING_CO_TRY_VOID(co_await run_program(test, connect + " -tls1_1 -cipher ALL:@SECLEVEL=0", output));
  EXPECT_NE(output.find("alert protocol version"), std::string::npos) << output;
  KRING_CO_TRY_VOID(co_await run_program(test, connect + " -alpn h2", output));
  EXPECT_NE(output.find("no application protocol"), std::string::npos) << output;
  co_return Result<void>{};
}
TEST_F(HttpTest, SpeaksTls12And13AndHttp11Only) { serve_while(with_tls<versions>); }

Task<Result<void>> resumption(HttpTest& test, TlsServer& tls) {
  const std::string connect =
      "timeout 10 openssl s_client -tls1_2 -connect 127.0.0.1:" + std::to_string(tls.server->port());
  const std::string session = test.directory + "/session";
  std::string output;
  KRING_CO_TRY_VOID(co_await run_program(test, connect + " -sess_out " + session, output));
  EXPECT_NE(output.find("New, TLSv1.2"), std::string::npos) << output;
  KRING_CO_TRY_VOID(co_await run_program(test, connect + " -sess_in " + session, output));
  EXPECT_NE(output.find("Reused, TLSv1.2"), std::string::npos) << output;
  // Tickets die with the certificate that they were made under: a client whose CA was replaced must show itself again.
  KRING_CO_TRY_VOID(tls.server->set_certificate(tls.pair, tls.other_ca->certificate_pem()));
  KRING_CO_TRY_VOID(co_await run_program(test, connect + " -sess_in " + session, output));
  EXPECT_NE(output.find("New, TLSv1.2"), std::string::npos) << output;
  co_return Result<void>{};
}
TEST_F(HttpTest, SessionsResumeUntilTheCertificateIsReplaced) { serve_while(with_tls<resumption>); }

Task<Result<void>> replaced(HttpTest& test, TlsServer& tls) {
  KRING_CO_TRY(auto streaming, co_await open(test.env, {.url = tls.url("/stream")}, tls.options()));
  KRING_CO_TRY(auto other, tls.other_ca->issue(TlsServer::server_request("localhost")));
  KRING_CO_TRY_VOID(tls.server->set_certificate(other, tls.other_ca->certificate_pem()));
  std::array<uint8_t, 6> bytes{};
  size_t have = 0;
  while (have < bytes.size()) {
    KRING_CO_TRY(const size_t n, co_await streaming->read(std::span{bytes}.subspan(have)));
    have += n;
  }
  EXPECT_EQ(std::string(bytes.begin(), bytes.end()), "onetwo");  // an open connection keeps its own
  const auto stale = co_await fetch(test.env, {.url = tls.url("/peer")}, tls.options());
  EXPECT_TRUE(stale.has_error());
  ClientOptions fresh{.ca_pem = tls.other_ca->certificate_pem()};
  const auto fetched = co_await fetch(test.env, {.url = tls.url("/peer")}, std::move(fresh));
  EXPECT_TRUE(fetched.has_value());
  EXPECT_TRUE(tls.server->set_certificate({"nonsense", "nonsense"}, "").has_error());
  co_return Result<void>{};
}
TEST_F(HttpTest, AReplacedCertificateCountsForNewConnectionsOnly) { serve_while(with_tls<replaced>); }

}  // namespace
}  // namespace kring::http
