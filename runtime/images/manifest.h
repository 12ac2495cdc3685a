// The JSON documents of an image: index, manifest, config, docker's manifest.json. Pure: text in, values out.
// Invariants: ambiguous documents are refused (a key given twice, an index that is also a manifest, a media type that
// contradicts the descriptor), so that no two readers can see two different images in one digest (CVE-2021-41190).
// Source: OCI image-spec v1.1 (descriptor, index, manifest, config), Docker image manifest v2 schema 2.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "objects/json.h"
#include "runtime/images/images.h"

namespace kring::images {

struct Descriptor {
  std::string media_type, digest;
  uint64_t size = 0;
  std::string architecture, os, variant;  // platform; empty when there is none
  std::string name, full_name;            // annotations ref.name and io.containerd.image.name
  bool foreign = false;                   // its bytes are elsewhere (urls): never fetched
};

bool is_index_type(std::string_view media_type);
bool is_manifest_type(std::string_view media_type);

// What the bytes of a descriptor's blob are. `media_type` is what the descriptor said ("" when nothing did).
struct IndexDocument {
  std::vector<Descriptor> manifests;
};
struct ManifestDocument {
  Descriptor config;
  std::vector<Descriptor> layers;
};
Result<IndexDocument> parse_index(std::string_view text, std::string_view media_type);
Result<ManifestDocument> parse_manifest(std::string_view text, std::string_view media_type);

struct ConfigDocument {
  std::string architecture, os;
  Wall created;
  ImageConfig config;
  std::vector<std::string> diff_ids;  // lowest first, "sha256:..."
};
Result<ConfigDocument> parse_config(std::string_view text);

// One entry of docker's manifest.json.
struct SavedImage {
  std::string config;  // member name in the archive
  std::vector<std::string> tags, layers;
};
Result<std::vector<SavedImage>> parse_docker_manifest(std::string_view text);

// Kubernetes' and OCI's name of this machine's architecture: amd64, arm64, arm, ...
std::string machine_architecture();
// Manifests of an index that run here, best first: those for this machine, else those that say nothing.
std::vector<Descriptor> for_this_machine(const std::vector<Descriptor>& manifests);

}  // namespace kring::images
