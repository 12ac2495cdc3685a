// The outside of an image archive: members by name, whether it is a tar (also gzip or zstd) or a directory.
// A tar is read once to learn where its members are; a compressed one is unpacked to a temporary file first.
// Runs in the confined child. Lifetime: regions are valid as long as the Archive.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/env/linux/unique_fd.h"
#include "runtime/images/stream.h"

namespace kring::images {

class Archive {
 public:
  virtual ~Archive() = default;
  virtual Result<Region> find(const std::string& name) = 0;  // not_found when there is none
};

// `fd` is a file or a directory and stays the caller's; `work` is a directory for the temporary file.
Result<std::unique_ptr<Archive>> open_archive(int fd, int work, uint64_t bytes_max);

// A whole small member, at most limits::image_document_bytes_max.
Result<std::string> read_document(Archive& archive, const std::string& name);
Result<std::string> read_region(Region region, const std::string& name);

}  // namespace kring::images
