// libFuzzer's entry point; KRING_FUZZ_TARGET is the name of the target.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  kring::fuzz::KRING_FUZZ_TARGET({reinterpret_cast<const char*>(data), size});
  return 0;
}
