#include "runtime/pods/volumes.h"

#include <algorithm>

#include "objects/kinds.h"
#include "objects/quantity.h"
#include "objects/schema/core_generated.h"
#include "runtime/client/flat.h"
#include "runtime/pods/volume_files.h"

namespace kring::pods {

namespace {

constexpr uint32_t empty_dir_mode = 0777;

std::optional<int64_t> fs_group(const core::Pod& pod) {
  const auto* security = pod.spec()->security_context();
  if (security == nullptr || !security->fs_group()) return std::nullopt;
  return *security->fs_group();
}

void add_projected_references(std::set<ObjectKey>& out, const core::ProjectedVolumeSource& projected) {
  for (const auto* source : items(projected.sources())) {
    if (const auto* it = source->config_map()) out.insert({&kinds::config_map(), text(it->name())});
    if (const auto* it = source->secret()) out.insert({&kinds::secret(), text(it->name())});
  }
}

const core::Volume* find_volume(const core::Pod& pod, std::string_view name) {
  for (const auto* volume : items(pod.spec()->volumes()))
    if (view(volume->name()) == name) return volume;
  return nullptr;
}

// What a hostPath type allows, and how a violation is worded.
Error wrong_type(const std::string& path, std::string_view what) {
  return Error{Reason::invalid, "hostPath type check failed: " + path + " is not " + std::string{what}};
}

// A sub path that leads out of its volume is refused before it is looked at.
Result<void> check_sub_path(std::string_view path) {
  if (path.starts_with('/'))
    return Error{Reason::invalid, "subPath must not be an absolute path: " + std::string{path}};
  for (size_t at = 0; at <= path.size();) {
    size_t end = std::min(path.find('/', at), path.size());
    if (path.substr(at, end - at) == "..")
      return Error{Reason::invalid, "subPath must not contain '..': " + std::string{path}};
    at = end + 1;
  }
  return {};
}

}  // namespace

std::set<ObjectKey> volume_references(const core::Pod& pod) {
  std::set<ObjectKey> out;
  for (const auto* volume : items(pod.spec()->volumes())) {
    if (const auto* it = volume->config_map()) out.insert({&kinds::config_map(), text(it->name())});
    if (const auto* it = volume->secret()) out.insert({&kinds::secret(), text(it->secret_name())});
    if (const auto* it = volume->projected()) add_projected_references(out, *it);
  }
  return out;
}

std::vector<TokenWish> token_wishes(const core::Pod& pod) {
  std::vector<TokenWish> out;
  for (const auto* volume : items(pod.spec()->volumes())) {
    if (volume->projected() == nullptr) continue;
    for (const auto* source : items(volume->projected()->sources())) {
      const auto* it = source->service_account_token();
      if (it == nullptr) continue;
      TokenWish wish{.volume = text(volume->name()), .path = text(it->path()), .audience = text(it->audience())};
      wish.expiration_seconds = it->expiration_seconds().value_or(3600);
      out.push_back(std::move(wish));
    }
  }
  return out;
}

std::vector<VolumeError> Volumes::set_up(const core::Pod& pod, const Sources& sources, const DownwardFacts& facts,
                                         const Tokens& tokens) {
  std::vector<VolumeError> errors;
  for (const auto* volume : items(pod.spec()->volumes())) {
    auto done = set_up_one(pod, *volume, sources, facts, tokens);
    if (done.has_error())
      errors.push_back({text(volume->name()), "MountVolume.SetUp failed for volume \"" + text(volume->name()) +
                                                  "\" : " + done.error().message});
  }
  return errors;
}

std::vector<VolumeError> Volumes::refresh(const core::Pod& pod, const Sources& sources, const DownwardFacts& facts,
                                          const Tokens& tokens) {
  std::vector<VolumeError> errors;
  for (const auto* volume : items(pod.spec()->volumes())) {
    if (!filled_from_objects(*volume)) continue;
    auto done = filled(pod, *volume, sources, facts, tokens);
    if (done.has_error())
      errors.push_back({text(volume->name()), "MountVolume.SetUp failed for volume \"" + text(volume->name()) +
                                                  "\" : " + done.error().message});
  }
  return errors;
}

Result<void> Volumes::set_up_one(const core::Pod& pod, const core::Volume& volume, const Sources& sources,
                                 const DownwardFacts& facts, const Tokens& tokens) {
  if (!safe_name(view(volume.name()))) return Error{Reason::invalid, "invalid volume name"};
  if (volume.host_path() != nullptr) return host_path(volume);
  if (filled_from_objects(volume)) return filled(pod, volume, sources, facts, tokens);
  if (volume.empty_dir() != nullptr) return empty_dir(pod, volume);
  return Error{Reason::invalid, "this node does not support this type of volume"};
}

Result<void> Volumes::host_path(const core::Volume& volume) {
  std::string path = text(volume.host_path()->path());
  std::string_view wanted = view(volume.host_path()->type());
  KRING_TRY(FileType found, files_.type(path));
  if (found == FileType::none && wanted == "DirectoryOrCreate") return files_.make_directories(path, 0755);
  if (found == FileType::none && wanted == "FileOrCreate") return files_.make_file(path, 0644);
  if (wanted.empty()) {
    // Nothing is checked; but a mount needs something to mount, and a folder is what Docker made of it.
    if (found == FileType::none) return files_.make_directories(path, 0755);
    return {};
  }
  struct Rule {
    std::string_view type;
    FileType allowed;
    std::string_view words;
  };
  static constexpr Rule rules[] = {
      {"DirectoryOrCreate", FileType::directory, "a directory"},
      {"Directory", FileType::directory, "a directory"},
      {"FileOrCreate", FileType::file, "a file"},
      {"File", FileType::file, "a file"},
      {"Socket", FileType::socket, "a socket file"},
      {"CharDevice", FileType::character_device, "a character device"},
      {"BlockDevice", FileType::block_device, "a block device"},
  };
  for (const auto& rule : rules) {
    if (rule.type != wanted) continue;
    if (found == rule.allowed) return {};
    return wrong_type(path, rule.words);
  }
  return Error{Reason::invalid, "unknown hostPath type \"" + std::string{wanted} + "\""};
}

Result<void> Volumes::empty_dir(const core::Pod& pod, const core::Volume& volume) {
  std::string path = paths_.volume(view(volume.name()));
  std::optional<int64_t> group = fs_group(pod);
  uint32_t mode = group ? 02000 | empty_dir_mode : empty_dir_mode;
  KRING_TRY(FileType before, files_.type(path));
  KRING_TRY_VOID(files_.make_directories(path, empty_dir_mode));
  std::string_view medium = view(volume.empty_dir()->medium());
  if (medium == "Memory") {
    int64_t bytes_max = 0;
    if (volume.empty_dir()->size_limit() != nullptr) {
      KRING_TRY(auto limit, Quantity::parse(view(volume.empty_dir()->size_limit())));
      bytes_max = limit.value();
    }
    KRING_TRY_VOID(files_.mount_tmpfs(path, bytes_max, empty_dir_mode));
    return files_.set_access(path, mode, group);
  }
  if (!medium.empty()) return Error{Reason::invalid, "unknown storage medium \"" + std::string{medium} + "\""};
  // A folder that is there was made before, and is the pod's by now.
  if (before == FileType::directory) return {};
  return files_.set_access(path, mode, group);
}

Result<void> Volumes::filled(const core::Pod& pod, const core::Volume& volume, const Sources& sources,
                             const DownwardFacts& facts, const Tokens& tokens) {
  KRING_TRY(auto files, volume_files(pod, volume, sources, facts, tokens));
  std::string path = paths_.volume(view(volume.name()));
  KRING_TRY_VOID(files_.make_directories(path, 0755));
  // What is secret, or small and often rewritten, stays off the flash.
  KRING_TRY_VOID(files_.mount_tmpfs(path, 0, 0755));
  return files_.publish(path, files, fs_group(pod));
}

Result<std::vector<PodMount>> Volumes::mounts_of(const core::Pod& pod, const core::Container& container,
                                                 const std::map<std::string, std::string>& values) {
  std::vector<PodMount> out;
  for (const auto* mount : items(container.volume_mounts())) {
    const core::Volume* volume = find_volume(pod, view(mount->name()));
    if (volume == nullptr)
      return Error{Reason::invalid, "cannot find volume \"" + text(mount->name()) + "\" to mount into container \"" +
                                        text(container.name()) + "\""};
    KRING_TRY(PodMount made, mount_of(*volume, *mount, values));
    out.push_back(std::move(made));
  }
  return out;
}

Result<PodMount> Volumes::mount_of(const core::Volume& volume, const core::VolumeMount& mount,
                                   const std::map<std::string, std::string>& values) {
  PodMount out;
  bool from_objects = filled_from_objects(volume);
  std::string base =
      volume.host_path() != nullptr ? text(volume.host_path()->path()) : paths_.volume(view(volume.name()));
  out.host_path = base;
  out.container_path = text(mount.mount_path());
  if (!out.container_path.starts_with('/')) out.container_path = "/" + out.container_path;
  out.read_only = mount.read_only().value_or(false) || from_objects;
  std::string_view propagation = view(mount.mount_propagation());
  if (propagation != "None") out.propagation = std::string{propagation};
  std::string sub_path = text(mount.sub_path());
  if (std::string_view expression = view(mount.sub_path_expr()); !expression.empty()) {
    sub_path = expand(expression, values);
    if (sub_path.find("$(") != std::string::npos)
      return Error{Reason::invalid, "missing value for \"" + sub_path + "\""};
  }
  if (sub_path.empty()) return out;
  KRING_TRY_VOID(check_sub_path(sub_path));
  // Files from objects are reached through symlinks of ours: mount what they lead to now.
  if (from_objects) {
    KRING_TRY(std::string version, files_.published(base));
    base += "/" + version;
  }
  KRING_TRY(FileType found, files_.type_beneath(base, sub_path));
  if (found == FileType::none && from_objects)
    return Error{Reason::not_found, "failed to prepare subPath for volumeMount \"" + text(mount.name()) + "\""};
  if (found == FileType::none) KRING_TRY_VOID(files_.make_directories_beneath(base, sub_path, 0750));
  out.host_base = base;
  out.host_path = base + "/" + sub_path;
  return out;
}

void Volumes::unmount() {
  auto names = files_.list(paths_.directory + "/volumes");
  if (names.has_error()) return;
  for (const auto& name : *names) static_cast<void>(files_.unmount(paths_.volume(name)));
}

Task<Result<std::string>> Volumes::over_limit(ObjectPtr pod) {
  for (const auto* volume : items(pod->as<core::Pod>()->spec()->volumes())) {
    const auto* empty_dir = volume->empty_dir();
    if (empty_dir == nullptr || empty_dir->size_limit() == nullptr || view(empty_dir->medium()) == "Memory") continue;
    auto limit = Quantity::parse(view(empty_dir->size_limit()));
    if (limit.has_error() || limit->sign() <= 0) continue;
    auto used = co_await files_.usage(paths_.volume(view(volume->name())), limit->value() + 1);
    if (used.has_error()) co_return used.error();
    if (*used > limit->value()) co_return text(volume->name());
  }
  co_return std::string{};
}

}  // namespace kring::pods
