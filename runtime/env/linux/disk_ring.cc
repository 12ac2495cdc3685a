#include "runtime/env/linux/disk_ring.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "objects/check.h"

namespace kring {
namespace {

// Group commit keeps one write in flight; the rest are start-up and snapshots.
constexpr unsigned ring_entries = 64;

int make_event() {
  const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  KRING_CHECK(fd >= 0, "eventfd");
  return fd;
}

}  // namespace

struct DiskRing::Operation {
  Waiter waiter;
  int result = 0;
};

DiskRing::DiskRing(asio::io_context& loop) : loop_(loop), event_(loop, make_event()) {
  KRING_CHECK(io_uring_queue_init(ring_entries, &ring_, 0) == 0, "io_uring_queue_init");
  KRING_CHECK(io_uring_register_eventfd(&ring_, event_.native_handle()) == 0, "io_uring_register_eventfd");
}

DiskRing::~DiskRing() {
  KRING_CHECK(under_way_ == 0, "a disk operation is under way");
  io_uring_queue_exit(&ring_);
}

io_uring_sqe* DiskRing::entry() {
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
  KRING_CHECK(sqe != nullptr, "every entry is submitted at once, so one is free");
  return sqe;
}

Task<int> DiskRing::run(io_uring_sqe* prepared) {
  Operation operation{.waiter = Waiter{loop_}, .result = 0};
  io_uring_sqe_set_data(prepared, &operation);
  int submitted = io_uring_submit(&ring_);
  while (submitted == -EINTR || submitted == -EAGAIN || submitted == -EBUSY) {
    reap();  // a full completion queue is what EBUSY means
    submitted = io_uring_submit(&ring_);
  }
  KRING_CHECK(submitted == 1, "io_uring_submit");
  ++under_way_;
  if (!waiting_) await_completions();
  co_await operation.waiter.wait_uncancelled();
  co_return operation.result;
}

void DiskRing::await_completions() {
  waiting_ = true;
  event_.async_wait(asio::posix::descriptor_base::wait_read, [this](boost::system::error_code error) {
    waiting_ = false;
    if (error == asio::error::operation_aborted) return;
    uint64_t signals = 0;
    KRING_MAYBE(::read(event_.native_handle(), &signals, sizeof signals) < 0);
    reap();
    if (under_way_ > 0) await_completions();
  });
}

void DiskRing::reap() {
  io_uring_cqe* completed = nullptr;
  while (io_uring_peek_cqe(&ring_, &completed) == 0) {
    auto* operation = static_cast<Operation*>(io_uring_cqe_get_data(completed));
    operation->result = completed->res;
    io_uring_cqe_seen(&ring_, completed);
    KRING_CHECK(under_way_ > 0);
    --under_way_;
    operation->waiter.wake();
  }
}

}  // namespace kring
