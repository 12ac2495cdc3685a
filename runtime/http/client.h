// A small HTTP/1.1 client: one request a connection, bodies streamed, every wait bounded. For image registries, probes
// and the command line.
// Invariants: certificates and host names are verified, there is no switch to turn it off; a redirect is followed only
// when asked for, never from https to http, and takes credentials along only to the same host and port; a body that
// ends early is an error, never a short success.
// Lifetime: Env outlives it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/http/certificates.h"
#include "runtime/http/http.h"

namespace kring::http {

struct Url {
  std::string scheme;  // "http" or "https"
  std::string host;    // without brackets
  uint16_t port = 0;
  std::string target = "/";  // path and query
  std::string str() const;
};
// invalid for any other scheme, user information, or bytes that are no part of a URL.
Result<Url> parse_url(std::string_view text);
// A Location relative to where it came from (RFC 3986, 5.2).
Result<Url> resolve_reference(const Url& base, std::string_view reference);

struct ClientOptions {
  std::string ca_pem;                   // empty: the machine's bundle, /etc/ssl/certs/ca-certificates.crt
  std::shared_ptr<const KeyPair> pair;  // shown when the server asks for a certificate
  std::string unix_path;                // connect there instead of to the URL's host
  uint32_t redirects_max = 0;
  int64_t connect_timeout_ms = 10'000;  // name, connection, TLS
  int64_t head_timeout_ms = 30'000;     // until the head of the response is there
  int64_t idle_timeout_ms = 30'000;     // between two pieces of the body
  size_t body_bytes_max = 8 << 20;      // of fetch()
};

struct ClientRequest {
  std::string method = "GET";
  std::string url;
  std::vector<Header> headers;
  std::string body;
};

struct ClientHead {
  int status = 0;
  std::vector<Header> headers;
  std::string url;                                       // after redirects
  std::string_view header(std::string_view name) const;  // empty when absent
};

class ClientResponse {
 public:
  virtual ~ClientResponse() = default;
  virtual const ClientHead& head() const = 0;
  // Some bytes of the body; 0 at its end. io when the connection broke before the end, timeout, canceled.
  virtual Task<Result<size_t>> read(std::span<uint8_t> out) = 0;
};

// Returns once the head is there, whatever its status. The connection ends with the returned object.
Task<Result<std::unique_ptr<ClientResponse>>> open(Env& env, ClientRequest request, ClientOptions options);

// The same with the whole body; request_entity_too_large when it is larger than options.body_bytes_max.
struct Fetched {
  ClientHead head;
  std::string body;
};
Task<Result<Fetched>> fetch(Env& env, ClientRequest request, ClientOptions options);

}  // namespace kring::http
