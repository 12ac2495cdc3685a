#include "runtime/pods/image_step.h"

#include "objects/base64.h"
#include "objects/json.h"
#include "objects/schema/core_generated.h"
#include "objects/time.h"
#include "runtime/client/flat.h"
#include "runtime/pods/container_start.h"

namespace kring::pods {

namespace {

using Outcome = std::variant<images::Image, StartFailure>;

std::string quote(std::string_view text) { return "\"" + std::string{text} + "\""; }

// Images that are part of the node: never pulled, whatever the policy.
bool built_in(std::string_view image) { return image.starts_with("kring.local/"); }

// "https://index.docker.io/v1/" and "docker.io" name the same registry.
std::string registry_host(std::string_view key) {
  for (std::string_view scheme : {"https://", "http://"})
    if (key.starts_with(scheme)) key.remove_prefix(scheme.size());
  std::string host{key.substr(0, key.find('/'))};
  return host == "index.docker.io" || host == "registry-1.docker.io" ? "docker.io" : host;
}

images::Credentials credentials_of(const json::Value& entry) {
  images::Credentials out;
  out.username = std::string{entry.string_or("username")};
  out.password = std::string{entry.string_or("password")};
  out.registry_token = std::string{entry.string_or("registrytoken")};
  auto decoded = base64_decode_text(entry.string_or("auth"));
  if (out.username.empty() && decoded.has_value()) {
    size_t colon = decoded->find(':');
    if (colon != std::string::npos) {
      out.username = decoded->substr(0, colon);
      out.password = decoded->substr(colon + 1);
    }
  }
  return out;
}

std::string secret_text(const core::Secret& secret) {
  for (std::string_view key : {".dockerconfigjson", ".dockercfg"}) {
    const auto* entry = entry_of(secret.data(), key);
    if (entry == nullptr || entry->value() == nullptr) continue;
    return std::string{reinterpret_cast<const char*>(entry->value()->data()), entry->value()->size()};
  }
  return {};
}

Task<Result<std::vector<images::Credentials>>> pull_credentials(Services& services, ObjectPtr pod, std::string image) {
  std::vector<images::Credentials> out;
  auto reference = images::parse_reference(image);
  if (reference.has_error()) co_return out;
  std::set<ObjectKey> keys;
  for (const auto* it : items(pod->as<core::Pod>()->spec()->image_pull_secrets()))
    keys.insert({&kinds::secret(), text(it->name())});
  auto sources = co_await fetch_sources(services, std::string{pod->ns()}, std::move(keys));
  if (sources.has_error()) co_return sources.error();
  for (const auto& [key, secret] : *sources) {
    if (secret == nullptr) continue;
    for (auto& it : credentials_for(registry_host(reference->registry), secret_text(*secret->as<core::Secret>())))
      out.push_back(std::move(it));
  }
  co_return out;
}

Task<Result<Outcome>> pull(Services& services, ImageOrder order) {
  client::Reference about = container_reference(*order.pod, order.container);
  services.events.normal(about, "Pulling", "Pulling image " + quote(order.image));
  auto credentials = co_await pull_credentials(services, order.pod, order.image);
  if (credentials.has_error()) co_return credentials.error();
  Mono began = services.env.clock.now();
  auto pulled = co_await services.images.pull(order.image, std::move(*credentials));
  if (pulled.has_error() && pulled.error().reason == Reason::canceled) co_return pulled.error();
  if (pulled.has_error()) {
    const std::string& why = pulled.error().message;
    services.events.warning(about, "Failed", "Failed to pull image " + quote(order.image) + ": " + why);
    services.events.warning(about, "Failed", "Error: ErrImagePull");
    co_return Outcome{StartFailure{"ErrImagePull", why}};
  }
  std::string took = print_duration((services.env.clock.now() - began) / 1'000'000 * 1'000'000);
  services.events.normal(about, "Pulled",
                         "Successfully pulled image " + quote(order.image) + " in " + took + " (" + took +
                             " including waiting). Image size: " + std::to_string(pulled->size_bytes) + " bytes.");
  co_return Outcome{std::move(*pulled)};
}

}  // namespace

std::vector<images::Credentials> credentials_for(std::string_view registry, std::string_view docker_config) {
  std::vector<images::Credentials> out;
  auto parsed = json::parse(docker_config);
  if (parsed.has_error() || !parsed->value.is_object()) return out;
  const json::Value* auths = parsed->value.find("auths");
  const json::Value& entries = auths != nullptr ? *auths : parsed->value;
  if (!entries.is_object()) return out;
  for (const auto& [key, entry] : entries.as_object())
    if (registry_host(key) == registry) out.push_back(credentials_of(entry));
  return out;
}

Task<Result<Outcome>> ensure_image(Services& services, ImageOrder order) {
  client::Reference about = container_reference(*order.pod, order.container);
  auto reference = images::parse_reference(order.image);
  if (reference.has_error()) {
    std::string why = reference.error().message;  // Kubernetes' words already
    services.events.warning(about, "InspectFailed", why);
    services.events.warning(about, "Failed", "Error: InvalidImageName");
    co_return Outcome{StartFailure{"InvalidImageName", std::move(why)}};
  }
  auto here = services.images.find(order.image);
  if (here.has_error()) {
    std::string why = "Failed to inspect image " + quote(order.image) + ": " + here.error().message;
    services.events.warning(about, "InspectFailed", why);
    services.events.warning(about, "Failed", "Error: ImageInspectError");
    co_return Outcome{StartFailure{"ImageInspectError", std::move(why)}};
  }
  bool pulls = order.policy == PullPolicy::always && !built_in(order.image);
  if (here->has_value() && !pulls) {
    services.events.normal(about, "Pulled", "Container image " + quote(order.image) + " already present on machine");
    co_return Outcome{std::move(**here)};
  }
  if (order.policy == PullPolicy::never) {
    std::string why = "Container image " + quote(order.image) + " is not present with pull policy of Never";
    services.events.warning(about, "ErrImageNeverPull", why);
    services.events.warning(about, "Failed", "Error: ErrImageNeverPull");
    co_return Outcome{StartFailure{"ErrImageNeverPull", std::move(why)}};
  }
  co_return co_await pull(services, std::move(order));
}

}  // namespace kring::pods
