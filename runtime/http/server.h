// The HTTP/1.1 server: keep-alive, TLS with client certificates, Unix sockets; every dimension bounded (limits.h).
// Lifetime: handler and env outlive the server; run_loop ends when cancelled, after its connections have ended.
#pragma once

#include <memory>
#include <string>

#include "runtime/http/certificates.h"
#include "runtime/http/http.h"

namespace kring::http {

struct Limits {
  size_t header_bytes_max, target_bytes_max, body_bytes_max;
  uint32_t connections_max, header_timeout_ms, body_timeout_ms, idle_timeout_ms, write_timeout_ms;
  static Limits standard();  // objects/limits.h
};

class Server {
 public:
  virtual ~Server() = default;
  // "0.0.0.0:6443", "[::]:6443"; port 0 picks one. Retries an address in use for a second (a killed ring holds it).
  virtual Result<void> listen_tls(const std::string& address) = 0;
  virtual Result<void> listen_plain(const std::string& address) = 0;
  // A filesystem socket of mode 0600; an old one is replaced.
  virtual Result<void> listen_unix(const std::string& path) = 0;
  // New handshakes use these from now on; connections keep theirs. `client_ca_pem` verifies client certificates.
  virtual Result<void> set_certificate(const KeyPair& server, const std::string& client_ca_pem) = 0;
  virtual uint16_t port() const = 0;  // of the first TCP listener
  virtual uint32_t connections() const = 0;
  virtual Task<Result<void>> run_loop() = 0;
};
std::unique_ptr<Server> make_server(Env& env, Handler& handler, Limits limits);

}  // namespace kring::http
