// SHA-256 digests as images spell them: "sha256:" and 64 lower-case hexadecimal digits.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace kring::images {

class Hasher {
 public:
  Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;
  ~Hasher();
  void update(std::span<const uint8_t> bytes);
  std::string digest();  // ends the hasher

 private:
  evp_md_ctx_st* context_;
};

std::string digest_of(std::string_view bytes);
bool is_digest(std::string_view text);
// The hexadecimal part: the name of the file or folder that holds it. REQUIRES: is_digest(digest).
std::string digest_hex(std::string_view digest);

}  // namespace kring::images
