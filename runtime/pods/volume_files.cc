#include "runtime/pods/volume_files.h"

#include "objects/kinds.h"
#include "objects/schema/core_generated.h"
#include "runtime/client/flat.h"

namespace kring::pods {

namespace {

constexpr int32_t default_mode = 0644;
using KeyPaths = flatbuffers::Vector<flatbuffers::Offset<core::KeyToPath>>;
// What an object holds, by key.
using Payload = std::map<std::string, std::string>;

struct Filler {
  const core::Pod& pod;
  std::string volume;
  const Sources& sources;
  const DownwardFacts& facts;
  const Tokens& tokens;
  int32_t mode = default_mode;
  std::map<std::string, VolumeFile> files;

  void add(std::string path, std::string data, std::optional<int32_t> own_mode) {
    VolumeFile file;
    file.path = path;
    file.data = std::move(data);
    file.mode = static_cast<uint32_t>(own_mode.value_or(mode)) & 07777;
    // A group of the volume's own reads what the owner may read, whatever the mode said.
    const auto* security = pod.spec()->security_context();
    if (security != nullptr && security->fs_group()) file.mode |= (file.mode & 0400) >> 3;
    files[path] = std::move(file);
  }
};

std::string bytes_text(const flatbuffers::Vector<uint8_t>* bytes) {
  if (bytes == nullptr) return {};
  return std::string{reinterpret_cast<const char*>(bytes->data()), bytes->size()};
}

ObjectPtr source_of(const Filler& filler, const Kind& kind, std::string_view name) {
  auto found = filler.sources.find({&kind, std::string{name}});
  return found == filler.sources.end() ? nullptr : found->second;
}

Payload config_map_payload(const Object& object) {
  Payload out;
  const auto* it = object.as<core::ConfigMap>();
  for (const auto* entry : items(it->data())) out[text(entry->key())] = text(entry->value());
  for (const auto* entry : items(it->binary_data())) out[text(entry->key())] = bytes_text(entry->value());
  return out;
}

Payload secret_payload(const Object& object) {
  Payload out;
  for (const auto* entry : items(object.as<core::Secret>()->data()))
    out[text(entry->key())] = bytes_text(entry->value());
  return out;
}

// All keys by their names, or those that `paths` selects.
Result<void> add_payload(Filler& filler, Payload payload, const KeyPaths* paths, bool optional, std::string_view what) {
  if (items(paths).empty()) {
    for (auto& [key, data] : payload) filler.add(key, std::move(data), std::nullopt);
    return {};
  }
  for (const auto* path : items(paths)) {
    auto found = payload.find(text(path->key()));
    if (found == payload.end()) {
      if (optional) continue;
      return Error{Reason::not_found, "references non-existent " + std::string{what} + " key: " + text(path->key())};
    }
    std::optional<int32_t> mode;
    if (path->mode()) mode = *path->mode();
    filler.add(text(path->path()), found->second, mode);
  }
  return {};
}

// A configMap or secret source, as a volume or as a part of a projected one.
Result<void> add_object(Filler& filler, const Kind& kind, std::string_view name, const KeyPaths* paths, bool optional) {
  bool secret = &kind == &kinds::secret();
  ObjectPtr object = source_of(filler, kind, name);
  if (object == nullptr) {
    if (optional) return {};
    return Error{Reason::not_found,
                 std::string{secret ? "secret" : "configmap"} + " \"" + std::string{name} + "\" not found"};
  }
  Payload payload = secret ? secret_payload(*object) : config_map_payload(*object);
  return add_payload(filler, std::move(payload), paths, optional, secret ? "secret" : "config");
}

using DownwardItems = flatbuffers::Vector<flatbuffers::Offset<core::DownwardAPIVolumeFile>>;
Result<void> add_downward(Filler& filler, const DownwardItems* list) {
  for (const auto* item : items(list)) {
    std::string data;
    if (const auto* ref = item->field_ref()) {
      KRING_TRY(data, field_value(filler.pod, view(ref->field_path()), filler.facts));
    } else if (const auto* resource = item->resource_field_ref()) {
      const auto* container = find_container(filler.pod, view(resource->container_name())).container;
      if (container == nullptr)
        return Error{Reason::invalid, "container " + text(resource->container_name()) + " not found"};
      KRING_TRY(data, resource_field(*container, view(resource->resource()), view(resource->divisor()),
                                     filler.facts.allocatable));
    }
    std::optional<int32_t> mode;
    if (item->mode()) mode = *item->mode();
    filler.add(text(item->path()), std::move(data), mode);
  }
  return {};
}

Result<void> add_projection(Filler& filler, const core::VolumeProjection& source) {
  if (const auto* it = source.config_map())
    return add_object(filler, kinds::config_map(), view(it->name()), it->items(), it->optional().value_or(false));
  if (const auto* it = source.secret())
    return add_object(filler, kinds::secret(), view(it->name()), it->items(), it->optional().value_or(false));
  if (const auto* it = source.downward_api()) return add_downward(filler, it->items());
  if (const auto* it = source.service_account_token()) {
    auto found = filler.tokens.find({filler.volume, text(it->path())});
    if (found == filler.tokens.end())
      return Error{Reason::service_unavailable, "failed to fetch token: no token issuer"};
    filler.add(text(it->path()), found->second, 0600);
    return {};
  }
  return Error{Reason::invalid, "this kind of projected source is not supported"};
}

}  // namespace

bool filled_from_objects(const core::Volume& volume) {
  return volume.config_map() != nullptr || volume.secret() != nullptr || volume.downward_api() != nullptr ||
         volume.projected() != nullptr;
}

Result<std::vector<VolumeFile>> volume_files(const core::Pod& pod, const core::Volume& volume, const Sources& sources,
                                             const DownwardFacts& facts, const Tokens& tokens) {
  Filler filler{.pod = pod, .volume = text(volume.name()), .sources = sources, .facts = facts, .tokens = tokens};
  if (const auto* it = volume.config_map()) {
    filler.mode = it->default_mode().value_or(default_mode);
    KRING_TRY_VOID(
        add_object(filler, kinds::config_map(), view(it->name()), it->items(), it->optional().value_or(false)));
  } else if (const auto* secret = volume.secret()) {
    filler.mode = secret->default_mode().value_or(default_mode);
    KRING_TRY_VOID(add_object(filler, kinds::secret(), view(secret->secret_name()), secret->items(),
                              secret->optional().value_or(false)));
  } else if (const auto* downward = volume.downward_api()) {
    filler.mode = downward->default_mode().value_or(default_mode);
    KRING_TRY_VOID(add_downward(filler, downward->items()));
  } else if (const auto* projected = volume.projected()) {
    filler.mode = projected->default_mode().value_or(default_mode);
    for (const auto* source : items(projected->sources())) KRING_TRY_VOID(add_projection(filler, *source));
  }
  std::vector<VolumeFile> out;
  for (auto& [path, file] : filler.files) out.push_back(std::move(file));
  return out;
}

}  // namespace kring::pods
