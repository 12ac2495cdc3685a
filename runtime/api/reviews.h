// The seam for requests that are answered by who-may-do-what instead of by the store.
// Lifetime: outlives the server. Nothing waits.
#pragma once

#include <string>

#include "objects/json.h"
#include "objects/kinds.h"
#include "runtime/api/auth.h"

namespace kring::api {

// Questions that are posted as objects and answered at once, never stored: TokenReview, SubjectAccessReview,
// SelfSubjectReview and their family, and tokens of service accounts.
class Reviews {
 public:
  virtual ~Reviews() = default;
  // `body` is checked, in the shape of `served`; the answer is in the same shape.
  virtual Result<json::Value> answer(const Caller& caller, const Served& served, const std::string& ns,
                                     json::Value body) = 0;
  // POST serviceaccounts/{name}/token.
  virtual Result<json::Value> token_request(const Caller& caller, const std::string& ns, const std::string& name,
                                            json::Value body) = 0;
};

}  // namespace kring::api
