// The demo workload: its state and its routes.
//   /            the request as it arrived, version, host, addresses      /healthy /ready       what probes call
//   /env  /mem  /dns  /keygen  /liveness  /readiness    one page each     /fs/                  file browser
//   /env/api /mem/api /dns/api /keygen/api /healthy/api /ready/api        the same for programs  /metrics
// Every page works without JavaScript: switches are forms.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "examples/kuard/http.h"
#include "examples/kuard/keygen.h"
#include "examples/kuard/memory.h"
#include "examples/kuard/probe.h"

namespace kuard {

struct Options {
  std::string version = "1";  // 1/blue, 2/green, 3/purple: the colour of the page
  std::string root = "/";     // what the file browser shows
  std::vector<std::string> arguments;
};

class App {
 public:
  App(Options options, std::function<void(int)> exit_process);
  Response handle(const Request& request);  // also logs the request to standard output
  Keygen& keygen() { return keygen_; }

 private:
  Response route(const Request& request);
  Response probe(Probe& probe, const Request& request, const std::string& page);
  Response memory(const Request& request);
  Response dns(const Request& request);
  Response keygen(const Request& request);
  Response environment(const Request& request) const;
  Response metrics() const;
  std::string page(const std::string& tab, const std::string& body) const;
  std::string request_tab(const Request& request) const;
  std::string probe_tab(const Probe& probe, const std::string& action, const std::string& explanation) const;

  Options options_;
  int64_t started_;
  Probe live_{"/healthy"}, ready_{"/ready"};
  Memory memory_;
  Keygen keygen_;
  std::atomic<uint64_t> requests_[6] = {};  // by hundreds of the status
};

std::string host_name();
std::vector<std::string> addresses();  // of this network namespace, without loopback

}  // namespace kuard
