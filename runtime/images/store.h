// The implementation of Images on a directory. Split by what it does: reading (store.cc), importing (store_import.cc),
// pulling (store_pull.cc), verifying and collecting (store_upkeep.cc).
// D/images/
//   lock          held while anything is changed
//   index.json    index.h; replaced by a rename
//   blobs/sha256/<hex>                 manifests, indexes, configs
//   layers/<diff id hex>/{fs,files}    unpacked layers (layer_files.h); blobs of layers are not kept
//   tmp/<name>/                        staging of imports, and trees on their way out; all of it may go any time
//                                      nobody holds the lock
// The order of a commit: everything synced in tmp, renamed into place, folders synced, index.json last. A crash leaves
// the image whole or not listed; what is left over is collected.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/env/disk.h"
#include "runtime/images/importer.h"
#include "runtime/images/index.h"
#include "runtime/images/manifest.h"
#include "runtime/images/registry.h"

namespace kring::images {

struct StoreOptions {
  UnpackLimits caps;
  http::ClientOptions http;       // of pulls
  int64_t lock_ms_max = 600'000;  // another process may be importing for minutes
};

class Store final : public Images {
 public:
  Store(Env& env, std::string directory, StoreOptions options)
      : env_(env), directory_(std::move(directory)), options_(options) {}

  Task<Result<void>> prepare();  // makes the folders, removes what crashed imports left

  Result<std::optional<Image>> find(std::string_view reference) override;
  Result<std::vector<Image>> list() override;
  Task<Result<std::vector<Image>>> import(std::string path, std::string tag) override;
  Task<Result<Image>> pull(std::string reference, std::vector<Credentials> credentials) override;
  Task<Result<void>> remove(std::string reference) override;
  Task<Result<std::vector<std::string>>> verify() override;
  Task<Result<void>> collect(std::vector<std::string> in_use) override;

 private:
  using Lock = std::shared_ptr<void>;
  // What index.json was when it was read: another process replaces it by a rename.
  struct Version {
    ino_t inode = 0;
    int64_t changed_ns = 0;
    off_t bytes = -1;
    friend bool operator==(const Version&, const Version&) = default;
  };

  std::string path(std::string_view name) const { return directory_ + "/" + std::string{name}; }
  std::string layer_path(const std::string& diff_id) const { return path("layers/" + digest_hex(diff_id)); }

  // store.cc
  Result<void> refresh();  // reads index.json again when it changed
  Result<std::vector<Record>> read_records() const;
  Result<std::string> read_blob(const std::string& digest) const;  // verified
  Result<Image> load_image(const Record& record) const;            // from its blobs, and only if its layers are here
  Task<Result<Lock>> lock();
  Task<Result<void>> write_records(std::vector<Record> records);
  std::string new_name(std::string_view prefix);  // of something in tmp

  // store_import.cc
  // How the images of an import are called: by themselves and `tag`, or, when a registry gave it, only `name`.
  struct ImportNames {
    std::string tag, name;
  };
  Task<Result<ImportReport>> unpack(std::string source, std::string staging, ImportNames names);
  Task<Result<void>> commit(std::string staging, ImportReport report, bool imported);
  Task<Result<void>> place_layer(std::string staging, std::string diff_id);
  Task<Result<std::vector<Image>>> import_locked(std::string source, ImportNames names, bool imported);

  // store_pull.cc
  Task<Result<Image>> pull_as(Reference reference, Credentials credentials);
  Task<Result<std::vector<Image>>> import_layout(std::string layout, Reference reference);
  Task<Result<bool>> download_layout(std::string layout, Reference reference, Credentials credentials,
                                     bool skip_present);
  Task<Result<bool>> download_blobs(Registry& registry, ManifestDocument manifest, std::string blobs,
                                    bool skip_present);
  static Result<Descriptor> choose_manifest(const Registry::Document& index);

  // store_upkeep.cc
  Task<Result<void>> delete_trees(std::vector<std::string> names);  // of tmp
  Task<Result<void>> clear_tmp();
  struct Needs {
    std::vector<std::string> blobs, layers;  // names of their files and folders
  };
  Result<Needs> needs_of(const Record& record) const;
  Task<Result<void>> delete_unreferenced(std::vector<Record> kept);

  Env& env_;
  const std::string directory_;
  const StoreOptions options_;
  Version version_;
  std::vector<Record> records_;
  std::vector<Image> images_;                   // of records_ that are not removed, and whole
  std::map<std::string, std::string> damaged_;  // manifest -> why it is not listed
};

Task<Result<std::unique_ptr<Images>>> open(Env& env, std::string directory, StoreOptions options);
// The reserved image kring.local/host.
Image host_image();

}  // namespace kring::images
