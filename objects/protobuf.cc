#include "objects/protobuf.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "objects/base64.h"
#include "objects/kinds.h"
#include "objects/limits.h"
#include "objects/time.h"

namespace kring::protobuf {
namespace {

using codec::FieldInfo;
using codec::FieldType;
using codec::TypeInfo;
using json::Value;

constexpr std::string_view magic{"k8s\0", 4};

Error malformed(std::string_view what) {
  return Error{Reason::bad_request, "the body is not a valid protobuf object: " + std::string{what}};
}

// Go writes plain numbers and flags even when they are zero; only what is a pointer there was left out when unset. For
// these a zero was meant, all others are dropped so that defaults apply.
constexpr std::string_view zero_counts[] = {"activeDeadlineSeconds",
                                            "allocateLoadBalancerNodePorts",
                                            "allowPrivilegeEscalation",
                                            "automountServiceAccountToken",
                                            "averageUtilization",
                                            "backoffLimit",
                                            "backoffLimitPerIndex",
                                            "blockOwnerDeletion",
                                            "completions",
                                            "controller",
                                            "defaultMode",
                                            "enableServiceLinks",
                                            "expirationSeconds",
                                            "failedJobsHistoryLimit",
                                            "fsGroup",
                                            "gracePeriodSeconds",
                                            "hostUsers",
                                            "immutable",
                                            "minReplicas",
                                            "mode",
                                            "optional",
                                            "orphanDependents",
                                            "parallelism",
                                            "partition",
                                            "priority",
                                            "privileged",
                                            "progressDeadlineSeconds",
                                            "readOnlyRootFilesystem",
                                            "replicas",
                                            "revisionHistoryLimit",
                                            "runAsGroup",
                                            "runAsNonRoot",
                                            "runAsUser",
                                            "setHostnameAsFQDN",
                                            "shareProcessNamespace",
                                            "stabilizationWindowSeconds",
                                            "successfulJobsHistoryLimit",
                                            "suspend",
                                            "terminationGracePeriodSeconds",
                                            "tolerationSeconds",
                                            "ttlSecondsAfterFinished",
                                            "value"};
constexpr std::string_view empty_counts[] = {"storageClassName", "volumeAttributesClassName"};

bool in(std::span<const std::string_view> sorted, std::string_view name) {
  return std::binary_search(sorted.begin(), sorted.end(), name);
}

// One field as it stands on the wire.
struct Wire {
  uint32_t number = 0;
  uint32_t type = 0;  // 0 varint, 1 eight bytes, 2 counted bytes, 5 four bytes
  uint64_t value = 0;
  std::string_view bytes;
};

class Reader {
 public:
  explicit Reader(std::string_view data) : data_(data) {}
  bool done() const { return data_.empty(); }

  Result<Wire> next() {
    Wire wire;
    KRING_TRY(const uint64_t key, varint());
    wire.number = static_cast<uint32_t>(key >> 3);
    wire.type = static_cast<uint32_t>(key & 7);
    if (wire.number == 0) return malformed("a field has no number");
    if (wire.type == 0) {
      KRING_TRY(wire.value, varint());
    } else if (wire.type == 2) {
      KRING_TRY(const uint64_t size, varint());
      if (size > data_.size()) return malformed("a field is longer than the body");
      wire.bytes = data_.substr(0, size);
      data_.remove_prefix(size);
    } else if (wire.type == 1 || wire.type == 5) {
      const size_t size = wire.type == 1 ? 8 : 4;
      if (size > data_.size()) return malformed("the body ends within a number");
      for (size_t i = 0; i < size; ++i) wire.value |= uint64_t{static_cast<uint8_t>(data_[i])} << (8 * i);
      data_.remove_prefix(size);
    } else {
      return malformed("unknown wire type");
    }
    return wire;
  }

 private:
  Result<uint64_t> varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (data_.empty()) return malformed("the body ends within a number");
      const auto byte = static_cast<uint8_t>(data_.front());
      data_.remove_prefix(1);
      value |= uint64_t{byte & 0x7fU} << shift;
      if ((byte & 0x80) == 0) return value;
    }
    return malformed("a number is too long");
  }

  std::string_view data_;
};

// The members of a small message by number: quantities, times and the like have at most three.
struct Small {
  uint64_t numbers[4] = {};
  std::string_view texts[4];
};
Result<Small> small(std::string_view bytes) {
  Small out;
  for (Reader reader{bytes}; !reader.done();) {
    KRING_TRY(const Wire wire, reader.next());
    if (wire.number >= 4) continue;
    out.numbers[wire.number] = wire.value;
    out.texts[wire.number] = wire.bytes;
  }
  return out;
}

class Decoder {
 public:
  Result<Value> message(const TypeInfo& type, std::string_view bytes, uint32_t depth) {
    if (depth > limits::json_depth_max) return malformed("it is nested too deeply");
    Value out{json::Object{}};
    KRING_TRY_VOID(fields(type, 0, bytes, depth, out.as_object()));
    return out;
  }

 private:
  // The fields of a type that sit in the message `inside` (0: its own), read into one object.
  Result<void> fields(const TypeInfo& type, uint16_t inside, std::string_view bytes, uint32_t depth,
                      json::Object& out) {
    for (Reader reader{bytes}; !reader.done();) {
      KRING_TRY(const Wire wire, reader.next());
      const FieldInfo* own = nullptr;
      bool inlined = false;
      for (const FieldInfo& field : type.fields) {
        if (field.proto == wire.number && field.inline_proto == inside) own = &field;
        if (inside == 0 && field.inline_proto == wire.number) inlined = true;
      }
      if (own != nullptr) {
        KRING_TRY_VOID(add(*own, wire, depth, out));
      } else if (inlined && wire.type == 2) {
        KRING_TRY_VOID(fields(type, static_cast<uint16_t>(wire.number), wire.bytes, depth, out));
      }
    }
    return {};
  }

  Result<void> add(const FieldInfo& field, const Wire& wire, uint32_t depth, json::Object& out) {
    if (++values_ > limits::json_values_max) return malformed("it has too many values");
    if (is_map(field.type)) return add_entry(field, wire, depth, out);
    KRING_TRY(Value value, element(field, wire, depth));
    if (field.list) {
      Value& list = out[field.name];
      if (list.is_null()) list = json::Array{};
      list.as_array().push_back(std::move(value));
      return {};
    }
    if (!value.is_null() && !is_unset(field, value)) out.set(field.name, std::move(value));
    return {};
  }

  static bool is_map(FieldType type) {
    return type == FieldType::map_string || type == FieldType::map_quantity || type == FieldType::map_bytes ||
           type == FieldType::map_message || type == FieldType::map_string_list;
  }

  static bool is_unset(const FieldInfo& field, const Value& value) {
    if (value.is_string()) return value.as_string().empty() && !in(empty_counts, field.name);
    if (value.is_bool()) return !value.as_bool() && !in(zero_counts, field.name);
    if (value.is_int()) return value.as_int() == 0 && !in(zero_counts, field.name);
    return false;
  }

  // A map is a list of messages {key = 1, value = 2}.
  Result<void> add_entry(const FieldInfo& field, const Wire& wire, uint32_t depth, json::Object& out) {
    std::string key;
    Wire held;
    held.type = 2;
    for (Reader reader{wire.bytes}; !reader.done();) {
      KRING_TRY(const Wire part, reader.next());
      if (part.number == 1) key = part.bytes;
      if (part.number == 2) held = part;
    }
    Value value;
    switch (field.type) {
      case FieldType::map_bytes:
        value = base64_encode(held.bytes);
        break;
      case FieldType::map_string:
        value = held.bytes;
        break;
      case FieldType::map_quantity: {
        KRING_TRY(const Small parts, small(held.bytes));
        value = parts.texts[1];
        break;
      }
      case FieldType::map_string_list: {
        json::Array list;
        for (Reader reader{held.bytes}; !reader.done();) {
          KRING_TRY(const Wire item, reader.next());
          if (item.number == 1) list.emplace_back(item.bytes);
        }
        value = std::move(list);
        break;
      }
      default: {
        KRING_TRY(value, message(*field.message, held.bytes, depth + 1));
        break;
      }
    }
    Value& map = out[field.name];
    if (map.is_null()) map = json::Object{};
    map.as_object().set(key, std::move(value));
    return {};
  }

  Result<Value> element(const FieldInfo& field, const Wire& wire, uint32_t depth) {
    switch (field.type) {
      case FieldType::boolean:
        return Value{wire.value != 0};
      case FieldType::int32:
        return Value{int64_t{static_cast<int32_t>(wire.value)}};
      case FieldType::int64:
        return Value{static_cast<int64_t>(wire.value)};
      case FieldType::float64:
        return Value{std::bit_cast<double>(wire.value)};
      case FieldType::string:
        return Value{wire.bytes};
      case FieldType::bytes:
        return Value{base64_encode(wire.bytes)};
      case FieldType::message:
        return message(*field.message, wire.bytes, depth + 1);
      default:
        return composed(field.type, wire.bytes);
    }
  }

  // Values that are small messages here and plain texts in JSON.
  static Result<Value> composed(FieldType type, std::string_view bytes) {
    KRING_TRY(const Small parts, small(bytes));
    switch (type) {
      case FieldType::quantity:
        return Value{parts.texts[1]};
      case FieldType::time:
      case FieldType::micro_time: {
        if (bytes.empty()) return Value{};
        const Timestamp time{static_cast<int64_t>(parts.numbers[1]), static_cast<int32_t>(parts.numbers[2])};
        return Value{type == FieldType::time ? print_time(time) : print_micro_time(time)};
      }
      case FieldType::duration:
        return Value{print_duration(static_cast<int64_t>(parts.numbers[1]))};
      case FieldType::int_or_string:
        if (parts.numbers[1] == 1) return Value{parts.texts[3]};
        return Value{int64_t{static_cast<int32_t>(parts.numbers[2])}};
      default: {
        if (parts.texts[1].empty()) return Value{};
        KRING_TRY(json::Parsed parsed, json::parse(parts.texts[1]));
        return std::move(parsed.value);
      }
    }
  }

  uint32_t values_ = 0;
};

// The type that a body of this version and kind has; kinds of meta/v1 come under any version.
const TypeInfo* type_named(const std::string& api_version, const std::string& kind) {
  if (const Served* served = find_served(api_version, kind)) return &codec::type_of(served->table);
  for (const TypeInfo* type : codec::all_types()) {
    if (type->name == kind && type->table.starts_with("kring.meta.")) return type;
  }
  return nullptr;
}

}  // namespace

Result<Value> decode_message(const TypeInfo& type, std::string_view message) {
  Decoder decoder;
  return decoder.message(type, message, 1);
}

Result<Value> decode(std::string_view body) {
  if (!body.starts_with(magic)) return malformed("it does not begin with the prefix k8s");
  std::string api_version;
  std::string kind;
  std::string_view raw;
  for (Reader reader{body.substr(magic.size())}; !reader.done();) {
    KRING_TRY(const Wire wire, reader.next());
    if (wire.number == 1) {
      KRING_TRY(const Small meta, small(wire.bytes));
      api_version = meta.texts[1];
      kind = meta.texts[2];
    }
    if (wire.number == 2) raw = wire.bytes;
  }
  const TypeInfo* type = type_named(api_version, kind);
  if (type == nullptr)
    return Error{Reason::bad_request, "no kind \"" + kind + "\" is registered for version \"" + api_version + "\""};
  KRING_TRY(const Value value, decode_message(*type, raw));
  json::Object out;
  out.append("apiVersion", api_version);
  out.append("kind", kind);
  for (const auto& [name, member] : value.as_object()) {
    if (!out.contains(name)) out.append(name, member);
  }
  return Value{std::move(out)};
}

}  // namespace kring::protobuf
