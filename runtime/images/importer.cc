#include "runtime/images/importer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "runtime/images/archive.h"
#include "runtime/images/layer_files.h"
#include "runtime/images/manifest.h"
#include "runtime/images/paths.h"

namespace kring::images {
namespace {

constexpr uint64_t archive_bytes_max = 4 * limits::image_layer_bytes_max;

Error corrupt(std::string message) { return Error{Reason::corrupt, std::move(message)}; }

Result<void> write_file(int directory, const std::string& name, std::string_view text) {
  UniqueFd fd{::openat(directory, name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600)};
  if (!fd.valid()) return io_error("make " + name, errno);
  while (!text.empty()) {
    ssize_t wrote = ::write(fd.get(), text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return io_error("write " + name, errno);
    text.remove_prefix(static_cast<size_t>(wrote));
  }
  return {};
}

Result<UniqueFd> make_and_open(int parent, const std::string& name, mode_t mode) {
  if (::mkdirat(parent, name.c_str(), mode) != 0 && errno != EEXIST) return io_error("make " + name, errno);
  UniqueFd fd{::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
  if (!fd.valid()) return io_error("open " + name, errno);
  return fd;
}

// One layer as an image names it: where its bytes are, and what they must be.
struct Layer {
  std::string member;       // of the archive
  std::string blob_digest;  // "" when only the diff id is known (docker-save)
  uint64_t blob_size = 0;
  std::string diff_id;
};

class Importer {
 public:
  explicit Importer(const ImportJob& job) : job_(job) {}

  Result<ImportReport> run() {
    KRING_TRY(archive_, open_archive(job_.archive, job_.staging, archive_bytes_max));
    KRING_TRY(blobs_, make_and_open(job_.staging, "blobs", 0700));
    KRING_TRY(layers_, make_and_open(job_.staging, "layers", 0700));
    auto layout = read_document(*archive_, "oci-layout");
    if (layout.has_value()) {
      KRING_TRY_VOID(import_layout());
    } else if (layout.error().reason == Reason::not_found) {
      KRING_TRY_VOID(import_docker_save());
    } else {
      return std::move(layout).error();
    }
    if (report_.images.empty()) return corrupt("the archive has no image");
    KRING_TRY_VOID(add_tag());
    if (::syncfs(job_.staging) != 0) return io_error("sync the unpacked image", errno);
    return std::move(report_);
  }

 private:
  // Keeps a document that was read from where its digest says.
  Result<std::string> verified_document(const Descriptor& descriptor) {
    KRING_TRY(auto text, read_document(*archive_, "blobs/sha256/" + digest_hex(descriptor.digest)));
    if (text.size() != descriptor.size) {
      return corrupt(descriptor.digest + " has " + std::to_string(text.size()) + " bytes, not the " +
                     std::to_string(descriptor.size) + " that were promised");
    }
    if (digest_of(text) != descriptor.digest) return corrupt(descriptor.digest + " has other content: it is damaged");
    return text;
  }
  Result<void> keep_blob(const std::string& digest, const std::string& text) {
    if (!kept_.insert(digest).second) return {};
    report_.blobs.push_back(digest);
    return write_file(blobs_.get(), digest_hex(digest), text);
  }

  // An OCI layout: index.json names manifests, or indexes of manifests (one level, no deeper).
  Result<void> import_layout() {
    KRING_TRY(auto text, read_document(*archive_, "index.json"));
    KRING_TRY(auto index, parse_index(text, ""));
    std::vector<Descriptor> plain;
    for (const auto& entry : index.manifests) {
      if (is_index_type(entry.media_type)) {
        KRING_TRY_VOID(import_index(entry));
      } else {
        plain.push_back(entry);
      }
    }
    for (const auto& entry : plain) {
      if (!for_this_machine({entry}).empty()) KRING_TRY_VOID(import_manifest(entry, entry, ""));
    }
    if (report_.images.empty()) return no_architecture(plain);
    return {};
  }

  static Error no_architecture(const std::vector<Descriptor>& manifests) {
    std::string there;
    for (const auto& manifest : manifests) {
      if (manifest.architecture != "unknown") there += " " + manifest.os + "/" + manifest.architecture;
    }
    if (there.empty()) return corrupt("the archive has no image");
    return Error{Reason::not_found, "the image is not for linux/" + machine_architecture() + ", but for" + there};
  }

  Result<void> import_index(const Descriptor& entry) {
    KRING_TRY(auto text, verified_document(entry));
    KRING_TRY(auto index, parse_index(text, entry.media_type));
    auto fitting = for_this_machine(index.manifests);
    if (fitting.empty()) return no_architecture(index.manifests);
    if (is_index_type(fitting[0].media_type)) return corrupt("an image index inside an image index is refused");
    KRING_TRY_VOID(keep_blob(entry.digest, text));
    return import_manifest(fitting[0], entry, entry.digest);
  }

  Result<void> import_manifest(const Descriptor& entry, const Descriptor& named, const std::string& index) {
    if (!entry.media_type.empty() && !is_manifest_type(entry.media_type)) {
      return corrupt("\"" + entry.media_type + "\" is not an image manifest");
    }
    KRING_TRY(auto text, verified_document(entry));
    KRING_TRY(auto manifest, parse_manifest(text, entry.media_type));
    KRING_TRY(auto config_text, verified_document(manifest.config));
    KRING_TRY(auto config, parse_config(config_text));
    if (config.diff_ids.size() != manifest.layers.size()) {
      return corrupt("the image has " + std::to_string(manifest.layers.size()) + " layers, its config names " +
                     std::to_string(config.diff_ids.size()));
    }
    std::vector<Layer> layers;
    for (size_t i = 0; i < config.diff_ids.size(); ++i) {
      const Descriptor& blob = manifest.layers[i];
      layers.push_back({.member = "blobs/sha256/" + digest_hex(blob.digest),
                        .blob_digest = blob.digest,
                        .blob_size = blob.size,
                        .diff_id = config.diff_ids[i]});
    }
    KRING_TRY_VOID(unpack_layers(layers));
    KRING_TRY_VOID(keep_blob(manifest.config.digest, config_text));
    KRING_TRY_VOID(keep_blob(entry.digest, text));
    return add_image(entry.digest, index, names_of(named));
  }

  static std::vector<std::string> names_of(const Descriptor& named) {
    if (!named.full_name.empty()) return {named.full_name};
    // ref.name is a whole reference with some tools and a bare tag with others.
    bool whole = named.name.find_first_of("/:") != std::string::npos;
    return whole ? std::vector{named.name} : std::vector<std::string>{};
  }

  // docker-save: layers are tars, named by the config's diff ids. The manifest, which such archives lack, is made here.
  Result<void> import_docker_save() {
    auto text = read_document(*archive_, "manifest.json");
    if (text.has_error() && text.error().reason == Reason::not_found) {
      return corrupt("it is neither an OCI archive (no oci-layout) nor a docker-save archive (no manifest.json)");
    }
    if (text.has_error()) return std::move(text).error();
    KRING_TRY(auto images, parse_docker_manifest(*text));
    for (const auto& image : images) KRING_TRY_VOID(import_saved(image));
    return {};
  }

  Result<void> import_saved(const SavedImage& image) {
    KRING_TRY(auto config_name, clean_member_name(image.config));
    KRING_TRY(auto config_text, read_document(*archive_, config_name));
    KRING_TRY(auto config, parse_config(config_text));
    std::string config_digest = digest_of(config_text);
    std::string stem = config_name.substr(config_name.rfind('/') == std::string::npos ? 0 : config_name.rfind('/') + 1);
    if (stem.ends_with(".json")) stem.resize(stem.size() - 5);
    if (is_digest("sha256:" + stem) && config_digest != "sha256:" + stem) return corrupt(config_name + " is damaged");
    if (config.diff_ids.size() != image.layers.size()) return corrupt("the image's config names other layers");
    std::vector<Layer> layers;
    for (size_t i = 0; i < image.layers.size(); ++i) {
      KRING_TRY(auto name, clean_member_name(image.layers[i]));
      layers.push_back({.member = name, .diff_id = config.diff_ids[i]});
    }
    KRING_TRY_VOID(unpack_layers(layers));
    KRING_TRY(auto manifest, make_manifest(config_digest, config_text.size(), config.diff_ids));
    KRING_TRY_VOID(keep_blob(config_digest, config_text));
    KRING_TRY_VOID(keep_blob(digest_of(manifest), manifest));
    return add_image(digest_of(manifest), "", image.tags);
  }

  Result<std::string> make_manifest(const std::string& config, size_t config_bytes,
                                    const std::vector<std::string>& diff_ids) {
    std::string out =
        "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":"
        "{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"" +
        config + "\",\"size\":" + std::to_string(config_bytes) + "},\"layers\":[";
    for (size_t i = 0; i < diff_ids.size(); ++i) {
      KRING_TRY(auto list, layer_list(diff_ids[i]));
      KRING_TRY(auto header, parse_layer_header(list));
      out += std::string{i == 0 ? "" : ","} +
             "{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"" + diff_ids[i] +
             "\",\"size\":" + std::to_string(header.tar_bytes) + "}";
    }
    return out + "]}";
  }

  // Where a layer is: among those just unpacked, or in the store.
  Result<UniqueFd> layer_directory(const std::string& diff_id) {
    int parent = unpacked_.contains(diff_id) ? layers_.get() : job_.layers;
    UniqueFd fd{::openat(parent, digest_hex(diff_id).c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    if (!fd.valid()) return io_error("open layer " + diff_id, errno);
    return fd;
  }
  Result<std::string> layer_list(const std::string& diff_id) {
    KRING_TRY(auto directory, layer_directory(diff_id));
    UniqueFd fd{::openat(directory.get(), "files", O_RDONLY | O_NOFOLLOW | O_CLOEXEC)};
    std::string out;
    std::vector<char> buffer(64 * 1024);
    while (true) {
      ssize_t got = fd.valid() ? ::read(fd.get(), buffer.data(), buffer.size()) : -1;
      if (got < 0 && fd.valid() && errno == EINTR) continue;
      if (got < 0) return io_error("read the list of layer " + diff_id, errno);
      if (got == 0) return out;
      out.append(buffer.data(), static_cast<size_t>(got));
    }
  }

  // A layer that is in the store and whole is used as it is; a damaged one is unpacked again.
  bool have(const std::string& diff_id) {
    if (unpacked_.contains(diff_id) || trusted_.contains(diff_id)) return true;
    auto text = layer_list(diff_id);
    auto expected = text.has_value() ? parse_layer_files(*text) : Result<LayerFiles>{text.error()};
    auto directory = layer_directory(diff_id);
    if (expected.has_error() || directory.has_error() || expected->diff_id != diff_id) return false;
    UniqueFd root{::openat(directory->get(), "fs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    if (!root.valid() || !check_layer_files(root.get(), *expected).empty()) return false;
    trusted_.insert(diff_id);
    return true;
  }

  Result<void> unpack_layers(const std::vector<Layer>& layers) {
    std::vector<UniqueFd> below;  // roots of the layers done, lowest first
    for (const auto& layer : layers) {
      if (!have(layer.diff_id)) {
        std::vector<int> lower;
        for (auto fd = below.rbegin(); fd != below.rend(); ++fd) lower.push_back(fd->get());
        KRING_TRY_VOID(unpack(layer, lower));
      }
      KRING_TRY(auto directory, layer_directory(layer.diff_id));
      UniqueFd root{::openat(directory.get(), "fs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
      if (!root.valid()) return io_error("open layer " + layer.diff_id, errno);
      below.push_back(std::move(root));
    }
    return {};
  }

  Result<void> unpack(const Layer& layer, const std::vector<int>& lower) {
    KRING_TRY(auto region, archive_->find(layer.member));
    bool check_blob = !layer.blob_digest.empty();
    if (check_blob && region.size != layer.blob_size) {
      return corrupt("layer " + layer.blob_digest + " has " + std::to_string(region.size) + " bytes, not the " +
                     std::to_string(layer.blob_size) + " that were promised");
    }
    RegionStream bytes{region};
    HashingStream blob{bytes, archive_bytes_max, "the layer's blob"};
    KRING_TRY(auto plain, make_decompressor(blob));
    HashingStream tar{*plain, job_.caps.layer_bytes_max + job_.caps.layer_entries_max * 4096, "the layer"};
    KRING_TRY(auto directory, make_and_open(layers_.get(), digest_hex(layer.diff_id), 0700));
    KRING_TRY(auto root, make_and_open(directory.get(), "fs", 0755));
    KRING_TRY(auto result, unpack_layer(tar, root.get(), lower, job_.caps));
    KRING_TRY_VOID(tar.drain());
    KRING_TRY_VOID(blob.drain());
    if (check_blob && blob.digest() != layer.blob_digest) {
      return corrupt("layer " + layer.blob_digest + " has other content: it is damaged");
    }
    if (tar.digest() != layer.diff_id) return corrupt("layer " + layer.diff_id + " has other content: it is damaged");
    KRING_TRY_VOID(
        write_file(directory.get(), "files", print_layer_files(layer.diff_id, tar.bytes(), result.bytes, result.list)));
    unpacked_.insert(layer.diff_id);
    report_.layers.push_back(layer.diff_id);
    return {};
  }

  Result<void> add_image(const std::string& manifest, const std::string& index, const std::vector<std::string>& names) {
    auto known = std::find_if(report_.images.begin(), report_.images.end(),
                              [&](const ImportedImage& image) { return image.manifest == manifest; });
    if (known == report_.images.end()) {
      report_.images.push_back({.manifest = manifest, .index = index});
      known = report_.images.end() - 1;
    }
    for (const auto& name : names) {
      auto reference = parse_reference(name);
      if (reference.has_error()) return corrupt("the archive names an image \"" + name + "\": not a valid reference");
      if (!reference->digest.empty() && reference->tag.empty()) continue;  // a digest is no name of its own
      reference->digest.clear();
      std::string text = reference->str();
      if (std::find(known->names.begin(), known->names.end(), text) == known->names.end()) known->names.push_back(text);
    }
    return {};
  }

  Result<void> add_tag() {
    if (!job_.tag.empty()) {
      KRING_TRY(auto reference, parse_reference(job_.tag));
      reference.digest.clear();
      if (report_.images.size() > 1) {
        return Error{Reason::bad_request, "the archive has several images: a tag cannot name them all"};
      }
      auto& names = report_.images[0].names;
      if (std::find(names.begin(), names.end(), reference.str()) == names.end()) names.push_back(reference.str());
    }
    for (const auto& image : report_.images) {
      if (image.names.empty() && !job_.nameless)
        return Error{Reason::bad_request, "the image has no name of its own: give it a tag"};
    }
    return {};
  }

  const ImportJob job_;
  std::unique_ptr<Archive> archive_;
  UniqueFd blobs_, layers_;
  ImportReport report_;
  std::set<std::string> kept_, unpacked_, trusted_;
};

}  // namespace

Result<ImportReport> import_archive(const ImportJob& job) { return Importer{job}.run(); }

std::string print_report(const ImportReport& report) {
  auto strings = [](const std::vector<std::string>& items) {
    json::Array out;
    for (const auto& item : items) out.emplace_back(item);
    return out;
  };
  json::Array images;
  for (const auto& image : report.images) {
    images.emplace_back(
        json::Object{{"manifest", image.manifest}, {"index", image.index}, {"names", strings(image.names)}});
  }
  return json::print(json::Object{
      {"images", std::move(images)}, {"blobs", strings(report.blobs)}, {"layers", strings(report.layers)}});
}

Result<ImportReport> parse_report(std::string_view text) {
  auto bad = [] { return Error{Reason::io, "the unpacker's report cannot be"}; };
  auto parsed = json::parse(text);
  if (parsed.has_error()) return bad();
  ImportReport out;
  auto digests = [&](std::string_view key, std::vector<std::string>& into) {
    const json::Value* list = parsed->value.find(key);
    if (list == nullptr || !list->is_array()) return false;
    for (const auto& item : list->as_array()) {
      if (!item.is_string() || !is_digest(item.as_string())) return false;
      into.push_back(item.as_string());
    }
    return true;
  };
  const json::Value* images = parsed->value.find("images");
  if (!digests("blobs", out.blobs) || !digests("layers", out.layers) || images == nullptr || !images->is_array()) {
    return bad();
  }
  for (const auto& item : images->as_array()) {
    ImportedImage image;
    image.manifest = item.string_or("manifest");
    image.index = item.string_or("index");
    const json::Value* names = item.find("names");
    bool digests_fit = is_digest(image.manifest) && (image.index.empty() || is_digest(image.index));
    if (!digests_fit || names == nullptr || !names->is_array()) return bad();
    for (const auto& name : names->as_array()) {
      auto reference = name.is_string() ? parse_reference(name.as_string()) : Result<Reference>{bad()};
      if (reference.has_error()) return bad();
      image.names.push_back(reference->str());
    }
    out.images.push_back(std::move(image));
  }
  return out;
}

}  // namespace kring::images
