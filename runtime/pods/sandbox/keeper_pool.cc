#include "runtime/pods/sandbox/keeper_pool.h"

#include <errno.h>
#include <sys/epoll.h>

#include <algorithm>
#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include "objects/check.h"
#include "runtime/tasks/signal.h"
#include "runtime/tasks/task_group.h"

namespace kring::sandbox {

namespace {

using keeper::Type;

// What an epoll event belongs to: two bits of kind, the rest a keeper or request.
enum class What : uint64_t { socket = 0, process = 1, output = 2 };
uint64_t tag(What what, uint64_t id) { return id << 2 | static_cast<uint64_t>(what); }

constexpr int events_per_turn = 64;
constexpr int messages_per_turn = 64;

int watch(int epoll, int fd, uint64_t data) {
  epoll_event event{.events = EPOLLIN, .data = {.u64 = data}};
  return static_cast<int>(sys::call(SYS_epoll_ctl, epoll, EPOLL_CTL_ADD, fd, sys::raw(&event)));
}
void unwatch(int epoll, int fd) {
  epoll_event event{};
  sys::call(SYS_epoll_ctl, epoll, EPOLL_CTL_DEL, fd, sys::raw(&event));
}

}  // namespace

struct KeeperPool::Keeper {
  KeeperProcess process;
  bool ending = false;  // cannot be talked to any more; its process is being waited for
};

struct KeeperPool::Pending {
  Pending(Env& env, KeeperId k, Type t, uint64_t r) : keeper(k), asked(t), request(r), changed(env) {}
  KeeperId keeper;
  Type asked;
  uint64_t request;
  Signal changed;
  bool answered = false, lost = false;
  Reply reply;
  Output* output = nullptr;
};

// The wait of the loop for the epoll descriptor. Its handler owns it, so that it may outlive the pool by one turn.
struct KeeperPool::Wait : std::enable_shared_from_this<KeeperPool::Wait> {
  using Descriptor = asio::posix::basic_stream_descriptor<Executor>;
  Wait(KeeperPool& p, asio::io_context& loop, int fd) : pool(&p), descriptor(std::in_place, loop, fd) {}
  void arm() {
    descriptor->async_wait(Descriptor::wait_read, [self = shared_from_this()](boost::system::error_code error) {
      if (self->pool == nullptr) return;
      if (!error) self->pool->pump();
      if (self->pool != nullptr) self->arm();
    });
  }
  void end() {
    pool = nullptr;
    descriptor->release();  // cancels the wait; closing is the pool's
    descriptor.reset();
  }
  KeeperPool* pool;
  std::optional<Descriptor> descriptor;
};

KeeperPool::KeeperPool(Env& env, KeeperListener& listener) : env_(env), listener_(listener) {
  epoll_.reset(static_cast<int>(sys::call(SYS_epoll_create1, EPOLL_CLOEXEC)));
  KRING_CHECK(epoll_.ok(), "epoll_create");
  wait_ = std::make_shared<Wait>(*this, env_.loop, epoll_.get());
  wait_->arm();
}

KeeperPool::~KeeperPool() {
  KRING_CHECK(pending_.empty(), "a request to a keeper outlives the pool");
  wait_->end();
}

Result<KeeperId> KeeperPool::add(KeeperProcess process) {
  const KeeperId id = next_id_++;
  int failed = watch(epoll_.get(), process.socket.get(), tag(What::socket, id));
  if (failed == 0) failed = watch(epoll_.get(), process.pidfd.get(), tag(What::process, id));
  if (failed < 0) return io_error("watch keeper", -failed);
  keepers_[id] = std::make_unique<Keeper>(Keeper{std::move(process), false});
  return id;
}

void KeeperPool::drop(KeeperId id) {
  keepers_.erase(id);  // closing a descriptor ends its watch
  fail_pending(id);
}

void KeeperPool::kill(KeeperId id) {
  if (const auto found = keepers_.find(id); found != keepers_.end()) kill_keeper(found->second->process.pidfd.get());
}

void KeeperPool::fail_pending(KeeperId id) {
  for (auto& [request, pending] : pending_) {
    if (pending->keeper != id) continue;
    pending->lost = true;
    pending->changed.notify();
  }
}

// What cannot be talked to is no keeper: it is made to end. It is lost when its process is gone.
void KeeperPool::hang_up(KeeperId id) {
  Keeper& keeper = *keepers_.at(id);
  keeper.ending = true;
  keeper.process.socket.reset();
  kill_keeper(keeper.process.pidfd.get());
  fail_pending(id);
}

void KeeperPool::lose(KeeperId id) {
  drop(id);
  listener_.keeper_lost(id);
}

Result<void> KeeperPool::send(KeeperId id, Type type, uint64_t request, std::span<const uint8_t> body,
                              std::span<const int> fds) {
  const auto found = keepers_.find(id);
  if (found == keepers_.end() || found->second->ending) {
    return Error{Reason::service_unavailable, "the pod's keeper is gone"};
  }
  return send_message(found->second->process.socket.get(), type, request, body, fds);
}

Task<Result<Reply>> KeeperPool::finish(Pending& pending, int64_t timeout_ms) {
  const Mono deadline = env_.clock.now() + ms_to_ns(timeout_ms);
  while (!pending.answered && !pending.lost) {
    Result<void> woken;
    if (timeout_ms > 0) {
      woken = co_await pending.changed.wait_until(deadline);
    } else {
      woken = co_await pending.changed.wait();
    }
    if (woken.has_error() && !pending.answered) {
      if (woken.error().reason != Reason::timeout) co_return std::move(woken).error();
      co_return Error{Reason::timeout, "the keeper did not answer in time"};
    }
  }
  if (!pending.answered) co_return Error{Reason::service_unavailable, "the pod's keeper is gone"};
  if (pending.reply.type == Type::failed) {
    keeper::Failure failure;
    const bool valid = keeper::decode(pending.reply.body, failure);
    co_return Error{Reason::internal_error, valid ? std::string{failure.message} : "malformed answer of the keeper"};
  }
  co_return std::move(pending.reply);
}

Task<Result<Reply>> KeeperPool::request(KeeperId id, Type type, std::vector<uint8_t> body, int64_t timeout_ms) {
  Pending pending{env_, id, type, next_id_++};
  KRING_CO_TRY_VOID(send(id, type, pending.request, body, {}));
  pending_[pending.request] = &pending;
  auto reply = co_await finish(pending, timeout_ms);
  pending_.erase(pending.request);
  co_return reply;
}

Task<Result<Reply>> KeeperPool::request_with(KeeperId id, Type type, sys::Fd spec, int64_t timeout_ms) {
  Pending pending{env_, id, type, next_id_++};
  const int fds[] = {spec.get()};
  KRING_CO_TRY_VOID(send(id, type, pending.request, {}, fds));
  spec.reset();
  pending_[pending.request] = &pending;
  auto reply = co_await finish(pending, timeout_ms);
  pending_.erase(pending.request);
  co_return reply;
}

Task<Result<Reply>> KeeperPool::exec(KeeperId id, sys::Fd spec, Output& output, int64_t timeout_ms) {
  int ends[2];
  if (const int made = sys::pipe2(ends, O_CLOEXEC); made < 0) co_return io_error("make pipe", -made);
  output.pipe.reset(ends[0]);
  sys::Fd theirs{ends[1]};
  sys::fcntl(output.pipe.get(), F_SETFL, O_NONBLOCK);
  Pending pending{env_, id, Type::exec, next_id_++};
  pending.output = &output;
  const int fds[] = {spec.get(), theirs.get()};
  KRING_CO_TRY_VOID(send(id, Type::exec, pending.request, {}, fds));
  theirs.reset();
  spec.reset();
  pending_[pending.request] = &pending;
  watch(epoll_.get(), output.pipe.get(), tag(What::output, pending.request));
  auto reply = co_await finish(pending, timeout_ms);
  if (!pending.answered && !pending.lost) {
    // Out of time, or nobody wants to know any more: the command does not go on alone. The keeper's word that it has
    // ended is not waited for; its number is never used again.
    uint8_t body[256];
    const keeper::Target target{.attempt = static_cast<uint32_t>(pending.request)};
    const size_t size = keeper::encode(target, body);
    auto killed = send(id, Type::exec_kill, pending.request, {body, size}, {});
    if (killed.has_error()) env_.log.warn("command not killed", {{"err", killed.error()}});
  }
  read_output(pending);
  close_output(pending);
  pending_.erase(pending.request);
  co_return reply;
}

void KeeperPool::close_output(Pending& pending) {
  if (pending.output == nullptr || !pending.output->pipe.ok()) return;
  unwatch(epoll_.get(), pending.output->pipe.get());
  pending.output->pipe.reset();
}

// Reads one pipe full: what is there when the command ended fits. More than wanted is read and forgotten, at the pace
// of the loop, so that the command is slowed and memory is not used.
void KeeperPool::read_output(Pending& pending) {
  if (pending.output == nullptr || !pending.output->pipe.ok()) return;
  Output& output = *pending.output;
  char buffer[64 * 1024];
  const long n = sys::read(output.pipe.get(), buffer, sizeof(buffer));
  if (n == -EAGAIN || n == -EINTR) return;
  if (n <= 0) return close_output(pending);
  const size_t room = output.bytes_max - std::min(output.bytes_max, output.text.size());
  output.text.append(buffer, std::min(room, static_cast<size_t>(n)));
}

void KeeperPool::dispatch(KeeperId id, Incoming incoming) {
  const Type type = incoming.header.type;
  if (type == Type::exited) {
    keeper::Record record;
    if (keeper::decode(incoming.body, record)) listener_.container_exited(id, record);
    return;
  }
  auto found = pending_.find(incoming.header.id);
  if (incoming.header.id == 0 && type == Type::failed) {
    // A pod that could not be made: the keeper never read the hello that waits for it.
    found =
        std::find_if(pending_.begin(), pending_.end(), [&](const auto& entry) { return entry.second->keeper == id; });
  }
  if (found == pending_.end() || found->second->keeper != id) return;
  Pending& pending = *found->second;
  if (type == Type::record && pending.asked == Type::hello) {
    pending.reply.records.push_back(std::move(incoming.body));
    return;
  }
  pending.reply.type = type;
  pending.reply.body = std::move(incoming.body);
  pending.answered = true;
  pending.changed.notify();
}

void KeeperPool::read_keeper(KeeperId id) {
  for (int i = 0; i < messages_per_turn; ++i) {
    const auto found = keepers_.find(id);
    if (found == keepers_.end() || found->second->ending) return;
    auto incoming = receive_message(found->second->process.socket.get());
    if (!incoming) return;
    if (incoming->closed) return hang_up(id);
    dispatch(id, std::move(*incoming));
  }
}

void KeeperPool::pump() {
  epoll_event events[events_per_turn];
  const long count = sys::call(SYS_epoll_pwait, epoll_.get(), sys::raw(events), events_per_turn, 0, 0);
  for (long i = 0; i < count; ++i) {
    const uint64_t data = events[i].data.u64;
    const uint64_t id = data >> 2;
    switch (static_cast<What>(data & 3)) {
      case What::socket: read_keeper(id); break;
      case What::process:
        // What it said before it ended comes first.
        read_keeper(id);
        if (const auto found = keepers_.find(id);
            found != keepers_.end() && reap_keeper(found->second->process.pidfd.get())) {
          lose(id);
        }
        break;
      case What::output:
        if (const auto found = pending_.find(id); found != pending_.end()) read_output(*found->second);
        break;
    }
  }
}

}  // namespace kring::sandbox
