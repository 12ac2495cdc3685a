#include "runtime/api/auth.h"

#include <algorithm>

namespace kring::api {
namespace {

constexpr std::string_view bearer_prefix = "Bearer ";

class CertificateAuthenticator final : public Authenticator {
 public:
  Result<Caller> authenticate(const http::Request& request) override {
    Caller caller;
    if (request.peer.unix_socket && request.peer.unix_uid == 0) {
      caller.name = "system:admin";
      caller.groups = {std::string{group_masters}, std::string{group_authenticated}};
      return caller;
    }
    if (request.peer.certificate) {
      caller.name = request.peer.common_name;
      caller.groups = request.peer.organizations;
      caller.groups.emplace_back(group_authenticated);
      return caller;
    }
    if (request.header("authorization").starts_with(bearer_prefix)) {
      return Error{Reason::unauthorized, "Unauthorized"};
    }
    caller.name = user_anonymous;
    caller.groups = {std::string{group_unauthenticated}};
    return caller;
  }
};

class MastersAuthorizer final : public Authorizer {
 public:
  Result<void> authorize(const Caller& caller, const RequestInfo& info) override {
    if (caller.in_group(group_masters)) return {};
    if (!info.resource_request && is_public_path(info.path) && info.verb == "get") return {};
    return Error{Reason::forbidden, ""};
  }
};

std::string what_of(const RequestInfo& info) {
  std::string what = info.resource;
  if (!info.subresource.empty()) what += '/' + info.subresource;
  return what;
}

}  // namespace

bool Caller::in_group(std::string_view group) const {
  return std::find(groups.begin(), groups.end(), group) != groups.end();
}

bool is_public_path(std::string_view path) {
  for (const std::string_view open : {"/healthz", "/livez", "/readyz"}) {
    if (path == open || (path.starts_with(open) && path[open.size()] == '/')) return true;
  }
  return path == "/version" || path == "/version/";
}

std::unique_ptr<Authenticator> make_certificate_authenticator() {
  return std::make_unique<CertificateAuthenticator>();
}

std::unique_ptr<Authorizer> make_masters_authorizer() { return std::make_unique<MastersAuthorizer>(); }

Error forbidden_request(const Caller& caller, const RequestInfo& info, std::string_view reason) {
  std::string message;
  Error error{Reason::forbidden, ""};
  if (!info.resource_request) {
    message = "forbidden: User \"" + caller.name + "\" cannot " + info.verb + " path \"" + info.path + '"';
  } else {
    std::string resource = info.resource;
    if (!info.group.empty()) resource += '.' + info.group;
    message = resource;
    if (!info.name.empty()) message += " \"" + info.name + '"';
    message += " is forbidden: User \"" + caller.name + "\" cannot " + info.verb + " resource \"" + what_of(info) +
               "\" in API group \"" + info.group + '"';
    message += info.ns.empty() ? std::string{" at the cluster scope"} : " in the namespace \"" + info.ns + '"';
    error.name = info.name;
    error.kind = info.resource;
    error.group = info.group;
  }
  if (!reason.empty()) message += ": " + std::string{reason};
  error.message = std::move(message);
  return error;
}

}  // namespace kring::api
