// All keepers of this node, as kring sees them: their sockets and pidfds behind one epoll descriptor, so that the loop
// waits for one thing however many pods there are, and an idle pod costs nothing.
// Invariants: a request is answered exactly once: by its reply, or by the loss of the keeper; the callbacks run in a
// turn of their own, never inside a call of the one who asked.
// Lifetime: Env and the listener outlive it; the destructor ends the wait, no callback runs after it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/env/env.h"
#include "runtime/pods/sandbox/keeper_link.h"

namespace kring::sandbox {

using KeeperId = uint64_t;

struct Reply {
  keeper::Type type = keeper::Type::done;
  std::vector<uint8_t> body;
  std::vector<std::vector<uint8_t>> records;  // that came before it (hello)
};

// What the output of an exec is gathered in.
struct Output {
  sys::Fd pipe;
  std::string text;
  size_t bytes_max = 0;
};

class KeeperListener {
 public:
  virtual ~KeeperListener() = default;
  virtual void container_exited(KeeperId keeper, const keeper::Record& record) = 0;
  virtual void keeper_lost(KeeperId keeper) = 0;
};

class KeeperPool {
 public:
  KeeperPool(Env& env, KeeperListener& listener);
  ~KeeperPool();
  KeeperPool(const KeeperPool&) = delete;
  KeeperPool& operator=(const KeeperPool&) = delete;

  // Watches a keeper from now on.
  Result<KeeperId> add(KeeperProcess process);
  // Stops watching; requests that wait are answered with an error.
  void drop(KeeperId id);
  bool alive(KeeperId id) const { return keepers_.contains(id); }
  void kill(KeeperId id);

  // Sends and waits for the reply. service_unavailable when the keeper is gone or does not answer in time; a reply of
  // type failed becomes an error with its text. Cancellation ends the wait, not what was asked for.
  Task<Result<Reply>> request(KeeperId id, keeper::Type type, std::vector<uint8_t> body, int64_t timeout_ms);
  // The same with a spec beside it. A timeout of 0 waits as long as the keeper lives.
  Task<Result<Reply>> request_with(KeeperId id, keeper::Type type, sys::Fd spec, int64_t timeout_ms);
  // Runs a command: answers when it ended, with its output. On timeout or cancellation it is killed.
  Task<Result<Reply>> exec(KeeperId id, sys::Fd spec, Output& output, int64_t timeout_ms);

 private:
  struct Pending;
  struct Keeper;
  struct Wait;
  Task<Result<Reply>> finish(Pending& pending, int64_t timeout_ms);
  Result<void> send(KeeperId id, keeper::Type type, uint64_t request, std::span<const uint8_t> body,
                    std::span<const int> fds);
  void pump();
  void read_keeper(KeeperId id);
  void read_output(Pending& pending);
  void dispatch(KeeperId id, Incoming incoming);
  void hang_up(KeeperId id);
  void lose(KeeperId id);
  void fail_pending(KeeperId id);
  void close_output(Pending& pending);

  Env& env_;
  KeeperListener& listener_;
  sys::Fd epoll_;
  std::shared_ptr<Wait> wait_;
  uint64_t next_id_ = 1;
  std::map<KeeperId, std::unique_ptr<Keeper>> keepers_;
  std::map<uint64_t, Pending*> pending_;  // by request; lives in the asking frame
};

}  // namespace kring::sandbox
