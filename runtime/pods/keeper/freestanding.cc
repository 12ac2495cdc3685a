// What the compiler expects from a C library, for the keeper that links none: entry point and the four memory
// functions it may call by itself, plus those that std::string_view uses. Not part of the hosted builds.
#ifdef KRING_FREESTANDING

#include <stddef.h>
#include <stdint.h>

#include "runtime/pods/keeper/sys.h"

extern "C" {

void* memcpy(void* __restrict to, const void* __restrict from, size_t size) {
  auto* t = static_cast<unsigned char*>(to);
  const auto* f = static_cast<const unsigned char*>(from);
#if defined(__x86_64__)
  asm volatile("rep movsb" : "+D"(t), "+S"(f), "+c"(size) : : "memory");
#else
  for (; size >= 8; size -= 8, t += 8, f += 8) {
    uint64_t word;
    __builtin_memcpy_inline(&word, f, 8);
    __builtin_memcpy_inline(t, &word, 8);
  }
  for (; size > 0; --size) *t++ = *f++;
#endif
  return to;
}

void* memmove(void* to, const void* from, size_t size) {
  auto* t = static_cast<volatile unsigned char*>(to);
  const auto* f = static_cast<const volatile unsigned char*>(from);
  if (t < f) {
    for (size_t i = 0; i < size; ++i) t[i] = f[i];
  } else {
    for (size_t i = size; i > 0; --i) t[i - 1] = f[i - 1];
  }
  return to;
}

void* memset(void* to, int value, size_t size) {
  auto* t = static_cast<volatile unsigned char*>(to);
  for (size_t i = 0; i < size; ++i) t[i] = static_cast<unsigned char>(value);
  return to;
}

int memcmp(const void* a, const void* b, size_t size) {
  const auto* x = static_cast<const unsigned char*>(a);
  const auto* y = static_cast<const unsigned char*>(b);
  for (size_t i = 0; i < size; ++i) {
    if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
  }
  return 0;
}

void* memchr(const void* data, int value, size_t size) {
  const auto* at = static_cast<const unsigned char*>(data);
  for (size_t i = 0; i < size; ++i) {
    if (at[i] == static_cast<unsigned char>(value)) return const_cast<unsigned char*>(at + i);
  }
  return nullptr;
}

size_t strlen(const char* text) {
  const volatile char* at = text;
  while (*at != 0) ++at;
  return static_cast<size_t>(at - text);
}

}  // extern "C"

// std::string_view::substr's range check; reaching it is a bug in the keeper.
namespace std {
[[noreturn]] void __throw_out_of_range_fmt(const char*, ...) { kring::sys::exit(250); }
[[noreturn]] void __throw_length_error(const char*) { kring::sys::exit(250); }
[[noreturn]] void __glibcxx_assert_fail(const char*, int, const char*, const char*) noexcept { kring::sys::exit(251); }
}  // namespace std

namespace kring::keeper {
int keeper_main();
}

extern "C" [[noreturn]] void keeper_start() { kring::sys::exit(kring::keeper::keeper_main()); }

// The kernel enters with an aligned stack pointer and no return address (x86-64 ABI 3.4.1; AAPCS64 6.4.5.1).
#if defined(__x86_64__)
asm(".globl _start\n_start:\n  xor %ebp, %ebp\n  and $-16, %rsp\n  call keeper_start\n");
#else
asm(".globl _start\n_start:\n  mov x29, #0\n  mov x30, #0\n  bl keeper_start\n");
#endif

#endif  // KRING_FREESTANDING
