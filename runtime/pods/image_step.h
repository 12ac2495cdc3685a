// Making sure that a container's image is here, as its pull policy says.
#pragma once

#include <variant>

#include "runtime/pods/lifecycle.h"
#include "runtime/pods/services.h"

namespace kring::pods {

struct ImageOrder {
  ObjectPtr pod;
  std::string container, image;
  PullPolicy policy = PullPolicy::if_not_present;
};

// The image, or why the container waits (ErrImagePull, ErrImageNeverPull, InvalidImageName).
Task<Result<std::variant<images::Image, StartFailure>>> ensure_image(Services& services, ImageOrder order);

// The entries of a kubernetes.io/dockerconfigjson (or dockercfg) secret that fit a registry.
std::vector<images::Credentials> credentials_for(std::string_view registry, std::string_view docker_config);

}  // namespace kring::pods
