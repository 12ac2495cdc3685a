#include "runtime/pods/keeper/protocol.h"

#include <string.h>

namespace kring::keeper {

namespace {

constexpr uint32_t in(Phase phase) { return 1U << static_cast<uint32_t>(phase); }
constexpr uint32_t any_phase = in(Phase::absent) | in(Phase::starting) | in(Phase::running) | in(Phase::exited);

struct Rule {
  Type type;
  bool needs_hello;
  uint32_t phases;       // the container's phase must be one of these
  uint32_t descriptors;  // exactly so many
  bool idle_pod;         // nothing may run
};

// The legal order. A request that is not here is never legal.
constexpr Rule rules[] = {
    {Type::hello, false, any_phase, 0, false},
    {Type::start, true, in(Phase::absent) | in(Phase::exited), 1, false},
    {Type::signal, true, in(Phase::starting) | in(Phase::running), 0, false},
    {Type::remove, true, in(Phase::exited), 0, false},
    {Type::exec, true, in(Phase::running), 2, false},
    {Type::exec_kill, true, any_phase, 0, false},
    {Type::stop, true, any_phase, 0, true},
};

}  // namespace

std::string_view illegal(Type type, const Situation& situation) {
  for (const Rule& rule : rules) {
    if (rule.type != type) continue;
    if (rule.needs_hello && !situation.greeted) return "no hello yet";
    if (situation.descriptors != rule.descriptors) return "wrong number of descriptors";
    if (rule.idle_pod && situation.anything_runs) return "a container is still running";
    if ((rule.phases & in(situation.phase)) != 0) return {};
    switch (situation.phase) {
      case Phase::absent: return "no such container";
      case Phase::starting: return "the container is starting";
      case Phase::running: return "the container is running";
      case Phase::exited: return "the container has exited";
    }
  }
  return "unknown request";
}

bool parse_message(Bytes datagram, Message& out) {
  if (datagram.size() < sizeof(Header)) return false;
  memcpy(&out.header, datagram.data(), sizeof(Header));
  out.body = datagram.subspan(sizeof(Header));
  const auto type = static_cast<uint16_t>(out.header.type);
  const bool known = (type >= 1 && type <= static_cast<uint16_t>(Type::stop)) ||
                     (type >= 64 && type <= static_cast<uint16_t>(Type::exec_ended));
  return known && out.header.magic == protocol_magic && out.header.version == protocol_version &&
         out.header.size == out.body.size();
}

size_t put_message(Type type, uint64_t id, Bytes body, std::span<uint8_t> out) {
  if (out.size() < sizeof(Header) + body.size()) return 0;
  Header header;
  header.type = type;
  header.id = id;
  header.size = static_cast<uint32_t>(body.size());
  memcpy(out.data(), &header, sizeof(header));
  if (!body.empty()) memcpy(out.data() + sizeof(header), body.data(), body.size());
  return sizeof(header) + body.size();
}

size_t encode(const Target& target, std::span<uint8_t> out) {
  Encoder e{out};
  e.text(target.name, name_bytes_max);
  e.number(target.attempt);
  e.number(target.signal);
  return e.ok() ? e.size() : 0;
}
bool decode(Bytes in, Target& out) {
  Decoder d{in, {}};
  d.text(out.name, name_bytes_max);
  d.number(out.attempt);
  d.number(out.signal);
  return d.done();
}
size_t encode(const Failure& failure, std::span<uint8_t> out) {
  Encoder e{out};
  e.number(failure.error_number);
  e.text(failure.message.substr(0, start_error_bytes_max), start_error_bytes_max);
  return e.ok() ? e.size() : 0;
}
bool decode(Bytes in, Failure& out) {
  Decoder d{in, {}};
  d.number(out.error_number);
  d.text(out.message, start_error_bytes_max);
  return d.done();
}

}  // namespace kring::keeper
