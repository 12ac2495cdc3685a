#include "runtime/images/registry.h"

#include <algorithm>

#include "objects/base64.h"
#include "objects/limits.h"
#include "runtime/env/disk.h"
#include "runtime/images/digest.h"

namespace kring::images {
namespace {

constexpr const char* manifest_types =
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";
constexpr uint32_t redirects_max = 5;
constexpr size_t token_bytes_max = 1 << 20;

Error corrupt(std::string message) { return Error{Reason::corrupt, std::move(message)}; }

std::string lower(std::string_view text) {
  std::string out{text};
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// The host of "host:port", "[::1]:5000".
std::string host_of(const std::string& registry) {
  if (registry.starts_with('[')) return registry.substr(1, registry.find(']') - 1);
  return registry.substr(0, registry.find(':'));
}

bool is_this_machine(const std::string& host) {
  return host == "localhost" || host == "::1" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos);
}

std::string basic(const Credentials& credentials) {
  std::string text = credentials.username + ":" + credentials.password;
  return "Basic " + base64_encode(text);
}

std::string query_escape(std::string_view text) {
  std::string out;
  for (char c : text) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                 c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += "0123456789ABCDEF"[static_cast<unsigned char>(c) >> 4];
      out += "0123456789ABCDEF"[static_cast<unsigned char>(c) & 15];
    }
  }
  return out;
}

// What a status other than 200 means, in containerd's words where Kubernetes shows them.
Error status_error(const http::ClientHead& head, const std::string& what) {
  switch (head.status) {
    case 401:
      return Error{Reason::unauthorized, what + ": authorization failed: no basic auth credentials"};
    case 403:
      return Error{Reason::forbidden, what +
                                          ": pull access denied, repository does not exist or may require "
                                          "authorization: server message: insufficient_scope: authorization failed"};
    case 404:
      return Error{Reason::not_found, what + ": not found"};
    case 429:
      return Error{Reason::too_many_requests, what + ": 429 Too Many Requests"};
    default:
      return Error{Reason::service_unavailable,
                   what + ": unexpected status from GET request to " + head.url + ": " + std::to_string(head.status)};
  }
}

Task<Result<std::string>> read_body(http::ClientResponse& response, size_t bytes_max) {
  std::string out;
  std::vector<uint8_t> buffer(64 * 1024);
  while (true) {
    KRING_CO_TRY(size_t got, co_await response.read(buffer));
    if (got == 0) co_return out;
    if (out.size() + got > bytes_max) co_return corrupt("the registry's answer is too large");
    out.append(reinterpret_cast<const char*>(buffer.data()), got);
  }
}

}  // namespace

Challenge parse_challenge(std::string_view header) {
  Challenge out;
  auto skip = [&](std::string_view set) {
    header.remove_prefix(std::min(header.find_first_not_of(set), header.size()));
  };
  skip(" ");
  size_t space = std::min(header.find(' '), header.size());
  out.scheme = lower(header.substr(0, space));
  header.remove_prefix(space);
  while (true) {
    skip(" ,\t");
    size_t equal = header.find('=');
    if (equal == std::string_view::npos) break;
    std::string key = lower(header.substr(0, equal));
    if (key.find(' ') != std::string::npos) break;  // the next challenge begins
    header.remove_prefix(equal + 1);
    std::string value;
    if (header.starts_with('"')) {
      header.remove_prefix(1);
      while (!header.empty() && header[0] != '"') {
        if (header[0] == '\\' && header.size() > 1) header.remove_prefix(1);
        value += header[0];
        header.remove_prefix(1);
      }
      if (header.empty()) return {};  // a quote that never ends
      header.remove_prefix(1);
    } else {
      size_t end = std::min(header.find(','), header.size());
      value = header.substr(0, end);
      header.remove_prefix(end);
    }
    out.parameters[key] = value;
  }
  if (out.scheme != "bearer" && out.scheme != "basic") return {};
  return out;
}

std::string registry_url(const std::string& registry) {
  if (registry == "docker.io") return "https://registry-1.docker.io";
  return (is_this_machine(host_of(registry)) ? "http://" : "https://") + registry;
}

bool may_see_credentials(const std::string& registry_url_text, const std::string& realm) {
  auto registry = http::parse_url(registry_url_text);
  auto service = http::parse_url(realm);
  if (registry.has_error() || service.has_error()) return false;
  bool local = is_this_machine(registry->host) && is_this_machine(service->host);
  if (service->scheme != "https" && !local) return false;
  if (local || service->host == registry->host) return true;
  if (registry->host == "registry-1.docker.io") return service->host == "auth.docker.io";
  size_t dot = registry->host.find('.');
  std::string parent = dot == std::string::npos ? "" : registry->host.substr(dot + 1);
  return parent.find('.') != std::string::npos && service->host == parent;  // registry.example.com -> example.com
}

Registry::Registry(Env& env, Reference reference, Credentials credentials, http::ClientOptions options)
    : env_(env),
      reference_(std::move(reference)),
      credentials_(std::move(credentials)),
      options_([&] {
        options.redirects_max = redirects_max;
        return std::move(options);
      }()),
      base_(registry_url(reference_.registry) + "/v2/" + reference_.repository + "/") {
  if (!credentials_.registry_token.empty()) authorization_ = "Bearer " + credentials_.registry_token;
}

http::ClientRequest Registry::request(const std::string& target, const std::string& accept) const {
  http::ClientRequest out;
  out.url = base_ + target;
  if (!accept.empty()) out.headers.push_back({"Accept", accept});
  if (!authorization_.empty()) out.headers.push_back({"Authorization", authorization_});
  return out;
}

// One more try after the registry said how it wants to be asked; tokens that ran out are renewed this way as well.
Task<Result<std::unique_ptr<http::ClientResponse>>> Registry::get(std::string target, std::string accept) {
  KRING_CO_TRY(auto response, co_await http::open(env_, request(target, accept), options_));
  if (response->head().status != 401) co_return response;
  std::string challenge{response->head().header("www-authenticate")};
  auto authenticated = co_await authenticate(std::move(challenge));
  if (authenticated.has_error()) co_return std::move(authenticated).error();
  co_return co_await http::open(env_, request(target, accept), options_);
}

Task<Result<void>> Registry::authenticate(std::string text) {
  Challenge challenge = parse_challenge(text);
  bool known = !credentials_.username.empty();
  if (challenge.scheme == "basic" && known) {
    authorization_ = basic(credentials_);
    co_return Result<void>{};
  }
  if (challenge.scheme == "bearer") co_return co_await fetch_token(std::move(challenge));
  co_return Error{Reason::unauthorized, reference_.registry + ": authorization failed: no basic auth credentials"};
}

Task<Result<void>> Registry::fetch_token(Challenge challenge) {
  std::string realm = challenge.parameters["realm"], service = challenge.parameters["service"];
  http::ClientRequest token;
  token.url = realm + (realm.find('?') == std::string::npos ? "?" : "&") +
              "scope=" + query_escape("repository:" + reference_.repository + ":pull");
  if (!service.empty()) token.url += "&service=" + query_escape(service);
  KRING_CO_TRY(auto url, http::parse_url(token.url));
  bool https_registry = base_.starts_with("https://");
  if (https_registry && url.scheme != "https") {
    co_return Error{Reason::unauthorized, "the registry sends us to a token service without encryption: refused"};
  }
  bool trusted = may_see_credentials(base_, realm);
  if (trusted && !credentials_.username.empty()) token.headers.push_back({"Authorization", basic(credentials_)});
  if (!trusted && !credentials_.username.empty()) {
    env_.log.warn("credentials are not sent to a token service of another domain", {{"realm", realm}});
  }
  http::ClientOptions options = options_;
  options.body_bytes_max = token_bytes_max;
  KRING_CO_TRY(auto answer, co_await http::fetch(env_, std::move(token), std::move(options)));
  if (answer.head.status != 200) {
    co_return Error{Reason::unauthorized, "failed to fetch " + std::string{trusted ? "oauth" : "anonymous"} +
                                              " token: unexpected status from GET request to " + url.host + ": " +
                                              std::to_string(answer.head.status)};
  }
  auto parsed = json::parse(answer.body);
  if (parsed.has_error()) co_return corrupt("the token service's answer is no JSON");
  std::string_view text = parsed->value.string_or("token", parsed->value.string_or("access_token"));
  if (text.empty()) co_return corrupt("the token service's answer has no token");
  authorization_ = "Bearer " + std::string{text};
  co_return Result<void>{};
}

Task<Result<Registry::Document>> Registry::manifest(std::string reference) {
  KRING_CO_TRY(auto response, co_await get("manifests/" + reference, manifest_types));
  if (response->head().status != 200) co_return status_error(response->head(), reference_.str());
  Document out;
  out.media_type = response->head().header("content-type");
  out.media_type = out.media_type.substr(0, out.media_type.find(';'));
  KRING_CO_TRY(out.text, co_await read_body(*response, limits::image_document_bytes_max));
  out.digest = digest_of(out.text);
  if (is_digest(reference) && out.digest != reference) {
    co_return corrupt("the registry sent " + out.digest + " when asked for " + reference);
  }
  co_return out;
}

Task<Result<void>> Registry::blob(Descriptor descriptor, std::string path) {
  KRING_CO_TRY(auto response, co_await get("blobs/" + descriptor.digest, ""));
  if (response->head().status != 200) {
    co_return status_error(response->head(),
                           reference_.registry + "/" + reference_.repository + "@" + descriptor.digest);
  }
  KRING_CO_TRY(auto file, co_await env_.disk.open(path, OpenMode::create_new));
  Hasher hasher;
  std::vector<uint8_t> buffer(256 * 1024);
  for (uint64_t total = 0;;) {
    KRING_CO_TRY(size_t got, co_await response->read(buffer));
    if (got == 0 && total != descriptor.size) co_return corrupt("the blob " + descriptor.digest + " is too short");
    if (got == 0) break;
    if (got > descriptor.size - total) co_return corrupt("the blob " + descriptor.digest + " is too long");
    std::span<const uint8_t> bytes = std::span{buffer}.first(got);
    hasher.update(bytes);
    KRING_CO_TRY_VOID(co_await file->write(total, bytes, false));
    total += got;
  }
  if (hasher.digest() != descriptor.digest) {
    co_return corrupt("the registry sent other bytes for " + descriptor.digest);
  }
  co_return Result<void>{};
}

}  // namespace kring::images
