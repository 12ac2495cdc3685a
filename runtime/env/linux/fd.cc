#include "runtime/env/linux/fd.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include "runtime/env/running_task.h"
#include "runtime/env/waiter.h"

namespace kring {
namespace {

using Descriptor = asio::posix::basic_stream_descriptor<Executor>;

// Lends a descriptor to Asio for one wait.
class Borrowed {
 public:
  Borrowed(asio::io_context& loop, int fd) : descriptor_(loop, fd) {}
  ~Borrowed() { descriptor_.release(); }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  Descriptor* operator->() { return &descriptor_; }

 private:
  Descriptor descriptor_;
};

Task<Result<void>> wait_for(Env& env, int fd, Descriptor::wait_type what) {
  if (co_await cancelled()) co_return canceled_error();
  const TaskMark self;
  Borrowed descriptor{env.loop, fd};
  const auto [error] = co_await descriptor->async_wait(what, asio::as_tuple(use_task));
  self.resume();
  if (error == asio::error::operation_aborted) co_return canceled_error();
  if (error) co_return io_error("wait for descriptor", error.value());
  co_return Result<void>{};
}

}  // namespace

Task<Result<void>> wait_readable(Env& env, int fd) { return wait_for(env, fd, Descriptor::wait_read); }
Task<Result<void>> wait_writable(Env& env, int fd) { return wait_for(env, fd, Descriptor::wait_write); }

}  // namespace kring
