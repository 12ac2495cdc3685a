// Keeping the store in order: removing, verifying, collecting.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "objects/check.h"
#include "runtime/images/archive.h"
#include "runtime/images/confined.h"
#include "runtime/images/layer_files.h"
#include "runtime/images/paths.h"
#include "runtime/images/store.h"

namespace kring::images {
namespace {

bool contains(const std::vector<std::string>& items, const std::string& item) {
  return std::find(items.begin(), items.end(), item) != items.end();
}

Result<std::string> read_below(int root, const std::string& name) {
  KRING_TRY(auto fd, open_without_links(root, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return io_error("stat " + name, errno);
  std::string out(static_cast<size_t>(info.st_size), '\0');
  RegionStream stream{{.fd = fd.get(), .offset = 0, .size = static_cast<uint64_t>(info.st_size)}};
  for (size_t done = 0; done < out.size();) {
    KRING_TRY(size_t got, stream.read({reinterpret_cast<uint8_t*>(out.data()) + done, out.size() - done}));
    done += got;
  }
  return out;
}

// What is wrong with a layer; empty when it is whole. Each layer is read once, however many images share it.
class Verifier {
 public:
  explicit Verifier(int root) : root_(root) {}

  std::string verify(const std::vector<Record>& records) {
    std::string out;
    for (const auto& record : records) {
      if (record.removed) continue;
      std::string name = record.references.empty() ? record.manifest : record.references[0];
      files_ = layers_ = 0;
      auto problems = check_image(record);
      if (problems.empty()) {
        out += "ok " + name + " (" + std::to_string(layers_) + " layers, " + std::to_string(files_) + " files)\n";
      }
      for (const auto& problem : problems) out += "damaged " + name + ": " + problem + "\n";
    }
    return out;
  }

 private:
  Result<std::string> blob(const std::string& digest) {
    KRING_TRY(auto text, read_below(root_, "blobs/sha256/" + digest_hex(digest)));
    if (digest_of(text) != digest) return Error{Reason::corrupt, "the blob " + digest + " has other content"};
    return text;
  }

  std::vector<std::string> check_image(const Record& record) {
    auto diff_ids = [&]() -> Result<std::vector<std::string>> {
      KRING_TRY(auto manifest_text, blob(record.manifest));
      KRING_TRY(auto manifest, parse_manifest(manifest_text, ""));
      KRING_TRY(auto config_text, blob(manifest.config.digest));
      KRING_TRY(auto config, parse_config(config_text));
      if (!record.index.empty()) KRING_TRY_VOID(drop_value(blob(record.index)));
      return config.diff_ids;
    }();
    if (diff_ids.has_error()) return {diff_ids.error().message};
    std::vector<std::string> out;
    for (const auto& diff_id : *diff_ids) {
      auto known = checked_.find(diff_id);
      if (known == checked_.end()) known = checked_.emplace(diff_id, check_layer(diff_id)).first;
      out.insert(out.end(), known->second.problems.begin(), known->second.problems.end());
      files_ += known->second.files;
      ++layers_;
    }
    return out;
  }

  struct LayerState {
    std::vector<std::string> problems;
    size_t files = 0;
  };
  LayerState check_layer(const std::string& diff_id) {
    std::string directory = "layers/" + digest_hex(diff_id);
    auto text = read_below(root_, directory + "/files");
    auto expected = text.has_value() ? parse_layer_files(*text) : Result<LayerFiles>{text.error()};
    auto fs = open_without_links(root_, directory + "/fs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (expected.has_error()) return {{"layer " + diff_id + ": " + expected.error().message}};
    if (fs.has_error()) return {{"layer " + diff_id + ": " + fs.error().message}};
    LayerState out{check_layer_files(fs->get(), *expected), expected->files.size()};
    for (auto& problem : out.problems) problem = "layer " + diff_id + ": " + problem;
    return out;
  }

  static Result<void> drop_value(const Result<std::string>& result) {
    if (result.has_error()) return result.error();
    return {};
  }

  const int root_;
  size_t files_ = 0, layers_ = 0;
  std::map<std::string, LayerState> checked_;
};

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

}  // namespace

// Damaged images can be removed too, so the records decide, not what find() lists.
Task<Result<void>> Store::remove(std::string text) {
  KRING_CO_TRY(auto held, co_await lock());
  std::string id = is_digest("sha256:" + text) ? "sha256:" + text : text;
  auto reference = parse_reference(text);
  if (reference.has_value() && reference->str() == host_image().references[0]) {
    co_return Error{Reason::invalid, "kring.local/host is part of kring"};
  }
  KRING_CO_TRY(auto records, read_records());
  bool found = false;
  for (auto& record : records) {
    if (record.removed) continue;
    bool by_name = reference.has_value() && reference->digest.empty() && contains(record.references, reference->str());
    auto image = load_image(record);
    bool by_id =
        record.manifest == id || (image.has_value() && image->id == id) ||
        (reference.has_value() && image.has_value() && !reference->digest.empty() &&
         contains(image->repo_digests, reference->registry + "/" + reference->repository + "@" + reference->digest));
    if (!by_name && !by_id) continue;
    found = true;
    if (by_name && record.references.size() > 1) {
      std::erase(record.references, reference->str());
    } else {
      record.removed = true;  // collect() deletes it once nothing uses it
    }
  }
  if (!found) co_return Error{Reason::not_found, "image \"" + text + "\" not found"};
  co_return co_await write_records(std::move(records));
}

Task<Result<std::vector<std::string>>> Store::verify() {
  KRING_CO_TRY(auto held, co_await lock());  // layers come and go under it
  KRING_CO_TRY(auto records, read_records());
  UniqueFd root{::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!root.valid()) co_return io_error("open " + directory_, errno);
  ConfinedJob job;
  job.directory = directory_;
  job.descriptors = {root.get()};
  job.name = "kring: verify";
  job.work = [fd = root.get(), &records]() -> Result<std::string> { return Verifier{fd}.verify(records); };
  KRING_CO_TRY(auto text, co_await run_confined(env_, std::move(job)));
  co_return lines_of(text);
}

Task<Result<void>> Store::delete_trees(std::vector<std::string> names) {
  std::string tmp = path("tmp");
  UniqueFd root{::open(tmp.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!root.valid()) co_return io_error("open " + tmp, errno);
  ConfinedJob job;
  job.directory = tmp;
  job.descriptors = {root.get()};
  job.name = "kring: delete";
  job.work = [fd = root.get(), &names]() -> Result<std::string> {
    for (const auto& name : names) KRING_TRY_VOID(remove_tree_at(fd, name));
    return std::string{};
  };
  KRING_CO_TRY(auto nothing, co_await run_confined(env_, std::move(job)));
  KRING_MAYBE(nothing.empty());
  co_return Result<void>{};
}

// All but the downloads under way: those hold locks of their own.
Task<Result<void>> Store::clear_tmp() {
  KRING_CO_TRY(auto names, co_await env_.disk.list(path("tmp")));
  std::vector<Lock> locks;
  std::vector<std::string> garbage;
  for (auto& name : names) {
    if (name.starts_with("pull-")) {
      auto lock = env_.disk.lock(path("tmp/" + name + "/lock"));
      if (lock.has_error() && lock.error().reason == Reason::conflict) continue;
      if (lock.has_value()) locks.push_back(std::move(*lock));
    }
    garbage.push_back(std::move(name));
  }
  if (garbage.empty()) co_return Result<void>{};
  co_return co_await delete_trees(std::move(garbage));
}

Result<Store::Needs> Store::needs_of(const Record& record) const {
  Needs out;
  out.blobs.push_back(digest_hex(record.manifest));
  if (!record.index.empty()) out.blobs.push_back(digest_hex(record.index));
  KRING_TRY(auto manifest_text, read_blob(record.manifest));
  KRING_TRY(auto manifest, parse_manifest(manifest_text, ""));
  out.blobs.push_back(digest_hex(manifest.config.digest));
  KRING_TRY(auto config_text, read_blob(manifest.config.digest));
  KRING_TRY(auto config, parse_config(config_text));
  for (const auto& diff_id : config.diff_ids) out.layers.push_back(digest_hex(diff_id));
  return out;
}

Task<Result<void>> Store::collect(std::vector<std::string> in_use) {
  KRING_CO_TRY(auto held, co_await lock());
  std::set<std::string> used;
  for (const auto& text : in_use) {
    used.insert(text);
    if (auto reference = parse_reference(text); reference.has_value()) {
      used.insert(reference->str());
      if (!reference->digest.empty()) used.insert(reference->digest);
    }
  }
  KRING_CO_TRY(auto records, read_records());
  std::vector<Record> kept;
  for (auto& record : records) {
    auto image = load_image(record);
    bool referenced = used.contains(record.manifest) || used.contains(record.index) ||
                      (image.has_value() && used.contains(image->id));
    for (const auto& name : record.references) referenced = referenced || used.contains(name);
    if (referenced || (record.imported && !record.removed)) kept.push_back(std::move(record));
  }
  if (kept.size() != records.size()) KRING_CO_TRY_VOID(co_await write_records(kept));
  KRING_CO_TRY_VOID(co_await delete_unreferenced(std::move(kept)));
  co_return co_await clear_tmp();
}

// What no kept image needs moves to tmp, by renames, and is deleted there.
Task<Result<void>> Store::delete_unreferenced(std::vector<Record> kept) {
  std::set<std::string> blobs, layers;
  for (const auto& record : kept) {
    auto needs = needs_of(record);
    // Damaged documents do not say what they need: nothing is deleted until the image is repaired or removed.
    if (needs.has_error()) {
      env_.log.warn("nothing is collected: an image is damaged",
                    {{"manifest", record.manifest}, {"err", needs.error()}});
      co_return Result<void>{};
    }
    blobs.insert(needs->blobs.begin(), needs->blobs.end());
    layers.insert(needs->layers.begin(), needs->layers.end());
  }
  KRING_CO_TRY(auto here, co_await env_.disk.list(path("layers")));
  for (const auto& name : here) {
    if (layers.contains(name)) continue;
    KRING_CO_TRY_VOID(co_await env_.disk.rename(path("layers/" + name), path("tmp/" + new_name("layer-"))));
  }
  KRING_CO_TRY(auto blobs_here, co_await env_.disk.list(path("blobs/sha256")));
  for (const auto& name : blobs_here) {
    if (!blobs.contains(name)) KRING_CO_TRY_VOID(co_await env_.disk.remove(path("blobs/sha256/" + name)));
  }
  co_return Result<void>{};
}

}  // namespace kring::images
