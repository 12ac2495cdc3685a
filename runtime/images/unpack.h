// One layer: a tar stream becomes a directory that overlayfs can stack.
// Runs in the confined child; its own rules hold all the same, and are tested without the confinement:
// - every path is resolved by openat2(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS) below the layer's directory; `..`,
//   absolute names and symbolic links cannot leave it; a name with a NUL, too long or too deep is refused;
// - hard links only to files of the same layer, never through a symbolic link at the end;
// - AUFS whiteouts become overlay's: ".wh.x" a 0:0 character device, ".wh..wh..opq" trusted.overlay.opaque;
// - device nodes are left out (containers get their /dev from kring), FIFOs are made;
// - setuid bits and file capabilities are kept, other extended attributes only as user.*, never user.overlay.*;
// - bytes, entries, path length and depth are capped, sparse files by the size they claim.
// A directory that the archive does not name takes mode and owner from the layers below it, where they have it.
// Source: OCI image-spec v1.1 layer.md, overlayfs.rst, openat2(2).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "objects/limits.h"
#include "objects/result.h"
#include "runtime/images/stream.h"

namespace kring::images {

struct UnpackLimits {
  uint64_t layer_bytes_max = limits::image_layer_bytes_max;
  uint64_t layer_entries_max = limits::image_layer_entries_max;
};

struct UnpackResult {
  uint64_t bytes = 0;  // of regular files
  uint64_t files = 0, skipped_devices = 0;
  std::string list;  // what is there, for verify(): see layer_files.h
};

// `root` is a descriptor of the empty directory; `lower` those of the layers below, topmost first.
// Errors: corrupt for a bad archive, io for this machine's trouble (no space left, ...).
Result<UnpackResult> unpack_layer(Stream& tar, int root, const std::vector<int>& lower, const UnpackLimits& caps);

}  // namespace kring::images
