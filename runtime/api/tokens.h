// Bearer tokens of service accounts: signed JSON Web Tokens (ES256), bound to the account's uid and, when asked, to a
// pod or secret; good only while all of them exist and the token has not expired.
// Invariants: a token is never stored; one that was verified is remembered by its hash for speed, and its bindings and
// times are checked again on every use.
// Source: RFC 7519, RFC 7515; KEP-1205 (bound service account tokens); authentication.k8s.io/v1 TokenRequest.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "objects/json.h"
#include "runtime/api/auth.h"
#include "runtime/http/certificates.h"
#include "runtime/store/store.h"

namespace kring::api {

class Tokens {
 public:
  // `issuer` such as https://kubernetes.default.svc.cluster.local; also the audience of tokens for this server.
  // Lifetime: env and store outlive it.
  Tokens(Env& env, const store::Store& store, http::KeyPair key, std::string issuer);

  struct Bound {
    std::string kind, name, uid;  // "Pod", ...
  };
  struct Issued {
    std::string token;
    int64_t expires_seconds = 0;  // wall time
  };
  // REQUIRES: the account exists.
  Result<Issued> issue(const Object& account, std::vector<std::string> audiences, int64_t seconds,
                       std::optional<Bound> bound);
  // The account as a caller; unauthorized with the reason otherwise. `audience` empty: this server's.
  Result<Caller> verify(std::string_view token, std::string_view audience) const;

  const std::string& issuer() const { return issuer_; }

 private:
  Result<json::Value> claims_of(std::string_view token) const;

  Env& env_;
  const store::Store& store_;
  http::KeyPair key_;
  std::string issuer_;
  mutable std::unordered_map<std::string, json::Value> verified_;
};

// Certificates and the Unix socket as before, and "Authorization: Bearer" by `tokens`. Lifetime: tokens outlive it.
std::unique_ptr<Authenticator> make_token_authenticator(const Tokens& tokens);

}  // namespace kring::api
