// The demo workload's parts: escaping, HTTP heads, DNS messages as the walk-through prints them, keys.
// Method: tables, and messages built byte by byte.
#include <gtest/gtest.h>

#include "examples/kuard/app.h"
#include "examples/kuard/dns.h"
#include "examples/kuard/rsa.h"
#include "examples/kuard/text.h"

namespace kuard {
namespace {

TEST(KuardText, EscapesForHtmlAndJson) {
  EXPECT_EQ(html("<a href=\"x\">'&</a>"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&lt;/a&gt;");
  EXPECT_EQ(json_string("a\"b\\c\nd\x01\xff\xe2\x82\xac"), "\"a\\\"b\\\\c\\nd\\u0001\xef\xbf\xbd\xe2\x82\xac\"");
  EXPECT_EQ(percent_encode("a b/\xc3\xbc<"), "a%20b/%C3%BC%3C");
  EXPECT_EQ(percent_decode("a%20b+c", false), "a b+c");
  EXPECT_EQ(percent_decode("a%20b+c", true), "a b c");
  EXPECT_EQ(percent_decode("%4", false), std::nullopt);
  EXPECT_EQ(percent_decode("%zz", false), std::nullopt);
}

TEST(KuardText, ReadsFlatJsonObjectsAndNothingElse) {
  auto members = parse_json_object(R"({"failNext": -1, "a":"x\u00e9\n", "b":true, "c":{"d":[1,{}]}, "e":null})");
  ASSERT_TRUE(members);
  EXPECT_EQ(members->at("failNext"), "-1");
  EXPECT_EQ(members->at("a"), "x\xc3\xa9\n");
  EXPECT_EQ(members->at("b"), "true");
  EXPECT_EQ(members->at("c"), "");
  for (const char* bad :
       {"", "[]", "{", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\":1}x", "{\"a\":\"\\x\"}", "{a:1}"}) {
    EXPECT_FALSE(parse_json_object(bad)) << bad;
  }
  EXPECT_FALSE(parse_json_object("{\"a\":" + std::string(100'000, '[') + "}"));
}

TEST(KuardHttp, ReadsHeadsAndRefusesMalformedOnes) {
  int status = 0;
  auto request = parse_head("GET /a%20b?x=1&y=%2F HTTP/1.1\r\nHost: h\r\nX-Y:  v  ", status);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->path, "/a b");
  EXPECT_EQ(request->query.at("y"), "/");
  EXPECT_EQ(request->header("x-y"), "v");
  const std::pair<const char*, int> bad[] = {{"", 400},
                                             {"GET", 400},
                                             {"GET /", 400},
                                             {"GET / HTTP/1.1", 400},  // no Host
                                             {"GET / HTTP/2.0\r\nHost: h", 505},
                                             {"GET  / HTTP/1.1\r\nHost: h", 400},
                                             {"G{T / HTTP/1.1\r\nHost: h", 400},
                                             {"GET x HTTP/1.1\r\nHost: h", 400},
                                             {"GET /%00 HTTP/1.1\r\nHost: h", 400},
                                             {"GET /%4 HTTP/1.1\r\nHost: h", 400},
                                             {"GET / HTTP/1.1\r\nHost : h", 400},
                                             {"GET / HTTP/1.1\r\nHost: h\r\nnocolon", 400}};
  for (const auto& [head, expected] : bad) {
    EXPECT_FALSE(parse_head(head, status)) << head;
    EXPECT_EQ(status, expected) << head;
  }
}

void put16(std::vector<uint8_t>& out, unsigned value) {
  out.push_back(static_cast<uint8_t>(value >> 8));
  out.push_back(static_cast<uint8_t>(value));
}

TEST(KuardDns, PrintsAnAnswerExactlyAsTheWalkThroughShowsIt) {
  auto message = *dns_query(43754, "bandicoot-prod.collective.svc.cluster.local", 1);
  message[2] = 0x85;  // qr aa rd
  message[3] = 0x80;  // ra
  message[7] = 1;
  for (unsigned field : {0xc00cu, 1u, 1u, 0u, 30u, 4u}) put16(message, field);
  message.insert(message.end(), {100, 64, 41, 4});
  EXPECT_EQ(*dns_print(message),
            ";; opcode: QUERY, status: NOERROR, id: 43754\n"
            ";; flags: qr aa rd ra; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 0\n"
            "\n"
            ";; QUESTION SECTION:\n"
            ";bandicoot-prod.collective.svc.cluster.local.\tIN\t A\n"
            "\n"
            ";; ANSWER SECTION:\n"
            "bandicoot-prod.collective.svc.cluster.local.\t30\tIN\tA\t100.64.41.4\n");
}

TEST(KuardDns, PrintsServicesTextsAndUnknownTypes) {
  auto message = *dns_query(1, "a.b", 33);
  message[2] = 0x81;
  message[7] = 3;
  for (unsigned field : {0xc00cu, 33u, 1u, 0u, 5u, 8u, 10u, 20u, 80u}) put16(message, field);
  put16(message, 0xc00c);
  for (unsigned field : {0xc00cu, 16u, 1u, 0u, 5u, 5u}) put16(message, field);
  message.insert(message.end(), {2, 'h', '"', 1, 'x'});
  for (unsigned field : {0xc00cu, 4711u, 1u, 0u, 5u, 2u, 0xbeefu}) put16(message, field);
  auto text = dns_print(message);
  ASSERT_TRUE(text);
  EXPECT_NE(text->find("a.b.\t5\tIN\tSRV\t10 20 80 a.b.\n"), std::string::npos) << *text;
  EXPECT_NE(text->find("a.b.\t5\tIN\tTXT\t\"h\\\"\" \"x\"\n"), std::string::npos) << *text;
  EXPECT_NE(text->find("a.b.\t5\tIN\tTYPE4711\t\\# 2 beef\n"), std::string::npos) << *text;
}

TEST(KuardDns, RefusesMalformedMessagesAtEveryCut) {
  auto message = *dns_query(1, "a.b", 1);
  message[2] = 0x80;
  message[7] = 1;
  for (unsigned field : {0xc00cu, 1u, 1u, 0u, 30u, 4u}) put16(message, field);
  message.insert(message.end(), {1, 2, 3, 4});
  ASSERT_TRUE(dns_print(message));
  for (size_t length = 0; length < message.size(); ++length) {
    EXPECT_FALSE(dns_print({message.begin(), message.begin() + static_cast<std::ptrdiff_t>(length)})) << length;
  }
  auto loop = message;
  loop[12] = 0xc0;  // the name is a pointer to itself
  loop[13] = 12;
  EXPECT_FALSE(dns_print(loop));
}

TEST(KuardDns, SearchesAsResolvConfSays) {
  auto conf = parse_resolv_conf(
      "# comment\nnameserver 10.43.0.10\nnameserver ::1\n"
      "search ns.svc.cluster.local svc.cluster.local cluster.local\n"
      "options ndots:5 timeout:1 attempts:3 rotate\n");
  EXPECT_EQ(conf.servers, (std::vector<std::string>{"10.43.0.10", "::1"}));
  EXPECT_EQ(conf.ndots, 5);
  EXPECT_EQ(conf.attempts, 3);
  EXPECT_EQ(search_names("web", conf), (std::vector<std::string>{"web.ns.svc.cluster.local", "web.svc.cluster.local",
                                                                 "web.cluster.local", "web"}));
  EXPECT_EQ(search_names("web.", conf), std::vector<std::string>{"web"});
  conf.ndots = 1;
  EXPECT_EQ(search_names("a.b", conf)[0], "a.b");
  EXPECT_TRUE(search_names("", conf).empty());
  EXPECT_FALSE(dns_query(1, "a..b", 1));
  EXPECT_FALSE(dns_query(1, std::string(64, 'a'), 1));
  EXPECT_EQ(dns_type("srv"), 33);
  EXPECT_EQ(dns_type("TYPE65280"), 65280);
  EXPECT_EQ(dns_type("X"), std::nullopt);
}

std::string hex(const std::array<uint8_t, 32>& bytes) {
  std::string out;
  for (uint8_t byte : bytes) {
    out += "0123456789abcdef"[byte >> 4];
    out += "0123456789abcdef"[byte & 15];
  }
  return out;
}

// Vectors: FIPS 180-4 examples; RFC 4648.
TEST(KuardKeys, HashesAndEncodes) {
  EXPECT_EQ(hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(hex(sha256(std::string(1'000'000, 'a'))),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  EXPECT_EQ(base64("foob", true), "Zm9vYg==");
  EXPECT_EQ(base64("fooba", false), "Zm9vYmE");
}

TEST(KuardKeys, TellsPrimesFromOthers) {
  // 2^61 - 1 and 2^127 - 1 are prime; 561 and 2^67 - 1 are the classic traps.
  EXPECT_TRUE(probably_prime({(uint64_t{1} << 61) - 1}, 20));
  EXPECT_TRUE(probably_prime({~uint64_t{0}, ~uint64_t{0} >> 1}, 20));
  EXPECT_FALSE(probably_prime({561}, 20));
  EXPECT_FALSE(probably_prime({~uint64_t{0}, 7}, 20));
  EXPECT_EQ(power_mod({3}, {200}, {13})[0], 9u);
  // Fermat: a^(p-1) = 1 for p = 2^127 - 1.
  Number p{~uint64_t{0}, ~uint64_t{0} >> 1};
  EXPECT_EQ(power_mod({12345, 678}, {p[0] - 1, p[1]}, p), (Number{1, 0}));
}

TEST(KuardKeys, NamesAKeyAsSshKeygenDoes) {
  std::atomic<bool> stop{false};
  auto key = generate_rsa_key(stop);
  ASSERT_TRUE(key);
  // ssh-rsa, the exponent 65537, and a modulus of 2048 bits with a zero byte before it.
  EXPECT_TRUE(key->ssh.starts_with("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ")) << key->ssh;
  EXPECT_EQ(key->fingerprint.size(), 7 + 43u);
  stop = true;
  EXPECT_FALSE(generate_rsa_key(stop));
}

class KuardAppTest : public testing::Test {
 protected:
  Response call(std::string method, std::string target, std::string body = "", std::string type = "") {
    int status = 0;
    auto request = parse_head(method + " " + target + " HTTP/1.1\r\nHost: h\r\nContent-Type: " + type, status);
    request->body = std::move(body);
    request->remote = "10.0.0.1:1";
    return app_.handle(*request);
  }
  App app_{Options{.version = "2", .root = "/", .arguments = {"/kuard", "<b>"}}, [](int) {}};
};

TEST_F(KuardAppTest, FailsAProbeAsOftenAsItIsTold) {
  EXPECT_EQ(call("GET", "/ready").status, 200);
  EXPECT_EQ(call("PUT", "/ready/api", "{\"failNext\":2}").status, 200);
  EXPECT_EQ(call("GET", "/ready").status, 500);
  EXPECT_EQ(call("GET", "/ready").status, 500);
  EXPECT_EQ(call("GET", "/ready").status, 200);
  EXPECT_EQ(call("POST", "/ready/switch", "n=-1", "application/x-www-form-urlencoded").location, "../readiness");
  for (int i = 0; i < 50; ++i) EXPECT_EQ(call("GET", "/ready").status, 500);
  EXPECT_EQ(call("GET", "/healthy").status, 200);  // the other probe is its own
  EXPECT_EQ(call("POST", "/ready/switch?n=0").status, 303);
  EXPECT_EQ(call("GET", "/ready").status, 200);
  EXPECT_EQ(call("PUT", "/ready/api", "{}").status, 400);
  EXPECT_EQ(call("PUT", "/ready/api", "{\"failNext\":\"x\"}").status, 400);
  EXPECT_EQ(call("DELETE", "/ready/api").status, 405);
  auto state = call("GET", "/ready/api").body;
  EXPECT_NE(state.find("\"probePath\":\"/ready\",\"failNext\":0"), std::string::npos);
  EXPECT_EQ(std::count(state.begin(), state.end(), '{'), 21);  // itself and the last twenty calls
}

TEST_F(KuardAppTest, ShowsItsVersionByColourAndEscapesWhatOthersSay) {
  auto page = call("GET", "/?q=<script>").body;
  EXPECT_NE(page.find("data-version=\"2\" data-colour=\"green\""), std::string::npos);
  EXPECT_EQ(page.find("<script>"), std::string::npos);
  EXPECT_NE(page.find("&lt;script&gt;"), std::string::npos);
  EXPECT_NE(call("GET", "/env").body.find("&lt;b&gt;"), std::string::npos);
  for (const char* path : {"/env", "/mem", "/dns", "/keygen", "/liveness", "/readiness", "/metrics", "/env/api",
                           "/mem/api", "/keygen/api", "/healthy/api", "/fs/"}) {
    EXPECT_EQ(call("GET", path).status, 200) << path;
  }
  EXPECT_EQ(call("GET", "/nothing").status, 404);
  EXPECT_EQ(call("POST", "/").status, 405);
}

TEST_F(KuardAppTest, AllocatesAndReleasesMemory) {
  EXPECT_NE(call("POST", "/mem/api/alloc?size=1000000").body.find("\"allocated\":1000000"), std::string::npos);
  EXPECT_EQ(call("POST", "/mem/api/alloc?size=-1").status, 400);
  EXPECT_EQ(call("POST", "/mem/api/alloc?size=9223372036854775807").status, 500);
  EXPECT_EQ(call("GET", "/mem/api/alloc?size=1").status, 404);
  EXPECT_NE(call("POST", "/mem/api/clear").body.find("\"allocated\":0"), std::string::npos);
}

TEST_F(KuardAppTest, BrowsesFilesButNeitherDevicesNorMagicLinks) {
  EXPECT_NE(call("GET", "/fs/etc/").body.find("passwd"), std::string::npos);
  EXPECT_EQ(call("GET", "/fs/etc").location, "./etc/");
  EXPECT_EQ(call("GET", "/fs/dev/null").status, 403);      // devices are not opened
  EXPECT_NE(call("GET", "/fs/proc/1/root/").status, 200);  // magic links are not followed
  EXPECT_EQ(call("GET", "/fs/no/such").status, 404);
  EXPECT_EQ(call("POST", "/fs/etc/").status, 405);
}

}  // namespace
}  // namespace kuard
