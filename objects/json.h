// A JSON value to edit: what request bodies, patches, defaults and validation work on. Stored objects are FlatBuffers
// (object.h); this is the mutable form between them.
// Invariants: an object keeps the order of its members, keys are unique; integers are exact (int64), other numbers
// are doubles; strings are valid UTF-8 once they came through parse().
// Source: RFC 8259; numbers and duplicate keys as sigs.k8s.io/json.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "objects/result.h"

namespace kring::json {

class Value;
struct Member;
using Array = std::vector<Value>;

// Members in order of insertion; keys unique. Lookup is linear: objects here are small.
class Object {
 public:
  Object();
  Object(std::initializer_list<Member> members);
  Object(const Object&);
  Object(Object&&) noexcept;
  Object& operator=(const Object&);
  Object& operator=(Object&&) noexcept;
  ~Object();

  const Value* find(std::string_view key) const;
  Value* find(std::string_view key);
  bool contains(std::string_view key) const { return find(key) != nullptr; }
  Value& operator[](std::string_view key);  // inserts null when absent
  void set(std::string_view key, Value value);
  bool erase(std::string_view key);
  // Appends without looking for the key. REQUIRES: the key is not there yet.
  void append(std::string key, Value value);

  bool empty() const;
  size_t size() const;
  void clear();
  std::vector<Member>& members() { return members_; }
  const std::vector<Member>& members() const { return members_; }
  std::vector<Member>::iterator begin();
  std::vector<Member>::iterator end();
  std::vector<Member>::const_iterator begin() const;
  std::vector<Member>::const_iterator end() const;

 private:
  std::vector<Member> members_;
};

enum class Type : uint8_t { null, boolean, integer, number, string, array, object };

class Value {
 public:
  Value() = default;
  Value(std::nullptr_t) {}
  Value(bool v) : data_(v) {}
  Value(int v) : data_(int64_t{v}) {}
  Value(int64_t v) : data_(v) {}
  Value(uint32_t v) : data_(int64_t{v}) {}
  Value(double v) : data_(v) {}
  Value(const char* v) : data_(std::string{v}) {}
  Value(std::string_view v) : data_(std::string{v}) {}
  Value(std::string v) : data_(std::move(v)) {}
  Value(Array v) : data_(std::move(v)) {}
  Value(Object v) : data_(std::move(v)) {}

  Type type() const { return static_cast<Type>(data_.index()); }
  bool is_null() const { return type() == Type::null; }
  bool is_bool() const { return type() == Type::boolean; }
  bool is_int() const { return type() == Type::integer; }
  bool is_number() const { return is_int() || type() == Type::number; }
  bool is_string() const { return type() == Type::string; }
  bool is_array() const { return type() == Type::array; }
  bool is_object() const { return type() == Type::object; }

  // REQUIRES: the value has that type.
  bool as_bool() const { return std::get<bool>(data_); }
  int64_t as_int() const { return std::get<int64_t>(data_); }
  double as_double() const { return is_int() ? static_cast<double>(as_int()) : std::get<double>(data_); }
  const std::string& as_string() const { return std::get<std::string>(data_); }
  std::string& as_string() { return std::get<std::string>(data_); }
  const Array& as_array() const { return std::get<Array>(data_); }
  Array& as_array() { return std::get<Array>(data_); }
  const Object& as_object() const { return std::get<Object>(data_); }
  Object& as_object() { return std::get<Object>(data_); }

  // Forgiving reads, for walking optional structure: null when this is not an object / array or has no such entry.
  const Value* find(std::string_view key) const;
  Value* find(std::string_view key);
  // Follows a path of member names: at({"spec", "template", "metadata"}).
  const Value* at(std::initializer_list<std::string_view> path) const;
  Value* at(std::initializer_list<std::string_view> path);
  // The member's text / number / flag, or the fallback when absent or of another type.
  std::string_view string_or(std::string_view key, std::string_view fallback = {}) const;
  int64_t int_or(std::string_view key, int64_t fallback) const;
  bool bool_or(std::string_view key, bool fallback) const;
  // The member as an object / array, made (replacing null or absent) when needed. REQUIRES: this is null or an object.
  Object& object(std::string_view key);
  Array& array(std::string_view key);
  // Member access that turns null into an empty object and inserts null members. REQUIRES: this is null or an object.
  Value& operator[](std::string_view key);

  // Deep, order-insensitive for object members; 1 == 1.0.
  friend bool operator==(const Value& a, const Value& b);

 private:
  std::variant<std::monostate, bool, int64_t, double, std::string, Array, Object> data_;
};

struct Member {
  std::string key;
  Value value;
};

inline bool Object::empty() const { return members_.empty(); }
inline size_t Object::size() const { return members_.size(); }
inline void Object::clear() { members_.clear(); }
inline std::vector<Member>::iterator Object::begin() { return members_.begin(); }
inline std::vector<Member>::iterator Object::end() { return members_.end(); }
inline std::vector<Member>::const_iterator Object::begin() const { return members_.begin(); }
inline std::vector<Member>::const_iterator Object::end() const { return members_.end(); }

struct ParseOptions {
  uint32_t depth_max = 100;          // deeper: Error{bad_request}
  uint32_t values_max = 1'000'000;   // more values: Error{request_entity_too_large}
};

// A parsed document and what strict decoding needs to know about its text.
struct Parsed {
  Value value;
  std::vector<std::string> duplicates;  // paths of keys given twice, "spec.replicas"; the last one won
};

// Errors: bad_request, with Go's encoding/json wording where clients show it ("invalid character '}' looking for ...").
Result<Parsed> parse(std::string_view text, const ParseOptions& options = {});
// Compact text; members in order; HTML characters are not escaped; invalid UTF-8 becomes U+FFFD.
std::string print(const Value& value);
void print_to(std::string& out, const Value& value);
void print_string_to(std::string& out, std::string_view text);  // with quotes
std::string print_pretty(const Value& value, int indent = 2);
// Compact with members sorted by key, as Go marshals maps: for hashes and ControllerRevision data.
std::string print_sorted(const Value& value);

}  // namespace kring::json
