// kuard: a small workload to try a cluster with. Everything it can do is on its page.
//   kuard [--address :8080] [--version NAME] [--keygen-enable] [--keygen-exit-on-complete] [--keygen-exit-code N]
//         [--keygen-num-to-gen N] [--keygen-time-to-run SECONDS]
// The version comes from --version, else from KUARD_VERSION (the image sets it), else it is 1.
#include <malloc.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "examples/kuard/app.h"
#include "examples/kuard/text.h"

namespace {

using namespace kuard;

struct Flags {
  std::string address = ":8080";
  Options options;
  KeygenConfig keygen;
};

// "--name=value", "--name value", and "--name" or "--name=true|false" for switches.
bool parse_flag(const std::vector<std::string>& arguments, size_t& at, Flags& flags) {
  std::string name = arguments[at];
  while (name.starts_with('-')) name.erase(0, 1);
  std::optional<std::string> value;
  if (size_t equal = name.find('='); equal != std::string::npos) {
    value = name.substr(equal + 1);
    name.resize(equal);
  }
  if (name == "keygen-enable" || name == "keygen-exit-on-complete") {
    if (value && *value != "true" && *value != "false") return false;
    (name == "keygen-enable" ? flags.keygen.enable : flags.keygen.exit_on_complete) = value != "false";
    return true;
  }
  if (!value && at + 1 < arguments.size()) value = arguments[++at];
  if (!value) return false;
  auto number = parse_int(*value);
  if (name == "address") return flags.address = *value, true;
  if (name == "version") return flags.options.version = *value, true;
  if (!number || *number < 0) return false;
  if (name == "keygen-exit-code" && *number < 256) return flags.keygen.exit_code = static_cast<int>(*number), true;
  if (name == "keygen-num-to-gen") return flags.keygen.keys = *number, true;
  if (name == "keygen-time-to-run") return flags.keygen.seconds = *number, true;
  return false;
}

}  // namespace

int main(int count, char** arguments) {
  Flags flags;
  if (const char* version = std::getenv("KUARD_VERSION"); version != nullptr && *version != '\0') {
    flags.options.version = version;
  }
  flags.options.arguments.assign(arguments, arguments + count);
  for (size_t at = 1; at < flags.options.arguments.size(); ++at) {
    size_t shown = at;
    if (!parse_flag(flags.options.arguments, at, flags)) {
      std::fprintf(stderr, "kuard: cannot use the argument '%s'\n", flags.options.arguments[shown].c_str());
      return 2;
    }
  }
  mallopt(M_ARENA_MAX, 2);  // many short-lived threads, little memory
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, nullptr);  // before any thread, so that all inherit it
  std::signal(SIGPIPE, SIG_IGN);
  int stop_fd = signalfd(-1, &signals, SFD_CLOEXEC);
  std::string error;
  int listener = listen_on(flags.address, error);
  if (listener < 0 || stop_fd < 0) {
    std::fprintf(stderr, "kuard: %s\n", listener < 0 ? error.c_str() : std::strerror(errno));
    return 1;
  }
  // _exit: connection threads may be waiting for clients; nothing of theirs needs to be undone.
  static App app{flags.options, [](int code) { _exit(code); }};
  std::printf("kuard version %s on %s, serving on %s\n", flags.options.version.c_str(), host_name().c_str(),
              local_address(listener).c_str());
  std::fflush(stdout);
  if (flags.keygen.enable) app.keygen().configure(flags.keygen);
  serve(listener, stop_fd, [](const Request& request) { return app.handle(request); });
  std::printf("kuard: stopped\n");
  std::fflush(stdout);
  _exit(0);
}
