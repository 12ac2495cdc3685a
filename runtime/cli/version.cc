#include <cstdio>

#include "runtime/cli/cli.h"

namespace kring::cli {

int version(bool json) {
  if (json) {
    std::printf("{\"version\":\"%s\",\"kubernetes\":\"v1.33.0\"}\n", KRING_VERSION);
  } else {
    std::printf("kring %s (Kubernetes API v1.33)\n", KRING_VERSION);
  }
  return 0;
}

}  // namespace kring::cli
