// Walking FlatBuffers: absent vectors are empty, absent texts are "".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "objects/object.h"

namespace kring {

// for (const auto* container : items(spec->containers())) ...
template <class T>
class Items {
 public:
  using Vector = flatbuffers::Vector<flatbuffers::Offset<T>>;
  class Iterator {
   public:
    Iterator(const Vector* vector, uint32_t at) : vector_(vector), at_(at) {}
    auto operator*() const { return vector_->Get(at_); }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return at_ != other.at_; }
    bool operator==(const Iterator& other) const { return at_ == other.at_; }

   private:
    const Vector* vector_;
    uint32_t at_;
  };
  explicit Items(const Vector* vector) : vector_(vector) {}
  Iterator begin() const { return {vector_, 0}; }
  Iterator end() const { return {vector_, size()}; }
  uint32_t size() const { return vector_ == nullptr ? 0 : vector_->size(); }
  bool empty() const { return size() == 0; }

 private:
  const Vector* vector_;
};
template <class T>
Items<T> items(const flatbuffers::Vector<flatbuffers::Offset<T>>* vector) {
  return Items<T>{vector};
}

inline std::string text(const flatbuffers::String* s) { return std::string{view(s)}; }

inline std::vector<std::string> texts(const flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>* vector) {
  std::vector<std::string> out;
  for (const auto* it : items(vector)) out.push_back(text(it));
  return out;
}

// The entry of a map field, null when there is none. Entries are few: a linear search.
template <class Entry>
const Entry* entry_of(const flatbuffers::Vector<flatbuffers::Offset<Entry>>* map, std::string_view key) {
  for (const auto* it : items(map))
    if (view(it->key()) == key) return it;
  return nullptr;
}
template <class Entry>
std::string_view value_of(const flatbuffers::Vector<flatbuffers::Offset<Entry>>* map, std::string_view key) {
  const Entry* it = entry_of(map, key);
  return it == nullptr ? std::string_view{} : view(it->value());
}

}  // namespace kring
