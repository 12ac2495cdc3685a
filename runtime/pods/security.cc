#include "runtime/pods/security.h"

#include <algorithm>
#include <charconv>

#include "objects/schema/core_generated.h"
#include "runtime/client/flat.h"

namespace kring::pods {

namespace {

std::string capability(std::string_view name) {
  std::string out{name};
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  if (out.starts_with("CAP_")) out.erase(0, 4);
  return out;
}

std::string where(const core::Pod& pod, const core::Container& container) {
  const auto& metadata = *pod.metadata();
  return "(pod: \"" + text(metadata.name()) + "_" + text(metadata.namespace_()) + "(" + text(metadata.uid()) +
         ")\", container: " + text(container.name()) + ")";
}

// kubelet's verifyRunAsNonRoot: refuses what is root, or could be.
Result<void> check_non_root(const core::Pod& pod, const core::Container& container, const SecurityConfig& config) {
  if (!config.run_as_non_root) return {};
  if (config.run_as_user) {
    if (*config.run_as_user != 0) return {};
    return Error{Reason::invalid, "container's runAsUser breaks non-root policy " + where(pod, container)};
  }
  std::string user = config.image_user.substr(0, config.image_user.find(':'));
  int64_t uid = 0;
  auto [end, error] = std::from_chars(user.data(), user.data() + user.size(), uid);
  bool numeric = !user.empty() && error == std::errc{} && end == user.data() + user.size();
  if (!user.empty() && !numeric)
    return Error{Reason::invalid, "container has runAsNonRoot and image has non-numeric user (" + user +
                                      "), cannot verify user is non-root " + where(pod, container)};
  if (uid == 0)
    return Error{Reason::invalid, "container has runAsNonRoot and image will run as root " + where(pod, container)};
  return {};
}

Result<void> set_seccomp(SecurityConfig& out, const core::SeccompProfile* profile, const std::string& directory) {
  using Seccomp = SecurityConfig::Seccomp;
  out.seccomp = out.privileged ? Seccomp::unconfined : Seccomp::runtime_default;
  if (profile == nullptr || out.privileged) return {};
  std::string_view type = view(profile->type());
  if (type == "Unconfined") {
    out.seccomp = Seccomp::unconfined;
  } else if (type == "Localhost") {
    std::string name = text(profile->localhost_profile());
    if (name.empty())
      return Error{Reason::invalid, "localhostProfile must be set if seccompProfile type is Localhost."};
    if (name.starts_with('/') || name.find("..") != std::string::npos)
      return Error{Reason::invalid, "localhostProfile must be a relative path without \"..\": " + name};
    out.seccomp = Seccomp::localhost;
    out.seccomp_profile_path = directory + "/" + name;
  } else if (type != "RuntimeDefault") {
    return Error{Reason::invalid, "unknown seccompProfile type \"" + std::string{type} + "\""};
  }
  return {};
}

}  // namespace

Result<SecurityConfig> make_security(const core::Pod& pod, const core::Container& container,
                                     const std::string& image_user, const std::string& seccomp_directory) {
  SecurityConfig out;
  out.image_user = image_user;
  const core::SeccompProfile* seccomp = nullptr;
  if (const auto* shared = pod.spec()->security_context()) {
    if (shared->run_as_user()) out.run_as_user = *shared->run_as_user();
    if (shared->run_as_group()) out.run_as_group = *shared->run_as_group();
    if (shared->fs_group()) out.fs_group = *shared->fs_group();
    out.run_as_non_root = shared->run_as_non_root().value_or(false);
    if (shared->supplemental_groups() != nullptr)
      out.supplemental_groups.assign(shared->supplemental_groups()->begin(), shared->supplemental_groups()->end());
    seccomp = shared->seccomp_profile();
  }
  if (const auto* own = container.security_context()) {
    if (own->run_as_user()) out.run_as_user = *own->run_as_user();
    if (own->run_as_group()) out.run_as_group = *own->run_as_group();
    if (own->run_as_non_root()) out.run_as_non_root = *own->run_as_non_root();
    out.privileged = own->privileged().value_or(false);
    out.read_only_root = own->read_only_root_filesystem().value_or(false);
    out.unmasked_proc = view(own->proc_mount()) == "Unmasked";
    if (const auto* capabilities = own->capabilities()) {
      for (const auto* it : items(capabilities->add())) out.add_capabilities.push_back(capability(view(it)));
      for (const auto* it : items(capabilities->drop())) out.drop_capabilities.push_back(capability(view(it)));
    }
    bool admin =
        std::find(out.add_capabilities.begin(), out.add_capabilities.end(), "SYS_ADMIN") != out.add_capabilities.end();
    if (!out.privileged && !admin) out.allow_privilege_escalation = own->allow_privilege_escalation().value_or(true);
    if (own->seccomp_profile() != nullptr) seccomp = own->seccomp_profile();
  }
  KRING_TRY_VOID(set_seccomp(out, seccomp, seccomp_directory));
  KRING_TRY_VOID(check_non_root(pod, container, out));
  return out;
}

}  // namespace kring::pods
