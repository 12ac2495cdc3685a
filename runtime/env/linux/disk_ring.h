// File operations on an io_uring of their own: Asio's file classes have no asynchronous open, sync or rename. The ring
// signals an eventfd, and the loop waits for that only while operations are under way.
// Invariants: an operation that was submitted is always awaited to its end, whatever is cancelled meanwhile, so the
// kernel never holds a buffer or path of a dead frame.
// Lifetime: outlives its operations.
#pragma once

#include <liburing.h>

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <memory>

#include "runtime/env/env.h"
#include "runtime/env/waiter.h"

namespace kring {

class DiskRing {
 public:
  // REQUIRES: probe_io_uring() succeeded.
  explicit DiskRing(asio::io_context& loop);
  ~DiskRing();
  DiskRing(const DiskRing&) = delete;
  DiskRing& operator=(const DiskRing&) = delete;

  // A free entry to prepare; run() sends it. No await may come between the two.
  io_uring_sqe* entry();
  // Submits the prepared entry and returns the kernel's result: negative is -errno.
  Task<int> run(io_uring_sqe* prepared);

 private:
  struct Operation;
  void await_completions();
  void reap();

  asio::io_context& loop_;
  io_uring ring_{};
  asio::posix::basic_stream_descriptor<Executor> event_;
  uint32_t under_way_ = 0;
  bool waiting_ = false;
};

}  // namespace kring
