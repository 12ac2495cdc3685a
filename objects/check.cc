#include "objects/check.h"

#include <cstdio>
#include <cstdlib>

namespace kring {
namespace {
const char* context_line = nullptr;
}

void set_check_context(const char* line) { context_line = line; }

void check_failed(const char* expression, const char* file, int line, std::string_view message) {
  std::fprintf(stderr, "kring: bug: check failed: %s at %s:%d %.*s\n", expression, file, line,
               static_cast<int>(message.size()), message.data());
  if (context_line != nullptr) std::fprintf(stderr, "kring: %s\n", context_line);
  std::abort();
}

}  // namespace kring
