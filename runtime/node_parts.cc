#include "runtime/node_parts.h"

#include "objects/kinds.h"
#include "runtime/controllers/controllers.h"
#include "runtime/env/linux/host.h"
#include "runtime/images/images.h"
#include "runtime/pods/agent.h"
#include "runtime/pods/linux_processes.h"
#include "runtime/scheduler/scheduler.h"

namespace kring {
namespace {

// A log stream as the body of an HTTP answer.
class LogReply final : public pods::LogOutput {
 public:
  explicit LogReply(http::Reply& reply) : reply_(reply) {}
  Task<Result<void>> begin() override {
    co_return co_await reply_.begin(200, "text/plain", {});
  }
  Task<Result<void>> write(std::string_view data) override { co_return co_await reply_.chunk(data); }

 private:
  http::Reply& reply_;
};

// The API asks, the agent answers; neither knows the other.
class Access final : public api::NodeAccess {
 public:
  explicit Access(pods::Agent& agent) : agent_(agent) {}

  Task<Result<void>> stream_log(api::LogQuery query, http::Reply& reply) override {
    pods::LogQuery wanted{query.ns, query.pod, query.pod_uid, query.container};
    wanted.follow = query.follow;
    wanted.previous = query.previous;
    wanted.timestamps = query.timestamps;
    wanted.tail_lines = query.tail_lines;
    wanted.limit_bytes = query.limit_bytes;
    wanted.since_seconds = query.since_seconds;
    wanted.since_time = query.since_time;
    wanted.stream = query.stream;
    LogReply output{reply};
    KRING_CO_TRY_VOID(co_await agent_.stream_log(std::move(wanted), output));
    co_return co_await reply.end();
  }

 private:
  pods::Agent& agent_;
};

// Tokens for projected volumes, bound to their pod.
class VolumeTokens final : public pods::TokenIssuer {
 public:
  VolumeTokens(api::Tokens& tokens, store::Store& store) : tokens_(tokens), store_(store) {}

  Task<Result<std::string>> issue(Request request) override {
    const ObjectPtr account = store_.get({&kinds::service_account(), request.ns, request.service_account});
    if (account == nullptr)
      co_return Error{Reason::not_found, "serviceaccounts \"" + request.service_account + "\" not found"};
    std::vector<std::string> audiences;
    if (!request.audience.empty()) audiences.push_back(request.audience);
    api::Tokens::Bound pod{"Pod", request.pod_name, request.pod_uid};
    auto issued = tokens_.issue(*account, std::move(audiences), request.expiration_seconds, std::move(pod));
    if (issued.has_error()) co_return std::move(issued).error();
    co_return std::move(issued->token);
  }

 private:
  api::Tokens& tokens_;
  store::Store& store_;
};

struct Opened {
  std::unique_ptr<Processes> processes;
  std::unique_ptr<images::Images> images;
};

class Parts final : public NodeParts {
 public:
  Parts(Env& env, client::Client& client, Host& host, api::Tokens& tokens, store::Store& store,
        NodePartsOptions options, Opened opened)
      : opened_(std::move(opened)),
        files_(env),
        volume_tokens_(tokens, store),
        agent_(pods::AgentParts{env, client, *opened_.processes, *opened_.images, host, files_,
                                agent_options(options.config), nullptr, &volume_tokens_, nullptr}),
        access_(agent_),
        scheduler_(env, client),
        controllers_(env, client, controllers::Options{std::move(options.ca_pem)}) {}

  api::NodeAccess& access() override { return access_; }

  void spawn_loops(TaskGroup& group) override {
    group.spawn("node agent", &pods::Agent::agent_loop, std::ref(agent_));
    group.spawn("scheduler", &scheduler::Scheduler::scheduler_loop, std::ref(scheduler_));
    group.spawn("controllers", &controllers::Controllers::controllers_loop, std::ref(controllers_));
  }

 private:
  static pods::AgentOptions agent_options(const NodeConfig& config) {
    pods::AgentOptions options;
    options.node_name = config.node_name;
    options.data_directory = config.data_dir;
    options.cluster_domain = config.cluster_domain;
    return options;
  }

  Opened opened_;
  LinuxHostFiles files_;
  VolumeTokens volume_tokens_;
  pods::Agent agent_;
  Access access_;
  scheduler::Scheduler scheduler_;
  controllers::Controllers controllers_;
};

}  // namespace

Task<Result<std::unique_ptr<NodeParts>>> NodeParts::open(Env& env, client::Client& client, Host& host,
                                                         api::Tokens& tokens, store::Store& store,
                                                         NodePartsOptions options) {
  Opened opened;
  KRING_CO_TRY(opened.images, co_await images::open(env, options.config.data_dir + "/images"));
  pods::LinuxProcessesOptions processes{options.config.data_dir, options.config.cgroup_prefix};
  KRING_CO_TRY(opened.processes, pods::make_linux_processes(env, std::move(processes)));
  co_return std::make_unique<Parts>(env, client, host, tokens, store, std::move(options), std::move(opened));
}

}  // namespace kring
