// Images on this node: imported archives and layouts, pulled ones, their unpacked layers.
// Invariants: an image is listed only when all its layers are unpacked and synced; every blob's digest was verified
// while streaming, before commit; several processes may use the directory (kring node, kring image ...), guarded by a
// lock file; what a stored pod references or a person imported is never collected.
// Layout of D/images: index.json (references -> manifests), blobs/sha256/* (manifests and configs), layers/<diff
// id>/fs. An image whose documents or layers are damaged is not listed; importing or pulling it again repairs it.
// Source: OCI image-spec v1.1, Docker image tarball v1.2.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/env/env.h"

namespace kring::images {

// What a container needs from an image.
struct ImageConfig {
  std::vector<std::string> entrypoint, command, env;
  std::string working_directory, user, stop_signal;
  std::map<std::string, std::string> labels;
  std::vector<std::string> volumes;
};

struct Image {
  std::string id;                         // "sha256:..." of the config
  std::string digest;                     // of the manifest
  std::vector<std::string> references;    // "gcr.io/kuar-demo/kuard-amd64:1"
  std::vector<std::string> repo_digests;  // "gcr.io/kuar-demo/kuard-amd64@sha256:..."
  std::string architecture, os;
  int64_t size_bytes = 0;
  Wall created, imported;
  ImageConfig config;
  std::vector<std::string> layers;  // absolute paths of unpacked layers, topmost first
  bool host_root = false;           // kring.local/host
};

// "busybox" -> docker.io/library/busybox:latest; the original spelling is kept for messages.
struct Reference {
  std::string registry, repository, tag, digest;
  std::string str() const;
};
Result<Reference> parse_reference(std::string_view text);  // Kubernetes' wording: InvalidImageName

struct Credentials {
  std::string username, password, registry_token;
};

class Images {
 public:
  virtual ~Images() = default;
  // By any spelling of a reference or by id; nullopt when it is not here. Sees what another process imported.
  virtual Result<std::optional<Image>> find(std::string_view reference) = 0;
  virtual Result<std::vector<Image>> list() = 0;
  // An OCI archive (tar, also gzip/zstd), docker-save archive or OCI layout directory. `tag` names an image that has
  // no name of its own. Unpacks in a confined child.
  virtual Task<Result<std::vector<Image>>> import(std::string path, std::string tag) = 0;
  virtual Task<Result<Image>> pull(std::string reference, std::vector<Credentials> credentials) = 0;
  virtual Task<Result<void>> remove(std::string reference) = 0;
  // Reads every blob and every file of every layer again. Lines for a person, one an image when it is whole ("ok
  // NAME (...)"), one a finding otherwise ("damaged NAME: ...").
  virtual Task<Result<std::vector<std::string>>> verify() = 0;
  // Removes unreferenced blobs and layers, and images nobody imported that `in_use` does not name. `in_use` holds the
  // references of all stored pods and the ids of images that containers run from: a removed or renamed image is known
  // by its id only.
  virtual Task<Result<void>> collect(std::vector<std::string> in_use) = 0;
};
Task<Result<std::unique_ptr<Images>>> open(Env& env, std::string directory);

}  // namespace kring::images
