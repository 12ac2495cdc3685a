#include "runtime/images/index.h"

#include <algorithm>

#include "objects/json.h"
#include "objects/time.h"
#include "runtime/images/digest.h"

namespace kring::images {
namespace {

constexpr const char* format = "1";

std::string join(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    size_t end = std::min(text.find(' '), text.size());
    if (end > 0) out.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

Result<Record> read_record(const json::Value& value) {
  Record out;
  out.manifest = value.string_or("digest");
  out.manifest_bytes = static_cast<uint64_t>(std::max<int64_t>(0, value.int_or("size", 0)));
  const json::Value* annotations = value.find("annotations");
  if (!is_digest(out.manifest) || annotations == nullptr) return Error{Reason::corrupt, "index.json is damaged"};
  out.index = annotations->string_or("kring.index");
  out.references = split(annotations->string_or("kring.references"));
  out.imported = annotations->string_or("kring.imported") == "true";
  out.removed = annotations->string_or("kring.removed") == "true";
  if (auto since = parse_time(annotations->string_or("kring.since")); since.has_value()) {
    out.since.ns = since->to_nanos();
  }
  if (!out.index.empty() && !is_digest(out.index)) return Error{Reason::corrupt, "index.json is damaged"};
  return out;
}

}  // namespace

std::string print_index_file(const std::vector<Record>& records) {
  json::Array manifests;
  for (const auto& record : records) {
    json::Object annotations;
    annotations.set("kring.references", join(record.references));
    annotations.set("kring.since", print_nano_time(Timestamp::from_nanos(record.since.ns)));
    if (!record.index.empty()) annotations.set("kring.index", record.index);
    if (record.imported) annotations.set("kring.imported", "true");
    if (record.removed) annotations.set("kring.removed", "true");
    json::Object descriptor;
    descriptor.set("mediaType", "application/vnd.oci.image.manifest.v1+json");
    descriptor.set("digest", record.manifest);
    descriptor.set("size", static_cast<int64_t>(record.manifest_bytes));
    descriptor.set("annotations", std::move(annotations));
    manifests.emplace_back(std::move(descriptor));
  }
  json::Object document;
  document.set("schemaVersion", 2);
  document.set("mediaType", "application/vnd.oci.image.index.v1+json");
  document.set("manifests", std::move(manifests));
  document.set("annotations", json::Object{{"kring.format", format}});
  return json::print_pretty(document) + "\n";
}

Result<std::vector<Record>> parse_index_file(std::string_view text) {
  auto parsed = json::parse(text);
  if (parsed.has_error()) return Error{Reason::corrupt, "index.json is damaged: " + parsed.error().message};
  const json::Value* written = parsed->value.at({"annotations", "kring.format"});
  if (written == nullptr || !written->is_string() || written->as_string() != format) {
    return Error{Reason::corrupt, "index.json is of a format that this kring does not know"};
  }
  const json::Value* manifests = parsed->value.find("manifests");
  if (manifests == nullptr || !manifests->is_array()) return Error{Reason::corrupt, "index.json is damaged"};
  std::vector<Record> out;
  for (const auto& item : manifests->as_array()) {
    KRING_TRY(out.emplace_back(), read_record(item));
  }
  return out;
}

void put_record(std::vector<Record>& records, Record record) {
  for (auto& other : records) {
    if (other.manifest == record.manifest) continue;
    std::erase_if(other.references, [&](const std::string& name) {
      return std::find(record.references.begin(), record.references.end(), name) != record.references.end();
    });
    // A nameless image keeps its layers until collect() is told what is in use.
    if (other.references.empty()) other.removed = true;
  }
  auto known = std::find_if(records.begin(), records.end(),
                            [&](const Record& other) { return other.manifest == record.manifest; });
  if (known == records.end()) {
    records.push_back(std::move(record));
    return;
  }
  for (auto& name : record.references) {
    bool there = std::find(known->references.begin(), known->references.end(), name) != known->references.end();
    if (!there) known->references.push_back(std::move(name));
  }
  known->imported = known->imported || record.imported;
  known->removed = false;
  if (!record.index.empty()) known->index = record.index;
  known->since = record.since;
}

}  // namespace kring::images
