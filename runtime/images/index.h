// D/images/index.json: what images are here, under which names. An OCI index, so that other tools can read it; what
// OCI has no word for is in annotations that begin with "kring.".
// Pure: text in, values out, and back.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/images/images.h"

namespace kring::images {

struct Record {
  std::string manifest;  // digest
  uint64_t manifest_bytes = 0;
  std::string index;                    // digest of the multi-architecture index it came from; or empty
  std::vector<std::string> references;  // normalised: "docker.io/library/busybox:latest"
  bool imported = false;                // a person brought it: never collected
  bool removed = false;                 // a person removed it, but containers may still use its layers
  Wall since;
};

std::string print_index_file(const std::vector<Record>& records);
// Errors: corrupt.
Result<std::vector<Record>> parse_index_file(std::string_view text);

// Adds or renews an image. Its names are taken from images that had them; one that lost its last name goes, unless
// something may still use it.
void put_record(std::vector<Record>& records, Record record);

}  // namespace kring::images
