#include <openssl/evp.h>
#include <zlib.h>
#include <zstd.h>

#include <cstdlib>

#include "examples/mkimage/archive.h"

namespace mkimage {
namespace {

constexpr const char* manifest_type = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* index_type = "application/vnd.oci.image.index.v1+json";
constexpr const char* config_type = "application/vnd.oci.image.config.v1+json";

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string list(const std::vector<std::string>& items) {
  std::string out;
  for (const auto& item : items) out += (out.empty() ? "[" : ",") + quoted(item);
  return out.empty() ? "[]" : out + "]";
}

std::string descriptor(std::string_view type, std::string_view content) {
  return "{\"mediaType\":" + quoted(type) + ",\"digest\":" + quoted(digest(content)) +
         ",\"size\":" + std::to_string(content.size());
}

std::string config_json(const Image& image) {
  std::string out = "{\"created\":" + quoted(image.created) + ",\"architecture\":" +
                    quoted(image.architecture.empty() ? this_architecture() : image.architecture) +
                    ",\"os\":" + quoted(image.os) + ",\"config\":{";
  std::string members;
  auto member = [&](const char* name, const std::string& value) {
    members += std::string{members.empty() ? "" : ","} + quoted(name) + ":" + value;
  };
  if (!image.user.empty()) member("User", quoted(image.user));
  if (!image.env.empty()) member("Env", list(image.env));
  if (!image.entrypoint.empty()) member("Entrypoint", list(image.entrypoint));
  if (!image.command.empty()) member("Cmd", list(image.command));
  if (!image.working_directory.empty()) member("WorkingDir", quoted(image.working_directory));
  if (!image.stop_signal.empty()) member("StopSignal", quoted(image.stop_signal));
  if (!image.labels.empty()) {
    std::string labels;
    for (const auto& [key, value] : image.labels) {
      labels += (labels.empty() ? "{" : ",") + quoted(key) + ":" + quoted(value);
    }
    member("Labels", labels + "}");
  }
  std::vector<std::string> diff_ids;
  for (const auto& layer : image.layers) diff_ids.push_back(digest(layer));
  return out + members + "},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":" + list(diff_ids) + "}}";
}

std::string blob_name(std::string_view content) { return "blobs/sha256/" + digest(content).substr(7); }

// The manifest of one image; its blobs go into `files`.
std::string add_image(const Image& image, Compression how, std::map<std::string, std::string>& files) {
  static constexpr const char* layer_types[] = {"application/vnd.oci.image.layer.v1.tar",
                                                "application/vnd.oci.image.layer.v1.tar+gzip",
                                                "application/vnd.oci.image.layer.v1.tar+zstd"};
  std::string config = config_json(image);
  std::string manifest = "{\"schemaVersion\":2,\"mediaType\":" + quoted(manifest_type) +
                         ",\"config\":" + descriptor(config_type, config) + "},\"layers\":[";
  for (size_t i = 0; i < image.layers.size(); ++i) {
    std::string blob = compress(image.layers[i], how);
    manifest += (i == 0 ? "" : ",") + descriptor(layer_types[static_cast<size_t>(how)], blob) + "}";
    files[blob_name(blob)] = std::move(blob);
  }
  manifest += "]}";
  files[blob_name(config)] = config;
  files[blob_name(manifest)] = manifest;
  return manifest;
}

std::string platform(const Image& image) {
  return ",\"platform\":{\"architecture\":" +
         quoted(image.architecture.empty() ? this_architecture() : image.architecture) + ",\"os\":" + quoted(image.os) +
         "}";
}

// The entries of the top index for one descriptor: one a tag, or one without a name.
void add_names(std::vector<std::string>& entries, const std::string& open_descriptor,
               const std::vector<std::string>& tags) {
  for (const auto& tag : tags) {
    size_t colon = tag.rfind(':');
    entries.push_back(open_descriptor + ",\"annotations\":{\"io.containerd.image.name\":" + quoted(tag) +
                      ",\"org.opencontainers.image.ref.name\":" +
                      quoted(colon == std::string::npos ? tag : tag.substr(colon + 1)) + "}}");
  }
  if (tags.empty()) entries.push_back(open_descriptor + "}");
}

std::string index_json(const std::vector<std::string>& entries) {
  std::string out = "{\"schemaVersion\":2,\"mediaType\":" + quoted(index_type) + ",\"manifests\":[";
  for (size_t i = 0; i < entries.size(); ++i) out += (i == 0 ? "" : ",") + entries[i];
  return out + "]}";
}

}  // namespace

std::string this_architecture() {
#if defined(__aarch64__)
  return "arm64";
#else
  return "amd64";
#endif
}

std::string digest(std::string_view data) {
  unsigned char raw[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  if (EVP_Digest(data.data(), data.size(), raw, &length, EVP_sha256(), nullptr) != 1) std::abort();
  std::string out = "sha256:";
  for (unsigned i = 0; i < length; ++i) {
    out += "0123456789abcdef"[raw[i] >> 4];
    out += "0123456789abcdef"[raw[i] & 15];
  }
  return out;
}

std::string compress(std::string_view data, Compression how) {
  if (how == Compression::none) return std::string{data};
  if (how == Compression::zstd) {
    std::string out(ZSTD_compressBound(data.size()), '\0');
    out.resize(ZSTD_compress(out.data(), out.size(), data.data(), data.size(), 3));
    return out;
  }
  z_stream stream{};
  if (deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) std::abort();
  std::string out(deflateBound(&stream, data.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) std::abort();
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::map<std::string, std::string> oci_layout(const std::vector<Image>& images, Compression how, bool nested) {
  std::map<std::string, std::string> files{{"oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}"}};
  std::vector<std::string> entries, inner;
  for (const auto& image : images) {
    std::string manifest = add_image(image, how, files);
    std::string open = descriptor(manifest_type, manifest) + platform(image);
    if (nested) {
      inner.push_back(open + "}");
    } else {
      add_names(entries, open, image.tags);
    }
  }
  if (nested) {
    std::string index = index_json(inner);
    files[blob_name(index)] = index;
    add_names(entries, descriptor(index_type, index), images.empty() ? std::vector<std::string>{} : images[0].tags);
  }
  files["index.json"] = index_json(entries);
  return files;
}

std::map<std::string, std::string> docker_save(const std::vector<Image>& images) {
  std::map<std::string, std::string> files;
  std::string manifest;
  for (const auto& image : images) {
    std::string config = config_json(image), config_name = digest(config).substr(7) + ".json";
    std::vector<std::string> names;
    for (const auto& layer : image.layers) {
      names.push_back(digest(layer).substr(7) + "/layer.tar");
      files[names.back()] = layer;
    }
    files[config_name] = config;
    manifest += (manifest.empty() ? "[" : ",") + std::string{"{\"Config\":"} + quoted(config_name) +
                ",\"RepoTags\":" + (image.tags.empty() ? "null" : list(image.tags)) + ",\"Layers\":" + list(names) +
                "}";
  }
  files["manifest.json"] = manifest + "]";
  return files;
}

}  // namespace mkimage
