// Writes container images without a container engine: tar layers, OCI archives and layouts, docker-save archives.
// Output depends on the input only (times are fixed), so the same input has the same digest everywhere.
// For examples and tests; kring itself only reads images.
// Source: OCI image-spec v1.1; POSIX.1-2001 pax; Docker image tarball v1.2.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace mkimage {

// One member of a tar. Fields are written as they are: tests use this for hostile archives.
struct Entry {
  std::string path;
  char type = '0';  // '0' file, '1' hard link, '2' symlink, '3' char, '5' directory, ...
  std::string content;
  std::string link;
  uint32_t mode = 0644, uid = 0, gid = 0;
  int64_t mtime = 0;
  uint32_t device_major = 0, device_minor = 0;
  std::map<std::string, std::string> pax;  // records of an extended header before this member
};

std::string tar(const std::vector<Entry>& entries);
// Adds the directories above each entry that no entry names.
std::vector<Entry> with_parents(std::vector<Entry> entries);
// The tree below a host directory: owner root, directories 0755, files 0755 or 0644, symlinks kept.
std::vector<Entry> tree(const std::string& directory);

enum class Compression : uint8_t { none, gzip, zstd };
std::string compress(std::string_view data, Compression how);
std::string digest(std::string_view data);  // "sha256:..."

struct Image {
  std::vector<std::string> layers;  // uncompressed tars, lowest first
  std::vector<std::string> tags;
  std::vector<std::string> entrypoint, command, env;
  std::string user, working_directory, stop_signal;
  std::map<std::string, std::string> labels;
  std::string architecture;  // "amd64", "arm64"; this machine's when empty
  std::string os = "linux";
  std::string created = "2026-01-01T00:00:00Z";
};
std::string this_architecture();

// Files of an OCI layout by name ("oci-layout", "index.json", "blobs/sha256/..."); several images in one index.
// `nested`: the images of one tag form an index of their own (one image per architecture).
std::map<std::string, std::string> oci_layout(const std::vector<Image>& images, Compression how, bool nested = false);
std::map<std::string, std::string> docker_save(const std::vector<Image>& images);
std::string archive(const std::map<std::string, std::string>& files);  // as a tar

}  // namespace mkimage
