#include "runtime/api/tokens.h"

#include <algorithm>
#include <cctype>

#include "objects/base64.h"
#include "objects/kinds.h"

namespace kring::api {
namespace {

using json::Object;
using json::Value;

constexpr size_t token_bytes_max = 16 * 1024;
constexpr size_t verified_max = 256;
constexpr int64_t clock_skew_seconds = 60;
constexpr std::string_view header_json = R"({"alg":"ES256","typ":"JWT"})";

// RFC 4648 section 5 without padding, as RFC 7515 wants it.
std::string base64url(std::string_view text) {
  std::string out = base64_encode(text);
  while (!out.empty() && out.back() == '=') out.pop_back();
  for (char& c : out) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return out;
}

Result<std::string> from_base64url(std::string_view text) {
  std::string padded{text};
  for (char& c : padded) {
    if (c == '+' || c == '/' || c == '=') return Error{Reason::unauthorized, "malformed token"};
    c = c == '-' ? '+' : c == '_' ? '/' : c;
  }
  while (padded.size() % 4 != 0) padded += '=';
  auto bytes = base64_decode_text(padded);
  if (bytes.has_error()) return Error{Reason::unauthorized, "malformed token"};
  return bytes;
}

Error refused(std::string message) { return Error{Reason::unauthorized, std::move(message)}; }

// The object that a token is bound to is there with the same uid, and is not being deleted.
Result<void> check_bound(const store::Store& store, const Kind& kind, std::string_view ns, const Value* reference) {
  if (reference == nullptr) return {};
  const std::string name{reference->string_or("name")};
  const ObjectPtr object = store.get({&kind, std::string{ns}, name});
  if (object == nullptr) return refused("the token's " + std::string{kind.singular} + " \"" + name + "\" is gone");
  if (object->uid() != reference->string_or("uid"))
    return refused("the token belongs to another " + std::string{kind.singular} + " \"" + name + "\"");
  return {};
}

Value reference(std::string_view name, std::string_view uid) {
  Object out;
  out.append("name", name);
  out.append("uid", uid);
  return out;
}

bool has_audience(const Value& claims, std::string_view wanted) {
  const Value* audiences = claims.find("aud");
  if (audiences == nullptr || !audiences->is_array()) return false;
  return std::any_of(audiences->as_array().begin(), audiences->as_array().end(),
                     [&](const Value& a) { return a.is_string() && a.as_string() == wanted; });
}

class TokenAuthenticator final : public Authenticator {
 public:
  explicit TokenAuthenticator(const Tokens& tokens) : tokens_(tokens), others_(make_certificate_authenticator()) {}

  Result<Caller> authenticate(const http::Request& request) override {
    constexpr std::string_view prefix = "Bearer ";
    const std::string_view header = request.header("authorization");
    const bool other_identity = request.peer.certificate || (request.peer.unix_socket && request.peer.unix_uid == 0);
    if (!other_identity && header.starts_with(prefix)) return tokens_.verify(header.substr(prefix.size()), {});
    return others_->authenticate(request);
  }

 private:
  const Tokens& tokens_;
  std::unique_ptr<Authenticator> others_;
};

}  // namespace

Tokens::Tokens(Env& env, const store::Store& store, http::KeyPair key, std::string issuer)
    : env_(env), store_(store), key_(std::move(key)), issuer_(std::move(issuer)) {}

Result<Tokens::Issued> Tokens::issue(const kring::Object& account, std::vector<std::string> audiences, int64_t seconds,
                                     std::optional<Bound> bound) {
  const int64_t now = env_.clock.wall().ns / 1'000'000'000;
  if (audiences.empty()) audiences.push_back(issuer_);
  json::Array aud;
  for (std::string& audience : audiences) aud.emplace_back(std::move(audience));
  Object kubernetes;
  kubernetes.append("namespace", account.ns());
  if (bound) {
    std::string kind = bound->kind;
    std::transform(kind.begin(), kind.end(), kind.begin(), [](unsigned char c) { return std::tolower(c); });
    kubernetes.append(std::move(kind), reference(bound->name, bound->uid));
  }
  kubernetes.append("serviceaccount", reference(account.name(), account.uid()));
  Object claims;
  claims.append("aud", std::move(aud));
  claims.append("exp", now + seconds);
  claims.append("iat", now);
  claims.append("iss", issuer_);
  claims.append("jti", env_.random.uuid());
  claims.append("kubernetes.io", std::move(kubernetes));
  claims.append("nbf", now);
  claims.append("sub", "system:serviceaccount:" + std::string{account.ns()} + ":" + std::string{account.name()});
  const std::string input = base64url(header_json) + "." + base64url(json::print(claims));
  KRING_TRY(const std::string signature, http::sign_es256(key_.key_pem, input));
  return Issued{input + "." + base64url(signature), now + seconds};
}

Result<Value> Tokens::claims_of(std::string_view token) const {
  if (token.size() > token_bytes_max) return refused("the token is too long");
  if (const auto known = verified_.find(std::string{token}); known != verified_.end()) return known->second;
  const size_t first = token.find('.');
  const size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos)
    return refused("malformed token");
  KRING_TRY(const std::string header, from_base64url(token.substr(0, first)));
  auto parsed_header = json::parse(header);
  // The algorithm is ours or nothing: a token never chooses how it is checked.
  if (parsed_header.has_error() || parsed_header->value.string_or("alg") != "ES256") return refused("malformed token");
  KRING_TRY(const std::string signature, from_base64url(token.substr(second + 1)));
  if (!http::verify_es256(key_.certificate_pem, token.substr(0, second), signature))
    return refused("the token's signature is wrong");
  KRING_TRY(const std::string payload, from_base64url(token.substr(first + 1, second - first - 1)));
  auto claims = json::parse(payload);
  if (claims.has_error() || !claims->value.is_object()) return refused("malformed token");
  if (verified_.size() >= verified_max) verified_.clear();
  verified_.emplace(std::string{token}, claims->value);
  return std::move(claims->value);
}

Result<Caller> Tokens::verify(std::string_view token, std::string_view audience) const {
  KRING_TRY(const Value claims, claims_of(token));
  const int64_t now = env_.clock.wall().ns / 1'000'000'000;
  if (claims.string_or("iss") != issuer_) return refused("the token is of another issuer");
  if (!has_audience(claims, audience.empty() ? std::string_view{issuer_} : audience))
    return refused("the token is for another audience");
  if (claims.int_or("exp", 0) <= now) return refused("the token has expired");
  if (claims.int_or("nbf", 0) > now + clock_skew_seconds) return refused("the token is not valid yet");
  const Value* kubernetes = claims.find("kubernetes.io");
  const Value* account = kubernetes == nullptr ? nullptr : kubernetes->find("serviceaccount");
  if (account == nullptr) return refused("malformed token");
  const std::string ns{kubernetes->string_or("namespace")};
  KRING_TRY_VOID(check_bound(store_, kinds::service_account(), ns, account));
  KRING_TRY_VOID(check_bound(store_, kinds::pod(), ns, kubernetes->find("pod")));
  KRING_TRY_VOID(check_bound(store_, kinds::secret(), ns, kubernetes->find("secret")));
  Caller caller;
  caller.name = "system:serviceaccount:" + ns + ":" + std::string{account->string_or("name")};
  caller.uid = account->string_or("uid");
  caller.groups = {"system:serviceaccounts", "system:serviceaccounts:" + ns, std::string{group_authenticated}};
  if (const std::string_view id = claims.string_or("jti"); !id.empty())
    caller.extra["authentication.kubernetes.io/credential-id"] = {"JTI=" + std::string{id}};
  if (const Value* pod = kubernetes->find("pod"); pod != nullptr) {
    caller.extra["authentication.kubernetes.io/pod-name"] = {std::string{pod->string_or("name")}};
    caller.extra["authentication.kubernetes.io/pod-uid"] = {std::string{pod->string_or("uid")}};
  }
  return caller;
}

std::unique_ptr<Authenticator> make_token_authenticator(const Tokens& tokens) {
  return std::make_unique<TokenAuthenticator>(tokens);
}

}  // namespace kring::api
