// Datagrams with descriptors over a SEQPACKET socket.
#pragma once

#include <span>

#include "runtime/pods/keeper/sys.h"
#include "runtime/pods/keeper/wire.h"

namespace kring::keeper {

// The size sent, or a negative errno (-EAGAIN when the peer does not read).
long send_datagram(int socket, Bytes data, std::span<const int> fds);

struct Received {
  long size = 0;  // 0: the peer closed; negative errno
  sys::Fd fds[4];
  uint32_t fd_count = 0;
  bool cut = false;  // more data or descriptors than there is room for
};
void receive_datagram(int socket, std::span<uint8_t> out, int flags, Received& result);

}  // namespace kring::keeper
