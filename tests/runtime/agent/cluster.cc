#include "tests/runtime/agent/cluster.h"

#include <algorithm>
#include <cstdio>

#include "objects/check.h"
#include "objects/codec.h"
#include "runtime/api/bootstrap.h"
#include "runtime/api/local_client.h"
#include "runtime/controllers/controllers.h"

namespace kring::test {

namespace {

Task<Result<void>> open_into(Env& env, store::Options options, std::unique_ptr<store::Store>& out) {
  auto opened = co_await store::open(env, std::move(options));
  if (opened.has_error()) co_return opened.error();
  out = std::move(opened->store);
  co_return Result<void>{};
}

Task<Result<void>> create_into(client::Client& client, const Kind& kind, std::string ns, json::Value value,
                               Result<ObjectPtr>& out) {
  out = co_await client.create(kind, std::move(ns), std::move(value), {});
  co_return Result<void>{};
}

Task<Result<void>> patch_into(client::Client& client, const Kind& kind, client::ObjectName name, json::Value value,
                              std::string subresource, Result<ObjectPtr>& out) {
  out = co_await client.patch(kind, std::move(name), client::PatchType::merge, std::move(value), std::move(subresource),
                              {});
  co_return Result<void>{};
}

}  // namespace

class Cluster::Tokens final : public pods::TokenIssuer {
 public:
  Task<Result<std::string>> issue(Request request) override { co_return "token of " + request.service_account; }
};

struct Cluster::Rest {
  Tokens tokens;
  std::unique_ptr<controllers::Controllers> controllers;
};

Cluster::Cluster(uint64_t seed) : world(seed), processes(world.env(), world.schedule), rest_(std::make_unique<Rest>()) {
  images.add("example/app:1");
}

Cluster::~Cluster() {
  KRING_CHECK(world.stop(), "every task ends");
  close();
}

void Cluster::start() {
  processes.restart();
  open();
  world.spawn("store", &store::Store::run_loop, std::ref(*store));
  api::BootstrapOptions bootstrap;
  auto made = world.run(api::bootstrap(*client, std::move(bootstrap)));
  KRING_CHECK(!made.has_error(), made.has_error() ? made.error().message : "");
  world.spawn("controllers", &controllers::Controllers::controllers_loop, std::ref(*rest_->controllers));
  if (with_scheduler) world.spawn("scheduler", &scheduler::Scheduler::scheduler_loop, std::ref(*scheduler));
  if (with_agent) world.spawn("agent", &pods::Agent::agent_loop, std::ref(*agent));
}

void Cluster::open() {
  store::Options options;
  options.directory = "/data/store";
  options.segment_bytes = 1 << 20;
  KRING_CHECK(!world.run(world.disk.make_directory("/data")).has_error());
  auto opened = world.run(open_into(world.env(), options, store));
  KRING_CHECK(!opened.has_error(), opened.has_error() ? opened.error().message : "");
  registry = std::make_unique<api::Registry>(world.env(), *store);
  client = api::make_local_client(*registry);
  scheduler = std::make_unique<scheduler::Scheduler>(world.env(), *client);
  controllers::Options controller_options;
  controller_options.root_ca_pem = "the root certificate";
  rest_->controllers = std::make_unique<controllers::Controllers>(world.env(), *client, controller_options);
  pods::AgentOptions agent_options;
  agent_options.node_name = "node1";
  agent_options.data_directory = "/data";
  agent = std::make_unique<pods::Agent>(pods::AgentParts{world.env(), *client, processes, images, host, files,
                                                         std::move(agent_options), nullptr, &rest_->tokens, nullptr});
}

void Cluster::close() {
  agent.reset();
  scheduler.reset();
  rest_->controllers.reset();
  client.reset();
  registry.reset();
  store.reset();
}

void Cluster::kill() {
  KRING_CHECK(world.kill(), "every task ends");
  close();
}

void Cluster::cut_power() {
  KRING_CHECK(world.cut_power(), "every task ends");
  processes.reboot();
  for (auto& [name, entry] : files.entries) entry.tmpfs = false;
  close();
}

Result<ObjectPtr> Cluster::create(const Kind& kind, std::string_view json_text) {
  auto parsed = json::parse(json_text);
  KRING_CHECK(parsed.has_value(), json_text);
  const json::Value* ns = parsed->value.at({"metadata", "namespace"});
  std::string space = !kind.namespaced ? "" : ns == nullptr ? "default" : ns->as_string();
  Result<ObjectPtr> out = Error{Reason::unknown, "not run"};
  auto run = world.run(create_into(*client, kind, space, std::move(parsed->value), out));
  KRING_CHECK(!run.has_error());
  return out;
}

Result<ObjectPtr> Cluster::patch(const Kind& kind, const std::string& ns, const std::string& name,
                                 std::string_view merge, std::string subresource) {
  auto parsed = json::parse(merge);
  KRING_CHECK(parsed.has_value(), merge);
  Result<ObjectPtr> out = Error{Reason::unknown, "not run"};
  client::ObjectName object{ns, name};
  auto run = world.run(patch_into(*client, kind, object, std::move(parsed->value), std::move(subresource), out));
  KRING_CHECK(!run.has_error());
  return out;
}

json::Value Cluster::get(const Kind& kind, const std::string& ns, const std::string& name) {
  ObjectPtr object = store->get(store::Key{&kind, ns, name});
  return object == nullptr ? json::Value{} : codec::to_value(*object);
}

Result<void> Cluster::remove(const Kind& kind, const std::string& ns, const std::string& name,
                             client::DeleteOptions options) {
  return world.run(client->remove(kind, client::ObjectName{ns, name}, std::move(options)));
}

bool Cluster::until(const std::function<bool()>& done) {
  // Simulated time is cheap but not free: what has not happened within an hour never does.
  Mono until = world.clock.now() + ms_to_ns(3'600'000);
  bool met = false;
  world.run_until([&] { return (met = done()) || world.clock.now() > until; });
  if (met) return true;
  size_t first = world.log.lines.size() > 40 ? world.log.lines.size() - 40 : 0;
  for (size_t i = first; i < world.log.lines.size(); ++i) std::printf("    %s\n", world.log.lines[i].c_str());
  for (const auto& it : store->list(kinds::pod(), "").objects) std::printf("    %s\n", it->json().c_str());
  return false;
}

Result<ObjectPtr> Cluster::run_pod(const std::string& name, const std::string& image, const std::string& policy) {
  return create(kinds::pod(), R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":")" + name +
                                  R"("},"spec":{"restartPolicy":")" + policy +
                                  R"(","containers":[{"name":"app","image":")" + image + R"("}]}})");
}

std::string Cluster::phase(const std::string& pod) {
  json::Value value = get(kinds::pod(), "default", pod);
  const json::Value* status = value.find("status");
  return status == nullptr ? (value.is_null() ? "gone" : "") : std::string{status->string_or("phase")};
}

namespace {

const json::Value* first_container(const json::Value& pod) {
  const json::Value* statuses = pod.at({"status", "containerStatuses"});
  return statuses == nullptr || !statuses->is_array() || statuses->as_array().empty() ? nullptr
                                                                                      : &statuses->as_array()[0];
}

}  // namespace

std::string Cluster::waiting(const std::string& pod) {
  json::Value value = get(kinds::pod(), "default", pod);
  const json::Value* container = first_container(value);
  const json::Value* state = container == nullptr ? nullptr : container->at({"state", "waiting"});
  return state == nullptr ? "" : std::string{state->string_or("reason")};
}

int64_t Cluster::restarts(const std::string& pod) {
  json::Value value = get(kinds::pod(), "default", pod);
  const json::Value* container = first_container(value);
  return container == nullptr ? -1 : container->int_or("restartCount", -1);
}

bool Cluster::ready(const std::string& pod) {
  json::Value value = get(kinds::pod(), "default", pod);
  const json::Value* conditions = value.at({"status", "conditions"});
  if (conditions == nullptr) return false;
  return std::any_of(conditions->as_array().begin(), conditions->as_array().end(), [](const json::Value& it) {
    return it.string_or("type") == "Ready" && it.string_or("status") == "True";
  });
}

std::vector<std::string> Cluster::events(const std::string& object) {
  std::vector<std::pair<std::string, std::string>> found;
  for (const auto& it : store->list(kinds::event(), "").objects) {
    json::Value value = codec::to_value(*it);
    const json::Value* about = value.find("involvedObject");
    if (about == nullptr || about->string_or("name") != object) continue;
    std::string text = std::string{value.string_or("reason")} + ": " + std::string{value.string_or("message")};
    if (value.int_or("count", 1) > 1) text += " (x" + std::to_string(value.int_or("count", 1)) + ")";
    found.emplace_back(std::string{value.at({"metadata"})->string_or("name")}, std::move(text));
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> out;
  for (auto& it : found) out.push_back(std::move(it.second));
  return out;
}

bool Cluster::has_event(const std::string& object, const std::string& text) {
  for (const auto& it : events(object))
    if (it.find(text) != std::string::npos) return true;
  return false;
}

}  // namespace kring::test
