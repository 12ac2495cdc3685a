// kring's end of a keeper: starting one, finding one that runs, exchanging messages. Raw system calls live here; the
// logic is in pod_processes.cc.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "objects/result.h"
#include "runtime/pods/keeper/protocol.h"
#include "runtime/pods/keeper/sys.h"

namespace kring::sandbox {

// A sealed memfd with these bytes: nobody, not even its maker, can change it any more.
Result<sys::Fd> sealed_memory(const char* name, std::span<const uint8_t> bytes, bool executable);

// The keeper program, embedded in kring, in a sealed memfd: there is no file on disk that a container or anybody else
// could swap, and what containers see as /proc/self/exe of the starting process cannot be written to (S1).
Result<sys::Fd> keeper_program();

struct KeeperProcess {
  int32_t pid = 0;
  sys::Fd pidfd, socket;
};
// Starts a keeper as a child (vfork-style: this process' memory is not copied). `title` is what ps shows.
Result<KeeperProcess> start_keeper(int program, const std::string& title, int spec);

// Connects to the keeper of a state directory. not_found when none answers.
Result<KeeperProcess> connect_keeper(const std::string& state_directory);

// True when the process behind a pidfd has ended; a child is reaped.
bool reap_keeper(int pidfd);
void kill_keeper(int pidfd);

// Sends a request; Reason::service_unavailable when the keeper does not read.
Result<void> send_message(int socket, keeper::Type type, uint64_t id, std::span<const uint8_t> body,
                          std::span<const int> fds);

struct Incoming {
  bool closed = false;                // the keeper is gone, or not to be trusted
  keeper::Header header;
  std::vector<uint8_t> body;
};
// The next message that waits; nothing when there is none.
std::optional<Incoming> receive_message(int socket);

}  // namespace kring::sandbox
