#include "runtime/api/access_reviews.h"

#include "objects/hooks.h"
#include "objects/time.h"
#include "runtime/api/rbac.h"

namespace kring::api {
namespace {

using json::Array;
using json::Object;
using json::Value;

constexpr int64_t token_seconds_default = 3600;
constexpr int64_t token_seconds_min = 600;
constexpr int64_t token_seconds_max = int64_t{1} << 32;

Array array_of(const std::vector<std::string>& list) {
  Array out;
  for (const std::string& item : list) out.emplace_back(item);
  return out;
}

std::vector<std::string> texts(const Value* list) {
  std::vector<std::string> out;
  if (list == nullptr || !list->is_array()) return out;
  for (const Value& item : list->as_array()) {
    if (item.is_string()) out.push_back(item.as_string());
  }
  return out;
}

Value user_info(const Caller& caller) {
  Object out;
  out.append("username", caller.name);
  if (!caller.uid.empty()) out.append("uid", caller.uid);
  out.append("groups", array_of(caller.groups));
  if (!caller.extra.empty()) {
    Object extra;
    for (const auto& [key, values] : caller.extra) extra.append(key, array_of(values));
    out.append("extra", std::move(extra));
  }
  return out;
}

// What a review asks about, in the authorizer's terms.
Result<RequestInfo> question(const Kind& kind, const Value& spec) {
  RequestInfo info;
  const Value* resource = spec.find("resourceAttributes");
  const Value* path = spec.find("nonResourceAttributes");
  if ((resource == nullptr) == (path == nullptr)) {
    FieldErrors errors;
    errors.invalid("spec.resourceAttributes", resource == nullptr ? Value{} : *resource,
                   resource == nullptr ? "exactly one of nonResourceAttributes or resourceAttributes must be specified"
                                       : "cannot be specified in combination with nonResourceAttributes");
    return invalid_error(kind, "", std::move(errors));
  }
  if (path != nullptr) {
    info.path = path->string_or("path");
    info.verb = path->string_or("verb");
    return info;
  }
  info.resource_request = true;
  info.ns = resource->string_or("namespace");
  info.verb = resource->string_or("verb");
  info.group = resource->string_or("group");
  info.version = resource->string_or("version");
  info.resource = resource->string_or("resource");
  info.subresource = resource->string_or("subresource");
  info.name = resource->string_or("name");
  return info;
}

class AccessReviews final : public Reviews {
 public:
  AccessReviews(const store::Store& store, Authorizer& authorizer, Tokens& tokens)
      : store_(store), authorizer_(authorizer), tokens_(tokens) {}

  Result<Value> answer(const Caller& caller, const Served& served, const std::string& ns, Value body) override;
  Result<Value> token_request(const Caller& caller, const std::string& ns, const std::string& name,
                              Value body) override;

 private:
  Result<Value> access(const Caller& subject, Value body) const;
  Value rules(const Caller& caller, Value body) const;
  Value token_review(Value body) const;

  const store::Store& store_;
  Authorizer& authorizer_;
  Tokens& tokens_;
};

Result<Value> AccessReviews::access(const Caller& subject, Value body) const {
  const Value* spec = body.find("spec");
  const Kind& kind = *find_kind("authorization.k8s.io", "SubjectAccessReview");
  KRING_TRY(const RequestInfo info, question(kind, spec == nullptr ? Value{} : *spec));
  const auto verdict = authorizer_.authorize(subject, info);
  Object status;
  status.append("allowed", !verdict.has_error());
  if (verdict.has_error() && !verdict.error().message.empty()) status.append("reason", verdict.error().message);
  body["status"] = std::move(status);
  return body;
}

Value AccessReviews::rules(const Caller& caller, Value body) const {
  const Value* spec = body.find("spec");
  const std::string ns{spec == nullptr ? std::string_view{} : spec->string_or("namespace")};
  Array resources;
  Array paths;
  for (const AccessRule& rule : rules_of(store_, caller, ns)) {
    Object row;
    row.append("verbs", array_of(rule.verbs));
    if (!rule.non_resource_urls.empty()) {
      row.append("nonResourceURLs", array_of(rule.non_resource_urls));
      paths.emplace_back(std::move(row));
      continue;
    }
    row.append("apiGroups", array_of(rule.api_groups));
    row.append("resources", array_of(rule.resources));
    if (!rule.resource_names.empty()) row.append("resourceNames", array_of(rule.resource_names));
    resources.emplace_back(std::move(row));
  }
  Object status;
  status.append("resourceRules", std::move(resources));
  status.append("nonResourceRules", std::move(paths));
  status.append("incomplete", false);
  body["status"] = std::move(status);
  return body;
}

Value AccessReviews::token_review(Value body) const {
  const Value* spec = body.find("spec");
  const std::string token{spec == nullptr ? std::string_view{} : spec->string_or("token")};
  std::vector<std::string> audiences = texts(spec == nullptr ? nullptr : spec->find("audiences"));
  if (audiences.empty()) audiences.push_back(tokens_.issuer());
  Object status;
  std::string why = "no token given";
  for (const std::string& audience : audiences) {
    if (token.empty()) break;
    const auto caller = tokens_.verify(token, audience);
    if (caller.has_error()) {
      why = caller.error().message;
      continue;
    }
    status.append("authenticated", true);
    status.append("user", user_info(*caller));
    status.append("audiences", Array{Value{audience}});
    break;
  }
  if (status.empty()) status.append("error", "[invalid bearer token, " + why + "]");
  body["status"] = std::move(status);
  return body;
}

Result<Value> AccessReviews::answer(const Caller& caller, const Served& served, const std::string& ns, Value body) {
  const Kind& kind = *served.kind;
  if (kind.kind == "TokenReview") return token_review(std::move(body));
  if (kind.kind == "SelfSubjectReview") {
    Object status;
    status.append("userInfo", user_info(caller));
    body["status"] = std::move(status);
    return body;
  }
  if (kind.kind == "SelfSubjectRulesReview") return rules(caller, std::move(body));
  if (kind.kind == "SelfSubjectAccessReview") return access(caller, std::move(body));
  const Value* spec = body.find("spec");
  Caller subject;
  if (spec != nullptr) {
    subject.name = spec->string_or("user");
    subject.groups = texts(spec->find("groups"));
  }
  if (subject.name.empty() && subject.groups.empty()) {
    FieldErrors errors;
    errors.invalid("spec.user", Value{""}, "at least one of user or group must be specified");
    return invalid_error(kind, "", std::move(errors));
  }
  if (kind.kind == "LocalSubjectAccessReview") {
    const Value* asked = body.at({"spec", "resourceAttributes", "namespace"});
    if (asked == nullptr || !asked->is_string() || asked->as_string() != ns) {
      FieldErrors errors;
      errors.invalid("spec.resourceAttributes.namespace", asked == nullptr ? Value{""} : *asked,
                     "must match metadata.namespace");
      return invalid_error(kind, "", std::move(errors));
    }
  }
  return access(subject, std::move(body));
}

Result<Value> AccessReviews::token_request(const Caller&, const std::string& ns, const std::string& name,
                                           Value request) {
  const ObjectPtr object = store_.get({&kinds::service_account(), ns, name});
  if (object == nullptr) return Error{Reason::not_found, "serviceaccounts \"" + name + "\" not found"};
  const Value* spec = request.find("spec");
  const int64_t seconds =
      spec == nullptr ? token_seconds_default : spec->int_or("expirationSeconds", token_seconds_default);
  FieldErrors errors;
  if (seconds < token_seconds_min)
    errors.invalid("spec.expirationSeconds", Value{seconds}, "may not specify a duration less than 10 minutes");
  if (seconds > token_seconds_max)
    errors.invalid("spec.expirationSeconds", Value{seconds}, "may not specify a duration larger than 2^32 seconds");
  if (!errors.empty()) return invalid_error(*find_kind("authentication.k8s.io", "TokenRequest"), "", std::move(errors));
  std::optional<Tokens::Bound> bound;
  if (const Value* ref = spec == nullptr ? nullptr : spec->find("boundObjectRef"); ref != nullptr && !ref->is_null()) {
    const std::string_view kind = ref->string_or("kind");
    if (kind != "Pod" && kind != "Secret")
      return Error{Reason::bad_request, "cannot bind token to object of type " + std::string{kind}};
    const Kind& bound_kind = kind == "Pod" ? kinds::pod() : kinds::secret();
    const ObjectPtr target = store_.get({&bound_kind, ns, std::string{ref->string_or("name")}});
    const std::string_view uid = ref->string_or("uid");
    if (target == nullptr)
      return Error{Reason::not_found,
                   std::string{bound_kind.plural} + " \"" + std::string{ref->string_or("name")} + "\" not found"};
    if (!uid.empty() && uid != target->uid())
      return Error{Reason::conflict,
                   "the UID in the bound object reference (" + std::string{uid} +
                       ") does not match the UID in record. The object might have been deleted and then recreated"};
    bound = Tokens::Bound{std::string{kind}, std::string{target->name()}, std::string{target->uid()}};
  }
  std::vector<std::string> audiences = texts(spec == nullptr ? nullptr : spec->find("audiences"));
  if (audiences.empty()) audiences.push_back(tokens_.issuer());
  request["spec"]["audiences"] = array_of(audiences);
  request["spec"]["expirationSeconds"] = seconds;
  KRING_TRY(Tokens::Issued issued, tokens_.issue(*object, std::move(audiences), seconds, std::move(bound)));
  Object status;
  status.append("token", std::move(issued.token));
  status.append("expirationTimestamp", print_time(Timestamp{issued.expires_seconds, 0}));
  request["status"] = std::move(status);
  return request;
}

}  // namespace

std::unique_ptr<Reviews> make_access_reviews(const store::Store& store, Authorizer& authorizer, Tokens& tokens) {
  return std::make_unique<AccessReviews>(store, authorizer, tokens);
}

}  // namespace kring::api
