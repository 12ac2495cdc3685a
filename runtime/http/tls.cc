#include "runtime/http/tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>

#include "objects/check.h"
#include "runtime/http/openssl.h"

namespace kring::http {

// A BIO over the session's own buffers: OpenSSL copies straight from what the socket delivered and into what the socket
// sends, where a memory BIO would copy once more and keep 17 KB each way.
struct BioGlue {
  static int read(BIO* bio, char* out, int size) {
    auto& session = *static_cast<TlsSession*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    const size_t n = std::min(session.input_end_ - session.input_begin_, static_cast<size_t>(size));
    if (n == 0) {
      BIO_set_retry_read(bio);
      return -1;
    }
    std::memcpy(out, session.input_.data() + session.input_begin_, n);
    session.input_begin_ += n;
    return static_cast<int>(n);
  }
  static int write(BIO* bio, const char* data, int size) {
    auto& session = *static_cast<TlsSession*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    session.output_.append(data, static_cast<size_t>(size));
    return size;
  }
  static long ctrl(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }
  static int create(BIO* bio) {
    BIO_set_init(bio, 1);
    return 1;
  }
  static BIO_METHOD* method() {
    static BIO_METHOD* const made = [] {
      BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "kring");
      KRING_CHECK(m != nullptr);
      BIO_meth_set_read(m, read);
      BIO_meth_set_write(m, write);
      BIO_meth_set_ctrl(m, ctrl);
      BIO_meth_set_create(m, create);
      return m;
    }();
    return made;
  }
};

namespace {

// Enough for most records of a request; larger ones grow it to a whole record for a while.
constexpr size_t input_bytes_idle = 2048;
constexpr size_t input_bytes_max = 17 * 1024;

// RFC 7301: a client that offers protocols but not ours is refused with no_application_protocol.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size, const unsigned char* offered,
                    unsigned offered_size, void*) {
  static constexpr unsigned char ours[] = "\x08http/1.1";
  unsigned char* match = nullptr;
  const int result = SSL_select_next_proto(&match, chosen_size, ours, sizeof ours - 1, offered, offered_size);
  if (result != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = match;
  return SSL_TLSEXT_ERR_OK;
}

void set_common_options(SSL_CTX* ctx) {
  SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20");
}

Result<void> use_key_pair(SSL_CTX* ctx, const KeyPair& pair) {
  const auto chain = parse_certificates(pair.certificate_pem);
  const KeyPtr key = parse_private_key(pair.key_pem);
  if (chain.empty() || !key) return Error{Reason::invalid, "no certificate or key in PEM"};
  if (SSL_CTX_use_certificate(ctx, chain[0].get()) != 1) return openssl_error("certificate");
  for (size_t i = 1; i < chain.size(); ++i) SSL_CTX_add1_chain_cert(ctx, chain[i].get());
  if (SSL_CTX_use_PrivateKey(ctx, key.get()) != 1) return openssl_error("key does not fit the certificate");
  return {};
}

Result<size_t> trust(SSL_CTX* ctx, const std::string& ca_pem) {
  const auto authorities = parse_certificates(ca_pem);
  if (authorities.empty()) return Error{Reason::invalid, "no CA certificate in PEM"};
  X509_STORE* store = SSL_CTX_get_cert_store(ctx);
  for (const auto& ca : authorities) X509_STORE_add_cert(store, ca.get());
  return authorities.size();
}

// Names of the CAs go to the client, so that it picks the right one of its certificates.
Result<void> ask_for_certificates(SSL_CTX* ctx, const std::string& client_ca_pem) {
  KRING_TRY_VOID(trust(ctx, client_ca_pem));
  for (const auto& ca : parse_certificates(client_ca_pem)) SSL_CTX_add_client_CA(ctx, ca.get());
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, nullptr);
  return {};
}

std::string name_entry(X509_NAME* name, int index) {
  const ASN1_STRING* data = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index));
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, data);
  if (size < 0) return {};
  std::string text{reinterpret_cast<char*>(utf8), static_cast<size_t>(size)};
  OPENSSL_free(utf8);
  return text;
}

}  // namespace

TlsContext::~TlsContext() { SSL_CTX_free(ctx_); }

Result<std::shared_ptr<TlsContext>> TlsContext::server(const KeyPair& pair, const std::string& client_ca_pem) {
  auto context = std::make_shared<TlsContext>(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* ctx = context->get();
  KRING_CHECK(ctx != nullptr);
  set_common_options(ctx);
  KRING_TRY_VOID(use_key_pair(ctx, pair));
  if (!client_ca_pem.empty()) KRING_TRY_VOID(ask_for_certificates(ctx, client_ca_pem));
  SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, nullptr);
  // Tickets only, no table of sessions; a ticket holds the client's certificate, so it must not cross contexts.
  static constexpr unsigned char session_scope[] = "kring";
  SSL_CTX_set_session_id_context(ctx, session_scope, sizeof session_scope - 1);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(ctx, 1);
  return context;
}

Result<std::shared_ptr<TlsContext>> TlsContext::client(const std::string& ca_pem, const KeyPair* pair) {
  auto context = std::make_shared<TlsContext>(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* ctx = context->get();
  KRING_CHECK(ctx != nullptr);
  set_common_options(ctx);
  KRING_TRY_VOID(trust(ctx, ca_pem));
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, nullptr);
  static constexpr unsigned char protocols[] = "\x08http/1.1";
  SSL_CTX_set_alpn_protos(ctx, protocols, sizeof protocols - 1);
  if (pair != nullptr) KRING_TRY_VOID(use_key_pair(ctx, *pair));
  return context;
}

TlsSession::TlsSession(ssl_st* ssl, Wall now) : ssl_(ssl) {
  KRING_CHECK(ssl_ != nullptr);
  BIO* bio = BIO_new(BioGlue::method());
  KRING_CHECK(bio != nullptr);
  BIO_set_data(bio, this);
  SSL_set_bio(ssl_, bio, bio);
  // Validity is judged by the clock that the rest of the program uses.
  X509_VERIFY_PARAM_set_time(SSL_get0_param(ssl_), static_cast<time_t>(now.ns / 1'000'000'000));
}

std::unique_ptr<TlsSession> TlsSession::server(const TlsContext& context, Wall now) {
  std::unique_ptr<TlsSession> session{new TlsSession(SSL_new(context.get()), now)};
  SSL_set_accept_state(session->ssl_);
  return session;
}

std::unique_ptr<TlsSession> TlsSession::client(const TlsContext& context, const std::string& host, Wall now) {
  std::unique_ptr<TlsSession> session{new TlsSession(SSL_new(context.get()), now)};
  SSL* ssl = session->ssl_;
  SSL_set_connect_state(ssl);
  X509_VERIFY_PARAM* param = SSL_get0_param(ssl);
  if (X509_VERIFY_PARAM_set1_ip_asc(param, host.c_str()) != 1) {
    ERR_clear_error();
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    KRING_CHECK(X509_VERIFY_PARAM_set1_host(param, host.c_str(), host.size()) == 1);
    SSL_set_tlsext_host_name(ssl, host.c_str());
  }
  return session;
}

TlsSession::~TlsSession() { SSL_free(ssl_); }

std::span<uint8_t> TlsSession::input_space() {
  if (input_begin_ == input_end_) input_begin_ = input_end_ = 0;
  if (input_.size() < input_bytes_idle) input_.resize(input_bytes_idle);
  if (input_end_ == input_.size() && input_begin_ > 0) {
    std::memmove(input_.data(), input_.data() + input_begin_, input_end_ - input_begin_);
    input_end_ -= input_begin_;
    input_begin_ = 0;
  }
  if (input_end_ == input_.size()) input_.resize(input_bytes_max);
  input_lent_ = true;
  return std::span{input_}.subspan(input_end_);
}

void TlsSession::input(size_t bytes) {
  KRING_CHECK(input_end_ + bytes <= input_.size());
  input_lent_ = false;
  input_end_ += bytes;
  // A full read means that more is coming: make room for a whole record.
  if (input_end_ == input_.size() && input_.size() < input_bytes_max) input_.resize(input_bytes_max);
}

TlsSession::Step TlsSession::step_of(int result) {
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_NONE:
      return Step::done;
    case SSL_ERROR_WANT_READ:
      return Step::want_read;
    case SSL_ERROR_ZERO_RETURN:
      ended_cleanly_ = true;
      return Step::failed;
    default:
      break;
  }
  failed_ = true;
  if (error_.empty()) {
    const long verified = SSL_get_verify_result(ssl_);
    error_ = verified != X509_V_OK ? X509_verify_cert_error_string(verified) : openssl_error("TLS").message;
  }
  ERR_clear_error();
  return Step::failed;
}

TlsSession::Step TlsSession::handshake() {
  ERR_clear_error();
  return step_of(SSL_do_handshake(ssl_));
}

TlsSession::Step TlsSession::read(std::span<uint8_t> out, size_t* bytes) {
  *bytes = 0;
  if (failed_ || ended_cleanly_) return Step::failed;
  ERR_clear_error();
  return step_of(SSL_read_ex(ssl_, out.data(), out.size(), bytes));
}

bool TlsSession::write(std::span<const uint8_t> plain) {
  if (failed_) return false;
  ERR_clear_error();
  size_t written = 0;
  while (!plain.empty()) {
    // The output takes everything, so nothing but a failure stops a write.
    if (step_of(SSL_write_ex(ssl_, plain.data(), plain.size(), &written)) != Step::done) return false;
    plain = plain.subspan(written);
  }
  return true;
}

void TlsSession::close_notify() {
  if (failed_ || SSL_in_init(ssl_)) return;
  ERR_clear_error();
  SSL_shutdown(ssl_);
  ERR_clear_error();
}

bool TlsSession::has_plaintext() const { return SSL_pending(ssl_) > 0; }

bool TlsSession::starved() const {
  return input_begin_ == input_end_ && !failed_ && !ended_cleanly_ && SSL_has_pending(ssl_) == 0;
}

void TlsSession::release_buffers(size_t keep_bytes) {
  if (input_begin_ == input_end_ && !input_lent_) {
    input_begin_ = input_end_ = 0;
    if (input_.capacity() > keep_bytes) std::vector<uint8_t>{}.swap(input_);
  }
  if (output_.empty() && output_.capacity() > keep_bytes) std::string{}.swap(output_);
}

bool TlsSession::peer_certificate(std::string& common_name, std::vector<std::string>& organizations,
                                  int64_t& not_after) const {
  X509* certificate = SSL_get0_peer_certificate(ssl_);
  if (certificate == nullptr || SSL_get_verify_result(ssl_) != X509_V_OK) return false;
  X509_NAME* subject = X509_get_subject_name(certificate);
  const int cn = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (cn >= 0) common_name = name_entry(subject, cn);
  for (int i = -1; (i = X509_NAME_get_index_by_NID(subject, NID_organizationName, i)) >= 0;) {
    organizations.push_back(name_entry(subject, i));
  }
  const auto end = seconds_of(X509_get0_notAfter(certificate));
  if (!end) return false;
  not_after = *end;
  return true;
}

std::string TlsSession::error() const { return error_; }

}  // namespace kring::http
