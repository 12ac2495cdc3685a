// A checked value as a FlatBuffer. Children are written before their table, as the format wants; the values of a table
// wait on one stack that all levels share.
#include <algorithm>

#include "objects/base64.h"
#include "objects/check.h"
#include "objects/codec.h"
#include "objects/codec_read.h"
#include "objects/limits.h"
#include "objects/utf8.h"

namespace kring::codec {

namespace {

using Builder = flatbuffers::FlatBufferBuilder;

using read::slot_key, read::slot_number, read::slot_text, read::slot_value;

Error too_deep() { return Error{Reason::bad_request, "the object is nested too deeply"}; }

// A value of another type than its field: check() was not called. Not a crash, since a patch or a hook may have made
// it.
Error unexpected(const FieldInfo& field) {
  return Error{Reason::internal_error, "the value of " + std::string{field.name} + " does not fit its type"};
}

class Encoder {
 public:
  // A stored object keeps neither what its kind says (apiVersion, kind) nor its revision.
  enum class Mode { everything, stored };

  Encoder(Builder& builder, Mode mode) : builder_(builder), mode_(mode) {}

  Result<void> run(const TypeInfo& type, const json::Value& value) {
    if (!value.is_object()) return Error{Reason::internal_error, "an object is needed"};
    KRING_TRY(const Offset root, message(type, value.as_object(), 0));
    builder_.Finish(flatbuffers::Offset<void>(root));
    return {};
  }

 private:
  using Offset = flatbuffers::uoffset_t;
  struct Slot {
    const FieldInfo* field;
    union {
      Offset offset;
      int64_t integer;
      double number;
      bool flag;
    };
  };

  Result<Offset> message(const TypeInfo& type, const json::Object& object, uint32_t depth);
  Result<void> collect(const TypeInfo& type, const json::Object& object, uint32_t depth);
  bool left_out(const FieldInfo& field, uint32_t depth) const;
  Offset finish_table(size_t base);
  Result<Slot> slot(const FieldInfo& field, const json::Value& value, uint32_t depth);
  Result<Offset> element(const FieldInfo& field, const json::Value& value, uint32_t depth);
  Result<Offset> list(const FieldInfo& field, const json::Array& elements, uint32_t depth);
  template <class T>
  Result<Offset> scalars(const FieldInfo& field, const json::Array& elements);
  Result<Offset> map(const FieldInfo& field, const json::Object& object, uint32_t depth);
  Result<Offset> map_value(const FieldInfo& field, const json::Value& value, uint32_t depth);
  Result<Offset> bytes(const std::string& text);
  Result<Offset> int_or_string(const FieldInfo& field, const json::Value& value);
  // Stored texts are UTF-8 whoever wrote them: a message of a program, say, that went into a status unread.
  Offset text(std::string_view value) {
    if (!utf8::valid(value)) [[unlikely]]
      return builder_.CreateString(utf8::sanitized(value)).o;
    return builder_.CreateString(value.data(), value.size()).o;
  }
  // The offsets that were pushed since `base`, as a vector; pops them.
  Offset finish_vector(size_t base);

  Builder& builder_;
  Mode mode_;
  bool in_metadata_ = false;
  std::vector<Slot> slots_;
  std::vector<Offset> offsets_;
};

Result<Encoder::Offset> Encoder::message(const TypeInfo& type, const json::Object& object, uint32_t depth) {
  if (depth > limits::json_depth_max) return too_deep();
  const size_t base = slots_.size();
  KRING_TRY_VOID(collect(type, object, depth));
  return finish_table(base);
}

Result<void> Encoder::collect(const TypeInfo& type, const json::Object& object, uint32_t depth) {
  const bool was_in_metadata = in_metadata_;
  for (const json::Member& member : object.members()) {
    const FieldInfo* field = type.find(member.key);
    if (field == nullptr || member.value.is_null() || left_out(*field, depth)) continue;
    in_metadata_ = depth == 0 && field->name == "metadata";
    auto made = slot(*field, member.value, depth);
    in_metadata_ = was_in_metadata;
    if (made.has_error()) return std::move(made).error();
    slots_.push_back(*made);
  }
  return {};
}

bool Encoder::left_out(const FieldInfo& field, uint32_t depth) const {
  if (mode_ == Mode::everything) return false;
  if (depth == 0) return field.name == "apiVersion" || field.name == "kind";
  return depth == 1 && in_metadata_ && field.name == "resourceVersion";
}

Encoder::Offset Encoder::finish_table(size_t base) {
  const auto start = builder_.StartTable();
  for (size_t i = base; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    const uint16_t at = slot.field->slot;
    if (slot.field->list) {
      builder_.AddOffset(at, flatbuffers::Offset<void>(slot.offset));
      continue;
    }
    switch (slot.field->type) {
      case FieldType::boolean:
        builder_.AddElement<uint8_t>(at, slot.flag ? 1 : 0);
        break;
      case FieldType::int32:
        builder_.AddElement<int32_t>(at, static_cast<int32_t>(slot.integer));
        break;
      case FieldType::int64:
        builder_.AddElement<int64_t>(at, slot.integer);
        break;
      case FieldType::float64:
        builder_.AddElement<double>(at, slot.number);
        break;
      default:
        builder_.AddOffset(at, flatbuffers::Offset<void>(slot.offset));
    }
  }
  slots_.resize(base);
  return builder_.EndTable(start);
}

Result<Encoder::Slot> Encoder::slot(const FieldInfo& field, const json::Value& value, uint32_t depth) {
  Slot slot{&field, {}};
  if (!field.list) {
    switch (field.type) {
      case FieldType::boolean:
        if (!value.is_bool()) return unexpected(field);
        slot.flag = value.as_bool();
        return slot;
      case FieldType::int32:
      case FieldType::int64:
        if (!value.is_int()) return unexpected(field);
        slot.integer = value.as_int();
        return slot;
      case FieldType::float64:
        if (!value.is_number()) return unexpected(field);
        slot.number = value.as_double();
        return slot;
      default:
        break;
    }
    KRING_TRY(slot.offset, element(field, value, depth));
    return slot;
  }
  if (!value.is_array()) return unexpected(field);
  KRING_TRY(slot.offset, list(field, value.as_array(), depth));
  return slot;
}

Result<Encoder::Offset> Encoder::element(const FieldInfo& field, const json::Value& value, uint32_t depth) {
  switch (field.type) {
    case FieldType::raw_json: {
      // Rare enough for a copy: the text is made in a buffer of its own.
      std::string raw;
      json::print_to(raw, value);
      return text(raw);
    }
    case FieldType::int_or_string:
      return int_or_string(field, value);
    case FieldType::message:
      if (!value.is_object()) return unexpected(field);
      return message(*field.message, value.as_object(), depth + 1);
    case FieldType::map_string:
    case FieldType::map_quantity:
    case FieldType::map_bytes:
    case FieldType::map_message:
    case FieldType::map_string_list:
      if (!value.is_object()) return unexpected(field);
      return map(field, value.as_object(), depth + 1);
    default:
      break;
  }
  if (!value.is_string()) return unexpected(field);
  return field.type == FieldType::bytes ? bytes(value.as_string()) : Result<Offset>{text(value.as_string())};
}

Encoder::Offset Encoder::finish_vector(size_t base) {
  builder_.StartVector(offsets_.size() - base, sizeof(Offset));
  for (size_t i = offsets_.size(); i > base; --i) builder_.PushElement(flatbuffers::Offset<void>(offsets_[i - 1]));
  const Offset made = builder_.EndVector(offsets_.size() - base);
  offsets_.resize(base);
  return made;
}

template <class T>
Result<Encoder::Offset> Encoder::scalars(const FieldInfo& field, const json::Array& elements) {
  for (const json::Value& value : elements)
    if (!value.is_number()) return unexpected(field);
  builder_.StartVector(elements.size(), sizeof(T));
  for (size_t i = elements.size(); i > 0; --i) {
    const json::Value& value = elements[i - 1];
    builder_.PushElement(value.is_int() ? static_cast<T>(value.as_int()) : static_cast<T>(value.as_double()));
  }
  return builder_.EndVector(elements.size());
}

Result<Encoder::Offset> Encoder::list(const FieldInfo& field, const json::Array& elements, uint32_t depth) {
  switch (field.type) {
    case FieldType::int32:
      return scalars<int32_t>(field, elements);
    case FieldType::int64:
      return scalars<int64_t>(field, elements);
    case FieldType::float64:
      return scalars<double>(field, elements);
    case FieldType::boolean:
      return unexpected(field);  // no list of flags exists
    default:
      break;
  }
  const size_t base = offsets_.size();
  for (const json::Value& value : elements) {
    KRING_TRY(const Offset made, element(field, value, depth));
    offsets_.push_back(made);
  }
  return finish_vector(base);
}

Result<Encoder::Offset> Encoder::map(const FieldInfo& field, const json::Object& object, uint32_t depth) {
  std::vector<const json::Member*> sorted;
  sorted.reserve(object.size());
  for (const json::Member& member : object.members()) sorted.push_back(&member);
  auto by_key = [](const json::Member* a, const json::Member* b) { return a->key < b->key; };
  if (!std::is_sorted(sorted.begin(), sorted.end(), by_key)) std::sort(sorted.begin(), sorted.end(), by_key);

  const size_t base = offsets_.size();
  for (const json::Member* member : sorted) {
    const Offset key = text(member->key);
    KRING_TRY(const Offset value, map_value(field, member->value, depth));
    const auto start = builder_.StartTable();
    builder_.AddOffset(slot_key, flatbuffers::Offset<void>(key));
    builder_.AddOffset(slot_value, flatbuffers::Offset<void>(value));
    offsets_.push_back(builder_.EndTable(start));
  }
  return finish_vector(base);
}

Result<Encoder::Offset> Encoder::map_value(const FieldInfo& field, const json::Value& value, uint32_t depth) {
  switch (field.type) {
    case FieldType::map_message:
      if (!value.is_object()) return unexpected(field);
      return message(*field.message, value.as_object(), depth + 1);
    case FieldType::map_string_list: {
      if (!value.is_array()) return unexpected(field);
      const size_t base = offsets_.size();
      for (const json::Value& each : value.as_array()) {
        if (!each.is_string()) return unexpected(field);
        offsets_.push_back(text(each.as_string()));
      }
      return finish_vector(base);
    }
    default:
      break;
  }
  if (!value.is_string()) return unexpected(field);
  return field.type == FieldType::map_bytes ? bytes(value.as_string()) : Result<Offset>{text(value.as_string())};
}

Result<Encoder::Offset> Encoder::bytes(const std::string& base64_text) {
  KRING_TRY(const auto decoded, base64_decode(base64_text));
  return builder_.CreateVector(decoded.data(), decoded.size()).o;
}

Result<Encoder::Offset> Encoder::int_or_string(const FieldInfo& field, const json::Value& value) {
  if (!value.is_int() && !value.is_string()) return unexpected(field);
  const Offset string = value.is_string() ? text(value.as_string()) : 0;
  const auto start = builder_.StartTable();
  if (value.is_int()) {
    builder_.AddElement<int32_t>(slot_number, static_cast<int32_t>(value.as_int()));
  } else {
    builder_.AddOffset(slot_text, flatbuffers::Offset<void>(string));
  }
  return builder_.EndTable(start);
}

// One builder serves every call, so that its memory is there already; the result is copied to a buffer of its own size.
Result<Bytes> encode_with(const TypeInfo& type, const json::Value& value, Encoder::Mode mode) {
  constexpr size_t kept_bytes_max = 256 * limits::KiB;
  static thread_local Builder builder{16 * limits::KiB};
  builder.Clear();
  Encoder encoder{builder, mode};
  auto done = encoder.run(type, value);
  if (done.has_error()) {
    builder.Reset();  // an error may leave a table or vector open
    return std::move(done).error();
  }
  std::vector<uint8_t> bytes(builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize());
  if (bytes.size() > kept_bytes_max) builder.Reset();
  return own(std::move(bytes));
}

}  // namespace

Result<Bytes> encode(const Kind& kind, const json::Value& value) {
  return encode_with(type_of(kind), value, Encoder::Mode::stored);
}

Result<Bytes> encode_table(const TypeInfo& type, const json::Value& value) {
  return encode_with(type, value, Encoder::Mode::everything);
}

}  // namespace kring::codec
