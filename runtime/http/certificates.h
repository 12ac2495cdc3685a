// Own CA and ECDSA P-256 keys: made on first start, renewed while running, read by OpenSSL from memory.
// Invariants: keys are files of mode 0600, written to a temporary name, synced and renamed; certificates are backdated
// by a day so that a machine without a clock can boot; the CA lives for ten years, leaves for one, renewed at two
// thirds. Source: RFC 5280, kubeadm's layout of subjects (CN=user, O=groups).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/env/env.h"

namespace kring::http {

struct KeyPair {
  std::string certificate_pem;
  std::string key_pem;
};

struct CertificateRequest {
  std::string common_name;
  std::vector<std::string> organizations;
  std::vector<std::string> dns_names;
  std::vector<std::string> addresses;  // "10.96.0.1", "::1"
  bool server = false, client = false;
  int64_t valid_days = 365;
};

class CertificateAuthority {
 public:
  // Loads D/pki/ca.crt and ca.key, or makes them.
  static Task<Result<std::unique_ptr<CertificateAuthority>>> open(Env& env, std::string directory);
  virtual ~CertificateAuthority() = default;
  virtual const std::string& certificate_pem() const = 0;
  // A new key and certificate signed by the CA.
  virtual Result<KeyPair> issue(const CertificateRequest& request) = 0;
  // Loads D/pki/<name>.{crt,key}; makes or renews them when absent, due or not matching the request.
  virtual Task<Result<KeyPair>> load_or_issue(std::string name, CertificateRequest request) = 0;
};

// JWS ES256 over a key pair (service account tokens). Source: RFC 7515, 7518.
Result<std::string> sign_es256(const std::string& key_pem, std::string_view signing_input);  // raw r||s
bool verify_es256(const std::string& key_or_certificate_pem, std::string_view signing_input,
                  std::string_view signature);
// Wall time when the certificate ends, in seconds since the epoch.
Result<int64_t> not_after(const std::string& certificate_pem);

}  // namespace kring::http
