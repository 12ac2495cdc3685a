// A registry's pull side: one repository, its manifests and blobs, authentication as the registry asks for it.
// Invariants: credentials go to the registry itself and to the token service that belongs to it (same host, its parent
// domain, or docker.io's own), over https, or over http when the registry is this machine; redirects are followed
// without them elsewhere; every byte is checked against the digest and size that named it (I3, I4).
// Source: OCI distribution-spec v1.1; Docker registry token authentication; RFC 7235, 6750, 7617.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "runtime/http/client.h"
#include "runtime/images/manifest.h"

namespace kring::images {

// A WWW-Authenticate challenge: `Bearer realm="https://auth/token",service="registry"`. Keys are lower-case.
struct Challenge {
  std::string scheme;  // lower-case: "bearer", "basic"; empty when there is none that can be answered
  std::map<std::string, std::string> parameters;
};
Challenge parse_challenge(std::string_view header);

// Where a registry's API is: docker.io has another host, this machine's registries speak plain http.
std::string registry_url(const std::string& registry);
// Whether the token service at `realm` may see the credentials of the registry at `registry_url`.
bool may_see_credentials(const std::string& registry_url, const std::string& realm);

class Registry {
 public:
  Registry(Env& env, Reference reference, Credentials credentials, http::ClientOptions options = {});

  struct Document {
    std::string text, media_type, digest;
  };
  // `reference` is a tag or a digest; a digest is verified. not_found, unauthorized, io, ...
  Task<Result<Document>> manifest(std::string reference);
  // Streams a blob into a new file and verifies it.
  Task<Result<void>> blob(Descriptor descriptor, std::string path);

 private:
  Task<Result<std::unique_ptr<http::ClientResponse>>> get(std::string target, std::string accept);
  http::ClientRequest request(const std::string& target, const std::string& accept) const;
  Task<Result<void>> authenticate(std::string challenge);
  Task<Result<void>> fetch_token(Challenge challenge);

  Env& env_;
  const Reference reference_;
  const Credentials credentials_;
  const http::ClientOptions options_;
  const std::string base_;     // "https://registry-1.docker.io/v2/library/busybox/"
  std::string authorization_;  // the header's value; empty as long as nothing was asked for
};

}  // namespace kring::images
