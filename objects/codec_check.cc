// From a value that a client sent to one that encode() takes: types, canonical texts, no unknown field, no null.
// Source of the error texts: Go's encoding/json (UnmarshalTypeError), which is what a Kubernetes server answers with.
#include "objects/base64.h"
#include "objects/check.h"
#include "objects/codec.h"
#include "objects/limits.h"
#include "objects/quantity.h"
#include "objects/time.h"

namespace kring::codec {

namespace {

// Where in the document we are, as a list from the leaf to the root on the C++ stack; texts are made only when needed.
struct Place {
  const Place* parent = nullptr;
  std::string_view name;  // a field or a map's key
  int64_t index = -1;     // >= 0: an element of the list `parent`
  bool map_key = false;
};

// "spec.containers[0].foo", for findings.
void append_path(std::string& out, const Place& place) {
  if (place.parent != nullptr) append_path(out, *place.parent);
  if (place.index >= 0) {
    out.append("[").append(std::to_string(place.index)).append("]");
  } else {
    if (!out.empty()) out += '.';
    out += place.name;
  }
}

// "spec.containers.image": Go leaves indices and keys out of errors.
void append_fields(std::string& out, const Place& place) {
  if (place.parent != nullptr) append_fields(out, *place.parent);
  if (place.index >= 0 || place.map_key) return;
  if (!out.empty()) out += '.';
  out += place.name;
}

std::string_view json_kind(const json::Value& value) {
  switch (value.type()) {
    case json::Type::null:
      return "null";
    case json::Type::boolean:
      return "bool";
    case json::Type::integer:
    case json::Type::number:
      return "number";
    case json::Type::string:
      return "string";
    case json::Type::array:
      return "array";
    case json::Type::object:
      return "object";
  }
  return "";
}

// What the value is called in an error: numbers that do not fit are named with their digits.
std::string described(const json::Value& value, bool with_digits) {
  std::string text{json_kind(value)};
  if (with_digits && value.is_number()) text.append(" ").append(json::print(value));
  return text;
}

std::string element_name(const FieldInfo& field) {
  switch (field.type) {
    case FieldType::boolean:
      return "bool";
    case FieldType::int32:
      return "int32";
    case FieldType::int64:
      return "int64";
    case FieldType::float64:
      return "float64";
    case FieldType::bytes:
      return "[]uint8";
    case FieldType::message:
      return std::string{field.message->go_name};
    case FieldType::map_string:
      return "map[string]string";
    case FieldType::map_quantity:
      return "v1.ResourceList";
    case FieldType::map_bytes:
      return "map[string][]uint8";
    case FieldType::map_message:
      return std::string{"map[string]"}.append(field.message->go_name);
    case FieldType::map_string_list:
      return "map[string]v1.ExtraValue";
    default:
      return "string";
  }
}

// "500m", "2", "128Mi": what nearly every quantity looks like and is canonical as it stands, since no number below a
// thousand has a larger suffix.
bool short_canonical_quantity(std::string_view text) {
  size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
  if (digits == 0 || digits > 3 || (text[0] == '0' && text.size() > 1)) return false;
  const std::string_view suffix = text.substr(digits);
  for (std::string_view known : {"", "m", "k", "M", "G", "Ki", "Mi", "Gi"})
    if (suffix == known) return true;
  return false;
}

class Checker {
 public:
  Checker(const TypeInfo& type, Findings& findings) : root_(type), findings_(findings) {}

  Result<void> run(json::Value& value) {
    if (!value.is_object())
      return Error{Reason::bad_request, "json: cannot unmarshal " + described(value, false) +
                                            " into Go value of type " + std::string{root_.go_name}};
    return message(root_, value, nullptr, 0);
  }

 private:
  Result<void> message(const TypeInfo& type, json::Value& value, const Place* place, uint32_t depth);
  Result<void> field(const TypeInfo& owner, const FieldInfo& field, json::Value& value, const Place& place,
                     uint32_t depth);
  Result<void> element(const TypeInfo& owner, const FieldInfo& field, json::Value& value, const Place& place,
                       uint32_t depth);
  Result<void> map(const TypeInfo& owner, const FieldInfo& field, json::Value& value, const Place& place,
                   uint32_t depth);
  Result<void> map_value(const TypeInfo& owner, const FieldInfo& field, json::Value& value, const Place& place,
                         uint32_t depth);
  static Result<void> quantity(json::Value& value);
  static Result<void> time(FieldType type, json::Value& value);
  Result<void> integer(const TypeInfo& owner, const FieldInfo& field, const json::Value& value, const Place& place);
  Result<void> bytes(const TypeInfo& owner, json::Value& value, const Place& place, std::string_view go_type);
  void add_always(const TypeInfo& type, json::Object& object);

  Error mismatch(const TypeInfo& owner, const json::Value& value, const Place& place, std::string_view go_type,
                 bool with_digits = false) const {
    std::string text = "json: cannot unmarshal " + described(value, with_digits) + " into Go struct field ";
    text.append(owner.name).append(".");
    std::string path;
    append_fields(path, place);
    text.append(path).append(" of type ").append(go_type);
    return Error{Reason::bad_request, std::move(text)};
  }
  // From types that read themselves, which do not know where they are.
  static Error placeless(const json::Value& value, std::string_view go_type, bool with_digits = false) {
    return Error{Reason::bad_request, "json: cannot unmarshal " + described(value, with_digits) +
                                          " into Go value of type " + std::string{go_type}};
  }
  void unknown(std::string_view name, const Place* parent) {
    std::string path;
    append_path(path, Place{parent, name});
    findings_.unknown.push_back("unknown field \"" + path + '"');
  }

  const TypeInfo& root_;
  Findings& findings_;
};

Result<void> Checker::message(const TypeInfo& type, json::Value& value, const Place* place, uint32_t depth) {
  if (depth > limits::json_depth_max) return Error{Reason::bad_request, "exceeded max depth"};
  auto& members = value.as_object().members();
  size_t kept = 0;
  for (size_t i = 0; i < members.size(); ++i) {
    json::Member& member = members[i];
    const FieldInfo* info = type.find(member.key);
    if (info == nullptr) {
      unknown(member.key, place);
      continue;
    }
    if (member.value.is_null()) continue;
    const Place here{place, info->name};
    KRING_TRY_VOID(field(type, *info, member.value, here, depth));
    if (member.value.is_null()) continue;
    if (kept != i) members[kept] = std::move(member);
    ++kept;
  }
  members.resize(kept);
  if (type.has_always) add_always(type, value.as_object());
  return {};
}

void Checker::add_always(const TypeInfo& type, json::Object& object) {
  for (const FieldInfo& field : type.fields)
    if (field.always && !object.contains(field.name)) object.append(std::string{field.name}, json::Object{});
}

Result<void> Checker::field(const TypeInfo& owner, const FieldInfo& info, json::Value& value, const Place& place,
                            uint32_t depth) {
  if (!info.list) return element(owner, info, value, place, depth);
  if (!value.is_array()) return mismatch(owner, value, place, "[]" + element_name(info));
  auto& elements = value.as_array();
  for (size_t i = 0; i < elements.size(); ++i) {
    const Place here{&place, {}, static_cast<int64_t>(i)};
    KRING_TRY_VOID(element(owner, info, elements[i], here, depth));
  }
  return {};
}

// Nulls reach this only inside lists and maps, where Go makes them the zero value of the type.
Result<void> Checker::element(const TypeInfo& owner, const FieldInfo& info, json::Value& value, const Place& place,
                              uint32_t depth) {
  switch (info.type) {
    case FieldType::boolean:
      if (value.is_null()) value = false;
      return value.is_bool() ? Result<void>{} : mismatch(owner, value, place, "bool");
    case FieldType::int32:
    case FieldType::int64:
      if (value.is_null()) value = 0;
      return integer(owner, info, value, place);
    case FieldType::float64:
      if (value.is_null()) value = 0;
      return value.is_number() ? Result<void>{} : mismatch(owner, value, place, "float64");
    case FieldType::string:
      if (value.is_null()) value = "";
      return value.is_string() ? Result<void>{} : mismatch(owner, value, place, "string");
    case FieldType::bytes:
      return bytes(owner, value, place, "[]uint8");
    case FieldType::quantity:
      return quantity(value);
    case FieldType::time:
    case FieldType::micro_time:
    case FieldType::duration:
      return time(info.type, value);
    case FieldType::int_or_string:
      if (value.is_null()) value = 0;
      if (value.is_string()) return {};
      if (!value.is_int() || value.as_int() != static_cast<int32_t>(value.as_int()))
        return placeless(value, "int32", true);
      return {};
    case FieldType::raw_json:
      return {};
    case FieldType::message:
      if (value.is_null()) value = json::Object{};
      if (!value.is_object()) return mismatch(owner, value, place, info.message->go_name);
      return message(*info.message, value, &place, depth + 1);
    default:
      return map(owner, info, value, place, depth);
  }
}

// A quantity may be written as a number, and with spaces around it.
Result<void> Checker::quantity(json::Value& value) {
  if (value.is_null()) value = "0";
  if (value.is_string() && short_canonical_quantity(value.as_string())) return {};
  const std::string text = value.is_string() ? value.as_string() : json::print(value);
  const size_t first = text.find_first_not_of(" \t\r\n"), last = text.find_last_not_of(" \t\r\n");
  const std::string_view trimmed =
      first == text.npos ? std::string_view{} : std::string_view{text}.substr(first, last - first + 1);
  KRING_TRY(value, canonical_quantity(trimmed));
  return {};
}

// Go's zero time is how Kubernetes spells "no time": it becomes null, which message() drops.
Result<void> Checker::time(FieldType type, json::Value& value) {
  if (value.is_null()) return {};
  if (!value.is_string()) return placeless(value, "string");
  std::string& text = value.as_string();
  if (type == FieldType::duration) {
    KRING_TRY(const int64_t nanos, parse_duration(text));
    text = print_duration(nanos);
    return {};
  }
  const bool micro = type == FieldType::micro_time;
  KRING_TRY(const Timestamp parsed, micro ? parse_micro_time(text) : parse_time(text));
  if (parsed.is_zero()) {
    value = nullptr;
  } else {
    text = micro ? print_micro_time(parsed) : print_time(parsed);
  }
  return {};
}

Result<void> Checker::integer(const TypeInfo& owner, const FieldInfo& info, const json::Value& value,
                              const Place& place) {
  const bool small = info.type == FieldType::int32;
  if (value.is_int() && (!small || value.as_int() == static_cast<int32_t>(value.as_int()))) return {};
  return mismatch(owner, value, place, small ? "int32" : "int64", true);
}

Result<void> Checker::bytes(const TypeInfo& owner, json::Value& value, const Place& place, std::string_view go_type) {
  if (value.is_null()) value = "";
  if (!value.is_string()) return mismatch(owner, value, place, go_type);
  KRING_TRY(const auto decoded, base64_decode(value.as_string()));
  // Line breaks are the only freedom that base64 texts have here.
  if ((decoded.size() + 2) / 3 * 4 != value.as_string().size()) value = base64_encode(std::span{decoded});
  return {};
}

Result<void> Checker::map(const TypeInfo& owner, const FieldInfo& info, json::Value& value, const Place& place,
                          uint32_t depth) {
  if (!value.is_object()) return mismatch(owner, value, place, element_name(info));
  for (auto& [key, held] : value.as_object().members()) {
    const Place here{&place, key, -1, true};
    KRING_TRY_VOID(map_value(owner, info, held, here, depth));
    if (held.is_null()) held = "0001-01-01T00:00:00Z";  // only times stay null
  }
  return {};
}

Result<void> Checker::map_value(const TypeInfo& owner, const FieldInfo& info, json::Value& value, const Place& place,
                                uint32_t depth) {
  FieldInfo held;
  held.message = info.message;
  switch (info.type) {
    case FieldType::map_string:
      held.type = info.format == "time" ? FieldType::time : FieldType::string;
      break;
    case FieldType::map_quantity:
      held.type = FieldType::quantity;
      break;
    case FieldType::map_bytes:
      held.type = FieldType::bytes;
      break;
    case FieldType::map_message:
      held.type = FieldType::message;
      break;
    case FieldType::map_string_list:
      held.type = FieldType::string;
      held.list = true;
      if (value.is_null()) value = json::Array{};
      break;
    default:
      KRING_CHECK(false, "not a map");
  }
  return field(owner, held, value, place, depth);
}

}  // namespace

Result<void> check(const TypeInfo& type, json::Value& value, Findings& findings) {
  auto checked = Checker{type, findings}.run(value);
  if (checked.has_error()) {
    Error error = std::move(checked).error();
    const std::string_view kind = value.string_or("kind");
    const std::string_view api_version = value.string_or("apiVersion");
    if (!kind.empty() && !api_version.empty()) {
      const std::string_view version = api_version.substr(api_version.find('/') + 1);
      std::string text{kind};
      text.append(" in version \"").append(version).append("\" cannot be handled as a ").append(kind).append(": ");
      error.message = text + error.message;
    }
    return error;
  }
  return {};
}

}  // namespace kring::codec
