// Pulling: a registry's image becomes an OCI layout in tmp, and that is imported like any other.
#include <sys/stat.h>

#include <set>

#include "objects/json.h"
#include "objects/limits.h"
#include "runtime/images/registry.h"
#include "runtime/images/store.h"
#include "runtime/tasks/task_group.h"

namespace kring::images {
namespace {

Task<Result<void>> write_new(Env& env, std::string path, std::string text) {
  KRING_CO_TRY(auto file, co_await env.disk.open(std::move(path), OpenMode::create_new));
  std::span bytes{reinterpret_cast<const uint8_t*>(text.data()), text.size()};
  co_return co_await file->write(0, bytes, false);
}

json::Object descriptor_json(const Registry::Document& document, const std::string& media_type) {
  return json::Object{
      {"mediaType", media_type}, {"digest", document.digest}, {"size", static_cast<int64_t>(document.text.size())}};
}

// The registry may leave the media type to the document itself.
std::string type_of(const Registry::Document& document) {
  if (is_index_type(document.media_type) || is_manifest_type(document.media_type)) return document.media_type;
  auto parsed = json::parse(document.text);
  std::string own = parsed.has_value() ? std::string{parsed->value.string_or("mediaType")} : "";
  return is_index_type(own) || is_manifest_type(own) ? own : document.media_type;
}

}  // namespace

Task<Result<Image>> Store::pull(std::string text, std::vector<Credentials> credentials) {
  KRING_CO_TRY(auto reference, parse_reference(text));
  if (reference.registry == "kring.local") {
    co_return Error{Reason::not_found, "kring.local is no registry: \"" + text + "\" is not part of this kring"};
  }
  if (credentials.empty()) credentials.emplace_back();  // as anybody
  Error last;
  for (const auto& one : credentials) {
    auto image = co_await pull_as(reference, one);
    if (image.has_value()) co_return image;
    last = std::move(image).error();
    if (last.reason != Reason::unauthorized && last.reason != Reason::forbidden) break;
  }
  if (last.reason != Reason::canceled) {
    last.message = "failed to pull and unpack image \"" + reference.str() + "\": " + last.message;
  }
  co_return last;
}

// Layers that are here are not downloaded; when one of them turns out to be damaged, all are.
Task<Result<Image>> Store::pull_as(Reference reference, Credentials credentials) {
  for (bool skip_present : {true, false}) {
    std::string name = new_name("pull-"), layout = path("tmp/" + name);
    // The download holds only its own lock, so that other images can come in meanwhile.
    Lock own;
    {
      KRING_CO_TRY(auto all, co_await lock());
      KRING_CO_TRY_VOID(co_await env_.disk.make_directory(layout));
      KRING_CO_TRY(own, env_.disk.lock(layout + "/lock"));
    }
    auto skipped = co_await download_layout(layout, reference, credentials, skip_present);
    Result<std::vector<Image>> images = Error{};
    if (skipped.has_error()) {
      images = skipped.error();
    } else {
      images = co_await import_layout(layout, reference);
    }
    std::vector<std::string> leftovers{name};
    auto cleaned = co_await shielded(env_, delete_trees(std::move(leftovers)));
    if (failed(cleaned)) env_.log.warn("cannot remove what was downloaded", {{"err", cleaned.error()}});
    if (images.has_value()) co_return images->at(0);
    bool again = skip_present && skipped.has_value() && *skipped && images.error().reason != Reason::canceled;
    if (!again) co_return std::move(images).error();
  }
  co_return Error{Reason::internal_error, "not reached"};
}

Task<Result<std::vector<Image>>> Store::import_layout(std::string layout, Reference reference) {
  KRING_CO_TRY(auto held, co_await lock());
  if (!reference.digest.empty()) reference.tag.clear();  // the digest decides, a tag beside it is only a comment
  ImportNames names{.tag = "", .name = reference.str()};
  co_return co_await import_locked(std::move(layout), std::move(names), false);
}

// True when layers were left out because the store has them.
Task<Result<bool>> Store::download_layout(std::string layout, Reference reference, Credentials credentials,
                                          bool skip_present) {
  for (const char* folder : {"/blobs", "/blobs/sha256"}) {
    KRING_CO_TRY_VOID(co_await env_.disk.make_directory(layout + folder));
  }
  Registry registry{env_, reference, std::move(credentials), options_.http};
  auto top = co_await registry.manifest(reference.digest.empty() ? reference.tag : reference.digest);
  if (top.has_error()) {
    Error error = std::move(top).error();
    error.message = "failed to resolve reference \"" + reference.str() + "\": " + error.message;
    co_return error;
  }
  std::string blobs = layout + "/blobs/sha256/", type = type_of(*top);
  json::Object index;
  index.set("schemaVersion", 2);
  index.set("manifests", json::Array{descriptor_json(*top, type)});
  KRING_CO_TRY_VOID(co_await write_new(env_, layout + "/index.json", json::print(index)));
  KRING_CO_TRY_VOID(co_await write_new(env_, layout + "/oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}"));
  KRING_CO_TRY_VOID(co_await write_new(env_, blobs + digest_hex(top->digest), top->text));
  Registry::Document manifest = std::move(*top);
  if (is_index_type(type)) {
    KRING_CO_TRY(auto choice, choose_manifest(manifest));
    KRING_CO_TRY(manifest, co_await registry.manifest(choice.digest));
    KRING_CO_TRY_VOID(co_await write_new(env_, blobs + digest_hex(manifest.digest), manifest.text));
    type = choice.media_type;
  } else if (!is_manifest_type(type)) {
    co_return Error{Reason::corrupt, "the registry's manifest is of an unknown type: " + type};
  }
  KRING_CO_TRY(auto parts, parse_manifest(manifest.text, type));
  co_return co_await download_blobs(registry, std::move(parts), std::move(blobs), skip_present);
}

Result<Descriptor> Store::choose_manifest(const Registry::Document& index) {
  KRING_TRY(auto parsed, parse_index(index.text, type_of(index)));
  auto fitting = for_this_machine(parsed.manifests);
  if (fitting.empty()) {
    return Error{Reason::not_found, "no match for platform in manifest: linux/" + machine_architecture()};
  }
  if (!is_manifest_type(fitting[0].media_type)) {
    return Error{Reason::corrupt, "an image index inside an image index is refused"};
  }
  return fitting[0];
}

Task<Result<bool>> Store::download_blobs(Registry& registry, ManifestDocument manifest, std::string blobs,
                                         bool skip_present) {
  std::string config_path = blobs + digest_hex(manifest.config.digest);
  if (manifest.config.size > limits::image_document_bytes_max) {
    co_return Error{Reason::corrupt, "the image's config is too large"};
  }
  KRING_CO_TRY_VOID(co_await registry.blob(manifest.config, config_path));
  std::vector<std::string> diff_ids;
  {
    KRING_CO_TRY(auto bytes, co_await env_.disk.map(config_path));
    KRING_CO_TRY(auto config, parse_config({reinterpret_cast<const char*>(bytes.data.data()), bytes.data.size()}));
    diff_ids = std::move(config.diff_ids);
  }
  std::set<std::string> done;
  bool skipped = false;
  for (size_t i = 0; i < manifest.layers.size(); ++i) {
    const Descriptor& layer = manifest.layers[i];
    struct stat info {};
    bool present = i < diff_ids.size() && ::lstat((layer_path(diff_ids[i]) + "/files").c_str(), &info) == 0;
    if (skip_present && present) {
      skipped = true;  // import looks whether it is whole
      continue;
    }
    if (!done.insert(layer.digest).second) continue;
    KRING_CO_TRY_VOID(co_await registry.blob(layer, blobs + digest_hex(layer.digest)));
  }
  co_return skipped;
}

}  // namespace kring::images
