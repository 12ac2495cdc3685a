#include "runtime/images/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "runtime/images/archive.h"
#include "runtime/images/layer_files.h"
#include "runtime/tasks/task_group.h"

namespace kring::images {
namespace {

constexpr const char* host_reference = "kring.local/host:latest";
constexpr int64_t lock_poll_ms = 20;

// A small file of the store, read at once: page cache, not the medium.
Result<std::string> read_small_file(const std::string& path, uint64_t bytes_max) {
  UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
  struct stat info {};
  if (!fd.valid() || ::fstat(fd.get(), &info) != 0) return io_error("open " + path, errno);
  auto size = std::min(static_cast<uint64_t>(info.st_size), bytes_max);
  return read_region({.fd = fd.get(), .offset = 0, .size = size}, path);
}

// Of a normalised reference: "registry/repository:tag" or "registry/repository@digest".
std::string repository_of(const std::string& reference) {
  size_t at = reference.find('@');
  return reference.substr(0, at == std::string::npos ? reference.rfind(':') : at);
}

bool contains(const std::vector<std::string>& items, std::string_view item) {
  return std::find(items.begin(), items.end(), item) != items.end();
}

}  // namespace

Image host_image() {
  Image out;
  out.id = out.digest = digest_of(host_reference);
  out.references = {host_reference};
  out.architecture = machine_architecture();
  out.os = "linux";
  out.layers = {"/"};
  out.host_root = true;
  out.config.env = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
  return out;
}

Task<Result<void>> Store::prepare() {
  KRING_CO_TRY_VOID(co_await env_.disk.make_directory(directory_));
  for (const char* name : {"blobs", "blobs/sha256", "layers", "tmp"}) {
    KRING_CO_TRY_VOID(co_await env_.disk.make_directory(path(name)));
  }
  // Nobody who holds the lock: whatever is in tmp was left by a crash.
  auto lock = env_.disk.lock(path("lock"));
  if (lock.has_value()) KRING_CO_TRY_VOID(co_await clear_tmp());
  co_return refresh();
}

Result<std::vector<Record>> Store::read_records() const {
  auto text = read_small_file(path("index.json"), limits::image_document_bytes_max);
  if (text.has_error()) {
    if (text.error().reason == Reason::not_found) return std::vector<Record>{};
    return std::move(text).error();
  }
  auto records = parse_index_file(*text);
  if (records.has_error()) return Error{Reason::corrupt, directory_ + ": " + records.error().message};
  return records;
}

Result<void> Store::refresh() {
  struct stat info {};
  Version now;
  if (::stat(path("index.json").c_str(), &info) == 0) {
    now = {info.st_ino, info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec, info.st_size};
  }
  if (now == version_) return {};
  KRING_TRY(records_, read_records());
  std::vector<Image> images;
  std::map<std::string, std::string> damaged;
  for (const auto& record : records_) {
    if (record.removed) continue;
    auto image = load_image(record);
    if (image.has_value()) {
      images.push_back(std::move(*image));
      continue;
    }
    damaged[record.manifest] = image.error().message;
    if (damaged_.contains(record.manifest)) continue;
    std::string name = record.references.empty() ? record.manifest : record.references[0];
    env_.log.warn("image is damaged and not used: import or pull it again",
                  {{"image", name}, {"err", image.error().message}});
  }
  images_ = std::move(images);
  damaged_ = std::move(damaged);
  version_ = now;
  return {};
}

Result<std::string> Store::read_blob(const std::string& digest) const {
  KRING_TRY(auto text, read_small_file(path("blobs/sha256/" + digest_hex(digest)), limits::image_document_bytes_max));
  if (digest_of(text) != digest) return Error{Reason::corrupt, "the blob " + digest + " is damaged"};
  return text;
}

Result<Image> Store::load_image(const Record& record) const {
  KRING_TRY(auto manifest_text, read_blob(record.manifest));
  KRING_TRY(auto manifest, parse_manifest(manifest_text, ""));
  KRING_TRY(auto config_text, read_blob(manifest.config.digest));
  KRING_TRY(auto config, parse_config(config_text));
  Image out;
  out.id = manifest.config.digest;
  out.digest = record.manifest;
  out.architecture = config.architecture;
  out.os = config.os;
  out.created = config.created;
  out.imported = record.since;
  out.config = std::move(config.config);
  out.size_bytes = static_cast<int64_t>(manifest_text.size() + config_text.size());
  for (const auto& reference : record.references) {
    if (reference.find('@') == std::string::npos) out.references.push_back(reference);
    for (const auto& digest : {record.index, record.manifest}) {
      std::string name = repository_of(reference) + "@" + digest;
      if (!digest.empty() && !contains(out.repo_digests, name)) out.repo_digests.push_back(name);
    }
  }
  for (auto diff_id = config.diff_ids.rbegin(); diff_id != config.diff_ids.rend(); ++diff_id) {
    KRING_TRY(auto first_bytes, read_small_file(layer_path(*diff_id) + "/files", 512));
    KRING_TRY(auto header, parse_layer_header(first_bytes));
    struct stat info {};
    std::string root = layer_path(*diff_id) + "/fs";
    if (header.diff_id != *diff_id || ::lstat(root.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) {
      return Error{Reason::corrupt, "the layer " + *diff_id + " is damaged"};
    }
    out.size_bytes += static_cast<int64_t>(header.bytes);
    out.layers.push_back(std::move(root));
  }
  return out;
}

Result<std::optional<Image>> Store::find(std::string_view text) {
  KRING_TRY_VOID(refresh());
  bool bare_id = is_digest("sha256:" + std::string{text});
  if (is_digest(text) || bare_id) {
    std::string id = bare_id ? "sha256:" + std::string{text} : std::string{text};
    for (const auto& image : images_) {
      if (image.id == id || image.digest == id) return std::optional{image};
    }
    return std::optional<Image>{};
  }
  KRING_TRY(auto reference, parse_reference(text));
  if (reference.str() == host_reference) return std::optional{host_image()};
  std::string by_digest = reference.registry + "/" + reference.repository + "@" + reference.digest;
  for (const auto& image : images_) {
    bool fits = reference.digest.empty() ? contains(image.references, reference.str())
                                         : contains(image.repo_digests, by_digest);
    if (fits) return std::optional{image};
  }
  return std::optional<Image>{};
}

Result<std::vector<Image>> Store::list() {
  KRING_TRY_VOID(refresh());
  return images_;
}

Task<Result<Store::Lock>> Store::lock() {
  Mono deadline = env_.clock.now() + ms_to_ns(options_.lock_ms_max);
  while (true) {
    auto held = env_.disk.lock(path("lock"));
    if (held.has_value()) co_return std::move(*held);
    if (held.error().reason != Reason::conflict) co_return std::move(held).error();
    if (env_.clock.now() >= deadline)
      co_return Error{Reason::timeout, "another process keeps " + directory_ + " locked"};
    KRING_CO_TRY_VOID(co_await env_.clock.sleep_ms(lock_poll_ms));
  }
}

Task<Result<void>> Store::write_records(std::vector<Record> records) {
  std::string text = print_index_file(records);
  std::string temporary = path(new_name("tmp/index-"));
  {
    auto file = co_await env_.disk.open(temporary, OpenMode::create_new);
    if (file.has_error()) co_return std::move(file).error();
    std::span bytes{reinterpret_cast<const uint8_t*>(text.data()), text.size()};
    KRING_CO_TRY_VOID(co_await (*file)->write(0, bytes, false));
    KRING_CO_TRY_VOID(co_await (*file)->sync());
  }
  KRING_CO_TRY_VOID(co_await env_.disk.rename(temporary, path("index.json")));
  KRING_CO_TRY_VOID(co_await env_.disk.sync_directory(directory_));
  co_return refresh();
}

std::string Store::new_name(std::string_view prefix) { return std::string{prefix} + env_.random.uuid(); }

Task<Result<std::unique_ptr<Images>>> open(Env& env, std::string directory, StoreOptions options) {
  auto store = std::make_unique<Store>(env, std::move(directory), options);
  KRING_CO_TRY_VOID(co_await store->prepare());
  std::unique_ptr<Images> out = std::move(store);
  co_return out;
}

Task<Result<std::unique_ptr<Images>>> open(Env& env, std::string directory) {
  co_return co_await open(env, std::move(directory), StoreOptions{});
}

}  // namespace kring::images
