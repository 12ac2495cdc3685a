// The only unit that compiles Asio and Beast (BOOST_ASIO_SEPARATE_COMPILATION), so the one place where the ring of the
// loop can be shaped. Asio asks for 16384 entries and no flags; kring's ring has
//   COOP_TASKRUN  completions do not interrupt the running program (+50 % requests a second; Linux 5.19),
//   TASKRUN_FLAG  so that peeking knows when it must enter the kernel for them,
//   1024 entries  1.5 MB less memory; a full ring is submitted and goes on.
// Never DEFER_TASKRUN or SINGLE_ISSUER: a post from another thread would lose its wake-up.
// Peeking and waiting also tell the watchdog where a turn of the loop begins and ends.
// Assertions of Boost are off here, also in debug builds: Beast 1.81 asserts that no packet ends between the last two
// bytes of a chunked body ("0\r\n\r" and then "\n"), which any client may send, and handles it well without.
#define BOOST_DISABLE_ASSERTS
#include <liburing.h>

#include "runtime/env/running_task.h"

namespace {

inline int kring_queue_init(unsigned, ::io_uring* ring, unsigned) {
  static constexpr unsigned entries = 1024;
  ::io_uring_params params{};
  params.flags = IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG;
  const int error = ::io_uring_queue_init_params(entries, ring, &params);
  return error == -EINVAL ? ::io_uring_queue_init(entries, ring, 0) : error;  // an older kernel
}

inline int kring_peek_cqe(::io_uring* ring, ::io_uring_cqe** cqe) {
  ::kring::turn_ends();
  const int result = ::io_uring_peek_cqe(ring, cqe);
  ::kring::turn_begins();
  return result;
}

inline int kring_wait_cqe(::io_uring* ring, ::io_uring_cqe** cqe) {
  ::kring::turn_ends();
  const int result = ::io_uring_wait_cqe(ring, cqe);
  ::kring::turn_begins();
  return result;
}

}  // namespace

// Asio writes `::io_uring_queue_init(`; the macros drop the function's name behind the `::`.
namespace kring_ring {
using ::kring_peek_cqe;
using ::kring_queue_init;
using ::kring_wait_cqe;
}  // namespace kring_ring
#define io_uring_queue_init kring_ring::kring_queue_init
#define io_uring_peek_cqe kring_ring::kring_peek_cqe
#define io_uring_wait_cqe kring_ring::kring_wait_cqe
#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
