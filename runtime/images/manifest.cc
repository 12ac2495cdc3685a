#include "runtime/images/manifest.h"

#include "objects/limits.h"
#include "objects/time.h"
#include "runtime/images/digest.h"

namespace kring::images {
namespace {

Error corrupt(std::string message) { return Error{Reason::corrupt, std::move(message)}; }

Result<json::Value> parse_document(std::string_view text, std::string_view what) {
  if (text.size() > limits::image_document_bytes_max) return corrupt(std::string{what} + " is too large");
  auto parsed = json::parse(text);
  if (parsed.has_error()) return corrupt(std::string{what} + ": " + parsed.error().message);
  if (!parsed->duplicates.empty()) {
    return corrupt(std::string{what} + ": the key " + parsed->duplicates[0] + " is there twice");
  }
  return std::move(parsed->value);
}

Result<Descriptor> read_descriptor(const json::Value& value) {
  Descriptor out;
  out.media_type = value.string_or("mediaType");
  out.digest = value.string_or("digest");
  if (!is_digest(out.digest))
    return corrupt("a descriptor has the digest \"" + out.digest + "\": only sha256 is known");
  const json::Value* size = value.find("size");
  if (size == nullptr || !size->is_int() || size->as_int() < 0) return corrupt("a descriptor has no size");
  out.size = static_cast<uint64_t>(size->as_int());
  if (const json::Value* platform = value.find("platform")) {
    out.architecture = platform->string_or("architecture");
    out.os = platform->string_or("os");
    out.variant = platform->string_or("variant");
  }
  if (const json::Value* annotations = value.find("annotations")) {
    out.name = annotations->string_or("org.opencontainers.image.ref.name");
    out.full_name = annotations->string_or("io.containerd.image.name");
  }
  const json::Value* urls = value.find("urls");
  bool has_urls = urls != nullptr && urls->is_array() && !urls->as_array().empty();
  out.foreign = has_urls || out.media_type.find("foreign") != std::string::npos ||
                out.media_type.find("nondistributable") != std::string::npos;
  return out;
}

Result<std::vector<Descriptor>> read_descriptors(const json::Value& document, std::string_view key, size_t count_max) {
  const json::Value* list = document.find(key);
  if (list == nullptr || !list->is_array()) return corrupt("it has no list of " + std::string{key});
  if (list->as_array().size() > count_max) return corrupt("it has too many " + std::string{key});
  std::vector<Descriptor> out;
  for (const auto& item : list->as_array()) {
    KRING_TRY(out.emplace_back(), read_descriptor(item));
  }
  return out;
}

// The document's own media type must be the descriptor's, where both speak.
Result<void> check_media_type(const json::Value& document, std::string_view expected, std::string_view what) {
  std::string_view own = document.string_or("mediaType");
  if (!own.empty() && !expected.empty() && own != expected) {
    return corrupt(std::string{what} + " says it is " + std::string{own} + ", its descriptor says " +
                   std::string{expected});
  }
  if (document.int_or("schemaVersion", 2) != 2) return corrupt(std::string{what} + " is not of schema version 2");
  return {};
}

std::vector<std::string> string_list(const json::Value* value) {
  std::vector<std::string> out;
  if (value == nullptr || !value->is_array()) return out;
  for (const auto& item : value->as_array()) {
    if (item.is_string()) out.push_back(item.as_string());
  }
  return out;
}

ImageConfig read_image_config(const json::Value& value) {
  ImageConfig out;
  out.entrypoint = string_list(value.find("Entrypoint"));
  out.command = string_list(value.find("Cmd"));
  out.env = string_list(value.find("Env"));
  out.working_directory = value.string_or("WorkingDir");
  out.user = value.string_or("User");
  out.stop_signal = value.string_or("StopSignal");
  if (const json::Value* labels = value.find("Labels"); labels != nullptr && labels->is_object()) {
    for (const auto& [key, label] : labels->as_object()) {
      if (label.is_string()) out.labels[key] = label.as_string();
    }
  }
  if (const json::Value* volumes = value.find("Volumes"); volumes != nullptr && volumes->is_object()) {
    for (const auto& member : volumes->as_object()) out.volumes.push_back(member.key);
  }
  return out;
}

}  // namespace

bool is_index_type(std::string_view media_type) {
  return media_type == "application/vnd.oci.image.index.v1+json" ||
         media_type == "application/vnd.docker.distribution.manifest.list.v2+json";
}

bool is_manifest_type(std::string_view media_type) {
  return media_type == "application/vnd.oci.image.manifest.v1+json" ||
         media_type == "application/vnd.docker.distribution.manifest.v2+json";
}

Result<IndexDocument> parse_index(std::string_view text, std::string_view media_type) {
  KRING_TRY(auto document, parse_document(text, "the image index"));
  KRING_TRY_VOID(check_media_type(document, media_type, "the image index"));
  for (auto key : {"config", "layers", "fsLayers"}) {
    if (document.find(key) != nullptr)
      return corrupt("the image index has " + std::string{key} + " as well: ambiguous");
  }
  IndexDocument out;
  KRING_TRY(out.manifests, read_descriptors(document, "manifests", limits::image_manifests_max));
  return out;
}

Result<ManifestDocument> parse_manifest(std::string_view text, std::string_view media_type) {
  KRING_TRY(auto document, parse_document(text, "the image manifest"));
  KRING_TRY_VOID(check_media_type(document, media_type, "the image manifest"));
  for (auto key : {"manifests", "fsLayers"}) {
    if (document.find(key) != nullptr) {
      return corrupt("the image manifest has " + std::string{key} + " as well: ambiguous");
    }
  }
  ManifestDocument out;
  const json::Value* config = document.find("config");
  if (config == nullptr) return corrupt("the image manifest has no config");
  KRING_TRY(out.config, read_descriptor(*config));
  KRING_TRY(out.layers, read_descriptors(document, "layers", limits::image_layers_max));
  for (const auto& layer : out.layers) {
    if (layer.foreign) return corrupt("layer " + layer.digest + " is kept elsewhere (foreign layer): refused");
  }
  return out;
}

Result<ConfigDocument> parse_config(std::string_view text) {
  KRING_TRY(auto document, parse_document(text, "the image config"));
  ConfigDocument out;
  out.architecture = document.string_or("architecture");
  out.os = document.string_or("os");
  if (!out.os.empty() && out.os != "linux") return corrupt("the image is for " + out.os + ", not for linux");
  if (auto created = parse_time(document.string_or("created")); created.has_value())
    out.created.ns = created->to_nanos();
  if (const json::Value* config = document.find("config")) out.config = read_image_config(*config);
  const json::Value* rootfs = document.find("rootfs");
  if (rootfs == nullptr) return corrupt("the image config has no rootfs");
  out.diff_ids = string_list(rootfs->find("diff_ids"));
  for (const auto& id : out.diff_ids) {
    if (!is_digest(id)) return corrupt("the image config has the diff id \"" + id + "\": only sha256 is known");
  }
  if (out.diff_ids.size() > limits::image_layers_max) return corrupt("the image has too many layers");
  return out;
}

Result<std::vector<SavedImage>> parse_docker_manifest(std::string_view text) {
  KRING_TRY(auto document, parse_document(text, "manifest.json"));
  if (!document.is_array() || document.as_array().size() > limits::image_manifests_max) {
    return corrupt("manifest.json is not a list of images");
  }
  std::vector<SavedImage> out;
  for (const auto& item : document.as_array()) {
    SavedImage image;
    image.config = item.string_or("Config");
    image.tags = string_list(item.find("RepoTags"));
    image.layers = string_list(item.find("Layers"));
    if (image.config.empty() || image.layers.size() > limits::image_layers_max) {
      return corrupt("manifest.json has an image without a config or with too many layers");
    }
    out.push_back(std::move(image));
  }
  return out;
}

std::string machine_architecture() {
#if defined(__x86_64__)
  return "amd64";
#elif defined(__aarch64__)
  return "arm64";
#elif defined(__arm__)
  return "arm";
#elif defined(__riscv)
  return "riscv64";
#else
  return "unknown";
#endif
}

std::vector<Descriptor> for_this_machine(const std::vector<Descriptor>& manifests) {
  std::vector<Descriptor> exact, silent;
  for (const auto& manifest : manifests) {
    if (manifest.architecture.empty() && manifest.os.empty()) {
      silent.push_back(manifest);
    } else if (manifest.architecture == machine_architecture() && (manifest.os.empty() || manifest.os == "linux")) {
      exact.push_back(manifest);
    }
  }
  return exact.empty() ? silent : exact;
}

}  // namespace kring::images
