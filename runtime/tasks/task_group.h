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
#include <ranges>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "runtime/env/env.h"
#include "runtime/env/waiter.h"

namespace kring {

// What a child may own: no raw pointer, no view (string_view, span) of what its parent may free first.
template <class T>
concept SpawnArgument = !std::is_pointer_v<std::decay_t<T>> && !std::ranges::view<std::decay_t<T>>;

namespace internal {

// One task with its own cancellation, running beside the one that started it. The starter calls done.wait_uncancelled()
// before it lets go of anything the task refers to.
struct Child;

}  // namespace internal

class TaskGroup {
 public:
  TaskGroup(Env& env, std::string name);
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // `function` is a plain function, a captureless lambda or a pointer to member; it returns Task<Result<void>>. The
  // child starts in a later turn of the loop, even when the group was cancelled meanwhile (its first wait then returns
  // canceled). A group that was cancelled accepts children again; they are not cancelled by what came before.
  template <class F, SpawnArgument... Args>
  void spawn(std::string name, F function, Args... args) {
    static_assert(std::is_empty_v<F> || std::is_function_v<std::remove_pointer_t<F>> || std::is_member_pointer_v<F>,
                  "no capturing lambdas: pass what the task needs as arguments");
    start(std::move(name), call(function, std::move(args)...));
  }

  void cancel();
  // The first error of a child; canceled when the caller was cancelled and no child failed; success otherwise, also
  // when the owner itself cancelled the group.
  Task<Result<void>> join();
  // Waits until no child runs, without cancelling them and without taking their error; canceled when the caller is.
  Task<Result<void>> wait_empty();
  size_t size() const;
  bool empty() const { return size() == 0; }
  const std::string& name() const { return name_; }

 private:
  template <class F, class... Args>
  static Task<Result<void>> call(F function, Args... args) {
    co_return co_await std::invoke(function, unwrap(args)...);
  }
  template <class T>
  static T& unwrap(std::reference_wrapper<T>& r) {
    return r.get();
  }
  template <class T>
  static T&& unwrap(T& v) {
    return std::move(v);
  }
  void start(std::string name, Task<Result<void>> task);
  void finished(internal::Child& child);

  Env& env_;
  std::string name_;
  std::list<std::shared_ptr<internal::Child>> children_;
  Result<void> first_error_;
  Waiter empty_;
  bool joining_ = false;  // somebody waits on empty_
  bool ending_ = false;   // cancelled by join() or by a child's error: children that start now are cancelled too
};

// Runs `task` to its end on env.loop and returns what it returned: main's one call, and every test's of the real world.
// REQUIRES: nobody else runs the loop.
Result<void> run_to_end(Env& env, std::string name, Task<Result<void>> task);

// Runs cleanup to its end even when the caller is cancelled meanwhile; the caller still sees the cancellation after.
Task<Result<void>> shielded(Env& env, Task<Result<void>> cleanup);

// Awaits `task` for at most `ms`; Reason::timeout when it took longer (the task was cancelled and has ended).
Task<Result<void>> with_deadline(Env& env, int64_t ms, Task<Result<void>> task);

}  // namespace kring
