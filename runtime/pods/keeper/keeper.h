// The keeper: one process a pod. It holds the pod's namespaces, starts containers, writes their logs, knows how they
// ended, and answers kring, which may come and go. One thread, one poll loop, no heap: every container and exec has a
// slot of fixed size, mapped when first used.
// It ends when it is told to stop, or is killed; what it knew is in NAME.ATTEMPT/record of the state directory.
#pragma once

#include "runtime/pods/keeper/channel.h"
#include "runtime/pods/keeper/container.h"
#include "runtime/pods/keeper/log_writer.h"
#include "runtime/pods/keeper/protocol.h"

namespace kring::keeper {

inline constexpr size_t containers_max = 256;  // attempts that are not removed yet
inline constexpr size_t running_max = 64;
inline constexpr size_t execs_max = 32;
inline constexpr size_t clients_max = 8;
// How kring starts it.
inline constexpr int first_client_fd = 3;
inline constexpr int pod_spec_fd = 4;

// A spec as it was handed over: mapped read-only from a sealed memfd, with room for the lists of its decoded form.
struct Mapped {
  uint8_t* data = nullptr;
  size_t size = 0;
  uint8_t* arena = nullptr;
  size_t arena_size = 0;
  bool map(int memfd, Fault& fault);
  void unmap();
  Bytes bytes() const { return {data, size}; }
  std::span<uint8_t> room() const { return {arena, arena_size}; }
};

struct Request {
  int client = -1;         // slot; -1: gone
  uint64_t id = 0;
};

struct Container {
  Text<name_bytes_max + 1> name;
  uint32_t attempt = 0;
  Phase phase = Phase::absent;
  int32_t pid = 0;
  int64_t started_ns = 0, finished_ns = 0;
  int32_t exit_code = 0, signal = 0;
  bool oom_killed = false;
  Text<start_error_bytes_max + 1> start_error;
  Request starter;         // who waits for the start
  sys::Fd pidfd, status, streams[2], input;
  LogWriter log;
  Mapped spec_memory;
  ContainerSpec spec;
  Identity identity;
};

struct Exec {
  bool used = false;
  Request asker;
  Container* container = nullptr;
  sys::Fd launcher, pidfd, status;
  int32_t pid = 0;
  Text<512> error;
};

struct Client {
  sys::Fd socket;
  bool greeted = false;
};

class Keeper {
 public:
  // Makes what the pod spec says. False: the fault says why, nothing is left but this process.
  bool open(int spec_memfd, int client, Fault& fault);
  [[noreturn]] void run();

 private:
  // Set-up of the pod.
  bool make_namespaces(Fault& fault);
  bool make_shared_memory(Fault& fault);
  bool make_shared_processes(Fault& fault);
  bool listen(Fault& fault);

  // Requests.
  void accept();
  void read_client(int slot);
  void obey(int slot, const Message& message, Received& received);
  void hang_up(int slot);
  void hello(int slot, uint64_t id);
  void start(int slot, uint64_t id, int memfd);
  bool launch(Container& container, Fault& fault);
  void signal(int slot, uint64_t id, const Target& target);
  void remove(int slot, uint64_t id, const Target& target);
  void exec(int slot, uint64_t id, Received& received);
  bool launch_exec(Exec& exec, const ExecSpec& spec, int output, Fault& fault);
  void kill_exec(Exec& exec);
  void stop(int slot, uint64_t id);
  void reply(const Request& request, Type type, Bytes body);
  void reply_failed(const Request& request, int error_number, std::string_view message);
  void send_record(const Request& request, Type type, const Container& container);

  // Events.
  void read_status(Container& container);
  void started(Container& container);
  void read_stream(Container& container, int index);
  void exited(Container& container);
  void read_exec_status(Exec& exec);
  void exec_ended(Exec& exec);
  void poll_once();

  Container* find(std::string_view name, uint32_t attempt);
  Container* latest(std::string_view name);
  Container* new_container();
  bool anything_runs() const;
  size_t running() const;
  void write_record(const Container& container);
  int open_container_directory(const Container& container, bool make);

  Mapped spec_memory_;
  PodSpec spec_;
  sys::Fd state_, listener_, shm_namespace_, pause_;
  Client clients_[clients_max];
  Container* containers_[containers_max] = {};
  Exec execs_[execs_max];
};

// The process' entry: descriptors 3 and 4 as kring passes them. Returns the exit code.
int keeper_main();

}  // namespace kring::keeper
