// The CA makes what kubeadm's would, keeps it, renews it in time and never overwrites what it cannot read.
#include "runtime/http/certificates.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "runtime/env/disk.h"
#include "runtime/env/linux/linux_env.h"
#include "runtime/tasks/task_group.h"

namespace kring::http {
namespace {

constexpr int64_t day = 86'400;

// The real world with a wall clock that the test moves.
class MovableClock final : public Clock {
 public:
  explicit MovableClock(Clock& real) : real_(real) {}
  Mono now() const override { return real_.now(); }
  Wall wall() const override { return Wall{real_.wall().ns + shift_seconds * 1'000'000'000}; }
  Task<Result<void>> sleep_until(Mono deadline) override { return real_.sleep_until(deadline); }
  int64_t shift_seconds = 0;

 private:
  Clock& real_;
};

class CertificatesTest : public testing::Test {
 protected:
  CertificatesTest() : world_(LinuxEnv::make()), clock_(real().clock) {
    char name[] = "/tmp/kring-pki-test-XXXXXX";
    directory_ = mkdtemp(name);
    directory_ += "/pki";
  }
  ~CertificatesTest() override { std::filesystem::remove_all(std::filesystem::path(directory_).parent_path()); }
  Env& real() { return (*world_)->env(); }

  static Task<Result<void>> open_into(Env& env, std::string directory, std::unique_ptr<CertificateAuthority>& ca) {
    KRING_CO_TRY(ca, co_await CertificateAuthority::open(env, directory));
    co_return Result<void>{};
  }
  static Task<Result<void>> load_into(CertificateAuthority& ca, std::string name, CertificateRequest request,
                                      KeyPair& pair) {
    KRING_CO_TRY(pair, co_await ca.load_or_issue(name, std::move(request)));
    co_return Result<void>{};
  }
  std::unique_ptr<CertificateAuthority> open() {
    std::unique_ptr<CertificateAuthority> ca;
    last_ = run_to_end(env_, "test", open_into(env_, directory_, ca));
    return ca;
  }
  KeyPair load(CertificateAuthority& ca, CertificateRequest request) {
    KeyPair pair;
    last_ = run_to_end(env_, "test", load_into(ca, "server", std::move(request), pair));
    EXPECT_FALSE(last_.has_error());
    return pair;
  }
  std::string openssl(const std::string& arguments, const std::string& pem) const {
    std::ofstream(directory_ + "/in.pem") << pem;
    const std::string command = "openssl " + arguments + " < " + directory_ + "/in.pem 2>&1";
    std::string output;
    FILE* pipe = popen(command.c_str(), "r");
    char block[4096];
    while (const size_t n = fread(block, 1, sizeof block, pipe)) output.append(block, n);
    pclose(pipe);
    return output;
  }

  Result<std::unique_ptr<LinuxEnv>> world_;
  MovableClock clock_;
  Env env_{real().loop, clock_, real().random, real().disk, real().log};
  std::string directory_;
  Result<void> last_;
};

CertificateRequest server_request() {
  return {.common_name = "kring",
          .organizations = {"kring:servers"},
          .dns_names = {"kubernetes", "kubernetes.default"},
          .addresses = {"10.96.0.1", "::1"},
          .server = true};
}

TEST_F(CertificatesTest, MakesACaOfTenYearsThatIsKept) {
  const auto ca = open();
  ASSERT_TRUE(ca);
  const auto end = not_after(ca->certificate_pem());
  ASSERT_TRUE(end.has_value());
  EXPECT_NEAR(static_cast<double>(*end - clock_.wall().ns / 1'000'000'000), 3650.0 * day, 120);
  EXPECT_EQ(open()->certificate_pem(), ca->certificate_pem());
  for (const char* name : {"/ca.crt", "/ca.key"}) {
    struct stat info {};
    ASSERT_EQ(stat((directory_ + name).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0600u) << name;
  }
}

TEST_F(CertificatesTest, ALeafCarriesSubjectNamesAndUsageAndVerifies) {
  const auto ca = open();
  const auto pair = load(*ca, server_request());
  const std::string text = openssl("x509 -noout -text", pair.certificate_pem);
  EXPECT_NE(text.find("O = kring:servers, CN = kring"), std::string::npos) << text;
  EXPECT_NE(text.find("DNS:kubernetes, DNS:kubernetes.default, IP Address:10.96.0.1, IP Address:0:0:0:0:0:0:0:1"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("TLS Web Server Authentication"), std::string::npos);
  EXPECT_EQ(text.find("TLS Web Client Authentication"), std::string::npos);
  EXPECT_NE(text.find("CA:FALSE"), std::string::npos);
  EXPECT_NE(text.find("prime256v1"), std::string::npos);
  const std::string verified =
      openssl("verify -purpose sslserver -CAfile " + directory_ + "/ca.crt", pair.certificate_pem);
  EXPECT_NE(verified.find(": OK"), std::string::npos) << verified;
}

// A machine without a battery clock boots in the past: a certificate of "now" must be valid a little earlier.
TEST_F(CertificatesTest, LeavesAreBackdatedByADay) {
  const auto ca = open();
  const auto pair = ca->issue(server_request());
  const std::string checked = openssl("verify -attime " + std::to_string(clock_.wall().ns / 1'000'000'000 - day + 60) +
                                          " -CAfile " + directory_ + "/ca.crt",
                                      pair->certificate_pem);
  EXPECT_NE(checked.find(": OK"), std::string::npos) << checked;
}

TEST_F(CertificatesTest, ALeafIsKeptUntilTwoThirdsOfItsLife) {
  const auto ca = open();
  const auto first = load(*ca, server_request());
  EXPECT_EQ(load(*ca, server_request()).certificate_pem, first.certificate_pem);
  clock_.shift_seconds = 240 * day;
  EXPECT_EQ(load(*ca, server_request()).certificate_pem, first.certificate_pem);
  clock_.shift_seconds = 245 * day;
  EXPECT_NE(load(*ca, server_request()).certificate_pem, first.certificate_pem);
}

TEST_F(CertificatesTest, ALeafIsMadeAgainWhenTheClockIsBeforeItsBeginning) {
  const auto ca = open();
  const auto first = load(*ca, server_request());
  clock_.shift_seconds = -2 * day;
  EXPECT_NE(load(*ca, server_request()).certificate_pem, first.certificate_pem);
}

TEST_F(CertificatesTest, ALeafIsMadeAgainWhenTheRequestChangedOrTheFilesDoNotFit) {
  const auto ca = open();
  const auto first = load(*ca, server_request());
  auto request = server_request();
  request.addresses.push_back("192.0.2.7");
  const auto second = load(*ca, request);
  EXPECT_NE(second.certificate_pem, first.certificate_pem);
  std::ofstream(directory_ + "/server.key") << first.key_pem;
  const auto third = load(*ca, request);
  EXPECT_NE(third.certificate_pem, second.certificate_pem);
  std::ofstream(directory_ + "/server.crt") << "garbage";
  EXPECT_NE(load(*ca, request).certificate_pem, third.certificate_pem);
}

TEST_F(CertificatesTest, ACaThatLostItsKeyIsNotReplacedSilently) {
  const std::string before = open()->certificate_pem();
  std::filesystem::remove(directory_ + "/ca.key");
  EXPECT_EQ(open(), nullptr);
  ASSERT_TRUE(last_.has_error());
  EXPECT_EQ(last_.error().reason, Reason::corrupt);
  std::ifstream file(directory_ + "/ca.crt");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>{file}, {}), before);
}

TEST_F(CertificatesTest, AHalfMadeCaIsMadeAgain) {
  std::filesystem::create_directory(directory_);
  std::ofstream(directory_ + "/ca.key") << "cut off";
  EXPECT_NE(open(), nullptr);
}

TEST_F(CertificatesTest, NamesWithCommasStayOneName) {
  const auto ca = open();
  auto request = server_request();
  request.dns_names = {"a,DNS:evil"};
  request.common_name = "x/CN=admin";
  const auto pair = ca->issue(request);
  ASSERT_TRUE(pair.has_value());
  const std::string subject = openssl("x509 -noout -subject -nameopt multiline", pair->certificate_pem);
  EXPECT_NE(subject.find("= x/CN=admin"), std::string::npos) << subject;
  const std::string checked = openssl("x509 -noout -checkhost evil", pair->certificate_pem);
  EXPECT_NE(checked.find("does NOT match"), std::string::npos) << checked;
  request.addresses = {"not an address"};
  EXPECT_TRUE(ca->issue(request).has_error());
}

TEST_F(CertificatesTest, Es256SignaturesVerifyWithKeyAndCertificateOnlyForTheirInput) {
  const auto ca = open();
  const auto pair = *ca->issue(server_request());
  const auto other = *ca->issue(server_request());
  const auto signature = sign_es256(pair.key_pem, "header.payload");
  ASSERT_TRUE(signature.has_value());
  EXPECT_EQ(signature->size(), 64u);
  EXPECT_TRUE(verify_es256(pair.key_pem, "header.payload", *signature));
  EXPECT_TRUE(verify_es256(pair.certificate_pem, "header.payload", *signature));
  EXPECT_FALSE(verify_es256(pair.key_pem, "header.payloae", *signature));
  EXPECT_FALSE(verify_es256(other.key_pem, "header.payload", *signature));
  EXPECT_FALSE(verify_es256(pair.key_pem, "header.payload", signature->substr(1)));
  EXPECT_FALSE(verify_es256(pair.key_pem, "header.payload", std::string(64, 0)));
  EXPECT_FALSE(verify_es256("no key", "header.payload", *signature));
  EXPECT_TRUE(sign_es256("no key", "x").has_error());
}

}  // namespace
}  // namespace kring::http
