// Untrusted bytes: every offset, length and alignment is inside the buffer, every text is UTF-8, every raw JSON parses,
// every map entry has its key and value. What passes here can be read by accessors and by the codec without a check.
#include "objects/codec.h"
#include "objects/codec_read.h"
#include "objects/limits.h"
#include "objects/utf8.h"

namespace kring::codec {

namespace {

class Verifier {
 public:
  explicit Verifier(std::span<const uint8_t> bytes) : begin_(bytes.data()), size_(bytes.size()) {}

  bool root(const TypeInfo& type) {
    // A smaller buffer cannot hold an offset, a table and its vtable; larger ones would overflow the format's offsets.
    if (size_ < 12 || size_ > limits::object_bytes_max * 4) return false;
    size_t table = 0;
    return follow(0, table) && message(type, table, 0);
  }

 private:
  // Positions are counted from the start of the buffer, so that no pointer outside it is ever formed.
  bool inside(size_t at, size_t bytes) const { return at <= size_ && bytes <= size_ - at; }
  template <class T>
  T get(size_t at) const {
    return read::scalar<T>(begin_ + at);
  }
  bool scalar(size_t at, size_t bytes) const { return at % bytes == 0 && inside(at, bytes); }

  bool follow(size_t at, size_t& target) const {
    if (!scalar(at, 4)) return false;
    const uint32_t offset = get<uint32_t>(at);
    target = at + offset;
    return offset != 0 && target < size_;
  }

  struct Fields {
    size_t table;
    size_t vtable;
    uint16_t vtable_bytes;
  };
  bool open(size_t table, Fields& fields);
  // Where the field is, 0 when absent; false when it lies outside.
  bool find(const Fields& fields, uint16_t slot, size_t& at) const;

  bool message(const TypeInfo& type, size_t table, uint32_t depth);
  bool field(const FieldInfo& info, size_t at, uint32_t depth);
  bool element(const FieldInfo& info, size_t at, uint32_t depth);
  bool vector(size_t at, size_t element_bytes, uint32_t& count) const;
  bool text(size_t at) const;
  bool raw_json(size_t at) const;
  bool texts(size_t at) const;
  bool map(const FieldInfo& info, size_t at, uint32_t depth);
  bool int_or_string(size_t at);

  const uint8_t* begin_;
  size_t size_;
  // Tables and texts may be shared by several offsets; the bound keeps a crafted buffer from being walked for ever.
  uint32_t tables_left_ = limits::json_values_max;
};

bool Verifier::open(size_t table, Fields& fields) {
  if (tables_left_ == 0 || !scalar(table, 4)) return false;
  --tables_left_;
  const int64_t vtable = static_cast<int64_t>(table) - get<int32_t>(table);
  if (vtable < 0 || vtable % 2 != 0) return false;
  fields.table = table;
  fields.vtable = static_cast<size_t>(vtable);
  if (!inside(fields.vtable, 4)) return false;
  fields.vtable_bytes = get<uint16_t>(fields.vtable);
  return fields.vtable_bytes >= 4 && fields.vtable_bytes % 2 == 0 && inside(fields.vtable, fields.vtable_bytes);
}

bool Verifier::find(const Fields& fields, uint16_t slot, size_t& at) const {
  at = 0;
  if (slot >= fields.vtable_bytes) return true;
  const uint16_t offset = get<uint16_t>(fields.vtable + slot);
  if (offset == 0) return true;
  at = fields.table + offset;
  return at < size_;
}

bool Verifier::message(const TypeInfo& type, size_t table, uint32_t depth) {
  Fields fields{};
  if (depth > limits::json_depth_max + 1 || !open(table, fields)) return false;
  for (const FieldInfo& info : type.fields) {
    size_t at = 0;
    if (!find(fields, info.slot, at)) return false;
    if (at != 0 && !field(info, at, depth)) return false;
  }
  return true;
}

bool Verifier::field(const FieldInfo& info, size_t at, uint32_t depth) {
  size_t target = 0;
  if (!info.list) {
    switch (info.type) {
      case FieldType::boolean:
        return scalar(at, 1);
      case FieldType::int32:
        return scalar(at, 4);
      case FieldType::int64:
      case FieldType::float64:
        return scalar(at, 8);
      default:
        return follow(at, target) && element(info, target, depth);
    }
  }
  if (!follow(at, target)) return false;
  uint32_t count = 0;
  switch (info.type) {
    case FieldType::int32:
      return vector(target, 4, count);
    case FieldType::int64:
    case FieldType::float64:
      return vector(target, 8, count);
    default:
      break;
  }
  if (!vector(target, 4, count)) return false;
  for (uint32_t i = 0; i < count; ++i) {
    size_t held = 0;
    if (!follow(target + 4 + 4 * size_t{i}, held) || !element(info, held, depth)) return false;
  }
  return true;
}

bool Verifier::element(const FieldInfo& info, size_t at, uint32_t depth) {
  uint32_t count = 0;
  switch (info.type) {
    case FieldType::raw_json:
      return raw_json(at);
    case FieldType::bytes:
      return vector(at, 1, count);
    case FieldType::int_or_string:
      return int_or_string(at);
    case FieldType::message:
      return message(*info.message, at, depth + 1);
    case FieldType::map_string:
    case FieldType::map_quantity:
    case FieldType::map_bytes:
    case FieldType::map_message:
    case FieldType::map_string_list:
      return map(info, at, depth + 1);
    default:
      return text(at);
  }
}

bool Verifier::vector(size_t at, size_t element_bytes, uint32_t& count) const {
  if (!scalar(at, 4)) return false;
  count = get<uint32_t>(at);
  // Elements are aligned to their own size, counted from the start of the buffer.
  return (at + 4) % element_bytes == 0 && count <= size_ / element_bytes && inside(at + 4, count * element_bytes);
}

bool Verifier::text(size_t at) const {
  uint32_t count = 0;
  if (!vector(at, 1, count) || !inside(at + 4 + count, 1) || begin_[at + 4 + count] != 0) return false;
  return utf8::valid(read::text(begin_ + at));
}

bool Verifier::raw_json(size_t at) const { return text(at) && !json::parse(read::text(begin_ + at)).has_error(); }

bool Verifier::texts(size_t at) const {
  uint32_t count = 0;
  if (!vector(at, 4, count)) return false;
  for (uint32_t i = 0; i < count; ++i) {
    size_t held = 0;
    if (!follow(at + 4 + 4 * size_t{i}, held) || !text(held)) return false;
  }
  return true;
}

bool Verifier::map(const FieldInfo& info, size_t at, uint32_t depth) {
  uint32_t count = 0, bytes = 0;
  if (!vector(at, 4, count)) return false;
  for (uint32_t i = 0; i < count; ++i) {
    size_t entry = 0, key = 0, value = 0, held = 0;
    Fields fields{};
    if (!follow(at + 4 + 4 * size_t{i}, entry) || !open(entry, fields)) return false;
    if (!find(fields, read::slot_key, key) || key == 0 || !follow(key, held) || !text(held)) return false;
    if (!find(fields, read::slot_value, value) || value == 0 || !follow(value, held)) return false;
    const bool good = info.type == FieldType::map_bytes         ? vector(held, 1, bytes)
                      : info.type == FieldType::map_message     ? message(*info.message, held, depth + 1)
                      : info.type == FieldType::map_string_list ? texts(held)
                                                                : text(held);
    if (!good) return false;
  }
  return true;
}

bool Verifier::int_or_string(size_t at) {
  Fields fields{};
  size_t number = 0, string = 0, held = 0;
  if (!open(at, fields) || !find(fields, read::slot_number, number) || !find(fields, read::slot_text, string))
    return false;
  if (number != 0 && !scalar(number, 4)) return false;
  return string == 0 || (follow(string, held) && text(held));
}

}  // namespace

bool verify(const Kind& kind, std::span<const uint8_t> bytes) { return verify_table(type_of(kind), bytes); }

bool verify_table(const TypeInfo& type, std::span<const uint8_t> bytes) { return Verifier{bytes}.root(type); }

}  // namespace kring::codec
