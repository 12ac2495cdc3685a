// One connection of the server: reads requests one after the other, hands each to the handler and writes the reply.
// Invariants: one response a request, in the order of the requests; every wait on the peer has a deadline; after a
// refusal the connection closes; an idle connection keeps little more than its read buffer.
#pragma once

#include <optional>

#include "runtime/http/request_parser.h"
#include "runtime/http/stream.h"

namespace kring::http {

// What connections need of their server. Lifetime: outlives them.
class Connection;
class ConnectionHost {
 public:
  virtual ~ConnectionHost() = default;
  virtual Env& env() = 0;
  virtual Handler& handler() = 0;
  virtual const Limits& limits() = 0;
  // The server stops: finish what is under way, take no new request.
  virtual bool draining() const = 0;
  // "Sun, 06 Nov 1994 08:49:37 GMT" of this second.
  virtual const std::string& date() = 0;
  // A deadline came closer than the server knows.
  virtual void deadline_at(Mono when) = 0;
};

class Connection final : public Reply, private WritePace {
 public:
  // `refuse`: there are too many connections; the first request is answered with 503.
  Connection(ConnectionHost& host, std::unique_ptr<Stream> stream, Peer peer, bool refuse);
  Task<Result<void>> serve();

  // The server's clock passed deadline(): ends the wait.
  void expire();
  // Of the wait under way; nothing while the handler works.
  std::optional<Mono> deadline() const { return deadline_; }
  // Waits for a request (or for its rest) rather than working on one.
  bool idle() const { return phase_ == Phase::idle || phase_ == Phase::opening; }
  bool streaming() const { return sent_ == Sent::streaming; }
  // Ends a connection that waits for a request; tells a stream that its client is gone, so that the handler ends it.
  void drain();

  // Reply.
  Task<Result<void>> send(Response response) override;
  Task<Result<void>> begin(int status, std::string content_type, std::vector<Header> headers) override;
  Task<Result<void>> chunk(std::string_view data) override;
  Task<Result<void>> end() override;
  Task<Result<void>> closed() override;

 private:
  enum class Phase : uint8_t { opening, idle, head, body, handling, lingering };
  enum class Sent : uint8_t { nothing, streaming, everything };
  enum class Got : uint8_t { request, refused, closed };

  void write_waits() override;
  void write_done() override;
  void set_deadline(uint32_t ms);
  Task<Got> read_request();
  // Parses what is there; a refusal, if there is one, is the parser's.
  void parse_buffered();
  Task<Got> refuse_unfinished();
  Task<bool> read_more(size_t space_min);
  Task<bool> send_continue();
  Task<void> answer_request();
  Task<void> refuse(Refusal refusal);
  Task<void> linger();
  void start_head(int status, std::string_view content_type, const std::vector<Header>& headers);
  Task<Result<void>> write(net::Parts parts);
  void make_space(size_t space_min);
  void release_idle_memory();
  std::string_view buffered() const;

  ConnectionHost& host_;
  std::unique_ptr<Stream> stream_;
  Peer peer_;
  int64_t certificate_not_after_ = INT64_MAX;
  bool refuse_;
  Phase phase_ = Phase::opening;
  Sent sent_ = Sent::nothing;
  bool broken_ = false;   // the peer is gone or a write failed
  bool expired_ = false;  // the deadline ended a wait
  bool ended_ = false;    // the peer will send nothing more
  bool first_ = true;     // the first request of the connection
  bool keep_alive_ = true;
  bool head_request_ = false;
  bool http_1_0_ = false;
  std::optional<Mono> deadline_;
  std::optional<RequestParser> parser_;
  Request request_;
  std::vector<char> in_;
  size_t in_begin_ = 0, in_end_ = 0;
  std::string head_;
};

}  // namespace kring::http
