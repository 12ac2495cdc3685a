// Always-on assertions, in release builds too. A failed check is a bug in kring: it prints the expression, the place
// and the message, then aborts. Never check outside input (network, disk bytes, user YAML): that is an Error.
#pragma once

#include <string_view>

namespace kring {

[[noreturn]] void check_failed(const char* expression, const char* file, int line, std::string_view message);

// A line added to what a failed check prints (the simulator puts its seed here). Not owned; must stay valid.
void set_check_context(const char* line);

}  // namespace kring

#define KRING_CHECK(condition, ...)                                                      \
  do {                                                                                   \
    if (!(condition)) [[unlikely]]                                                       \
      ::kring::check_failed(#condition, __FILE__, __LINE__, ::std::string_view{__VA_ARGS__}); \
  } while (false)

// Documents that both outcomes of a condition are expected here.
#define KRING_MAYBE(condition) static_cast<void>(condition)
