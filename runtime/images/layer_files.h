// The list of a layer's files that is stored beside them, so that damage (a power cut that left files empty, a bad
// sector) is found and named: D/images/layers/<diff id>/files.
//   kring-layer 1 <diff id> <bytes of the tar> <bytes of files> <CRC-32C of the lines that follow, hex>
//   <kind> <CRC-32C of the content, hex> <size> <mode, octal> <path, percent-encoded>     one line an entry
// Kinds: f file, d directory, l symbolic link (size and checksum of its target), o other (whiteouts, FIFOs).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "objects/result.h"

namespace kring::images {

struct LayerFile {
  char kind = 'f';
  uint32_t checksum = 0, mode = 0;
  uint64_t size = 0;
  std::string path;  // relative to the layer's root
};
struct LayerFiles {
  std::string diff_id;
  uint64_t tar_bytes = 0, bytes = 0;
  std::vector<LayerFile> files;
};

std::string print_layer_file(const LayerFile& file);
std::string print_layer_files(std::string_view diff_id, uint64_t tar_bytes, uint64_t bytes, std::string_view lines);
// Only the first line: what listing images needs.
Result<LayerFiles> parse_layer_header(std::string_view text);
Result<LayerFiles> parse_layer_files(std::string_view text);

// Reads every file below `root` (a descriptor of the layer's fs) again. What is wrong, one line a file, at most 20.
std::vector<std::string> check_layer_files(int root, const LayerFiles& expected);

}  // namespace kring::images
