// The program itself: static, serves over a socket, survives malformed clients, stops cleanly, exits as told.
// Method: the built binary on a loopback port that the kernel chooses, and clients by hand.
#include <arpa/inet.h>
#include <elf.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <string>
#include <vector>

namespace {

class Kuard {
 public:
  explicit Kuard(std::vector<std::string> arguments) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::dup2(ends[1], 1);
      std::vector<char*> raw{const_cast<char*>(KUARD), const_cast<char*>("--address=127.0.0.1:0")};
      for (auto& argument : arguments) raw.push_back(argument.data());
      raw.push_back(nullptr);
      ::execv(KUARD, raw.data());
      ::_exit(127);
    }
    ::close(ends[1]);
    output_ = ::fdopen(ends[0], "r");
    std::string line = read_line();
    if (size_t colon = line.rfind(':'); colon != std::string::npos) port_ = std::stoi(line.substr(colon + 1));
  }
  ~Kuard() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      wait();
    }
    ::fclose(output_);
  }
  std::string read_line() {
    char line[1024] = "";
    return ::fgets(line, sizeof line, output_) == nullptr ? "" : line;
  }
  int wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  void terminate() const { ::kill(pid_, SIGTERM); }

  // Sends raw bytes and reads until the server closes.
  std::string talk(const std::string& bytes) const {
    int fd = connect();
    EXPECT_EQ(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
    std::string out;
    char buffer[4096];
    for (ssize_t got; (got = ::recv(fd, buffer, sizeof buffer, 0)) > 0;) out.append(buffer, static_cast<size_t>(got));
    ::close(fd);
    return out;
  }
  std::string get(const std::string& path) const {
    return talk("GET " + path + " HTTP/1.1\r\nHost: k\r\nConnection: close\r\n\r\n");
  }
  int connect() const {
    int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port_));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
  }

 private:
  pid_t pid_ = -1;
  int port_ = 0;
  FILE* output_ = nullptr;
};

TEST(KuardProcess, IsStaticAndSmall) {
  std::ifstream in{KUARD, std::ios::binary};
  std::string bytes{std::istreambuf_iterator<char>{in}, {}};
  ASSERT_GT(bytes.size(), sizeof(Elf64_Ehdr));
  Elf64_Ehdr header;
  std::memcpy(&header, bytes.data(), sizeof header);
  for (size_t i = 0; i < header.e_phnum; ++i) {  // no program header asks for a dynamic loader
    Elf64_Phdr segment;
    std::memcpy(&segment, bytes.data() + header.e_phoff + i * header.e_phentsize, sizeof segment);
    EXPECT_NE(segment.p_type, static_cast<Elf64_Word>(PT_INTERP));
  }
  EXPECT_LT(bytes.size(), 4u << 20);
}

TEST(KuardProcess, ServesLogsAndStopsOnSigterm) {
  Kuard kuard{{"--version", "purple"}};
  auto page = kuard.get("/");
  EXPECT_TRUE(page.starts_with("HTTP/1.1 200 OK\r\n")) << page.substr(0, 100);
  EXPECT_NE(page.find("data-colour=\"purple\""), std::string::npos);
  EXPECT_NE(kuard.read_line().find("GET \"/\" 200"), std::string::npos);
  auto two = kuard.talk(
      "GET /healthy HTTP/1.1\r\nHost: k\r\n\r\nHEAD /ready HTTP/1.1\r\nHost: k\r\nConnection: close\r\n\r\n");
  EXPECT_NE(two.find("\r\n\r\nokHTTP/1.1 200 OK"), std::string::npos) << two;  // keep-alive, pipelined
  EXPECT_TRUE(two.ends_with("\r\n\r\n"));                                      // HEAD has no body
  int idle = kuard.connect();                                                  // does not hold it up
  kuard.terminate();
  EXPECT_EQ(kuard.wait(), 0);
  ::close(idle);
}

TEST(KuardProcess, AnswersMalformedAndOversizedRequests) {
  Kuard kuard{{}};
  EXPECT_TRUE(kuard.talk("nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(kuard.talk("GET / HTTP/1.1\r\nHost: k\r\nX: " + std::string(20'000, 'x')).starts_with("HTTP/1.1 431 "));
  EXPECT_TRUE(
      kuard.talk("POST /dns HTTP/1.1\r\nHost: k\r\nContent-Length: 99999999\r\n\r\n").starts_with("HTTP/1.1 413 "));
  EXPECT_TRUE(kuard.talk("POST /dns HTTP/1.1\r\nHost: k\r\nContent-Length: -1\r\n\r\n").starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(kuard.talk("POST / HTTP/1.1\r\nHost: k\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx")
                  .starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(kuard.talk("POST / HTTP/1.1\r\nHost: k\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
                  .starts_with("HTTP/1.1 411 "));
  std::string many = "GET / HTTP/1.1\r\nHost: k\r\n";
  for (int i = 0; i < 200; ++i) many += "A: b\r\n";
  EXPECT_TRUE(kuard.talk(many + "\r\n").starts_with("HTTP/1.1 431 "));
  EXPECT_TRUE(kuard.get("/healthy").starts_with("HTTP/1.1 200 "));
}

TEST(KuardProcess, ExitsWithTheCodeOfItsWorkload) {
  Kuard kuard{{"--keygen-enable", "--keygen-num-to-gen=1", "--keygen-exit-on-complete", "--keygen-exit-code", "7"}};
  EXPECT_EQ(kuard.read_line(), "(ID 1) Workload starting\n");
  EXPECT_TRUE(kuard.read_line().starts_with("(ID 1 1/1) Item done: SHA256:"));
  EXPECT_EQ(kuard.read_line(), "(ID 1) Workload exiting\n");
  EXPECT_EQ(kuard.wait(), 7);
}

TEST(KuardProcess, RefusesArgumentsItDoesNotKnow) {
  Kuard kuard{{"--no-such-flag"}};
  EXPECT_EQ(kuard.wait(), 2);
}

}  // namespace
