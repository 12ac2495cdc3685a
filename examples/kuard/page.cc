// How the pages look: one layout, a colour a version, tabs as links.
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <unistd.h>

#include "examples/kuard/app.h"
#include "examples/kuard/text.h"

namespace kuard {
namespace {

struct Look {
  std::string colour, background, name;
};

Look look_of(std::string_view version) {
  if (version == "1" || version == "blue") return {"#1c4fb8", "#e8effd", "blue"};
  if (version == "2" || version == "green") return {"#17753a", "#e6f6ea", "green"};
  if (version == "3" || version == "purple") return {"#6a2a9c", "#f3e9fb", "purple"};
  return {"#444444", "#eeeeee", "grey"};
}

struct Tab {
  const char *id, *link, *title;
};
constexpr Tab tabs[] = {{"request", "./", "Request Details"},
                        {"environment", "env", "Server Env"},
                        {"memory", "mem", "Memory"},
                        {"liveness", "liveness", "Liveness Probe"},
                        {"readiness", "readiness", "Readiness Probe"},
                        {"dns", "dns", "DNS Query"},
                        {"keygen", "keygen", "KeyGen Workload"},
                        {"files", "fs/", "File system browser"},
                        {"metrics", "metrics", "Metrics"}};

constexpr const char* style =
    "body{margin:0;font:16px/1.5 system-ui,sans-serif;color:#222}header{padding:1em 2em;color:#fff}"
    "header h1{margin:0}nav{padding:.5em 2em}nav a{display:inline-block;padding:.2em .7em;margin:.1em;"
    "text-decoration:none;border-radius:.3em}nav a.on{background:#fff;font-weight:bold}main{padding:1em 2em}"
    "table{border-collapse:collapse}td,th{padding:.15em .8em;text-align:left;vertical-align:top;"
    "overflow-wrap:anywhere}pre{background:#f5f5f5;padding:1em;overflow:auto;white-space:pre-wrap}"
    "form{margin:.4em 0}tr.bad td{color:#b00020}tr.good td{color:#17753a}";

}  // namespace

std::string host_name() {
  char name[256] = "";
  gethostname(name, sizeof name - 1);
  return name;
}

std::vector<std::string> addresses() {
  std::vector<std::string> out;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return out;
  for (ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || (at->ifa_flags & IFF_LOOPBACK) != 0) continue;
    char text[INET6_ADDRSTRLEN] = "";
    if (at->ifa_addr->sa_family == AF_INET) {
      inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in*>(at->ifa_addr)->sin_addr, text, sizeof text);
    } else if (at->ifa_addr->sa_family == AF_INET6) {
      inet_ntop(AF_INET6, &reinterpret_cast<sockaddr_in6*>(at->ifa_addr)->sin6_addr, text, sizeof text);
    } else {
      continue;
    }
    out.emplace_back(text);
  }
  freeifaddrs(list);
  return out;
}

std::string App::page(const std::string& tab, const std::string& body) const {
  Look look = look_of(options_.version);
  std::string out =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width\">\n<title>kuard " +
      html(options_.version) + " on " + html(host_name()) + "</title>\n<style>" + style +
      "header{background:" + look.colour + "}nav{background:" + look.background + "}nav a{color:" + look.colour +
      "}</style></head>\n<body data-version=\"" + html(options_.version) + "\" data-colour=\"" + look.name +
      "\">\n<header><h1>kuard, version " + html(options_.version) + " (" + look.name + ")</h1>\n<div>host <b>" +
      html(host_name()) + "</b>; addresses <b>";
  std::string separator;
  for (const auto& address : addresses()) {
    out += separator + html(address);
    separator = ", ";
  }
  out += "</b></div></header>\n<nav>";
  for (const Tab& t : tabs) {
    out += "<a href=\"" + std::string{t.link} + "\"" + (tab == t.id ? " class=\"on\"" : "") + ">" + t.title + "</a>\n";
  }
  return out + "</nav>\n<main>\n" + body + "</main></body></html>\n";
}

std::string App::request_tab(const Request& request) const {
  std::string out = "<h2>Request</h2>\n<table>\n<tr><th>From</th><td>" + html(request.remote) + "</td></tr>\n";
  out += "<tr><th>Line</th><td>" + html(request.method + " " + request.target + " " + request.version) + "</td></tr>\n";
  for (const auto& [key, value] : request.headers) {
    out += "<tr><th>" + html(key) + "</th><td>" + html(value) + "</td></tr>\n";
  }
  return out + "</table>\n<p>Served since " + timestamp(started_) + "; process " + std::to_string(getpid()) + "</p>\n";
}

std::string App::probe_tab(const Probe& probe, const std::string& action, const std::string& explanation) const {
  int64_t failing = probe.failing();
  std::string state = failing == 0  ? "succeeds"
                      : failing < 0 ? "fails"
                                    : "fails for the next " + std::to_string(failing) + " calls";
  auto button = [](const char* value, const char* text) {
    return "<button name=\"n\" value=\"" + std::string{value} + "\">" + text + "</button> ";
  };
  std::string form = "<form method=\"post\" action=\"" + action + "\">";
  return "<p>The probe <b>" + state + "</b>. " + explanation + "</p>\n" + form + button("0", "Succeed") +
         button("-1", "Fail") + "</form>\n" + form +
         "Fail the next <input name=\"n\" type=\"number\" min=\"1\" value=\"3\"> calls <button>Set</button></form>\n"
         "<h2>Calls</h2>\n<table>\n<tr><th>#</th><th>When</th><th>From</th><th>Status</th></tr>\n" +
         probe.history_html() +
         "</table>\n<script>setTimeout(function(){if(!document.activeElement||"
         "document.activeElement.tagName!='INPUT')location.reload()},5000)</script>\n";
}

}  // namespace kuard
