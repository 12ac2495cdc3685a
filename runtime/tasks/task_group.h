// Owns, cancels and joins child tasks: the only place with co_spawn.
// Invariants: join() returns only when no child runs; the destructor CHECKs that nobody is alive; the first child that
// returns an error (other than canceled) cancels its siblings, and join() returns that error; cancelling the task that
// awaits join() forwards to the children and still waits for all of them. A child that lets an exception out is a bug:
// the process dies with its name.
// spawn copies its arguments into the child's frame; views and raw pointers do not compile, references need std::ref.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "runtime/env/env.h"

namespace kring {

template <class T>
concept SpawnArgument = !std::is_pointer_v<std::decay_t<T>> && !std::is_same_v<std::decay_t<T>, std::string_view>;

class TaskGroup {
 public:
  TaskGroup(Env& env, std::string name);
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // `function` is a plain function, a captureless lambda or a pointer to member; it returns Task<Result<void>>.
  template <class F, SpawnArgument... Args>
  void spawn(std::string name, F function, Args... args) {
    static_assert(std::is_empty_v<F> || std::is_function_v<std::remove_pointer_t<F>> || std::is_member_pointer_v<F>,
                  "no capturing lambdas: pass what the task needs as arguments");
    start(std::move(name), call(function, std::move(args)...));
  }

  void cancel();
  Task<Result<void>> join();
  size_t size() const;
  bool empty() const { return size() == 0; }
  // Waits until no child runs, without cancelling, ignoring their errors.
  const std::string& name() const { return name_; }

 private:
  struct Child;
  template <class F, class... Args>
  static Task<Result<void>> call(F function, Args... args) {
    co_return co_await std::invoke(function, unwrap(args)...);
  }
  template <class T>
  static T& unwrap(std::reference_wrapper<T>& r) { return r.get(); }
  template <class T>
  static T&& unwrap(T& v) { return std::move(v); }
  void start(std::string name, Task<Result<void>> task);
  void finished(std::list<std::shared_ptr<Child>>::iterator child, Result<void> result);

  Env& env_;
  std::string name_;
  struct State;
  std::shared_ptr<State> state_;
};

// True when the current task was cancelled: every loop head and every Env operation asks.
Task<bool> cancelled();

// Runs cleanup to its end even when the caller is cancelled meanwhile; the caller still sees the cancellation after.
Task<Result<void>> shielded(Env& env, Task<Result<void>> cleanup);

// Awaits `task` for at most `ms`; Reason::timeout when it took longer (the task was cancelled and has ended).
Task<Result<void>> with_deadline(Env& env, int64_t ms, Task<Result<void>> task);

}  // namespace kring
