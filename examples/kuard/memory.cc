#include "examples/kuard/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include "examples/kuard/files.h"
#include "examples/kuard/text.h"

namespace kuard {
namespace {
constexpr int64_t block_bytes_max = int64_t{64} << 30;
}

bool Memory::allocate(int64_t bytes) {
  if (bytes < 1 || bytes > block_bytes_max) return false;
  auto size = static_cast<size_t>(bytes);
  void* start = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) return false;
  // Different bytes a page, so that no same-page merging gives the memory back.
  for (size_t at = 0; at < size; at += 4096)
    *reinterpret_cast<volatile size_t*>(static_cast<char*>(start) + at) = at + 1;
  std::lock_guard lock{mutex_};
  blocks_.push_back({start, size});
  allocated_ += size;
  return true;
}

void Memory::release() {
  std::lock_guard lock{mutex_};
  for (const Block& block : blocks_) munmap(block.start, block.bytes);
  blocks_.clear();
  allocated_ = 0;
}

uint64_t Memory::allocated() const {
  std::lock_guard lock{mutex_};
  return allocated_;
}

std::string Memory::json() const {
  return "{\"memStats\":{\"allocated\":" + std::to_string(allocated()) +
         ",\"resident\":" + std::to_string(resident_bytes()) + "}}\n";
}

uint64_t resident_bytes() {
  auto fields = read_small_file("/proc/self/statm");
  auto parts = words(fields);
  auto pages = parts.size() > 1 ? parse_int(parts[1]) : std::nullopt;
  return pages ? static_cast<uint64_t>(*pages) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) : 0;
}

}  // namespace kuard
