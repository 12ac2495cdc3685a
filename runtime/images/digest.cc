#include "runtime/images/digest.h"

#include <openssl/evp.h>

#include <algorithm>

#include "objects/check.h"

namespace kring::images {

Hasher::Hasher() : context_(EVP_MD_CTX_new()) {
  KRING_CHECK(context_ != nullptr && EVP_DigestInit_ex(context_, EVP_sha256(), nullptr) == 1);
}

Hasher::~Hasher() { EVP_MD_CTX_free(context_); }

void Hasher::update(std::span<const uint8_t> bytes) {
  KRING_CHECK(EVP_DigestUpdate(context_, bytes.data(), bytes.size()) == 1);
}

std::string Hasher::digest() {
  unsigned char raw[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  KRING_CHECK(EVP_DigestFinal_ex(context_, raw, &length) == 1 && length == 32);
  std::string out = "sha256:";
  for (unsigned i = 0; i < length; ++i) {
    out += "0123456789abcdef"[raw[i] >> 4];
    out += "0123456789abcdef"[raw[i] & 15];
  }
  return out;
}

std::string digest_of(std::string_view bytes) {
  Hasher hasher;
  hasher.update({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  return hasher.digest();
}

bool is_digest(std::string_view text) {
  return text.starts_with("sha256:") && text.size() == 7 + 64 && std::all_of(text.begin() + 7, text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::string digest_hex(std::string_view digest) {
  KRING_CHECK(is_digest(digest));
  return std::string{digest.substr(7)};
}

}  // namespace kring::images
