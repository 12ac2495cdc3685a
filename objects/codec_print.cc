// Compact JSON straight from the bytes: one walk over the descriptors, no value in between. This is what every read
// and watch sends, so it writes by pointer into memory that is known to suffice.
#include <charconv>
#include <cmath>

#include "objects/base64.h"
#include "objects/check.h"
#include "objects/codec.h"
#include "objects/codec_read.h"

namespace kring::codec {

namespace {

using read::Table;

// How many bytes a plain run has at the front of [p, end): no quote, backslash or control character.
inline size_t plain_run(const char* p, const char* end) {
  constexpr uint64_t ones = 0x0101010101010101, high = 0x8080808080808080;
  const char* const start = p;
  for (; end - p >= 8; p += 8) {
    uint64_t word;
    std::memcpy(&word, p, 8);
    auto zero = [](uint64_t w) { return (w - ones) & ~w & high; };
    const uint64_t hits = ((word - ones * 0x20) & ~word & high) | zero(word ^ ones * '"') | zero(word ^ ones * '\\');
    if (hits != 0) break;  // the exact byte is found below
  }
  while (p != end && static_cast<unsigned char>(*p) >= 0x20 && *p != '"' && *p != '\\') ++p;
  return static_cast<size_t>(p - start);
}

// Appends to a string through a pointer; the string is cut to its true size at the end.
class Writer {
 public:
  Writer(std::string& out, size_t expected) : out_(out), used_(out.size()) { out_.resize(used_ + expected); }
  ~Writer() { out_.resize(used_); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void put(char c) {
    need(1);
    out_[used_++] = c;
  }
  void put(std::string_view text) {
    need(text.size());
    std::memcpy(out_.data() + used_, text.data(), text.size());
    used_ += text.size();
  }
  void quoted(std::string_view text);
  template <class T>
  void number(T value) {
    need(32);
    char* const at = out_.data() + used_;
    used_ = static_cast<size_t>(std::to_chars(at, at + 32, value).ptr - out_.data());
  }
  // The comma that separates from what was printed last, unless that opened a list or object.
  void separate() {
    const char last = out_[used_ - 1];
    if (last != '{' && last != '[') put(',');
  }

 private:
  void need(size_t more) {
    if (out_.size() - used_ < more) [[unlikely]]
      out_.resize((used_ + more) * 2);
  }
  void escaped(unsigned char c);

  std::string& out_;
  size_t used_;
};

void Writer::quoted(std::string_view text) {
  need(text.size() + 2);
  put('"');
  const char* p = text.data();
  const char* const end = p + text.size();
  while (true) {
    const size_t run = plain_run(p, end);
    put(std::string_view{p, run});
    p += run;
    if (p == end) break;
    escaped(static_cast<unsigned char>(*p++));
  }
  put('"');
}

void Writer::escaped(unsigned char c) {
  switch (c) {
    case '"':
      return put("\\\"");
    case '\\':
      return put("\\\\");
    case '\n':
      return put("\\n");
    case '\r':
      return put("\\r");
    case '\t':
      return put("\\t");
    case '\b':
      return put("\\b");
    case '\f':
      return put("\\f");
    default:
      break;
  }
  constexpr char hex[] = "0123456789abcdef";
  const char code[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
  put(std::string_view{code, sizeof code});
}

class Printer {
 public:
  explicit Printer(Writer& out) : out_(out) {}

  void object(const Kind& kind, const TypeInfo& type, const uint8_t* root, Revision revision);
  void message(const TypeInfo& type, const uint8_t* table) {
    out_.put('{');
    fields(type, Table{table});
    out_.put('}');
  }

 private:
  void fields(const TypeInfo& type, const Table& table) {
    for (const FieldInfo* field : type.printed) {
      const uint8_t* at = table.field(field->slot);
      if (at == nullptr) continue;
      out_.separate();
      out_.put(field->printed_name);
      value(*field, at);
    }
  }
  void metadata(const TypeInfo& type, const uint8_t* table, Revision revision);
  void value(const FieldInfo& field, const uint8_t* at);
  void list(const FieldInfo& field, const uint8_t* vector);
  void element(const FieldInfo& field, const uint8_t* at);
  void map(const FieldInfo& field, const uint8_t* vector);
  void strings(const uint8_t* vector);
  void int_or_string(const uint8_t* table);
  void number(double value);
  void bytes(const uint8_t* vector) {
    out_.put('"');
    out_.put(base64_encode(std::span{read::elements(vector), read::length(vector)}));
    out_.put('"');
  }

  Writer& out_;
};

// The kind's own name first, then the fields, with the revision among those of metadata.
void Printer::object(const Kind& kind, const TypeInfo& type, const uint8_t* root, Revision revision) {
  out_.put("{\"apiVersion\":\"");
  if (!kind.group.empty()) {
    out_.put(kind.group);
    out_.put('/');
  }
  out_.put(kind.version);
  out_.put("\",\"kind\":\"");
  out_.put(kind.kind);
  out_.put('"');
  const Table table{root};
  for (const FieldInfo* field : type.printed) {
    const uint8_t* at = table.field(field->slot);
    const bool is_metadata = field->name == "metadata";
    if (at == nullptr && !(is_metadata && revision != 0)) continue;
    out_.put(',');
    out_.put(field->printed_name);
    if (is_metadata) {
      metadata(*field->message, at == nullptr ? nullptr : read::follow(at), revision);
    } else {
      value(*field, at);
    }
  }
  out_.put('}');
}

void Printer::metadata(const TypeInfo& type, const uint8_t* bytes, Revision revision) {
  out_.put('{');
  for (const FieldInfo* field : type.printed) {
    if (field->name == "resourceVersion") {
      if (revision == 0) continue;
      out_.separate();
      out_.put(field->printed_name);
      out_.put('"');
      out_.number(revision);
      out_.put('"');
      continue;
    }
    const uint8_t* at = bytes == nullptr ? nullptr : Table{bytes}.field(field->slot);
    if (at == nullptr) continue;
    out_.separate();
    out_.put(field->printed_name);
    value(*field, at);
  }
  out_.put('}');
}

// `at` is where the table keeps the field: the scalar itself, or an offset.
void Printer::value(const FieldInfo& field, const uint8_t* at) {
  if (field.list) return list(field, read::follow(at));
  switch (field.type) {
    case FieldType::boolean:
      return out_.put(*at != 0 ? std::string_view{"true"} : std::string_view{"false"});
    case FieldType::int32:
      return out_.number(read::scalar<int32_t>(at));
    case FieldType::int64:
      return out_.number(read::scalar<int64_t>(at));
    case FieldType::float64:
      return number(read::scalar<double>(at));
    default:
      return element(field, read::follow(at));
  }
}

void Printer::number(double value) {
  if (std::isfinite(value)) {
    out_.number(value);
  } else {
    out_.put("0");  // JSON has no word for it, and check() lets none in
  }
}

void Printer::list(const FieldInfo& field, const uint8_t* vector) {
  const uint32_t count = read::length(vector);
  out_.put('[');
  for (uint32_t i = 0; i < count; ++i) {
    if (i != 0) out_.put(',');
    switch (field.type) {
      case FieldType::int32:
        out_.number(read::scalar<int32_t>(read::elements(vector) + 4 * size_t{i}));
        break;
      case FieldType::int64:
        out_.number(read::scalar<int64_t>(read::elements(vector) + 8 * size_t{i}));
        break;
      case FieldType::float64:
        number(read::scalar<double>(read::elements(vector) + 8 * size_t{i}));
        break;
      default:
        element(field, read::element(vector, i));
    }
  }
  out_.put(']');
}

void Printer::element(const FieldInfo& field, const uint8_t* at) {
  switch (field.type) {
    case FieldType::raw_json:
      return out_.put(read::text(at));
    case FieldType::bytes:
      return bytes(at);
    case FieldType::int_or_string:
      return int_or_string(at);
    case FieldType::message:
      return message(*field.message, at);
    case FieldType::map_string:
    case FieldType::map_quantity:
    case FieldType::map_bytes:
    case FieldType::map_message:
    case FieldType::map_string_list:
      return map(field, at);
    default:
      return out_.quoted(read::text(at));
  }
}

void Printer::int_or_string(const uint8_t* bytes) {
  const Table table{bytes};
  if (const uint8_t* text = table.pointer(read::slot_text)) return out_.quoted(read::text(text));
  const uint8_t* number = table.field(read::slot_number);
  out_.number(number == nullptr ? 0 : read::scalar<int32_t>(number));
}

void Printer::strings(const uint8_t* vector) {
  out_.put('[');
  for (uint32_t i = 0; i < read::length(vector); ++i) {
    if (i != 0) out_.put(',');
    out_.quoted(read::text(read::element(vector, i)));
  }
  out_.put(']');
}

void Printer::map(const FieldInfo& field, const uint8_t* vector) {
  out_.put('{');
  for (uint32_t i = 0; i < read::length(vector); ++i) {
    if (i != 0) out_.put(',');
    const Table entry{read::element(vector, i)};
    out_.quoted(read::text(entry.pointer(read::slot_key)));
    out_.put(':');
    const uint8_t* held = entry.pointer(read::slot_value);
    switch (field.type) {
      case FieldType::map_bytes:
        bytes(held);
        break;
      case FieldType::map_message:
        message(*field.message, held);
        break;
      case FieldType::map_string_list:
        strings(held);
        break;
      default:
        out_.quoted(read::text(held));
    }
  }
  out_.put('}');
}

}  // namespace

void print_to(std::string& out, const Kind& kind, std::span<const uint8_t> bytes, Revision revision) {
  Writer writer{out, bytes.size() + bytes.size() / 2 + 256};
  Printer{writer}.object(kind, type_of(kind), read::root(bytes.data()), revision);
}

void print_table_to(std::string& out, const TypeInfo& type, std::span<const uint8_t> bytes) {
  Writer writer{out, bytes.size() + bytes.size() / 2 + 256};
  Printer{writer}.message(type, read::root(bytes.data()));
}

}  // namespace kring::codec
