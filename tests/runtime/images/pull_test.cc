// Images come from registries with every byte verified and credentials kept where they belong (rows I3 and I4 of the
// checklist). Method: a registry in this process that can lie, on loopback; and Debian's docker-registry, a real one.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "objects/base64.h"
#include "objects/check.h"
#include "runtime/http/server.h"
#include "runtime/images/digest.h"
#include "runtime/images/registry.h"
#include "tests/runtime/images/harness.h"

namespace kring::images {
namespace {

namespace fs = std::filesystem;
using mkimage::Compression;

// Serves the files of an OCI layout as repository "app", tag "1"; how it misbehaves is set per test.
class FakeRegistry final : public http::Handler {
 public:
  Task<void> serve(http::Request& request, http::Reply& reply) override {
    seen.push_back(request.method + " " + request.path);
    credentials.push_back(std::string{request.header("authorization")});
    http::Response response = answer(request);
    auto sent = co_await reply.send(std::move(response));
    KRING_MAYBE(sent.has_error());
  }

  std::map<std::string, std::string> files;  // of the layout
  std::string top;                           // digest of what tag 1 names
  std::string user, password, token;         // what it wants; empty: nothing
  std::string realm, redirect_blobs_to, tampered;
  std::vector<std::string> seen, credentials;

 private:
  static http::Response text(int status, std::string body) {
    http::Response out;
    out.status = status;
    out.body = std::move(body);
    return out;
  }

  http::Response answer(const http::Request& request) {
    if (request.path == "/token") return give_token(request);
    if (request.path.starts_with("/elsewhere/")) return document("sha256:" + request.path.substr(11), "");
    bool allowed = user.empty() && token.empty();
    if (!token.empty())
      allowed = request.header("authorization") == "Bearer " + token;
    else if (!user.empty())
      allowed = request.header("authorization") == "Basic " + base64_encode(user + ":" + password);
    if (!allowed) {
      auto refusal = text(401, "{}");
      std::string challenge =
          token.empty() ? "Basic realm=\"fake\"" : "Bearer realm=\"" + realm + "\",service=\"fake\"";
      refusal.headers.push_back({"WWW-Authenticate", challenge});
      return refusal;
    }
    if (request.path == "/v2/app/manifests/1") return document(top, "");
    std::string manifests = "/v2/app/manifests/", blobs = "/v2/app/blobs/";
    if (request.path.starts_with(manifests)) return document(request.path.substr(manifests.size()), "");
    if (!request.path.starts_with(blobs)) return text(404, "{}");
    std::string digest = request.path.substr(blobs.size());
    if (redirect_blobs_to.empty()) return document(digest, "");
    auto moved = text(307, "");
    moved.headers.push_back({"Location", redirect_blobs_to + digest.substr(7)});
    return moved;
  }

  http::Response give_token(const http::Request& request) {
    if (!user.empty() && request.header("authorization") != "Basic " + base64_encode(user + ":" + password)) {
      return text(401, "{}");
    }
    EXPECT_EQ(request.query_value("scope"), "repository:app:pull");
    EXPECT_EQ(request.query_value("service"), "fake");
    return text(200, "{\"token\":\"" + token + "\"}");
  }

  http::Response document(const std::string& digest, std::string type) {
    auto found = files.find("blobs/sha256/" + digest.substr(std::min<size_t>(7, digest.size())));
    if (found == files.end()) return text(404, "{}");
    std::string body = found->second;
    if (digest == tampered) body[body.size() / 2] = static_cast<char>(body[body.size() / 2] ^ 1);
    auto out = text(200, std::move(body));
    if (type.empty() && out.body.find("\"manifests\"") != std::string::npos)
      type = "application/vnd.oci.image.index.v1+json";
    if (type.empty() && out.body.find("\"layers\":[{") != std::string::npos)
      type = "application/vnd.oci.image.manifest.v1+json";
    out.content_type = type.empty() ? "application/octet-stream" : type;
    return out;
  }
};

class PullTest : public ImagesTest {
 protected:
  PullTest() {
    listen();
    offer({image_of({{.path = "hello", .content = "world"}}, "")});
    store_ = open_store();
  }
  // A server runs once; the next one takes the same port.
  void listen() {
    server_ = http::make_server(env(), registry_, http::Limits::standard());
    auto listening = server_->listen_plain("127.0.0.1:" + std::to_string(server_port_));
    ASSERT_TRUE(listening.has_value()) << listening.error().message;
    server_port_ = server_->port();
  }
  std::string host() const { return "127.0.0.1:" + std::to_string(server_port_); }
  void offer(const std::vector<mkimage::Image>& images, bool nested = false) {
    registry_.files = mkimage::oci_layout(images, Compression::gzip, nested);
    const std::string& index = registry_.files["index.json"];
    registry_.top = index.substr(index.find("sha256:"), 71);
  }
  std::string layer_digest() const {
    for (const auto& [name, content] : registry_.files) {
      if (content.starts_with("\x1f\x8b")) return "sha256:" + name.substr(name.rfind('/') + 1);
    }
    return "";
  }
  Result<Image> pull(std::string reference, std::vector<Credentials> credentials = {}) {
    std::optional<Result<Image>> out;
    if (server_->port() == 0) listen();
    auto ran = run_to_end(env(), "pull",
                          serve_and_pull(env(), *server_, *store_, std::move(reference), std::move(credentials), out));
    if (!out) return Error{Reason::internal_error, ran.has_error() ? ran.error().message : "not run"};
    return std::move(*out);
  }
  Result<Image> pull_app(std::vector<Credentials> credentials = {}) {
    return pull(host() + "/app:1", std::move(credentials));
  }

  static Task<Result<void>> serve_loop(http::Server& server) { co_return co_await server.run_loop(); }
  static Task<Result<void>> serve_and_pull(Env& env, http::Server& server, Images& store, std::string reference,
                                           std::vector<Credentials> credentials, std::optional<Result<Image>>& out) {
    TaskGroup group{env, "registry"};
    group.spawn("server", serve_loop, std::ref(server));
    out = co_await store.pull(std::move(reference), std::move(credentials));
    group.cancel();
    auto joined = co_await group.join();
    KRING_MAYBE(joined.has_error());
    co_return Result<void>{};
  }

  FakeRegistry registry_;
  uint16_t server_port_ = 0;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<Images> store_;
};

TEST_F(PullTest, BringsAnImageInAndKnowsItByEveryName) {
  auto image = pull_app();
  ASSERT_TRUE(image.has_value()) << image.error().message;
  EXPECT_EQ(read_text(image->layers[0] + "/hello"), "world");
  EXPECT_EQ(image->references, std::vector<std::string>{host() + "/app:1"});
  EXPECT_EQ(image->repo_digests, std::vector<std::string>{host() + "/app@" + registry_.top});
  EXPECT_TRUE(store_->find(host() + "/app:1")->has_value());
  EXPECT_TRUE(store_->find(host() + "/app@" + registry_.top)->has_value());
  EXPECT_FALSE(await(store_->collect({host() + "/app:1"})).has_error());
  EXPECT_TRUE(store_->find(host() + "/app:1")->has_value());
  EXPECT_FALSE(await(store_->collect({})).has_error());
  EXPECT_FALSE(store_->find(host() + "/app:1")->has_value());  // nobody imported it, nothing uses it
  EXPECT_TRUE(fs::is_empty(temporary_.path("images/layers")));
}

TEST_F(PullTest, PullsByDigest) {
  auto image = pull(host() + "/app@" + registry_.top);
  ASSERT_TRUE(image.has_value()) << image.error().message;
  EXPECT_TRUE(image->references.empty());
  EXPECT_TRUE(store_->find(host() + "/app@" + registry_.top)->has_value());
  EXPECT_TRUE(store_->find(host() + "/app:any@" + registry_.top)->has_value());
  EXPECT_FALSE(store_->find(host() + "/app:1")->has_value());
}

TEST_F(PullTest, PicksThisMachineFromAnIndexAndKnowsItsDigestToo) {
  auto mine = image_of({{.path = "hello", .content = "mine"}}, ""), other = mine;
  other.architecture = "s390x";
  offer({other, mine}, true);
  auto image = pull_app();
  ASSERT_TRUE(image.has_value()) << image.error().message;
  EXPECT_EQ(read_text(image->layers[0] + "/hello"), "mine");
  EXPECT_EQ(image->repo_digests.size(), 2u);
  EXPECT_TRUE(store_->find(host() + "/app@" + registry_.top)->has_value());
  offer({other}, true);
  auto none = pull_app();
  ASSERT_TRUE(none.has_error());
  EXPECT_NE(none.error().message.find("no match for platform in manifest"), std::string::npos);
}

TEST_F(PullTest, DownloadsOnlyLayersThatAreNotHereAndRepairsDamagedOnes) {
  ASSERT_TRUE(pull_app().has_value());
  registry_.seen.clear();
  auto again = pull_app();
  ASSERT_TRUE(again.has_value());
  for (const auto& request : registry_.seen) EXPECT_EQ(request.find(layer_digest()), std::string::npos);
  write_text(again->layers[0] + "/hello", "");
  auto repaired = pull_app();
  ASSERT_TRUE(repaired.has_value()) << repaired.error().message;
  EXPECT_EQ(read_text(repaired->layers[0] + "/hello"), "world");
}

// I3: the registry is not believed: manifest, config and layer are checked against the digests that named them.
TEST_F(PullTest, RefusesBytesThatAreNotWhatTheirDigestSays) {
  for (const auto& [name, content] : registry_.files) {
    if (!name.starts_with("blobs/")) continue;
    registry_.tampered = "sha256:" + name.substr(name.rfind('/') + 1);
    bool by_tag = registry_.tampered == registry_.top;  // a tag promises nothing: there ask by digest
    auto image = by_tag ? pull(host() + "/app@" + registry_.top) : pull_app();
    ASSERT_TRUE(image.has_error()) << name;
    EXPECT_EQ(image.error().reason, Reason::corrupt) << image.error().message;
  }
  EXPECT_TRUE(store_->list()->empty());
  EXPECT_TRUE(fs::is_empty(temporary_.path("images/tmp")));
}

TEST_F(PullTest, SaysWhatIsMissingAsContainerdDoes) {
  auto image = pull(host() + "/app:2");
  ASSERT_TRUE(image.has_error());
  std::string name = host() + "/app:2";
  EXPECT_EQ(image.error().message, "failed to pull and unpack image \"" + name + "\": failed to resolve reference \"" +
                                       name + "\": " + name + ": not found");
  EXPECT_EQ(image.error().reason, Reason::not_found);
  EXPECT_TRUE(pull("kring.local/other:1").has_error());
}

TEST_F(PullTest, AnswersBasicAndBearerChallengesWithTheCredentialsThatFit) {
  registry_.user = "u";
  registry_.password = "p:with:colons";
  EXPECT_EQ(pull_app().error().reason, Reason::unauthorized);
  EXPECT_EQ(pull_app({{.username = "u", .password = "wrong"}}).error().reason, Reason::unauthorized);
  ASSERT_TRUE(
      pull_app({{.username = "x", .password = "y"}, {.username = "u", .password = "p:with:colons"}}).has_value());
  registry_.token = "t0k3n";
  registry_.realm = "http://" + host() + "/token";
  ASSERT_TRUE(pull_app({{.username = "u", .password = "p:with:colons"}}).has_value());
  EXPECT_EQ(pull_app({{.username = "u", .password = "wrong"}}).error().reason, Reason::unauthorized);
  ASSERT_TRUE(pull_app({{.registry_token = "t0k3n"}}).has_value());
}

// I4: a redirected blob is fetched without the credentials of the registry, unless it is the same host and port.
TEST_F(PullTest, TakesNoCredentialsAlongToAnotherHost) {
  registry_.user = "u";
  registry_.password = "p";
  std::string port = std::to_string(server_port_);
  registry_.redirect_blobs_to = "http://localhost:" + port + "/elsewhere/";  // another name: another host
  ASSERT_TRUE(pull_app({{.username = "u", .password = "p"}}).has_value());
  size_t elsewhere = 0;
  for (size_t i = 0; i < registry_.seen.size(); ++i) {
    if (registry_.seen[i].find("/elsewhere/") == std::string::npos) continue;
    ++elsewhere;
    EXPECT_EQ(registry_.credentials[i], "") << registry_.seen[i];
  }
  EXPECT_EQ(elsewhere, 2u);  // config and layer
}

// I4: redirects lead to http and https only.
TEST_F(PullTest, FollowsNoRedirectToAFileOrAForeignProtocol) {
  for (std::string target : {"file:///etc/", "ftp://127.0.0.1/", "gopher://127.0.0.1:70/", "//"}) {
    registry_.redirect_blobs_to = target;
    EXPECT_TRUE(pull_app().has_error()) << target;
  }
}

// I4: a token service of another domain, or one without encryption, never sees credentials (CVE-2020-15157's kin).
TEST(RegistryCredentials, GoOnlyToTheRegistryAndItsOwnTokenService) {
  EXPECT_TRUE(may_see_credentials("https://quay.io/v2/", "https://quay.io/v2/auth"));
  EXPECT_TRUE(may_see_credentials("https://registry-1.docker.io/v2/", "https://auth.docker.io/token"));
  EXPECT_TRUE(may_see_credentials("https://registry.example.com/v2/", "https://example.com/jwt/auth"));
  EXPECT_TRUE(may_see_credentials("http://127.0.0.1:5000/v2/", "http://localhost:5001/token"));
  EXPECT_FALSE(may_see_credentials("https://registry.example.com/v2/", "https://evil.com/token"));
  EXPECT_FALSE(may_see_credentials("https://registry.example.com/v2/", "https://example.com.evil.com/token"));
  EXPECT_FALSE(may_see_credentials("https://registry.example.com/v2/", "https://registry.example.com@evil.com/token"));
  EXPECT_FALSE(may_see_credentials("https://registry.example.com/v2/", "http://registry.example.com/token"));
  EXPECT_FALSE(may_see_credentials("https://registry.com/v2/", "https://com/token"));
  EXPECT_FALSE(may_see_credentials("https://quay.io/v2/", "http://127.0.0.1/token"));
  EXPECT_FALSE(may_see_credentials("https://evil.docker.io/v2/", "https://auth.docker.io/token"));
  EXPECT_FALSE(may_see_credentials("https://quay.io/v2/", "file:///etc/passwd"));
}

TEST(RegistryUrl, IsPlainOnlyOnThisMachine) {
  EXPECT_EQ(registry_url("docker.io"), "https://registry-1.docker.io");
  EXPECT_EQ(registry_url("gcr.io"), "https://gcr.io");
  EXPECT_EQ(registry_url("localhost:5000"), "http://localhost:5000");
  EXPECT_EQ(registry_url("127.0.0.1"), "http://127.0.0.1");
  EXPECT_EQ(registry_url("[::1]:5000"), "http://[::1]:5000");
  EXPECT_EQ(registry_url("127.evil.com"), "https://127.evil.com");
  EXPECT_EQ(registry_url("10.0.0.1:5000"), "https://10.0.0.1:5000");
}

TEST(RegistryChallenge, ReadsQuotedAndPlainParameters) {
  auto bearer =
      parse_challenge("Bearer realm=\"https://a/t?x=\\\"1\\\"\", service=reg , scope=\"repository:a:pull,push\"");
  EXPECT_EQ(bearer.scheme, "bearer");
  EXPECT_EQ(bearer.parameters["realm"], "https://a/t?x=\"1\"");
  EXPECT_EQ(bearer.parameters["scope"], "repository:a:pull,push");
  EXPECT_EQ(parse_challenge("BASIC realm=x").scheme, "basic");
  EXPECT_EQ(parse_challenge("Digest realm=x").scheme, "");
  EXPECT_EQ(parse_challenge("").scheme, "");
  EXPECT_EQ(parse_challenge("Bearer realm=\"never ends").scheme, "");
}

// Debian's docker-registry with its own storage, on a port that was free a moment ago.
class RealRegistryTest : public PullTest {
 protected:
  RealRegistryTest() {
    port_ = static_cast<uint16_t>(20000 + ::getpid() % 20000);
    std::string config = temporary_.path("registry.yml"), root = temporary_.path("registry");
    write_text(config,
               "version: 0.1\nlog:\n  level: error\n  accesslog:\n    disabled: true\nstorage:\n  filesystem:\n"
               "    rootdirectory: " +
                   root + "\nhttp:\n  addr: 127.0.0.1:" + std::to_string(port_) + "\n");
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::execlp("docker-registry", "docker-registry", "serve", config.c_str(), nullptr);
      ::_exit(127);
    }
  }
  ~RealRegistryTest() override {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  std::string base() const { return "http://127.0.0.1:" + std::to_string(port_); }

  Task<Result<int>> call(std::string method, std::string url, std::string type, std::string body,
                         std::string& location) {
    http::ClientRequest request;
    request.method = std::move(method);
    request.url = std::move(url);
    request.headers.push_back({"Content-Type", std::move(type)});
    request.body = std::move(body);
    KRING_CO_TRY(auto answer, co_await http::fetch(env(), std::move(request), http::ClientOptions{}));
    location = answer.head.header("location");
    co_return answer.head.status;
  }
  Task<Result<void>> wait_until_ready() {
    std::string ignored;
    Mono deadline = env().clock.now() + ms_to_ns(20'000);
    while (env().clock.now() < deadline) {
      auto status = co_await call("GET", base() + "/v2/", "", "", ignored);
      if (status.has_value() && *status == 200) co_return Result<void>{};
      KRING_CO_TRY_VOID(co_await env().clock.sleep_ms(20));
    }
    co_return Error{Reason::timeout, "docker-registry did not start: is Debian's docker-registry installed?"};
  }
  // Uploads all blobs of the layout and tags the top manifest.
  Task<Result<void>> push(std::string repository, std::string tag) {
    KRING_CO_TRY_VOID(co_await wait_until_ready());
    std::string location, ignored;
    for (const auto& [name, content] : registry_.files) {
      if (!name.starts_with("blobs/")) continue;
      auto begun = co_await call("POST", base() + "/v2/" + repository + "/blobs/uploads/", "", "", location);
      if (begun.has_error() || *begun != 202) co_return Error{Reason::io, "upload not accepted"};
      std::string url =
          location + (location.find('?') == std::string::npos ? "?" : "&") + "digest=" + digest_of(content);
      auto done = co_await call("PUT", url, "application/octet-stream", content, ignored);
      if (done.has_error() || *done != 201) co_return Error{Reason::io, "blob not accepted"};
    }
    std::string manifest = registry_.files["blobs/sha256/" + registry_.top.substr(7)];
    auto put = co_await call("PUT", base() + "/v2/" + repository + "/manifests/" + tag,
                             "application/vnd.oci.image.manifest.v1+json", manifest, ignored);
    if (put.has_error() || *put != 201) co_return Error{Reason::io, "manifest not accepted"};
    co_return Result<void>{};
  }

  uint16_t port_ = 0;
  pid_t pid_ = 0;
};

TEST_F(RealRegistryTest, PullsFromDebiansDockerRegistry) {
  auto pushed = run_to_end(env(), "push", push("team/app", "v1"));
  ASSERT_FALSE(pushed.has_error()) << pushed.error().message;
  std::string name = "127.0.0.1:" + std::to_string(port_) + "/team/app:v1";
  auto image = pull(name);
  ASSERT_TRUE(image.has_value()) << image.error().message;
  EXPECT_EQ(read_text(image->layers[0] + "/hello"), "world");
  EXPECT_EQ(image->references, std::vector<std::string>{name});
  EXPECT_TRUE(await(store_->verify())->at(0).starts_with("ok"));
  auto missing = pull("127.0.0.1:" + std::to_string(port_) + "/team/app:v2");
  ASSERT_TRUE(missing.has_error());
  EXPECT_EQ(missing.error().reason, Reason::not_found);
}

}  // namespace
}  // namespace kring::images
