#include "examples/kuard/app.h"

#include <dirent.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <ctime>

#include "examples/kuard/dns.h"
#include "examples/kuard/files.h"
#include "examples/kuard/text.h"

extern char** environ;

namespace kuard {
namespace {

Response plain(int status, std::string body) {
  return {.status = status, .content_type = "text/plain; charset=utf-8", .body = std::move(body)};
}
Response json(std::string body) { return {.content_type = "application/json", .body = std::move(body)}; }
// `page` is relative to the request's path, so that it also works behind a proxy that adds a prefix.
Response see(std::string page) { return {.status = 303, .location = std::move(page)}; }
bool reads(const Request& request) { return request.method == "GET" || request.method == "HEAD"; }
bool writes(const Request& request) { return request.method == "POST" || request.method == "PUT"; }

std::string parameter(const std::map<std::string, std::string>& parameters, const std::string& name) {
  auto found = parameters.find(name);
  return found == parameters.end() ? "" : found->second;
}

std::vector<std::pair<std::string, std::string>> environment_variables() {
  std::map<std::string, std::string> sorted;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    std::string_view text = *entry;
    size_t equal = text.find('=');
    if (equal != std::string_view::npos) sorted[std::string{text.substr(0, equal)}] = text.substr(equal + 1);
  }
  return {sorted.begin(), sorted.end()};
}

size_t open_descriptors() {
  size_t count = 0;
  DIR* directory = opendir("/proc/self/fd");
  if (directory == nullptr) return 0;
  while (readdir(directory) != nullptr) ++count;
  closedir(directory);
  return count > 3 ? count - 3 : 0;  // ".", ".." and the directory itself
}

}  // namespace

App::App(Options options, std::function<void(int)> exit_process)
    : options_(std::move(options)), started_(std::time(nullptr)), keygen_(std::move(exit_process)) {}

Response App::handle(const Request& request) {
  auto start = std::chrono::steady_clock::now();
  Response response = route(request);
  ++requests_[response.status / 100 % 6];
  auto took = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start).count();
  std::string target = json_string(request.target);  // no control characters in the log
  std::printf("%s %s %s %s %d %lldus\n", timestamp(std::time(nullptr)).c_str(), request.remote.c_str(),
              request.method.c_str(), target.c_str(), response.status, static_cast<long long>(took));
  std::fflush(stdout);
  return response;
}

Response App::route(const Request& request) {
  const std::string& path = request.path;
  auto below = [&](const char* prefix) {
    std::string_view p = prefix;
    return path == p || (path.starts_with(p) && path[p.size()] == '/');
  };
  if (path == "/fs") return {.status = 301, .location = "fs/"};
  if (below("/fs")) return reads(request) ? browse(options_.root, std::string_view{path}.substr(3)) : plain(405, "");
  if (below("/healthy")) return probe(live_, request, "liveness");
  if (below("/ready")) return probe(ready_, request, "readiness");
  if (below("/mem")) return memory(request);
  if (below("/dns")) return dns(request);
  if (below("/keygen")) return keygen(request);
  if (!reads(request)) return plain(405, "method not allowed\n");
  if (below("/env")) return environment(request);
  if (path == "/") return {.body = page("request", request_tab(request))};
  if (path == "/liveness" || path == "/-/liveness") {
    return {.body = page("liveness",
                         probe_tab(live_, "healthy/switch", "The kubelet restarts a container that fails it."))};
  }
  if (path == "/readiness" || path == "/-/readiness") {
    return {.body = page("readiness",
                         probe_tab(ready_, "ready/switch", "A pod that fails it gets no traffic from its services."))};
  }
  if (path == "/metrics") return metrics();
  return plain(404, "404 page not found\n");
}

// GET /ready is the probe; GET, PUT, POST /ready/api its state; POST /ready/switch the buttons of the page.
Response App::probe(Probe& probe, const Request& request, const std::string& page_name) {
  std::string_view rest = std::string_view{request.path}.substr(
      request.path.find('/', 1) == std::string::npos ? request.path.size() : request.path.find('/', 1));
  if (rest.empty() && reads(request)) {
    int code = probe.check(request.remote);
    return plain(code, code == 200 ? "ok" : "fail");
  }
  if (rest == "/api" && reads(request)) return json(probe.json());
  if ((rest == "/api" || rest == "/switch") && writes(request)) {
    auto parameters = request.parameters();
    std::string text = parameter(parameters, rest == "/api" ? "failNext" : "n");
    auto count = parse_int(text);
    if (!count) return plain(400, "failNext must be a whole number: 0 succeeds, -1 fails for good\n");
    probe.fail_next(*count);
    return rest == "/api" ? json(probe.json()) : see("../" + page_name);
  }
  return plain(rest == "/api" || rest == "/switch" || rest.empty() ? 405 : 404, "no such call\n");
}

Response App::memory(const Request& request) {
  const std::string& path = request.path;
  if (path == "/mem/api" && reads(request)) return json(memory_.json());
  if (writes(request) && (path == "/mem/api/alloc" || path == "/mem/alloc")) {
    auto size = parse_int(parameter(request.parameters(), "size"));
    if (!size || *size < 1) return plain(400, "size must be a number of bytes\n");
    if (!memory_.allocate(*size)) return plain(500, "cannot allocate " + std::to_string(*size) + " bytes\n");
    return path == "/mem/alloc" ? see("../mem") : json(memory_.json());
  }
  if (writes(request) && (path == "/mem/api/clear" || path == "/mem/clear")) {
    memory_.release();
    return path == "/mem/clear" ? see("../mem") : json(memory_.json());
  }
  if (path != "/mem" || !reads(request)) return plain(path == "/mem" ? 405 : 404, "no such call\n");
  std::string body = "<p>Allocated here: <b>" + bytes_text(memory_.allocated()) + "</b>; resident in all: <b>" +
                     bytes_text(resident_bytes()) + "</b></p>\n<p>A container that passes its limit is killed.</p>\n";
  for (int64_t size : {int64_t{1} << 20, int64_t{16} << 20, int64_t{100} << 20, int64_t{500} << 20}) {
    body += "<form method=\"post\" action=\"mem/alloc\"><button name=\"size\" value=\"" + std::to_string(size) +
            "\">Allocate " + bytes_text(static_cast<uint64_t>(size)) + "</button></form>\n";
  }
  body +=
      "<form method=\"post\" action=\"mem/alloc\"><input name=\"size\" size=\"14\" value=\"1000000\"> bytes "
      "<button>Allocate</button></form>\n"
      "<form method=\"post\" action=\"mem/clear\"><button>Release all</button></form>\n";
  return {.body = page("memory", body)};
}

Response App::dns(const Request& request) {
  auto parameters = request.parameters();
  std::string name = parameter(parameters, "name"), type = parameter(parameters, "type");
  if (type.empty()) type = "A";
  if (request.path == "/dns/api") {
    if (name.empty()) return plain(400, "name is missing\n");
    return json("{\"result\":" + json_string(dns_lookup(name, type)) + "}\n");
  }
  if (request.path != "/dns") return plain(404, "no such call\n");
  std::string body = "<form method=\"get\" action=\"dns\"><label>DNS type <select name=\"type\">";
  for (std::string_view known : {"A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT", "ANY"}) {
    body += "<option" + std::string{known == type ? " selected" : ""} + ">" + std::string{known} + "</option>";
  }
  body += "</select></label> <label>Name <input name=\"name\" size=\"40\" value=\"" + html(name) +
          "\"></label> <button>Query</button></form>\n";
  if (!name.empty()) body += "<pre>" + html(dns_lookup(name, type)) + "</pre>\n";
  return {.body = page("dns", body)};
}

Response App::keygen(const Request& request) {
  std::string error;
  if (writes(request) && request.path == "/keygen/api") {
    if (!keygen_.apply(request.parameters(), error)) return plain(400, error + "\n");
    return json(keygen_.json());
  }
  if (writes(request) && request.path == "/keygen/switch") {
    auto values = request.parameters();
    if (!values.contains("exitOnComplete")) values["exitOnComplete"] = "false";  // forms leave out empty boxes
    if (!keygen_.apply(values, error)) return plain(400, error + "\n");
    return see("../keygen");
  }
  if (request.path == "/keygen/api" && reads(request)) return json(keygen_.json());
  if (request.path != "/keygen" || !reads(request)) return plain(404, "no such call\n");
  KeygenConfig config = keygen_.config();
  auto number = [](const char* label, const char* name, int64_t value) {
    return "<p><label>" + std::string{label} + " <input name=\"" + name + "\" type=\"number\" min=\"0\" value=\"" +
           std::to_string(value) + "\"></label></p>\n";
  };
  std::string body = "<p>" + std::string{keygen_.running() ? "Generating keys" : "Idle"} + "; keys made: <b>" +
                     std::to_string(keygen_.generated()) +
                     "</b></p>\n<form method=\"post\" action=\"keygen/switch\">\n" +
                     number("Number of keys (0: no limit)", "numToGen", config.keys) +
                     number("Seconds to run (0: no limit)", "timeToRun", config.seconds) +
                     number("Exit code", "exitCode", config.exit_code) +
                     "<p><label><input name=\"exitOnComplete\" type=\"checkbox\" value=\"true\"" +
                     (config.exit_on_complete ? " checked" : "") + "> Exit on completion</label></p>\n" +
                     "<button name=\"enable\" value=\"true\">Start</button> "
                     "<button name=\"enable\" value=\"false\">Stop</button></form>\n<pre>" +
                     html(keygen_.history_text()) + "</pre>\n";
  return {.body = page("keygen", body)};
}

Response App::environment(const Request& request) const {
  auto variables = environment_variables();
  if (request.path == "/env/api") {
    std::string out = "{\"commandLine\":[";
    for (size_t i = 0; i < options_.arguments.size(); ++i)
      out += (i == 0 ? "" : ",") + json_string(options_.arguments[i]);
    out += "],\"env\":{";
    for (size_t i = 0; i < variables.size(); ++i) {
      out += (i == 0 ? "" : ",") + json_string(variables[i].first) + ":" + json_string(variables[i].second);
    }
    return json(out + "}}\n");
  }
  if (request.path != "/env") return plain(404, "no such call\n");
  std::string body = "<h2>Command line</h2>\n<pre>";
  for (const auto& argument : options_.arguments) body += html(argument) + "\n";
  body += "</pre>\n<h2>Environment</h2>\n<table>\n";
  for (const auto& [key, value] : variables)
    body += "<tr><th>" + html(key) + "</th><td>" + html(value) + "</td></tr>\n";
  return {.body = page("environment", body + "</table>\n")};
}

Response App::metrics() const {
  std::string out;
  auto metric = [&](const char* name, const char* type, const char* help, const std::string& labels, uint64_t value) {
    out += "# HELP " + std::string{name} + " " + help + "\n# TYPE " + name + " " + type + "\n" + name + labels + " " +
           std::to_string(value) + "\n";
  };
  std::string version = options_.version;
  for (char& c : version) {
    if (c == '"' || c == '\\' || c == '\n') c = '_';
  }
  metric("kuard_build_info", "gauge", "The version of this workload.", "{version=\"" + version + "\"}", 1);
  out +=
      "# HELP kuard_http_requests_total Requests answered, by hundreds of the status.\n"
      "# TYPE kuard_http_requests_total counter\n";
  for (size_t i = 1; i < std::size(requests_); ++i) {
    out +=
        "kuard_http_requests_total{code=\"" + std::to_string(i) + "xx\"} " + std::to_string(requests_[i].load()) + "\n";
  }
  out +=
      "# HELP kuard_probe_failures_total Probe calls answered with 500.\n"
      "# TYPE kuard_probe_failures_total counter\n";
  out += "kuard_probe_failures_total{probe=\"liveness\"} " + std::to_string(live_.failures()) + "\n";
  out += "kuard_probe_failures_total{probe=\"readiness\"} " + std::to_string(ready_.failures()) + "\n";
  metric("kuard_allocated_bytes", "gauge", "Memory allocated on request.", "", memory_.allocated());
  metric("kuard_keys_generated_total", "counter", "Keys made by the batch workload.", "", keygen_.generated());
  metric("process_resident_memory_bytes", "gauge", "Resident memory.", "", resident_bytes());
  metric("process_open_fds", "gauge", "Open file descriptors.", "", open_descriptors());
  metric("process_start_time_seconds", "gauge", "Start, in seconds since 1970.", "", static_cast<uint64_t>(started_));
  return {.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = out};
}

}  // namespace kuard
