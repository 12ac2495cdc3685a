#include "runtime/store/frame_reader.h"

#include <algorithm>

namespace kring::store {
namespace {

constexpr size_t window_bytes = 128 * 1024;

}  // namespace

Task<Result<std::span<const uint8_t>>> FrameReader::view(uint64_t offset, size_t bytes) {
  if (offset >= file_bytes_) co_return std::span<const uint8_t>{};
  bytes = static_cast<size_t>(std::min<uint64_t>(bytes, file_bytes_ - offset));
  const bool inside = offset >= window_offset_ && offset + bytes <= window_offset_ + window_.size();
  if (!inside) {
    const size_t wanted =
        static_cast<size_t>(std::min<uint64_t>(std::max(bytes, window_bytes), file_bytes_ - offset));
    window_.resize(wanted);
    window_offset_ = offset;
    auto got = co_await file_.read(offset, window_);
    if (got.has_error()) {
      window_.clear();
      co_return std::move(got).error();
    }
    window_.resize(*got);
  }
  const size_t from = static_cast<size_t>(offset - window_offset_);
  co_return std::span<const uint8_t>{window_}.subspan(from, std::min(bytes, window_.size() - from));
}

Task<Result<FrameReader::Found>> FrameReader::frame(uint64_t offset) {
  Found found;
  KRING_CO_TRY(const auto start, co_await view(offset, state::frame_header_bytes));
  const auto header = state::decode_frame_header(start);
  if (!header.has_value() || offset + header->frame_bytes() > file_bytes_) co_return found;
  KRING_CO_TRY(found.bytes, co_await view(offset, header->frame_bytes()));
  found.header = header;
  co_return found;
}

}  // namespace kring::store
