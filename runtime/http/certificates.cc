#include "runtime/http/certificates.h"

#include <arpa/inet.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <set>

#include "objects/check.h"
#include "runtime/env/disk.h"
#include "runtime/http/openssl.h"

namespace kring::http {
namespace {

constexpr int64_t day_seconds = 86'400;
constexpr int64_t ca_valid_days = 3650;
constexpr size_t pem_bytes_max = 1 << 20;

using BignumPtr = std::unique_ptr<BIGNUM, Releaser<BN_free>>;
using EcdsaPtr = std::unique_ptr<ECDSA_SIG, Releaser<ECDSA_SIG_free>>;
using DigestPtr = std::unique_ptr<EVP_MD_CTX, Releaser<EVP_MD_CTX_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, Releaser<GENERAL_NAMES_free>>;

int64_t seconds(Wall now) { return now.ns / 1'000'000'000; }

BioPtr bio_of(std::string_view text) { return BioPtr{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))}; }

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<size_t>(size)};
}

std::string to_pem(X509* certificate) {
  const BioPtr bio{BIO_new(BIO_s_mem())};
  KRING_CHECK(PEM_write_bio_X509(bio.get(), certificate) == 1);
  return text_of(bio.get());
}

std::string to_pem(EVP_PKEY* key) {
  const BioPtr bio{BIO_new(BIO_s_mem())};
  KRING_CHECK(PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return text_of(bio.get());
}

bool add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  const bool added = extension != nullptr && X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

// Alternative names are built as objects, never from text: a name with a comma must not become two.
bool add_alternative_names(X509* certificate, const CertificateRequest& request) {
  if (request.dns_names.empty() && request.addresses.empty()) return true;
  const NamesPtr names{GENERAL_NAMES_new()};
  for (const auto& dns : request.dns_names) {
    GENERAL_NAME* name = GENERAL_NAME_new();
    ASN1_IA5STRING* text = ASN1_IA5STRING_new();
    ASN1_STRING_set(text, dns.data(), static_cast<int>(dns.size()));
    GENERAL_NAME_set0_value(name, GEN_DNS, text);
    sk_GENERAL_NAME_push(names.get(), name);
  }
  for (const auto& address : request.addresses) {
    ASN1_OCTET_STRING* bytes = a2i_IPADDRESS(address.c_str());
    if (bytes == nullptr) return false;
    GENERAL_NAME* name = GENERAL_NAME_new();
    GENERAL_NAME_set0_value(name, GEN_IPADD, bytes);
    sk_GENERAL_NAME_push(names.get(), name);
  }
  return X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT) == 1;
}

bool add_name(X509_NAME* name, const char* field, const std::string& value) {
  return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(value.data()),
                                    static_cast<int>(value.size()), -1, 0) == 1;
}

// RFC 5280, 4.1.2.2: positive, at most 20 bytes; random, so that it tells nothing and never repeats.
bool set_random_serial(X509* certificate) {
  std::array<unsigned char, 16> bytes{};
  if (RAND_bytes(bytes.data(), bytes.size()) != 1) return false;
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x7f) | 0x40);
  const BignumPtr number{BN_bin2bn(bytes.data(), bytes.size(), nullptr)};
  return BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

struct Issuer {
  X509* certificate = nullptr;  // null: self-signed
  EVP_PKEY* key = nullptr;
};

std::string extended_usage(const CertificateRequest& request) {
  if (request.server && request.client) return "serverAuth,clientAuth";
  return request.server ? "serverAuth" : request.client ? "clientAuth" : "";
}

bool add_extensions(X509* certificate, const Issuer& issuer, const CertificateRequest& request) {
  X509* signer = issuer.certificate != nullptr ? issuer.certificate : certificate;
  if (!add_extension(certificate, signer, NID_subject_key_identifier, "hash")) return false;
  if (issuer.certificate == nullptr) {
    return add_extension(certificate, signer, NID_basic_constraints, "critical,CA:TRUE") &&
           add_extension(certificate, signer, NID_key_usage, "critical,digitalSignature,keyCertSign,cRLSign");
  }
  const std::string usage = extended_usage(request);
  return add_extension(certificate, signer, NID_authority_key_identifier, "keyid") &&
         add_extension(certificate, signer, NID_basic_constraints, "critical,CA:FALSE") &&
         add_extension(certificate, signer, NID_key_usage, "critical,digitalSignature") &&
         (usage.empty() || add_extension(certificate, signer, NID_ext_key_usage, usage)) &&
         add_alternative_names(certificate, request);
}

// A key and a certificate for it that begins a day before `now`.
Result<KeyPair> make_pair(const CertificateRequest& request, const Issuer& issuer, Wall now) {
  const KeyPtr key{EVP_EC_gen("P-256")};
  const X509Ptr certificate{X509_new()};
  KRING_CHECK(key && certificate, "OpenSSL makes keys");
  X509_set_version(certificate.get(), X509_VERSION_3);
  if (!set_random_serial(certificate.get())) return openssl_error("serial number");
  const auto start = static_cast<time_t>(seconds(now) - day_seconds);
  const auto end = static_cast<time_t>(seconds(now) + request.valid_days * day_seconds);
  ASN1_TIME_set(X509_getm_notBefore(certificate.get()), start);
  ASN1_TIME_set(X509_getm_notAfter(certificate.get()), end);
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  for (const auto& organization : request.organizations) {
    if (!add_name(subject, "O", organization)) return openssl_error("organization " + organization);
  }
  if (!add_name(subject, "CN", request.common_name)) return openssl_error("common name " + request.common_name);
  X509_set_issuer_name(certificate.get(),
                       issuer.certificate != nullptr ? X509_get_subject_name(issuer.certificate) : subject);
  X509_set_pubkey(certificate.get(), key.get());
  if (!add_extensions(certificate.get(), issuer, request)) return openssl_error("extensions of " + request.common_name);
  if (X509_sign(certificate.get(), issuer.key != nullptr ? issuer.key : key.get(), EVP_sha256()) == 0) {
    return openssl_error("sign " + request.common_name);
  }
  return KeyPair{to_pem(certificate.get()), to_pem(key.get())};
}

std::multiset<std::string> names_of(X509_NAME* subject, int nid) {
  std::multiset<std::string> names;
  for (int i = -1; (i = X509_NAME_get_index_by_NID(subject, nid, i)) >= 0;) {
    unsigned char* utf8 = nullptr;
    const int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i)));
    if (size < 0) continue;
    names.emplace(reinterpret_cast<char*>(utf8), static_cast<size_t>(size));
    OPENSSL_free(utf8);
  }
  return names;
}

// The encoded alternative names of a certificate, comparable.
std::string alternative_names(X509* certificate) {
  const int index = X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1);
  if (index < 0) return {};
  const ASN1_OCTET_STRING* data = X509_EXTENSION_get_data(X509_get_ext(certificate, index));
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(data)), static_cast<size_t>(ASN1_STRING_length(data))};
}

std::string requested_names(const CertificateRequest& request) {
  const X509Ptr scratch{X509_new()};
  return add_alternative_names(scratch.get(), request) ? alternative_names(scratch.get()) : std::string{};
}

bool matches(X509* certificate, const CertificateRequest& request) {
  X509_NAME* subject = X509_get_subject_name(certificate);
  const uint32_t usage = X509_get_extended_key_usage(certificate);
  return names_of(subject, NID_commonName) == std::multiset<std::string>{request.common_name} &&
         names_of(subject, NID_organizationName) ==
             std::multiset<std::string>(request.organizations.begin(), request.organizations.end()) &&
         alternative_names(certificate) == requested_names(request) &&
         (usage != UINT32_MAX && (usage & XKU_SSL_SERVER) != 0) == request.server &&
         (usage != UINT32_MAX && (usage & XKU_SSL_CLIENT) != 0) == request.client;
}

// Renewed once two thirds of its life are over, and when it is not valid yet (the clock went back).
bool is_due(X509* certificate, Wall now) {
  const auto begin = seconds_of(X509_get0_notBefore(certificate));
  const auto end = seconds_of(X509_get0_notAfter(certificate));
  if (!begin || !end) return true;
  return seconds(now) < *begin || seconds(now) >= *begin + (*end - *begin) / 3 * 2;
}

bool belongs_together(const KeyPair& pair) {
  const auto certificates = parse_certificates(pair.certificate_pem);
  const KeyPtr key = parse_private_key(pair.key_pem);
  return !certificates.empty() && key && X509_check_private_key(certificates[0].get(), key.get()) == 1;
}

Task<Result<std::string>> read_text(Disk& disk, std::string path) {
  KRING_CO_TRY(auto file, co_await disk.open(path, OpenMode::read));
  KRING_CO_TRY(const uint64_t size, file->size());
  if (size > pem_bytes_max) co_return Error{Reason::corrupt, path + " is too large for a key or certificate"};
  std::string text(size, 0);
  const std::span bytes{reinterpret_cast<uint8_t*>(text.data()), text.size()};
  KRING_CO_TRY(const size_t n, co_await file->read(0, bytes));
  text.resize(n);
  co_return text;
}

// Under a temporary name first: a reader or a crash sees the old file or the whole new one.
Task<Result<void>> write_text(Disk& disk, std::string path, std::string text) {
  const std::string temporary = path + ".tmp";
  const auto removed = co_await disk.remove(temporary);
  if (removed.has_error() && removed.error().reason != Reason::not_found) co_return removed;
  {
    KRING_CO_TRY(auto file, co_await disk.open(temporary, OpenMode::create_new));
    const std::span bytes{reinterpret_cast<const uint8_t*>(text.data()), text.size()};
    KRING_CO_TRY_VOID(co_await file->write(0, bytes, false));
    KRING_CO_TRY_VOID(co_await file->sync());
  }
  co_return co_await disk.rename(temporary, path);
}

// The key goes first: a certificate without its key is noticed (they do not belong together) and made again.
Task<Result<void>> write_pair(Disk& disk, std::string directory, std::string name, KeyPair pair) {
  KRING_CO_TRY_VOID(co_await write_text(disk, directory + "/" + name + ".key", pair.key_pem));
  KRING_CO_TRY_VOID(co_await write_text(disk, directory + "/" + name + ".crt", pair.certificate_pem));
  co_return co_await disk.sync_directory(directory);
}

// A pair that is there and belongs together; empty strings when it is not; errors: unreadable.
Task<Result<KeyPair>> read_pair(Disk& disk, std::string directory, std::string name) {
  KeyPair pair;
  auto certificate = co_await read_text(disk, directory + "/" + name + ".crt");
  auto key = co_await read_text(disk, directory + "/" + name + ".key");
  for (const auto* part : {&certificate, &key}) {
    if (part->has_error() && part->error().reason != Reason::not_found) co_return part->error();
  }
  if (certificate.has_error() || key.has_error()) co_return pair;
  pair.certificate_pem = std::move(*certificate);
  pair.key_pem = std::move(*key);
  if (!belongs_together(pair)) pair = KeyPair{};
  co_return pair;
}

class Authority final : public CertificateAuthority {
 public:
  Authority(Env& env, std::string directory, KeyPair pair)
      : env_(env),
        directory_(std::move(directory)),
        pair_(std::move(pair)),
        certificate_(std::move(parse_certificates(pair_.certificate_pem)[0])),
        key_(parse_private_key(pair_.key_pem)) {}

  const std::string& certificate_pem() const override { return pair_.certificate_pem; }

  Result<KeyPair> issue(const CertificateRequest& request) override {
    return make_pair(request, Issuer{certificate_.get(), key_.get()}, env_.clock.wall());
  }

  Task<Result<KeyPair>> load_or_issue(std::string name, CertificateRequest request) override {
    KRING_CO_TRY(auto pair, co_await read_pair(env_.disk, directory_, name));
    if (still_good(pair, request)) co_return pair;
    KRING_CO_TRY(pair, issue(request));
    KRING_CO_TRY_VOID(co_await write_pair(env_.disk, directory_, name, pair));
    co_return pair;
  }

 private:
  bool still_good(const KeyPair& pair, const CertificateRequest& request) const {
    if (pair.certificate_pem.empty()) return false;
    const auto certificates = parse_certificates(pair.certificate_pem);
    X509* certificate = certificates[0].get();
    return X509_verify(certificate, key_.get()) == 1 && matches(certificate, request) &&
           !is_due(certificate, env_.clock.wall());
  }

  Env& env_;
  std::string directory_;
  KeyPair pair_;
  X509Ptr certificate_;
  KeyPtr key_;
};

}  // namespace

std::vector<X509Ptr> parse_certificates(std::string_view pem) {
  std::vector<X509Ptr> certificates;
  const BioPtr bio = bio_of(pem);
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    certificates.emplace_back(certificate);
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!at_end) certificates.clear();
  return certificates;
}

KeyPtr parse_private_key(std::string_view pem) {
  const BioPtr bio = bio_of(pem);
  KeyPtr key{PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr)};
  ERR_clear_error();
  return key;
}

std::optional<int64_t> seconds_of(const ASN1_TIME* time) {
  const std::unique_ptr<ASN1_TIME, Releaser<ASN1_STRING_free>> epoch{ASN1_TIME_set(nullptr, 0)};
  int days = 0, rest = 0;
  if (ASN1_TIME_diff(&days, &rest, epoch.get(), time) != 1) return std::nullopt;
  return int64_t{days} * day_seconds + rest;
}

Error openssl_error(std::string_view what) {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = ERR_reason_error_string(code);
  ERR_clear_error();
  return Error{Reason::invalid, std::string{what} + (reason != nullptr ? std::string{": "} + reason : std::string{})};
}

Task<Result<std::unique_ptr<CertificateAuthority>>> CertificateAuthority::open(Env& env, std::string directory) {
  KRING_CO_TRY_VOID(co_await env.disk.make_directory(directory));
  KRING_CO_TRY(auto pair, co_await read_pair(env.disk, directory, "ca"));
  if (pair.certificate_pem.empty()) {
    // The certificate is written last: when it is there without its key, something was lost, and a new CA would lock
    // out every client of the old one.
    const auto names = co_await env.disk.list(directory);
    if (names.has_error()) co_return names.error();
    if (std::find(names->begin(), names->end(), "ca.crt") != names->end()) {
      co_return Error{Reason::corrupt,
                      directory + "/ca.crt and ca.key do not belong together; restore them or remove both"};
    }
    const CertificateRequest request{.common_name = "kring-ca", .valid_days = ca_valid_days};
    KRING_CO_TRY(pair, make_pair(request, Issuer{}, env.clock.wall()));
    KRING_CO_TRY_VOID(co_await write_pair(env.disk, directory, "ca", pair));
  }
  std::unique_ptr<CertificateAuthority> authority =
      std::make_unique<Authority>(env, std::move(directory), std::move(pair));
  co_return authority;
}

// OpenSSL signs in ASN.1 form; a JWS wants r and s as 32 bytes each (RFC 7518, 3.4).
Result<std::string> sign_es256(const std::string& key_pem, std::string_view signing_input) {
  const KeyPtr key = parse_private_key(key_pem);
  if (!key || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_EC) return Error{Reason::invalid, "no EC key in PEM"};
  const DigestPtr digest{EVP_MD_CTX_new()};
  std::array<unsigned char, 128> der{};
  size_t size = der.size();
  const auto* data = reinterpret_cast<const unsigned char*>(signing_input.data());
  if (EVP_DigestSignInit(digest.get(), nullptr, EVP_sha256(), nullptr, key.get()) != 1 ||
      EVP_DigestSign(digest.get(), der.data(), &size, data, signing_input.size()) != 1) {
    return openssl_error("sign");
  }
  const unsigned char* begin = der.data();
  const EcdsaPtr signature{d2i_ECDSA_SIG(nullptr, &begin, static_cast<long>(size))};
  std::string raw(64, 0);
  auto* out = reinterpret_cast<unsigned char*>(raw.data());
  if (!signature || BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), out, 32) != 32 ||
      BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), out + 32, 32) != 32) {
    return Error{Reason::invalid, "key is not on P-256"};
  }
  return raw;
}

bool verify_es256(const std::string& key_or_certificate_pem, std::string_view signing_input,
                  std::string_view signature) {
  if (signature.size() != 64) return false;
  KeyPtr key = parse_private_key(key_or_certificate_pem);
  if (!key) {
    const auto certificates = parse_certificates(key_or_certificate_pem);
    if (!certificates.empty()) key.reset(X509_get_pubkey(certificates[0].get()));
  }
  if (!key || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_EC || EVP_PKEY_get_bits(key.get()) != 256) return false;
  const auto* raw = reinterpret_cast<const unsigned char*>(signature.data());
  const EcdsaPtr parsed{ECDSA_SIG_new()};
  ECDSA_SIG_set0(parsed.get(), BN_bin2bn(raw, 32, nullptr), BN_bin2bn(raw + 32, 32, nullptr));
  std::array<unsigned char, 128> der{};
  unsigned char* end = der.data();
  const int size = i2d_ECDSA_SIG(parsed.get(), &end);
  const DigestPtr digest{EVP_MD_CTX_new()};
  const auto* data = reinterpret_cast<const unsigned char*>(signing_input.data());
  const bool good =
      size > 0 && EVP_DigestVerifyInit(digest.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
      EVP_DigestVerify(digest.get(), der.data(), static_cast<size_t>(size), data, signing_input.size()) == 1;
  ERR_clear_error();
  return good;
}

Result<int64_t> not_after(const std::string& certificate_pem) {
  const auto certificates = parse_certificates(certificate_pem);
  if (certificates.empty()) return Error{Reason::invalid, "no certificate in PEM"};
  const auto end = seconds_of(X509_get0_notAfter(certificates[0].get()));
  if (!end) return Error{Reason::invalid, "certificate without an end"};
  return *end;
}

}  // namespace kring::http
