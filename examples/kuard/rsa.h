// Key generation as a CPU-bound workload: RSA-2048 keys, identified as ssh-keygen identifies them.
// The private half is dropped at once; nothing here protects anything.
// Source: FIPS 186-5 appendix A.1, RFC 4253 section 6.6 (public key blob), FIPS 180-4 (SHA-256).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kuard {

std::array<uint8_t, 32> sha256(std::string_view data);
std::string base64(std::string_view data, bool padded);

struct PublicKey {
  std::string ssh;          // "ssh-rsa AAAA..."
  std::string fingerprint;  // "SHA256:..."
};
// Takes some tenths of a second of CPU time. nullopt when `stop` became true.
std::optional<PublicKey> generate_rsa_key(const std::atomic<bool>& stop);

// Little-endian limbs; exposed for tests.
using Number = std::vector<uint64_t>;
Number multiply(const Number& a, const Number& b);
// base^exponent mod modulus. REQUIRES: modulus is odd, and greater than base.
Number power_mod(const Number& base, const Number& exponent, const Number& modulus);
bool probably_prime(const Number& candidate, int rounds);

}  // namespace kuard
