#include "objects/object.h"

#include "objects/check.h"
#include "objects/codec.h"
#include "objects/kinds.h"
#include "objects/schema/meta_generated.h"

namespace kring {

namespace {

// Every kind's table begins with apiVersion, kind and metadata; a test checks it. Kinds without metadata have another
// field there or none.
constexpr flatbuffers::voffset_t metadata_slot = 8;

bool has_metadata(const Kind& kind) {
  const codec::FieldInfo* field = codec::type_of(kind).find("metadata");
  return field != nullptr && field->slot == metadata_slot && field->message->name == "ObjectMeta";
}

}  // namespace

Bytes own(std::vector<uint8_t> bytes) {
  auto owner = std::make_shared<const std::vector<uint8_t>>(std::move(bytes));
  return Bytes{{owner->data(), owner->size()}, owner};
}

Bytes own(flatbuffers::DetachedBuffer bytes) {
  auto owner = std::make_shared<const flatbuffers::DetachedBuffer>(std::move(bytes));
  return Bytes{{owner->data(), owner->size()}, owner};
}

Object::Object(const Kind& kind, Bytes bytes, Revision revision)
    : kind_(&kind), bytes_(std::move(bytes)), revision_(revision), meta_(nullptr) {
  KRING_CHECK(bytes_.data.size() >= 12, "an object is a FlatBuffer");
  if (has_metadata(kind)) meta_ = as<flatbuffers::Table>()->GetPointer<const meta::ObjectMeta*>(metadata_slot);
}

std::string_view Object::ns() const { return meta_ == nullptr ? std::string_view{} : view(meta_->namespace_()); }
std::string_view Object::name() const { return meta_ == nullptr ? std::string_view{} : view(meta_->name()); }
std::string_view Object::uid() const { return meta_ == nullptr ? std::string_view{} : view(meta_->uid()); }
bool Object::deleting() const { return meta_ != nullptr && meta_->deletion_timestamp() != nullptr; }

const std::string& Object::json() const {
  if (json_ == nullptr) {
    auto text = std::make_unique<std::string>();
    codec::print_to(*text, *kind_, bytes_.data, revision_);
    text->shrink_to_fit();
    json_ = std::move(text);
  }
  return *json_;
}

}  // namespace kring
