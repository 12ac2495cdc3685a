#include "runtime/kubeconfig.h"

#include "objects/base64.h"
#include "runtime/env/disk.h"

namespace kring {

std::string kubeconfig_text(const KubeconfigParts& parts) {
  std::string out;
  out += "apiVersion: v1\nkind: Config\n";
  out += "clusters:\n- name: kring\n  cluster:\n    server: " + parts.server +
         "\n    certificate-authority-data: " + base64_encode(parts.ca_pem) + "\n";
  out += "contexts:\n- name: kring\n  context:\n    cluster: kring\n    user: admin\n";
  out += "current-context: kring\n";
  out += "users:\n- name: admin\n  user:\n    client-certificate-data: " + base64_encode(parts.client.certificate_pem) +
         "\n    client-key-data: " + base64_encode(parts.client.key_pem) + "\n";
  return out;
}

Task<Result<void>> write_private_file(Env& env, std::string directory, std::string name, std::string text) {
  const std::string path = directory + "/" + name;
  const std::string temporary = path + ".tmp";
  {
    KRING_CO_TRY(auto file, co_await env.disk.open(temporary, OpenMode::create));
    KRING_CO_TRY_VOID(co_await file->truncate(0));
    const std::span<const uint8_t> bytes{reinterpret_cast<const uint8_t*>(text.data()), text.size()};
    KRING_CO_TRY_VOID(co_await file->write(0, bytes, false));
    KRING_CO_TRY_VOID(co_await file->sync());
  }
  KRING_CO_TRY_VOID(co_await env.disk.rename(temporary, path));
  co_return co_await env.disk.sync_directory(directory);
}

}  // namespace kring
