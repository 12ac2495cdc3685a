// Who asks, and whether they may: the two questions every request answers before its handler runs.
// Invariants: authenticate() never trusts a header that a client can set without proof; a request with bad credentials
// is unauthorised, one with none is anonymous.
// Lifetime: both outlive the server. Neither waits: keys, tokens and rules are in memory.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/api/request_info.h"
#include "runtime/http/http.h"

namespace kring::api {

inline constexpr std::string_view user_anonymous = "system:anonymous";
inline constexpr std::string_view group_masters = "system:masters";
inline constexpr std::string_view group_authenticated = "system:authenticated";
inline constexpr std::string_view group_unauthenticated = "system:unauthenticated";

struct Caller {
  std::string name, uid;
  std::vector<std::string> groups;
  std::map<std::string, std::vector<std::string>> extra;

  bool in_group(std::string_view group) const;
};

class Authenticator {
 public:
  virtual ~Authenticator() = default;
  // unauthorized: credentials were given and are not good.
  virtual Result<Caller> authenticate(const http::Request& request) = 0;
};

class Authorizer {
 public:
  virtual ~Authorizer() = default;
  // forbidden, with the reason as its message ("" when there is nothing to add).
  virtual Result<void> authorize(const Caller& caller, const RequestInfo& info) = 0;
};

// Root on the Unix socket is system:admin of system:masters; a client certificate says its name and groups; the rest is
// anonymous. A bearer token is unauthorised here: nobody issues any.
std::unique_ptr<Authenticator> make_certificate_authenticator();
// system:masters may do everything, everyone may see health and version, nobody else anything.
std::unique_ptr<Authorizer> make_masters_authorizer();

// `pods "x" is forbidden: User "u" cannot get resource "pods" in API group "" in the namespace "n"`
Error forbidden_request(const Caller& caller, const RequestInfo& info, std::string_view reason);

// Paths that need no identity: health and version.
bool is_public_path(std::string_view path);

}  // namespace kring::api
