#include "examples/kuard/rsa.h"

#include <sys/random.h>

#include <algorithm>
#include <bit>

namespace kuard {
namespace {

using Wide = unsigned __int128;
constexpr size_t prime_limbs = 16;  // 1024 bits
constexpr uint64_t public_exponent = 65537;

constexpr uint32_t sha_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

void sha256_block(std::array<uint32_t, 8>& state, const uint8_t* block) {
  uint32_t w[64];
  for (int i = 0; i < 16; ++i) {
    w[i] = static_cast<uint32_t>(block[4 * i]) << 24 | static_cast<uint32_t>(block[4 * i + 1]) << 16 |
           static_cast<uint32_t>(block[4 * i + 2]) << 8 | block[4 * i + 3];
  }
  for (int i = 16; i < 64; ++i) {
    uint32_t a = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ w[i - 15] >> 3;
    uint32_t b = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + a + w[i - 7] + b;
  }
  auto s = state;
  for (int i = 0; i < 64; ++i) {
    uint32_t sum1 = std::rotr(s[4], 6) ^ std::rotr(s[4], 11) ^ std::rotr(s[4], 25);
    uint32_t choice = (s[4] & s[5]) ^ (~s[4] & s[6]);
    uint32_t t1 = s[7] + sum1 + choice + sha_constants[i] + w[i];
    uint32_t sum0 = std::rotr(s[0], 2) ^ std::rotr(s[0], 13) ^ std::rotr(s[0], 22);
    uint32_t majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
    std::rotate(s.begin(), s.end() - 1, s.end());
    s[4] += t1;
    s[0] = t1 + sum0 + majority;
  }
  for (size_t i = 0; i < 8; ++i) state[i] += s[i];
}

// Arithmetic modulo an odd number in Montgomery's form (x * 2^(64 n) mod m), n limbs throughout.
class Montgomery {
 public:
  explicit Montgomery(const Number& modulus) : m_(modulus), n_(modulus.size()) {
    inverse_ = 1;  // -m^-1 mod 2^64, by Newton's iteration: each step doubles the correct bits
    for (int i = 0; i < 6; ++i) inverse_ *= 2 - m_[0] * inverse_;
    inverse_ = 0 - inverse_;
    one_.assign(n_, 0);  // 2^(64 n) mod m, and its square's form, by doubling
    one_[0] = 1;
    for (size_t i = 0; i < 64 * n_; ++i) twice(one_);
    square_ = one_;
    for (size_t i = 0; i < 64 * n_; ++i) twice(square_);
  }

  const Number& one() const { return one_; }
  Number enter(Number value) const {
    value.resize(n_, 0);
    return multiply(value, square_);
  }
  Number leave(const Number& value) const {
    Number unit(n_, 0);
    unit[0] = 1;
    return multiply(value, unit);
  }
  Number multiply(const Number& a, const Number& b) const {
    Number t(n_ + 2, 0);
    for (size_t i = 0; i < n_; ++i) {
      add_product(t, a, b[i]);
      add_product(t, m_, t[0] * inverse_);  // makes t divisible by 2^64
      std::copy(t.begin() + 1, t.end(), t.begin());
      t[n_ + 1] = 0;
    }
    bool over = t[n_] != 0;
    t.resize(n_);
    if (over || !less(t, m_)) subtract(t, m_);
    return t;
  }

 private:
  static bool less(const Number& a, const Number& b) {
    for (size_t i = a.size(); i-- > 0;) {
      if (a[i] != b[i]) return a[i] < b[i];
    }
    return false;
  }
  static void subtract(Number& a, const Number& b) {
    uint64_t borrow = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      Wide difference = Wide{a[i]} - b[i] - borrow;
      a[i] = static_cast<uint64_t>(difference);
      borrow = static_cast<uint64_t>(difference >> 64) & 1;
    }
  }
  void twice(Number& value) const {
    uint64_t carry = 0;
    for (auto& limb : value) {
      uint64_t next = limb >> 63;
      limb = limb << 1 | carry;
      carry = next;
    }
    if (carry != 0 || !less(value, m_)) subtract(value, m_);
  }
  void add_product(Number& t, const Number& a, uint64_t b) const {
    uint64_t carry = 0;
    for (size_t j = 0; j < n_; ++j) {
      Wide sum = Wide{a[j]} * b + t[j] + carry;
      t[j] = static_cast<uint64_t>(sum);
      carry = static_cast<uint64_t>(sum >> 64);
    }
    Wide sum = Wide{t[n_]} + carry;
    t[n_] = static_cast<uint64_t>(sum);
    t[n_ + 1] += static_cast<uint64_t>(sum >> 64);
  }

  const Number m_;
  const size_t n_;
  uint64_t inverse_ = 0;
  Number one_, square_;
};

Number power(const Montgomery& field, const Number& base, const Number& exponent) {
  Number out = field.one();
  for (size_t i = exponent.size() * 64; i-- > 0;) {
    out = field.multiply(out, out);
    if ((exponent[i / 64] >> (i % 64) & 1) != 0) out = field.multiply(out, base);
  }
  return out;
}

uint64_t remainder(const Number& value, uint64_t divisor) {
  Wide rest = 0;
  for (size_t i = value.size(); i-- > 0;) rest = (rest << 64 | value[i]) % divisor;
  return static_cast<uint64_t>(rest);
}

bool has_small_factor(const Number& value) {
  for (uint64_t divisor = 3; divisor < 2000; divisor += 2) {
    if (remainder(value, divisor) == 0) return true;
  }
  return false;
}

Number random_number(size_t limbs) {
  Number out(limbs);
  for (size_t done = 0, all = limbs * 8; done < all;) {
    ssize_t got = getrandom(reinterpret_cast<char*>(out.data()) + done, all - done, 0);
    if (got > 0) done += static_cast<size_t>(got);
  }
  return out;
}

Number random_odd() {
  Number out = random_number(prime_limbs);
  out.back() |= uint64_t{3} << 62;  // the product of two such numbers has all 2048 bits
  out[0] |= 1;
  return out;
}

std::optional<Number> random_prime(const std::atomic<bool>& stop) {
  Number candidate = random_odd();
  for (; !stop; candidate[0] += 2) {
    if (candidate[0] == 1) candidate = random_odd();  // the lowest limb ran over
    // p - 1 must have no factor in common with the public exponent, which is prime.
    if (remainder(candidate, public_exponent) == 1 || has_small_factor(candidate)) continue;
    if (probably_prime(candidate, 5)) return candidate;
  }
  return std::nullopt;
}

void append_ssh(std::string& out, std::string_view data) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(data.size() >> shift & 0xff);
  out += data;
}

std::string ssh_integer(const Number& value) {
  std::string out(1, '\0');  // the number is positive: a zero byte before a set top bit
  for (size_t i = value.size(); i-- > 0;) {
    for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(value[i] >> shift & 0xff);
  }
  return out;
}

}  // namespace

std::array<uint8_t, 32> sha256(std::string_view data) {
  std::array<uint32_t, 8> state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                   0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::string padded{data};
  padded += '\x80';
  padded.append((120 - padded.size() % 64) % 64, '\0');
  for (int shift = 56; shift >= 0; shift -= 8) padded += static_cast<char>(uint64_t{data.size()} * 8 >> shift & 0xff);
  for (size_t at = 0; at < padded.size(); at += 64) {
    sha256_block(state, reinterpret_cast<const uint8_t*>(padded.data()) + at);
  }
  std::array<uint8_t, 32> out{};
  for (size_t i = 0; i < 32; ++i) out[i] = static_cast<uint8_t>(state[i / 4] >> (24 - 8 * (i % 4)));
  return out;
}

std::string base64(std::string_view data, bool padded) {
  static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t at = 0; at < data.size(); at += 3) {
    uint32_t group = 0;
    size_t left = std::min<size_t>(3, data.size() - at);
    for (size_t i = 0; i < 3; ++i) group = group << 8 | (i < left ? static_cast<uint8_t>(data[at + i]) : 0);
    for (size_t i = 0; i <= left; ++i) out += digits[group >> (18 - 6 * i) & 63];
    if (padded) out.append(3 - left, '=');
  }
  return out;
}

Number multiply(const Number& a, const Number& b) {
  Number out(a.size() + b.size(), 0);
  for (size_t i = 0; i < a.size(); ++i) {
    uint64_t carry = 0;
    for (size_t j = 0; j < b.size(); ++j) {
      Wide sum = Wide{a[i]} * b[j] + out[i + j] + carry;
      out[i + j] = static_cast<uint64_t>(sum);
      carry = static_cast<uint64_t>(sum >> 64);
    }
    out[i + b.size()] = carry;
  }
  return out;
}

Number power_mod(const Number& base, const Number& exponent, const Number& modulus) {
  Montgomery field{modulus};
  return field.leave(power(field, field.enter(base), exponent));
}

// Miller and Rabin's test with random bases.
bool probably_prime(const Number& candidate, int rounds) {
  Montgomery field{candidate};
  Number exponent = candidate;
  exponent[0] -= 1;  // candidate is odd
  Number minus_one = field.enter(exponent);
  size_t twos = 0;
  while ((candidate[(twos + 1) / 64] >> ((twos + 1) % 64) & 1) == 0) ++twos;
  ++twos;
  Number odd(candidate.size(), 0);  // (candidate - 1) >> twos
  for (size_t i = 0; i < odd.size(); ++i) {
    size_t limb = i + twos / 64, shift = twos % 64;
    if (limb < odd.size()) odd[i] = exponent[limb] >> shift;
    if (shift != 0 && limb + 1 < odd.size()) odd[i] |= exponent[limb + 1] << (64 - shift);
  }
  for (int round = 0; round < rounds; ++round) {
    Number base = random_number(candidate.size());
    base.back() = candidate.size() == 1 ? base.back() % (candidate[0] - 3) + 2 : base.back() % candidate.back();
    Number x = power(field, field.enter(base), odd);
    bool passes = x == field.one() || x == minus_one;
    for (size_t i = 1; i < twos && !passes; ++i) {
      x = field.multiply(x, x);
      passes = x == minus_one;
    }
    if (!passes) return false;
  }
  return true;
}

std::optional<PublicKey> generate_rsa_key(const std::atomic<bool>& stop) {
  auto p = random_prime(stop);
  auto q = p ? random_prime(stop) : std::nullopt;
  if (!q) return std::nullopt;
  std::string blob;
  append_ssh(blob, "ssh-rsa");
  append_ssh(blob, std::string_view{"\x01\x00\x01", 3});
  append_ssh(blob, ssh_integer(multiply(*p, *q)));
  auto digest = sha256(blob);
  std::string_view digest_text{reinterpret_cast<const char*>(digest.data()), digest.size()};
  return PublicKey{"ssh-rsa " + base64(blob, true), "SHA256:" + base64(digest_text, false)};
}

}  // namespace kuard
