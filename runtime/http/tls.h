// TLS by OpenSSL without sockets: bytes in, bytes out. The streams of server and client feed it.
// Invariants: only TLS 1.2 and 1.3; ALPN is http/1.1; a client certificate that does not verify ends the handshake with
// an alert, it never degrades to "no certificate"; session tickets make reconnects cheap.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "objects/result.h"
#include "runtime/env/env.h"
#include "runtime/http/certificates.h"
#include "runtime/http/http.h"

struct ssl_ctx_st;
struct ssl_st;
struct bio_method_st;

namespace kring::http {

// Shared by the connections of one configuration; a replaced one lives on in its connections.
class TlsContext {
 public:
  // `client_ca_pem` empty: nobody is asked for a certificate.
  static Result<std::shared_ptr<TlsContext>> server(const KeyPair& pair, const std::string& client_ca_pem);
  // Verifies the server against these CAs (PEM); `pair` is shown when the server asks for one.
  static Result<std::shared_ptr<TlsContext>> client(const std::string& ca_pem, const KeyPair* pair);

  explicit TlsContext(ssl_ctx_st* ctx) : ctx_(ctx) {}
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  ssl_ctx_st* get() const { return ctx_; }

 private:
  ssl_ctx_st* ctx_;
};

class TlsSession {
 public:
  enum class Step : uint8_t { done, want_read, failed };

  static std::unique_ptr<TlsSession> server(const TlsContext& context, Wall now);
  // `host` is a name (sent as SNI) or an IP address; the server's certificate must be for it.
  static std::unique_ptr<TlsSession> client(const TlsContext& context, const std::string& host, Wall now);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // Ciphertext from the peer: a place to read it into, then how much came. The place stays where it is in between:
  // a watch writes, and gives back what it does not need, while it waits for its client to go.
  std::span<uint8_t> input_space();
  void input(size_t bytes);

  Step handshake();
  // Plaintext. done: *bytes > 0 came; want_read: feed more; failed: the end (ended_cleanly() tells which).
  Step read(std::span<uint8_t> out, size_t* bytes);
  // Encrypts all of it. False after a failure.
  bool write(std::span<const uint8_t> plain);
  void close_notify();
  bool ended_cleanly() const { return ended_cleanly_; }

  // Ciphertext for the peer, appended by any of the above; the caller takes it out.
  std::string& output() { return output_; }
  bool has_plaintext() const;
  // Nothing to read before more ciphertext comes.
  bool starved() const;
  // Gives empty buffers of more than this back.
  void release_buffers(size_t keep_bytes);

  // What the peer's certificate says; false when it showed none.
  bool peer_certificate(std::string& common_name, std::vector<std::string>& organizations, int64_t& not_after) const;
  std::string error() const;

 private:
  explicit TlsSession(ssl_st* ssl, Wall now);
  friend struct BioGlue;
  Step step_of(int result);

  ssl_st* ssl_;
  std::vector<uint8_t> input_;
  size_t input_begin_ = 0, input_end_ = 0;
  bool input_lent_ = false;
  std::string output_;
  bool ended_cleanly_ = false, failed_ = false;
  std::string error_;
};

}  // namespace kring::http
