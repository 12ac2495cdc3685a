#include "runtime/pods/keeper/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

namespace kring::keeper {

namespace {
constexpr size_t fds_max = 4;
struct alignas(cmsghdr) Control {
  char data[CMSG_SPACE(sizeof(int) * fds_max)] = {};
};
}  // namespace

long send_datagram(int socket, Bytes data, std::span<const int> fds) {
  iovec part{const_cast<uint8_t*>(data.data()), data.size()};
  Control control;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = control.data;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
    memcpy(CMSG_DATA(header), fds.data(), sizeof(int) * fds.size());
  }
  long sent = 0;
  do {
    sent = sys::call(SYS_sendmsg, socket, sys::raw(&message), MSG_NOSIGNAL);
  } while (sent == -EINTR);
  return sent;
}

void receive_datagram(int socket, std::span<uint8_t> out, int flags, Received& result) {
  iovec part{out.data(), out.size()};
  Control control;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data;
  message.msg_controllen = sizeof(control.data);
  do {
    result.size = sys::call(SYS_recvmsg, socket, sys::raw(&message), flags | MSG_CMSG_CLOEXEC);
  } while (result.size == -EINTR);
  result.fd_count = 0;
  if (result.size < 0) return;
  result.cut = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) return;
  const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  for (size_t i = 0; i < count && i < fds_max; ++i) {
    int fd = -1;
    memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
    result.fds[result.fd_count++].reset(fd);
  }
}

}  // namespace kring::keeper
