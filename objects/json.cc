#include "objects/json.h"

#include <algorithm>
#include <numeric>

#include "objects/check.h"

namespace kring::json {

namespace {

// Above this size the order-insensitive comparison sorts instead of searching, so that it stays n log n.
constexpr size_t linear_members_max = 32;

std::vector<uint32_t> sorted_order(const std::vector<Member>& members) {
  std::vector<uint32_t> order(members.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return members[a].key < members[b].key; });
  return order;
}

bool equal_large(const Object& a, const Object& b) {
  std::vector<uint32_t> order_a = sorted_order(a.members()), order_b = sorted_order(b.members());
  for (size_t i = 0; i < order_a.size(); ++i) {
    const Member& x = a.members()[order_a[i]];
    const Member& y = b.members()[order_b[i]];
    if (x.key != y.key || !(x.value == y.value)) return false;
  }
  return true;
}

bool equal_objects(const Object& a, const Object& b) {
  if (a.size() != b.size()) return false;
  if (a.size() > linear_members_max) return equal_large(a, b);
  for (size_t i = 0; i < a.size(); ++i) {
    const Member& x = a.members()[i];
    // Most often both sides have the same order.
    const Value* y = b.members()[i].key == x.key ? &b.members()[i].value : b.find(x.key);
    if (y == nullptr || !(x.value == *y)) return false;
  }
  return true;
}

}  // namespace

Object::Object() = default;
Object::Object(std::initializer_list<Member> members) : members_(members) {}
Object::Object(const Object&) = default;
Object::Object(Object&&) noexcept = default;
Object& Object::operator=(const Object&) = default;
Object& Object::operator=(Object&&) noexcept = default;
Object::~Object() = default;

const Value* Object::find(std::string_view key) const {
  for (const Member& member : members_) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

Value* Object::find(std::string_view key) { return const_cast<Value*>(std::as_const(*this).find(key)); }

Value& Object::operator[](std::string_view key) {
  if (Value* found = find(key)) return *found;
  return members_.emplace_back(Member{std::string{key}, Value{}}).value;
}

void Object::set(std::string_view key, Value value) { (*this)[key] = std::move(value); }

bool Object::erase(std::string_view key) {
  auto found = std::find_if(members_.begin(), members_.end(), [&](const Member& m) { return m.key == key; });
  if (found == members_.end()) return false;
  members_.erase(found);
  return true;
}

void Object::append(std::string key, Value value) {
  members_.emplace_back(Member{std::move(key), std::move(value)});
}

const Value* Value::find(std::string_view key) const { return is_object() ? as_object().find(key) : nullptr; }

Value* Value::find(std::string_view key) { return is_object() ? as_object().find(key) : nullptr; }

const Value* Value::at(std::initializer_list<std::string_view> path) const {
  const Value* value = this;
  for (std::string_view key : path) {
    value = value->find(key);
    if (value == nullptr) return nullptr;
  }
  return value;
}

Value* Value::at(std::initializer_list<std::string_view> path) {
  return const_cast<Value*>(std::as_const(*this).at(path));
}

std::string_view Value::string_or(std::string_view key, std::string_view fallback) const {
  const Value* member = find(key);
  return member != nullptr && member->is_string() ? std::string_view{member->as_string()} : fallback;
}

int64_t Value::int_or(std::string_view key, int64_t fallback) const {
  const Value* member = find(key);
  return member != nullptr && member->is_int() ? member->as_int() : fallback;
}

bool Value::bool_or(std::string_view key, bool fallback) const {
  const Value* member = find(key);
  return member != nullptr && member->is_bool() ? member->as_bool() : fallback;
}

Object& Value::object(std::string_view key) {
  Value& member = (*this)[key];
  if (!member.is_object()) member = Object{};
  return member.as_object();
}

Array& Value::array(std::string_view key) {
  Value& member = (*this)[key];
  if (!member.is_array()) member = Array{};
  return member.as_array();
}

Value& Value::operator[](std::string_view key) {
  if (is_null()) *this = Object{};
  KRING_CHECK(is_object(), "operator[] on a value that is neither null nor an object");
  return as_object()[key];
}

bool operator==(const Value& a, const Value& b) {
  if (a.is_int() && b.is_int()) return a.as_int() == b.as_int();
  if (a.is_number() && b.is_number()) return a.as_double() == b.as_double();
  if (a.type() != b.type()) return false;
  switch (a.type()) {
    case Type::null: return true;
    case Type::boolean: return a.as_bool() == b.as_bool();
    case Type::string: return a.as_string() == b.as_string();
    case Type::array: return a.as_array() == b.as_array();
    case Type::object: return equal_objects(a.as_object(), b.as_object());
    case Type::integer:
    case Type::number: break;
  }
  return false;
}

}  // namespace kring::json
