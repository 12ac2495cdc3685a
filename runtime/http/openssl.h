// What certificates.cc and tls.cc share of OpenSSL: owning pointers, PEM, errors.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "objects/result.h"

namespace kring::http {

template <auto release>
struct Releaser {
  template <class T>
  void operator()(T* p) const {
    release(p);
  }
};
using X509Ptr = std::unique_ptr<X509, Releaser<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Releaser<EVP_PKEY_free>>;
using BioPtr = std::unique_ptr<BIO, Releaser<BIO_free_all>>;

// Every certificate of the text, in order; empty when there is none or one is broken.
std::vector<X509Ptr> parse_certificates(std::string_view pem);
KeyPtr parse_private_key(std::string_view pem);
// Seconds since the epoch.
std::optional<int64_t> seconds_of(const ASN1_TIME* time);
// "what: reason of the last OpenSSL error"; clears OpenSSL's queue.
Error openssl_error(std::string_view what);

}  // namespace kring::http
