// The messages between kring and a keeper, one per SEQPACKET datagram: Header, then `size` bytes of body. Large inputs
// (specs) travel as a sealed memfd beside the message, output of an exec through a pipe given with it.
//
//   request        body                     descriptors          replies
//   hello          -                        -                    record* then done
//   start          -                        spec                 record (running, or exited with start_error)
//   signal         Target                   -                    done | failed
//   remove         Target                   -                    done | failed
//   exec           -                        spec, output         started? then exec_ended (or failed)
//   exec_kill      Target (attempt: its id) -                    done
//   stop           -                        -                    done, then the keeper ends
//   event: exited  Record                   (id 0, to every client)
//
// The order that is legal is one table, illegal(), which kring asks before it sends and the keeper before it obeys.
#pragma once

#include "runtime/pods/keeper/spec.h"

namespace kring::keeper {

inline constexpr uint32_t protocol_magic = 0x676e726b;  // "krng"
inline constexpr uint16_t protocol_version = 1;
inline constexpr size_t message_bytes_max = 4096;
inline constexpr int message_fds_max = 2;

enum class Type : uint16_t {
  hello = 1,
  start,
  signal,
  remove,
  exec,
  exec_kill,
  stop,
  done = 64,
  failed,      // body: an error number and a text
  record,      // body: Record
  exited,      // body: Record
  exec_ended,  // body: an exit code
};

struct Header {
  uint32_t magic = protocol_magic;
  uint16_t version = protocol_version;
  Type type = Type::hello;
  uint64_t id = 0;  // chosen by the one who asks, repeated in every reply
  uint32_t size = 0;
  uint32_t reserved = 0;
};
static_assert(sizeof(Header) == 24);

// The body of signal and remove.
struct Target {
  std::string_view name;
  uint32_t attempt = 0;
  int32_t signal = 0;
};
struct Failure {
  int32_t error_number = 0;
  std::string_view message;
};

size_t encode(const Target& target, std::span<uint8_t> out);
size_t encode(const Failure& failure, std::span<uint8_t> out);
bool decode(Bytes in, Target& out);
bool decode(Bytes in, Failure& out);

// A message as it was received. Views into the receiver's buffer.
struct Message {
  Header header;
  Bytes body;
};
// Checks magic, version, type and that the length is exact. False: the peer is not to be trusted, hang up.
bool parse_message(Bytes datagram, Message& out);
// Writes header and body; 0 when it does not fit.
size_t put_message(Type type, uint64_t id, Bytes body, std::span<uint8_t> out);

// What a request is judged by.
struct Situation {
  bool greeted = false;               // this connection said hello
  Phase phase = Phase::absent;        // of the container the request names (its latest attempt)
  uint32_t descriptors = 0;           // that came with it
  bool anything_runs = false;         // in the pod
};
// Empty when the request is legal now, else why not.
std::string_view illegal(Type type, const Situation& situation);

}  // namespace kring::keeper
