#include "runtime/pods/keeper/text.h"

#include <errno.h>
#include <string.h>

namespace kring::keeper {

std::string_view error_text(int error_number) {
  switch (error_number) {
    case EPERM: return "operation not permitted";
    case ENOENT: return "no such file or directory";
    case EIO: return "input/output error";
    case E2BIG: return "argument list too long";
    case ENOEXEC: return "exec format error";
    case EBADF: return "bad file descriptor";
    case EAGAIN: return "resource temporarily unavailable";
    case ENOMEM: return "cannot allocate memory";
    case EACCES: return "permission denied";
    case EBUSY: return "device or resource busy";
    case EEXIST: return "file exists";
    case EXDEV: return "invalid cross-device link";
    case ENODEV: return "no such device";
    case ENOTDIR: return "not a directory";
    case EISDIR: return "is a directory";
    case EINVAL: return "invalid argument";
    case ENFILE: return "too many open files in system";
    case EMFILE: return "too many open files";
    case ETXTBSY: return "text file busy";
    case EFBIG: return "file too large";
    case ENOSPC: return "no space left on device";
    case EROFS: return "read-only file system";
    case EPIPE: return "broken pipe";
    case ENAMETOOLONG: return "file name too long";
    case ENOSYS: return "function not implemented";
    case ENOTEMPTY: return "directory not empty";
    case ELOOP: return "too many levels of symbolic links";
    case ELIBBAD: return "accessing a corrupted shared library";
    case EDQUOT: return "disk quota exceeded";
    case ESTALE: return "stale file handle";
    case ESRCH: return "no such process";
    default: return {};
  }
}

TextSink& TextSink::operator<<(std::string_view text) {
  const size_t room = capacity_ - size_;
  if (text.size() > room) {
    overflowed_ = true;
    text = text.substr(0, room);
  }
  if (!text.empty()) memcpy(data_ + size_, text.data(), text.size());
  size_ += text.size();
  data_[size_] = 0;
  return *this;
}

TextSink& TextSink::put_number(uint64_t number, bool negative) {
  char digits[24];
  size_t at = sizeof(digits);
  do {
    digits[--at] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  if (negative) digits[--at] = '-';
  return *this << std::string_view(digits + at, sizeof(digits) - at);
}

TextSink& TextSink::padded(uint64_t number, int digits) {
  char text[24];
  for (int i = digits - 1; i >= 0; --i, number /= 10) text[i] = static_cast<char>('0' + number % 10);
  return *this << std::string_view(text, static_cast<size_t>(digits));
}

TextSink& TextSink::quoted(std::string_view text) {
  *this << '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      *this << '\\' << c;
    } else if (byte < 0x20 || byte == 0x7f) {
      *this << "\\x" << "0123456789abcdef"[byte >> 4] << "0123456789abcdef"[byte & 15];
    } else {
      *this << c;
    }
  }
  return *this << '"';
}

void TextSink::truncate(size_t size) {
  if (size < size_) size_ = size;
  data_[size_] = 0;
}

bool Fault::set(int error_number, std::string_view what, std::string_view subject) {
  text_.clear();
  text_ << what;
  if (!subject.empty()) text_ << " " << subject;
  text_ << ": ";
  if (const auto text = error_text(error_number); !text.empty()) {
    text_ << text;
  } else {
    text_ << "error " << error_number;
  }
  return false;
}

bool Fault::say(std::string_view a, std::string_view b, std::string_view c) {
  text_.clear();
  text_ << a << b << c;
  return false;
}

bool parse_number(std::string_view text, uint64_t max, uint64_t& out) {
  if (text.empty() || text.size() > 20) return false;
  uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    const auto digit = static_cast<uint64_t>(c - '0');
    if (digit > max || value > (max - digit) / 10) return false;
    value = value * 10 + digit;
  }
  out = value;
  return true;
}

}  // namespace kring::keeper
