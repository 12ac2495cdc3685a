// Questions to the server about identity and access, answered from the stored roles and the service accounts:
// TokenRequest, TokenReview, SelfSubjectReview, SubjectAccessReview with its Self and Local forms,
// SelfSubjectRulesReview. Source: authentication.k8s.io/v1, authorization.k8s.io/v1.
#pragma once

#include <memory>

#include "runtime/api/reviews.h"
#include "runtime/api/tokens.h"

namespace kring::api {

// Lifetime: all outlive it.
std::unique_ptr<Reviews> make_access_reviews(const store::Store& store, Authorizer& authorizer, Tokens& tokens);

}  // namespace kring::api
