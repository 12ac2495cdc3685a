#include "examples/kuard/probe.h"

#include <ctime>

#include "examples/kuard/text.h"

namespace kuard {

int Probe::check(const std::string& remote) {
  std::lock_guard lock{mutex_};
  int code = fail_next_ == 0 ? 200 : 500;
  if (fail_next_ > 0) --fail_next_;
  if (code != 200) ++failures_;
  history_.push_front({++calls_, std::time(nullptr), code, remote});
  if (history_.size() > history_max) history_.pop_back();
  return code;
}

void Probe::fail_next(int64_t count) {
  std::lock_guard lock{mutex_};
  fail_next_ = count < 0 ? -1 : count;
}

int64_t Probe::failing() const {
  std::lock_guard lock{mutex_};
  return fail_next_;
}

uint64_t Probe::failures() const {
  std::lock_guard lock{mutex_};
  return failures_;
}

std::string Probe::json() const {
  std::lock_guard lock{mutex_};
  std::string out = "{\"probePath\":" + json_string(path_) + ",\"failNext\":" + std::to_string(fail_next_);
  out += ",\"history\":[";
  int64_t now = std::time(nullptr);
  for (size_t i = 0; i < history_.size(); ++i) {
    const Call& call = history_[i];
    out += std::string{i == 0 ? "" : ","} + "{\"id\":" + std::to_string(call.id) + ",\"when\":\"" +
           timestamp(call.when) + "\",\"relWhen\":\"" + std::to_string(now - call.when) +
           "s ago\",\"code\":" + std::to_string(call.code) + "}";
  }
  return out + "]}\n";
}

std::string Probe::history_html() const {
  std::lock_guard lock{mutex_};
  std::string out;
  for (const Call& call : history_) {
    out += "<tr class=\"" + std::string{call.code == 200 ? "good" : "bad"} + "\"><td>" + std::to_string(call.id) +
           "</td><td>" + timestamp(call.when) + "</td><td>" + html(call.remote) + "</td><td>" +
           std::to_string(call.code) + "</td></tr>\n";
  }
  return out;
}

}  // namespace kuard
