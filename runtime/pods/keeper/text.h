// Bounded text without a heap: what the keeper composes its messages and paths in.
// Invariant: c_str() is always terminated; what does not fit is cut and overflowed() says so.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <concepts>
#include <string_view>

namespace kring::keeper {

// "No such file or directory" in the lower case that Go programs print: "no such file or directory".
std::string_view error_text(int error_number);

class TextSink {
 public:
  TextSink(char* data, size_t size) : data_(data), capacity_(size - 1) { data_[0] = 0; }
  TextSink(const TextSink&) = delete;
  TextSink& operator=(const TextSink&) = delete;

  TextSink& operator<<(std::string_view text);
  TextSink& operator<<(char c) { return *this << std::string_view(&c, 1); }
  template <std::integral T>
    requires(!std::same_as<T, char> && !std::same_as<T, bool>)
  TextSink& operator<<(T number) {
    return number < 0 ? put_number(0 - static_cast<uint64_t>(number), true)
                      : put_number(static_cast<uint64_t>(number), false);
  }
  // As Go's %q for what paths and names hold: quotes and backslashes escaped, control characters as \xNN.
  TextSink& quoted(std::string_view text);
  // Decimal with leading zeros.
  TextSink& padded(uint64_t number, int digits);
  void clear() {
    size_ = 0;
    data_[0] = 0;
    overflowed_ = false;
  }
  void truncate(size_t size);

  std::string_view view() const { return {data_, size_}; }
  const char* c_str() const { return data_; }
  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }
  bool empty() const { return size_ == 0; }
  bool overflowed() const { return overflowed_; }

 private:
  TextSink& put_number(uint64_t number, bool negative);

  char* data_;
  size_t capacity_;
  size_t size_ = 0;
  bool overflowed_ = false;
};

template <size_t N>
class Text : public TextSink {
 public:
  Text() : TextSink(buffer_, N) {}
  explicit Text(std::string_view text) : TextSink(buffer_, N) { *this << text; }

 private:
  char buffer_[N];
};

inline constexpr size_t path_bytes_max = 4096;
using Path = Text<path_bytes_max>;

// Why a step failed: a sentence for the pod's status. Functions that can fail return false (or a negative descriptor)
// and leave it here.
class Fault {
 public:
  // "mount /x: no such file or directory"
  bool set(int error_number, std::string_view what, std::string_view subject = {});
  bool say(std::string_view a, std::string_view b = {}, std::string_view c = {});
  bool empty() const { return text_.empty(); }
  std::string_view view() const { return text_.view(); }
  TextSink& text() { return text_; }

 private:
  Text<1024> text_;
};

// A number in decimal, the whole of `text`; false when it is none or exceeds `max`.
bool parse_number(std::string_view text, uint64_t max, uint64_t& out);

}  // namespace kring::keeper
