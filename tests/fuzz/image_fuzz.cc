// Images from strangers: documents and layers. Any bytes are refused or become values that print and read back; a layer
// never leaves its directory.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "objects/check.h"
#include "runtime/images/digest.h"
#include "runtime/images/importer.h"
#include "runtime/images/index.h"
#include "runtime/images/layer_files.h"
#include "runtime/images/manifest.h"
#include "runtime/images/paths.h"
#include "runtime/images/registry.h"
#include "tests/fuzz/targets.h"

namespace kring::fuzz {

namespace {

class TextStream final : public images::Stream {
 public:
  explicit TextStream(std::string_view text) : text_(text) {}
  Result<size_t> read(std::span<uint8_t> out) override {
    const size_t count = std::min(out.size(), text_.size());
    std::copy_n(text_.begin(), count, out.begin());
    text_.remove_prefix(count);
    return count;
  }

 private:
  std::string_view text_;
};

void check_reference(std::string_view text) {
  const auto reference = images::parse_reference(text);
  if (reference.has_error()) {
    KRING_CHECK(reference.error().reason == Reason::invalid && !reference.error().message.empty());
    return;
  }
  const auto again = images::parse_reference(reference->str());
  KRING_CHECK(again.has_value() && again->str() == reference->str(), reference->str());
}

// Unpacks into a directory of its own; what is beside it must stay.
void unpack_once(const std::string& scratch, std::string_view input) {
  const std::string root = scratch + "/layer/root";
  std::filesystem::create_directories(root);
  const UniqueFd fd{::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  TextStream text{input};
  auto plain = images::make_decompressor(text);
  if (plain.has_error()) return;
  images::UnpackLimits caps{.layer_bytes_max = 1 << 20, .layer_entries_max = 500};
  images::HashingStream capped{**plain, 4 << 20, "the layer"};
  const auto result = images::unpack_layer(capped, fd.get(), {}, caps);
  if (result.has_error()) return;
  KRING_CHECK(result->bytes <= caps.layer_bytes_max);
  const std::string id = "sha256:" + std::string(64, '0');
  const auto list = images::parse_layer_files(images::print_layer_files(id, 0, result->bytes, result->list));
  KRING_CHECK(list.has_value());
  KRING_CHECK(images::check_layer_files(fd.get(), *list).empty());
}

}  // namespace

void image_documents(std::string_view input) {
  check_reference(input);
  for (const char* type : {"", "application/vnd.oci.image.manifest.v1+json"}) {
    const auto index = images::parse_index(input, type);
    const auto manifest = images::parse_manifest(input, type);
    KRING_CHECK(index.has_error() || manifest.has_error());  // never both: CVE-2021-41190
  }
  KRING_MAYBE(images::parse_config(input).has_error());
  KRING_MAYBE(images::parse_docker_manifest(input).has_error());
  KRING_MAYBE(images::parse_layer_files(input).has_error());
  KRING_MAYBE(images::parse_challenge(input).scheme.empty());
  if (const auto name = images::clean_member_name(input); name.has_value()) {
    KRING_CHECK(name->find("..") == std::string::npos || images::clean_member_name(*name).has_value());
    KRING_CHECK(!name->starts_with('/') && !name->ends_with('/'));
  }
  if (const auto report = images::parse_report(input); report.has_value()) {
    KRING_CHECK(images::parse_report(images::print_report(*report)).has_value());
  }
  if (const auto records = images::parse_index_file(input); records.has_value()) {
    const std::string text = images::print_index_file(*records);
    const auto again = images::parse_index_file(text);
    KRING_CHECK(again.has_value() && images::print_index_file(*again) == text, text);
  }
}

void image_layer(std::string_view input) {
  char scratch[] = "/tmp/kring-fuzz-XXXXXX";
  KRING_CHECK(::mkdtemp(scratch) != nullptr);
  unpack_once(scratch, input);
  size_t beside = 0;
  for (const auto& entry : std::filesystem::directory_iterator{std::string{scratch} + "/layer"}) {
    KRING_CHECK(entry.path().filename() == "root");
    ++beside;
  }
  KRING_CHECK(beside == 1);
  const UniqueFd tmp{::open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  KRING_CHECK(images::remove_tree_at(tmp.get(), scratch + 5).has_value());
}

}  // namespace kring::fuzz
