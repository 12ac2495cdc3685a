#include <algorithm>
#include <array>
#include <cstdio>

#include "runtime/client/events.h"
#include "runtime/client/timestamps.h"

namespace kring::client {

namespace {

constexpr size_t queue_max = 1000;
constexpr size_t remembered_max = 4096;
constexpr double burst = 25;
constexpr double refill_ns = 300e9;  // one token every five minutes
constexpr size_t message_bytes_max = 1024;

std::string event_name(const std::string& object, Wall at) {
  std::array<char, 32> hex{};
  std::snprintf(hex.data(), hex.size(), ".%llx", static_cast<unsigned long long>(at.ns));
  return object + hex.data();
}

}  // namespace

Reference reference_to(const Object& object) {
  const Kind& kind = object.kind();
  Reference out;
  out.api_version =
      kind.group.empty() ? std::string{kind.version} : std::string{kind.group} + "/" + std::string{kind.version};
  out.kind = std::string{kind.kind};
  out.ns = std::string{object.ns()};
  out.name = std::string{object.name()};
  out.uid = std::string{object.uid()};
  out.resource_version = std::to_string(object.revision());
  return out;
}

EventRecorder::EventRecorder(Env& env, Client& client, std::string component, std::string host)
    : env_(env), client_(client), component_(std::move(component)), host_(std::move(host)), queue_(env, queue_max) {}

void EventRecorder::normal(Reference about, std::string_view reason, std::string message) {
  record(std::move(about), "Normal", reason, std::move(message));
}
void EventRecorder::warning(Reference about, std::string_view reason, std::string message) {
  record(std::move(about), "Warning", reason, std::move(message));
}

void EventRecorder::record(Reference about, std::string_view type, std::string_view reason, std::string message) {
  if (message.size() > message_bytes_max) message.resize(message_bytes_max);
  Pending event{std::move(about), std::string{type}, std::string{reason}, std::move(message), env_.clock.wall()};
  if (!queue_.push(std::move(event))) env_.log.warn("event lost, too many are waiting", {{"component", component_}});
}

// client-go's EventSourceObjectSpamFilter: a token bucket for each object.
bool EventRecorder::allowed(const std::string& uid) {
  Mono now = env_.clock.now();
  if (budgets_.size() >= remembered_max && !budgets_.contains(uid)) {
    std::erase_if(budgets_, [&](const auto& it) {
      return it.second.tokens + static_cast<double>(now - it.second.updated) / refill_ns >= burst - 1;
    });
    if (budgets_.size() >= remembered_max) budgets_.clear();
  }
  auto [it, fresh] = budgets_.try_emplace(uid, Budget{burst, now});
  Budget& budget = it->second;
  budget.tokens = std::min(burst, budget.tokens + static_cast<double>(now - budget.updated) / refill_ns);
  budget.updated = now;
  if (budget.tokens < 1) return false;
  budget.tokens -= 1;
  return true;
}

json::Value EventRecorder::value_of(const Pending& event, const std::string& name) const {
  const Reference& about = event.about;
  json::Object involved;
  involved.set("apiVersion", about.api_version);
  if (!about.field_path.empty()) involved.set("fieldPath", about.field_path);
  involved.set("kind", about.kind);
  involved.set("name", about.name);
  if (!about.ns.empty()) involved.set("namespace", about.ns);
  if (!about.resource_version.empty()) involved.set("resourceVersion", about.resource_version);
  if (!about.uid.empty()) involved.set("uid", about.uid);
  json::Object source;
  source.set("component", component_);
  if (!host_.empty()) source.set("host", host_);
  json::Object metadata;
  metadata.set("name", name);
  metadata.set("namespace", about.ns.empty() ? "default" : about.ns);
  json::Object out;
  out.set("apiVersion", "v1");
  out.set("kind", "Event");
  out.set("metadata", std::move(metadata));
  out.set("involvedObject", std::move(involved));
  out.set("reason", event.reason);
  out.set("message", event.message);
  out.set("source", std::move(source));
  out.set("firstTimestamp", rfc3339(event.at));
  out.set("lastTimestamp", rfc3339(event.at));
  out.set("count", 1);
  out.set("type", event.type);
  out.set("reportingComponent", component_);
  out.set("reportingInstance", host_);
  return json::Value{std::move(out)};
}

void EventRecorder::remember(Key key, ObjectName name) {
  while (written_.size() >= remembered_max) {
    written_.erase(ages_.front());
    ages_.pop_front();
  }
  if (auto found = written_.find(key); found != written_.end()) {
    ages_.erase(found->second.age);
    written_.erase(found);
  }
  ages_.push_back(key);
  written_.emplace(std::move(key), Written{std::move(name), 1, std::prev(ages_.end())});
}

Task<Result<void>> EventRecorder::count_up(ObjectName name, int64_t count, Wall at) {
  json::Object patch;
  patch.set("count", count);
  patch.set("lastTimestamp", rfc3339(at));
  auto patched = co_await client_.patch(kinds::event(), std::move(name), PatchType::merge,
                                        json::Value{std::move(patch)}, {}, WriteOptions{.recomputable = true});
  if (patched.has_error()) co_return patched.error();
  co_return Result<void>{};
}

Task<Result<void>> EventRecorder::write(Pending event) {
  if (!allowed(event.about.uid)) co_return Result<void>{};
  Key key{event.about.uid + "/" + event.about.name, event.about.field_path, event.type, event.reason, event.message};
  if (auto found = written_.find(key); found != written_.end()) {
    ObjectName name = found->second.name;
    int64_t count = ++found->second.count;
    ages_.splice(ages_.end(), ages_, found->second.age);
    auto counted = co_await count_up(std::move(name), count, event.at);
    if (!counted.has_error() || counted.error().reason != Reason::not_found) co_return counted;
  }
  std::string ns = event.about.ns.empty() ? "default" : event.about.ns;
  std::string name = event_name(event.about.name, event.at);
  json::Value value = value_of(event, name);
  auto created = co_await client_.create(kinds::event(), ns, std::move(value), WriteOptions{.recomputable = true});
  if (created.has_error() && created.error().reason == Reason::already_exists) {
    // Two events in one nanosecond of a coarse clock.
    event.at.ns += 1 + static_cast<int64_t>(env_.random.below(1'000'000));
    name = event_name(event.about.name, event.at);
    value = value_of(event, name);
    created = co_await client_.create(kinds::event(), ns, std::move(value), WriteOptions{.recomputable = true});
  }
  if (created.has_error()) co_return created.error();
  remember(std::move(key), ObjectName{ns, name});
  co_return Result<void>{};
}

Task<Result<void>> EventRecorder::events_loop() {
  while (true) {
    auto event = co_await queue_.pop();
    if (event.has_error()) co_return event.error();
    auto written = co_await write(std::move(*event));
    if (written.has_error() && written.error().reason == Reason::canceled) co_return written;
    // A namespace that is going away takes no events: that is not worth a line.
    if (written.has_error() && written.error().reason != Reason::forbidden &&
        written.error().reason != Reason::not_found)
      env_.log.warn("event not written", {{"component", component_}, {"error", written.error()}});
  }
}

}  // namespace kring::client
