// One revision of one object: an immutable FlatBuffer shared by store, watchers, controllers and DNS.
// Invariants: the bytes are a verified FlatBuffer of kind->table; metadata.resource_version is never in the bytes, the
// revision beside them is the truth and the codec prints it; nothing in an Object ever changes after it is made (the
// JSON cache is filled once).
// Lifetime: shared_ptr to const is the only handle; a reader may keep it across awaits.
#pragma once

#include <flatbuffers/flatbuffers.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kring {

namespace meta {
struct ObjectMeta;
}
struct Kind;

using Revision = uint64_t;

// The bytes of an object: owned, or a view into a mapped snapshot that `owner` keeps alive.
struct Bytes {
  std::span<const uint8_t> data;
  std::shared_ptr<const void> owner;
};
Bytes own(std::vector<uint8_t> bytes);
Bytes own(flatbuffers::DetachedBuffer bytes);

class Object {
 public:
  // REQUIRES: bytes hold a verified FlatBuffer of `kind` (codec::encode made it, or codec::verify passed).
  Object(const Kind& kind, Bytes bytes, Revision revision);
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  const Kind& kind() const { return *kind_; }
  Revision revision() const { return revision_; }
  std::span<const uint8_t> bytes() const { return bytes_.data; }
  const Bytes& shared_bytes() const { return bytes_; }

  // The accessors of the kind's table: object.as<core::Pod>()->spec()->node_name(). REQUIRES: T is the kind's table.
  template <class T>
  const T* as() const {
    return flatbuffers::GetRoot<T>(bytes_.data.data());
  }
  // Null for the rare kind without metadata.
  const meta::ObjectMeta* meta() const { return meta_; }
  std::string_view ns() const;  // empty for cluster-scoped kinds
  std::string_view name() const;
  std::string_view uid() const;
  bool deleting() const;  // has a deletionTimestamp

  // The JSON of this revision in the kind's stored version, made on first use and kept.
  const std::string& json() const;

 private:
  const Kind* kind_;
  Bytes bytes_;
  Revision revision_;
  const meta::ObjectMeta* meta_;
  mutable std::unique_ptr<const std::string> json_;
};

using ObjectPtr = std::shared_ptr<const Object>;

// FlatBuffers strings as views; null is empty.
inline std::string_view view(const flatbuffers::String* s) {
  return s == nullptr ? std::string_view{} : std::string_view{s->c_str(), s->size()};
}

// The entry of a map (labels, limits, data, ...) with this key, or null: entries are sorted by key.
//   const auto* app = lookup(pod->metadata()->labels(), "app");
template <class Entry>
const Entry* lookup(const flatbuffers::Vector<flatbuffers::Offset<Entry>>* entries, std::string_view key) {
  uint32_t low = 0, high = entries == nullptr ? 0 : entries->size();
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    const Entry* entry = entries->Get(middle);
    const int order = view(entry->key()).compare(key);
    if (order == 0) return entry;
    if (order < 0) low = middle + 1;
    if (order > 0) high = middle;
  }
  return nullptr;
}

}  // namespace kring
