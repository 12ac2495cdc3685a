// The child's side of an import: an archive becomes a staging directory that the parent commits by renames.
//   staging/blobs/<hex>          manifests, indexes, configs: digests verified
//   staging/layers/<hex>/fs      new layers, unpacked, their blob's and diff id's digests verified while streaming
//   staging/layers/<hex>/files   their lists (layer_files.h)
// Invariant: when it returns success, all of it was synced.
#pragma once

#include <string>
#include <vector>

#include "runtime/images/unpack.h"

namespace kring::images {

struct ImportJob {
  int archive = -1;       // a file or a directory
  int staging = -1;       // the empty staging directory
  int layers = -1;        // D/images/layers: what is there already
  std::string tag;        // for an image without a name of its own; also added to a single one
  bool nameless = false;  // images need no name: the caller gives them theirs
  UnpackLimits caps;
};

struct ImportedImage {
  std::string manifest;            // digest
  std::string index;               // digest of the multi-architecture index it came from; or empty
  std::vector<std::string> names;  // normalised references
};
struct ImportReport {
  std::vector<ImportedImage> images;
  std::vector<std::string> blobs;   // digests in staging/blobs
  std::vector<std::string> layers;  // diff ids in staging/layers: new or replacing damaged ones
};

Result<ImportReport> import_archive(const ImportJob& job);

std::string print_report(const ImportReport& report);
Result<ImportReport> parse_report(std::string_view text);  // distrusts the child: every digest is checked to be one

}  // namespace kring::images
