// D/admin.kubeconfig: how a person's kubectl reaches this node, with a certificate of system:masters.
#pragma once

#include <string>

#include "runtime/http/certificates.h"

namespace kring {

struct KubeconfigParts {
  std::string server;            // "https://127.0.0.1:6443"
  std::string ca_pem;
  http::KeyPair client;
};
std::string kubeconfig_text(const KubeconfigParts& parts);

// Replaces a file as a whole: written beside it with mode 0600, synced, renamed, the folder synced.
Task<Result<void>> write_private_file(Env& env, std::string directory, std::string name, std::string text);

}  // namespace kring
