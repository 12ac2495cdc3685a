#include "runtime/pods/keeper/keeper.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <new>

#include "runtime/pods/keeper/channel.h"

namespace kring::keeper {

namespace {

constexpr int nobody = -1;

// Kills what is left in a container's cgroup: cgroup.kill takes all at once, a cgroup.procs is gone through.
void kill_cgroup(std::string_view path) {
  if (path.empty()) return;
  if (path.ends_with("cgroup.kill")) {
    const sys::Fd file{sys::openat(AT_FDCWD, path.data(), O_WRONLY)};
    if (file.ok()) sys::write_all(file.get(), "1", 1);
    return;
  }
  for (int round = 0; round < 16; ++round) {  // until no new process was forked meanwhile
    const sys::Fd file{sys::openat(AT_FDCWD, path.data(), O_RDONLY)};
    char buffer[2048];
    const long size = file.ok() ? sys::read(file.get(), buffer, sizeof(buffer)) : 0;
    if (size <= 0) return;
    std::string_view rest{buffer, static_cast<size_t>(size)};
    while (!rest.empty()) {
      const size_t end = rest.find('\n');
      uint64_t pid = 0;
      if (parse_number(rest.substr(0, end), 1 << 22, pid) && pid > 1) sys::kill(static_cast<int>(pid), SIGKILL);
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
  }
}

// `oom_kill N` of memory.events (v2) or memory.oom_control (v1).
bool oom_killed(std::string_view path) {
  if (path.empty()) return false;
  const sys::Fd file{sys::openat(AT_FDCWD, path.data(), O_RDONLY)};
  char buffer[512];
  const long size = file.ok() ? sys::read(file.get(), buffer, sizeof(buffer)) : 0;
  if (size <= 0) return false;
  std::string_view rest{buffer, static_cast<size_t>(size)};
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    const auto line = rest.substr(0, end);
    if (line.starts_with("oom_kill ")) return line != "oom_kill 0";
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  return false;
}

Record record_of(const Container& c) {
  return {.name = c.name.view(),
          .attempt = c.attempt,
          .phase = c.phase,
          .pid = c.pid,
          .started_ns = c.started_ns,
          .finished_ns = c.finished_ns,
          .exit_code = c.exit_code,
          .signal = c.signal,
          .oom_killed = c.oom_killed ? 1U : 0U,
          .start_error = c.start_error.view()};
}

}  // namespace

Container* Keeper::find(std::string_view name, uint32_t attempt) {
  for (Container* c : containers_) {
    if (c != nullptr && c->attempt == attempt && c->name.view() == name) return c;
  }
  return nullptr;
}

Container* Keeper::latest(std::string_view name) {
  Container* best = nullptr;
  for (Container* c : containers_) {
    if (c != nullptr && c->name.view() == name && (best == nullptr || c->attempt > best->attempt)) best = c;
  }
  return best;
}

Container* Keeper::new_container() {
  for (Container*& slot : containers_) {
    if (slot != nullptr) continue;
    void* at = sys::mmap(sizeof(Container), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    if (at == nullptr) return nullptr;
    return slot = new (at) Container;
  }
  return nullptr;
}

size_t Keeper::running() const {
  size_t count = 0;
  for (const Container* c : containers_) count += c != nullptr && c->pidfd.ok() ? 1 : 0;
  return count;
}

bool Keeper::anything_runs() const { return running() > 0; }

int Keeper::open_container_directory(const Container& container, bool make) {
  Text<name_bytes_max + 16> name;
  name << container.name.view() << '.' << container.attempt;
  if (make) {
    if (const int made = sys::mkdirat(state_.get(), name.c_str(), 0700); made < 0 && made != -EEXIST) return made;
  }
  return sys::openat(state_.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

// Renamed into place, so that a reader sees a whole record. Not synced: it has to outlive kring and the keeper, and
// with the power the containers are gone anyway.
void Keeper::write_record(const Container& container) {
  uint8_t buffer[message_bytes_max];
  const size_t size = encode(record_of(container), buffer);
  const sys::Fd directory{open_container_directory(container, false)};
  const sys::Fd file{sys::openat(directory.get(), "record.new", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600)};
  if (size == 0 || !file.ok() || sys::write_all(file.get(), buffer, size) < 0) return;
  sys::renameat(directory.get(), "record.new", directory.get(), "record");
}

// --- requests -------------------------------------------------------------------------------------------------------

void Keeper::accept() {
  sys::Fd socket{static_cast<int>(
      sys::call(SYS_accept4, listener_.get(), 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC))};
  if (!socket.ok()) return;
  struct {
    int pid;
    uint32_t uid, gid;
  } peer{};
  socklen_t size = sizeof(peer);
  const long known = sys::call(SYS_getsockopt, socket.get(), SOL_SOCKET, SO_PEERCRED, sys::raw(&peer), sys::raw(&size));
  const auto own_uid = static_cast<uint32_t>(sys::call(SYS_geteuid));
  if (known < 0 || peer.uid != own_uid) return;  // closes (S14)
  for (Client& client : clients_) {
    if (client.socket.ok()) continue;
    client.socket = static_cast<sys::Fd&&>(socket);
    client.greeted = false;
    return;
  }
}

void Keeper::hang_up(int slot) {
  clients_[slot].socket.reset();
  clients_[slot].greeted = false;
  for (Container* c : containers_) {
    if (c != nullptr && c->starter.client == slot) c->starter.client = nobody;
  }
  // Nobody is left to hear how it ends.
  for (Exec& exec : execs_) {
    if (!exec.used || exec.asker.client != slot) continue;
    exec.asker.client = nobody;
    kill_exec(exec);
  }
}

void Keeper::read_client(int slot) {
  alignas(Header) uint8_t buffer[message_bytes_max];
  Received received;
  receive_datagram(clients_[slot].socket.get(), buffer, MSG_DONTWAIT, received);
  if (received.size == -EAGAIN) return;
  Message message;
  if (received.size <= 0 || received.cut ||
      !parse_message({buffer, static_cast<size_t>(received.size)}, message)) {
    hang_up(slot);
    return;
  }
  obey(slot, message, received);
}

void Keeper::obey(int slot, const Message& message, Received& received) {
  const Type type = message.header.type;
  const Request request{slot, message.header.id};
  Situation situation{.greeted = clients_[slot].greeted,
                      .descriptors = received.fd_count,
                      .anything_runs = anything_runs()};
  Target target;
  const bool has_target = type == Type::signal || type == Type::remove || type == Type::exec_kill;
  if (has_target) {
    if (!decode(message.body, target)) return reply_failed(request, EINVAL, "malformed request");
    const Container* c = type == Type::remove ? find(target.name, target.attempt) : latest(target.name);
    situation.phase = c == nullptr ? Phase::absent : c->phase;
  }
  // start and exec name their container in the spec; they ask again when it is decoded.
  if (type == Type::exec) situation.phase = Phase::running;
  if (const auto why = illegal(type, situation); !why.empty()) return reply_failed(request, EPROTO, why);
  switch (type) {
    case Type::hello: return hello(slot, request.id);
    case Type::start: return start(slot, request.id, received.fds[0].get());
    case Type::signal: return signal(slot, request.id, target);
    case Type::remove: return remove(slot, request.id, target);
    case Type::exec: return exec(slot, request.id, received);
    case Type::exec_kill: {
      for (Exec& e : execs_) {
        if (e.used && e.asker.client == slot && e.asker.id == target.attempt) kill_exec(e);
      }
      return reply(request, Type::done, {});
    }
    case Type::stop: return stop(slot, request.id);
    default: return reply_failed(request, EPROTO, "not a request");
  }
}

void Keeper::reply(const Request& request, Type type, Bytes body) {
  if (request.client < 0 || !clients_[request.client].socket.ok()) return;
  uint8_t buffer[message_bytes_max];
  const size_t size = put_message(type, request.id, body, buffer);
  // A client that does not read is no client: it connects again and asks for the state.
  if (size == 0 || send_datagram(clients_[request.client].socket.get(), {buffer, size}, {}) < 0)
    hang_up(request.client);
}

void Keeper::reply_failed(const Request& request, int error_number, std::string_view message) {
  uint8_t body[message_bytes_max];
  reply(request, Type::failed, {body, encode(Failure{error_number, message}, body)});
}

void Keeper::send_record(const Request& request, Type type, const Container& container) {
  uint8_t body[message_bytes_max];
  reply(request, type, {body, encode(record_of(container), body)});
}

void Keeper::hello(int slot, uint64_t id) {
  clients_[slot].greeted = true;
  for (const Container* c : containers_) {
    if (c != nullptr) send_record({slot, id}, Type::record, *c);
  }
  reply({slot, id}, Type::done, {});
}

void Keeper::start(int slot, uint64_t id, int memfd) {
  const Request request{slot, id};
  Fault fault;
  Mapped memory;
  ContainerSpec spec;
  if (!memory.map(memfd, fault)) return reply_failed(request, EINVAL, fault.view());
  if (!decode(memory.bytes(), memory.room(), spec)) {
    memory.unmap();
    return reply_failed(request, EINVAL, "malformed container spec");
  }
  const Container* before = latest(spec.name);
  const Situation situation{
      .greeted = true, .phase = before == nullptr ? Phase::absent : before->phase, .descriptors = 1};
  std::string_view why = illegal(Type::start, situation);
  if (why.empty() && before != nullptr && before->attempt >= spec.attempt) why = "the attempt was made before";
  if (why.empty() && running() >= running_max) why = "too many containers run in the pod";
  Container* c = why.empty() ? new_container() : nullptr;
  if (c == nullptr) {
    const auto text = why.empty() ? std::string_view{"too many ended containers are not removed"} : why;
    reply_failed(request, why.empty() ? ENOSPC : EPROTO, text);
    return memory.unmap();
  }
  c->spec_memory = memory;
  c->spec = spec;
  c->name << spec.name;
  c->attempt = spec.attempt;
  c->phase = Phase::starting;
  c->starter = request;
  if (launch(*c, fault)) return;
  c->start_error << fault.view();
  exited(*c);
}

bool Keeper::launch(Container& c, Fault& fault) {
  const sys::Fd directory{open_container_directory(c, true)};
  if (!directory.ok()) return fault.set(directory.error(), "make container directory");
  if (!c.log.open(c.spec.log_path, c.spec.log_bytes_max, c.spec.log_files_max, fault)) return false;
  int out[2], err[2], in[2] = {-1, -1}, status[2];
  int failed = sys::pipe2(out, O_CLOEXEC);
  if (failed < 0) return fault.set(-failed, "make pipe");
  sys::Fd out_end{out[1]};
  c.streams[0].reset(out[0]);
  if (failed = sys::pipe2(err, O_CLOEXEC); failed < 0) return fault.set(-failed, "make pipe");
  sys::Fd err_end{err[1]}, in_end;
  c.streams[1].reset(err[0]);
  if ((c.spec.flags & container_standard_input) != 0) {
    if (failed = sys::pipe2(in, O_CLOEXEC); failed < 0) return fault.set(-failed, "make pipe");
    in_end.reset(in[0]);
    c.input.reset(in[1]);
  }
  failed = static_cast<int>(
      sys::call(SYS_socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sys::raw(status)));
  if (failed < 0) return fault.set(-failed, "make socket");
  c.status.reset(status[0]);
  sys::Fd status_end{status[1]};
  for (const auto& stream : c.streams) sys::fcntl(stream.get(), F_SETFL, O_NONBLOCK);
  uint64_t flags = CLONE_NEWNS;
  if ((spec_.flags & (pod_host_pid | pod_shared_pid)) == 0) flags |= CLONE_NEWPID;
  int pidfd = -1;
  const long child = sys::clone_process(flags, &pidfd);
  if (child == 0) {
    Path path{spec_.state_directory};
    path << '/' << c.name.view() << '.' << c.attempt;
    run_container({.root = {.spec = c.spec,
                            .pod_flags = spec_.flags,
                            .path = path.c_str(),
                            .shm_namespace = shm_namespace_.get()},
                   .status = status_end.get(),
                   .streams = {in_end.ok() ? in_end.get() : 0, out_end.get(), err_end.get()}});
  }
  if (child < 0) return fault.set(static_cast<int>(-child), "make process");
  c.pid = static_cast<int32_t>(child);
  c.pidfd.reset(pidfd);
  return true;
}

void Keeper::signal(int slot, uint64_t id, const Target& target) {
  const Container* c = latest(target.name);
  const int sent = sys::pidfd_send_signal(c->pidfd.get(), target.signal);
  if (sent < 0 && sent != -ESRCH) return reply_failed({slot, id}, -sent, error_text(-sent));
  reply({slot, id}, Type::done, {});
}

void Keeper::remove(int slot, uint64_t id, const Target& target) {
  for (Container*& c : containers_) {
    if (c == nullptr || c->attempt != target.attempt || c->name.view() != target.name) continue;
    c->~Container();
    sys::munmap(c, sizeof(Container));
    c = nullptr;
  }
  reply({slot, id}, Type::done, {});
}

void Keeper::stop(int slot, uint64_t id) {
  sys::unlinkat(state_.get(), "socket");
  if (pause_.ok()) sys::pidfd_send_signal(pause_.get(), SIGKILL);
  reply({slot, id}, Type::done, {});
  sys::exit(0);
}

// --- containers -----------------------------------------------------------------------------------------------------

void Keeper::read_status(Container& c) {
  uint8_t buffer[sizeof(Identity) + 64];
  Received received;
  receive_datagram(c.status.get(), buffer, MSG_DONTWAIT, received);
  if (received.size == -EAGAIN) return;
  if (received.size <= 0) {
    c.status.reset();
    if (c.start_error.empty()) started(c);
    return;
  }
  const auto size = static_cast<size_t>(received.size);
  if (buffer[0] == 'e') {
    c.start_error << std::string_view{reinterpret_cast<const char*>(buffer) + 1, size - 1};
    if (c.start_error.empty()) c.start_error << "unknown error";
  } else if (buffer[0] == 't' && received.fd_count == 1) {
    // The terminal takes the place of the pipes; its master may be written to as well.
    sys::fcntl(received.fds[0].get(), F_SETFL, O_NONBLOCK);
    c.streams[0] = static_cast<sys::Fd&&>(received.fds[0]);
    c.streams[1].reset();
  } else if (buffer[0] == 'i' && size >= 1 + 3 * sizeof(uint32_t)) {
    memcpy(&c.identity.uid, buffer + 1, sizeof(uint32_t));
    memcpy(&c.identity.gid, buffer + 5, sizeof(uint32_t));
    memcpy(&c.identity.group_count, buffer + 9, sizeof(uint32_t));
    const size_t groups = c.identity.group_count * sizeof(uint32_t);
    if (c.identity.group_count > groups_max + 1 || 13 + groups > size) return;
    memcpy(c.identity.groups, buffer + 13, groups);
    c.identity.home << std::string_view{reinterpret_cast<const char*>(buffer) + 13 + groups, size - 13 - groups};
  }
}

void Keeper::started(Container& c) {
  // The socket also closes when the process is killed before its exec; then its end is what will be told.
  if (!c.pidfd.ok()) return;
  c.phase = Phase::running;
  c.started_ns = sys::wall_ns();
  write_record(c);
  send_record(c.starter, Type::record, c);
  c.starter.client = nobody;
}

void Keeper::read_stream(Container& c, int index) {
  static char buffer[log_part_bytes_max];
  const long size = sys::read(c.streams[index].get(), buffer, sizeof(buffer));
  if (size == -EAGAIN || size == -EINTR) return;
  if (size <= 0) {  // EIO is how a terminal says that its last user is gone
    c.streams[index].reset();
    return;
  }
  c.log.write(index == 0 ? Stream::out : Stream::err, {buffer, static_cast<size_t>(size)}, sys::wall_ns());
}

void Keeper::exited(Container& c) {
  // Without a process namespace of its own, what it started may still live.
  if ((spec_.flags & (pod_host_pid | pod_shared_pid)) != 0) kill_cgroup(c.spec.cgroup_kill);
  while (c.status.ok()) {
    read_status(c);
    if (c.status.ok() && c.phase == Phase::starting) {
      pollfd waiting{c.status.get(), POLLIN, 0};
      const timespec now{};
      if (sys::ppoll(&waiting, 1, &now) <= 0) c.status.reset();
    }
  }
  // All that was written before the end belongs into the log before anybody hears of the end.
  for (int i = 0; i < 2; ++i) {
    for (int chunk = 0; c.streams[i].ok() && chunk < 1024; ++chunk) {
      pollfd waiting{c.streams[i].get(), POLLIN, 0};
      const timespec now{};
      if (sys::ppoll(&waiting, 1, &now) <= 0) break;
      read_stream(c, i);
    }
    c.streams[i].reset();
  }
  c.log.finish(sys::wall_ns());
  c.log.close();
  c.input.reset();
  if (c.pidfd.ok()) c.exit_code = sys::reap(c.pidfd.get(), true, &c.signal);
  c.pidfd.reset();
  const bool ever_ran = c.start_error.empty();
  if (!ever_ran) {
    c.exit_code = 128;
    c.signal = 0;
  }
  c.oom_killed = c.exit_code != 0 && oom_killed(c.spec.cgroup_oom);
  c.finished_ns = sys::wall_ns();
  if (c.started_ns == 0) c.started_ns = c.finished_ns;
  c.phase = Phase::exited;
  for (Exec& exec : execs_) {
    if (exec.used && exec.container == &c) kill_exec(exec), exec.container = nullptr;
  }
  write_record(c);
  c.spec = {};
  c.spec_memory.unmap();
  if (c.starter.client >= 0 || !ever_ran) {
    send_record(c.starter, Type::record, c);
    c.starter.client = nobody;
    if (!ever_ran) return;
  }
  for (int i = 0; i < static_cast<int>(clients_max); ++i) {
    if (clients_[i].greeted) send_record({i, 0}, Type::exited, c);
  }
}

// --- execs ----------------------------------------------------------------------------------------------------------

void Keeper::exec(int slot, uint64_t id, Received& received) {
  const Request request{slot, id};
  Fault fault;
  Mapped memory;
  ExecSpec spec;
  if (!memory.map(received.fds[0].get(), fault)) return reply_failed(request, EINVAL, fault.view());
  const bool valid = decode(memory.bytes(), memory.room(), spec);
  Container* c = valid ? latest(spec.container) : nullptr;
  Exec* free_slot = nullptr;
  for (Exec& e : execs_) {
    if (!e.used && free_slot == nullptr) free_slot = &e;
  }
  const Situation situation{.greeted = true, .phase = c == nullptr ? Phase::absent : c->phase, .descriptors = 2};
  if (!valid) {
    reply_failed(request, EINVAL, "malformed exec spec");
  } else if (const auto why = illegal(Type::exec, situation); !why.empty()) {
    reply_failed(request, EPROTO, why);
  } else if (free_slot == nullptr) {
    reply_failed(request, EAGAIN, "too many commands run in the pod");
  } else {
    Exec& e = *free_slot;
    e.used = true;
    e.asker = request;
    e.container = c;
    e.error.clear();
    if (!launch_exec(e, spec, received.fds[1].get(), fault)) {
      reply_failed(request, EIO, fault.view());
      e.used = false;
    }
  }
  memory.unmap();
}

bool Keeper::launch_exec(Exec& e, const ExecSpec& spec, int output, Fault& fault) {
  int status[2];
  const long pair = sys::call(SYS_socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sys::raw(status));
  if (pair < 0) return fault.set(static_cast<int>(-pair), "make socket");
  e.status.reset(status[0]);
  const sys::Fd status_end{status[1]};
  int pidfd = -1;
  const long child = sys::clone_process(0, &pidfd);
  if (child == 0) {
    run_exec({.container = e.container->spec,
              .identity = e.container->identity,
              .args = spec.args,
              .container_pidfd = e.container->pidfd.get(),
              .status = status_end.get(),
              .streams = {0, output, output}});
  }
  if (child < 0) return fault.set(static_cast<int>(-child), "make process");
  e.launcher.reset(pidfd);
  return true;
}

void Keeper::read_exec_status(Exec& e) {
  uint8_t buffer[2048];
  Received received;
  receive_datagram(e.status.get(), buffer, MSG_DONTWAIT, received);
  if (received.size == -EAGAIN) return;
  if (received.size <= 0) {
    e.status.reset();
    if (!e.pidfd.ok()) exec_ended(e);
    return;
  }
  const auto size = static_cast<size_t>(received.size);
  if (buffer[0] == 'e') {
    e.error << std::string_view{reinterpret_cast<const char*>(buffer) + 1, size - 1};
  } else if (buffer[0] == 'p' && received.fd_count == 1 && size == 1 + sizeof(e.pid)) {
    memcpy(&e.pid, buffer + 1, sizeof(e.pid));
    e.pidfd = static_cast<sys::Fd&&>(received.fds[0]);
    if (e.asker.client < 0) kill_exec(e);
  }
}

void Keeper::kill_exec(Exec& e) {
  if (!e.pidfd.ok()) return;
  sys::pidfd_send_signal(e.pidfd.get(), SIGKILL);
  sys::kill(-e.pid, SIGKILL);  // its session; the pid cannot be another's, it is not reaped yet
}

void Keeper::exec_ended(Exec& e) {
  while (e.status.ok()) {
    pollfd waiting{e.status.get(), POLLIN, 0};
    const timespec now{};
    if (sys::ppoll(&waiting, 1, &now) <= 0) break;
    uint8_t buffer[2048];
    Received received;
    receive_datagram(e.status.get(), buffer, MSG_DONTWAIT, received);
    if (received.size <= 0) break;
    if (buffer[0] == 'e') {
      e.error << std::string_view{reinterpret_cast<const char*>(buffer) + 1, static_cast<size_t>(received.size) - 1};
    }
  }
  e.status.reset();
  const int code = e.pidfd.ok() ? sys::reap(e.pidfd.get(), true, nullptr) : 128;
  e.pidfd.reset();
  if (e.launcher.ok()) sys::reap(e.launcher.get(), true, nullptr);
  e.launcher.reset();
  e.used = false;
  if (!e.error.empty()) return reply_failed(e.asker, ENOEXEC, e.error.view());
  uint8_t body[64];
  Encoder encoder{body};
  encoder.number(code);
  reply(e.asker, Type::exec_ended, {body, encoder.size()});
}

// --- the loop -------------------------------------------------------------------------------------------------------

void Keeper::poll_once() {
  constexpr size_t polled_max = 2 + clients_max + running_max * 4 + execs_max * 3;
  enum class What : uint8_t { listener, client, status, out, err, ended, exec_status, exec_end, exec_launcher };
  struct Source {
    What what;
    uint16_t index;
  };
  pollfd fds[polled_max];
  Source sources[polled_max];
  size_t count = 0;
  const auto add = [&](const sys::Fd& fd, What what, size_t index) {
    if (!fd.ok() || count == polled_max) return;
    fds[count] = {fd.get(), POLLIN, 0};
    sources[count++] = {what, static_cast<uint16_t>(index)};
  };
  add(listener_, What::listener, 0);
  for (size_t i = 0; i < clients_max; ++i) add(clients_[i].socket, What::client, i);
  for (size_t i = 0; i < containers_max; ++i) {
    const Container* c = containers_[i];
    if (c == nullptr || !c->pidfd.ok()) continue;
    add(c->status, What::status, i);
    add(c->streams[0], What::out, i);
    add(c->streams[1], What::err, i);
    add(c->pidfd, What::ended, i);
  }
  for (size_t i = 0; i < execs_max; ++i) {
    if (!execs_[i].used) continue;
    add(execs_[i].status, What::exec_status, i);
    add(execs_[i].pidfd, What::exec_end, i);
    add(execs_[i].launcher, What::exec_launcher, i);
  }
  if (sys::ppoll(fds, count, nullptr) <= 0) return;
  for (size_t k = 0; k < count; ++k) {
    if (fds[k].revents == 0) continue;
    const size_t i = sources[k].index;
    // What an earlier event of this round closed or reused shows by its descriptor.
    switch (sources[k].what) {
      case What::listener: accept(); break;
      case What::client:
        if (clients_[i].socket.get() == fds[k].fd) read_client(static_cast<int>(i));
        break;
      case What::status:
        if (containers_[i] != nullptr && containers_[i]->status.get() == fds[k].fd) read_status(*containers_[i]);
        break;
      case What::out:
      case What::err: {
        const int index = sources[k].what == What::out ? 0 : 1;
        if (containers_[i] != nullptr && containers_[i]->streams[index].get() == fds[k].fd) {
          read_stream(*containers_[i], index);
        }
        break;
      }
      case What::ended:
        if (containers_[i] != nullptr && containers_[i]->pidfd.get() == fds[k].fd) exited(*containers_[i]);
        break;
      case What::exec_status:
        if (execs_[i].used && execs_[i].status.get() == fds[k].fd) read_exec_status(execs_[i]);
        break;
      case What::exec_end:
        if (execs_[i].used && execs_[i].pidfd.get() == fds[k].fd) exec_ended(execs_[i]);
        break;
      case What::exec_launcher:
        if (execs_[i].used && execs_[i].launcher.get() == fds[k].fd) {
          sys::reap(execs_[i].launcher.get(), true, nullptr);
          execs_[i].launcher.reset();
        }
        break;
    }
  }
}

void Keeper::run() {
  while (true) poll_once();
}

int keeper_main() {
  // A script of a container may name this program as its interpreter (#!/proc/self/exe): without the descriptors that
  // kring passes it does nothing.
  struct stat about {};
  if (sys::fstat(first_client_fd, &about) < 0 || !S_ISSOCK(about.st_mode)) return 127;
  sys::call(SYS_close_range, pod_spec_fd + 1, ~0U, 0);
  sys::fcntl(first_client_fd, F_SETFD, FD_CLOEXEC);
  void* place = sys::mmap(sizeof(Keeper), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  if (place == nullptr) return 1;
  auto* keeper = new (place) Keeper;  // lives as long as the process
  Fault fault;
  if (keeper->open(pod_spec_fd, first_client_fd, fault)) {
    sys::close(pod_spec_fd);
    keeper->run();
  }
  uint8_t body[message_bytes_max], message[message_bytes_max];
  const size_t size = encode(Failure{EIO, fault.view()}, body);
  send_datagram(first_client_fd, {message, put_message(Type::failed, 0, {body, size}, message)}, {});
  return 1;
}

}  // namespace kring::keeper
