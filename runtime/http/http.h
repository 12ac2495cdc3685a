// HTTP/1.1 messages and the server's contract with its handler (Boost.Beast parses, OpenSSL encrypts).
// Invariants: a handler sends exactly one response per request; a body larger than the limits never reaches it; header
// names are matched without case.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/env/env.h"

namespace kring::http {

struct Header {
  std::string name, value;
};

// Who is at the other end, as far as the transport knows.
struct Peer {
  std::string address;  // "10.0.0.2:4711", "unix"
  bool tls = false;
  bool unix_socket = false;
  uint32_t unix_uid = 0;     // SO_PEERCRED
  bool certificate = false;  // a client certificate that our CA signed and that is valid now
  std::string common_name;   // of the certificate
  std::vector<std::string> organizations;
};

struct Request {
  std::string method;                                      // "GET"
  std::string target;                                      // as sent
  std::string path;                                        // percent-decoded, without the query; never contains NUL
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in order
  std::vector<Header> headers;
  std::string body;
  Peer peer;

  std::string_view header(std::string_view name) const;  // empty when absent
  std::string_view query_value(std::string_view name) const;
  bool has_query(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::vector<Header> headers;
  std::string content_type = "application/json";
  std::string body;
  // Sent instead of `body` when set: shared bytes that need no copy (an object's cached JSON).
  std::shared_ptr<const std::string> shared_body;
};

// The answer to one request: send() once, or begin() / chunk()... / end() for a stream.
// Every call returns canceled or io when the connection is gone; the handler then just returns.
class Reply {
 public:
  virtual ~Reply() = default;
  virtual Task<Result<void>> send(Response response) = 0;
  virtual Task<Result<void>> begin(int status, std::string content_type, std::vector<Header> headers) = 0;
  virtual Task<Result<void>> chunk(std::string_view data) = 0;  // flushed; data valid until it returns
  virtual Task<Result<void>> end() = 0;
  // Waits until the client closes or sends something unexpected; to be raced against a stream that idles.
  virtual Task<Result<void>> closed() = 0;
};

class Handler {
 public:
  virtual ~Handler() = default;
  // The request and reply live until the task is done.
  virtual Task<void> serve(Request& request, Reply& reply) = 0;
};

}  // namespace kring::http
