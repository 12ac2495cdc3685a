#include "runtime/images/stream.h"

#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "objects/check.h"

namespace kring::images {
namespace {

constexpr size_t buffer_bytes = 128 * 1024;

Error corrupt(std::string message) { return Error{Reason::corrupt, std::move(message)}; }

// Input that was looked at already, then the rest of the source.
class Input {
 public:
  explicit Input(Stream& source) : source_(source), buffer_(buffer_bytes) {}
  // The bytes not used yet; reads more when there are none. Empty at the end.
  Result<std::span<uint8_t>> get() {
    if (used_ == filled_ && !ended_) {
      used_ = filled_ = 0;
      KRING_TRY(filled_, source_.read(buffer_));
      ended_ = filled_ == 0;
    }
    return std::span{buffer_}.subspan(used_, filled_ - used_);
  }
  // Reads until `count` bytes are there or the end; for looking at the start.
  Result<std::span<uint8_t>> peek(size_t count) {
    while (filled_ < count && !ended_) {
      KRING_TRY(size_t got, source_.read(std::span{buffer_}.subspan(filled_)));
      filled_ += got;
      ended_ = got == 0;
    }
    return std::span{buffer_}.first(filled_);
  }
  void consume(size_t count) {
    KRING_CHECK(count <= filled_ - used_);
    used_ += count;
  }

 private:
  Stream& source_;
  std::vector<uint8_t> buffer_;
  size_t used_ = 0, filled_ = 0;
  bool ended_ = false;
};

class PlainStream final : public Stream {
 public:
  explicit PlainStream(std::unique_ptr<Input> input) : input_(std::move(input)) {}
  Result<size_t> read(std::span<uint8_t> out) override {
    KRING_TRY(auto bytes, input_->get());
    size_t count = std::min(bytes.size(), out.size());
    std::copy_n(bytes.begin(), count, out.begin());
    input_->consume(count);
    return count;
  }

 private:
  std::unique_ptr<Input> input_;
};

class GzipStream final : public Stream {
 public:
  explicit GzipStream(std::unique_ptr<Input> input) : input_(std::move(input)) {
    KRING_CHECK(inflateInit2(&zlib_, 15 + 16) == Z_OK);  // gzip framing only
  }
  ~GzipStream() override { inflateEnd(&zlib_); }
  Result<size_t> read(std::span<uint8_t> out) override {
    zlib_.next_out = out.data();
    zlib_.avail_out = static_cast<uInt>(std::min<size_t>(out.size(), 1 << 30));
    while (zlib_.next_out == out.data()) {
      KRING_TRY(auto bytes, input_->get());
      if (bytes.empty()) return member_open_ ? Result<size_t>{corrupt("the gzip stream is cut off")} : size_t{0};
      KRING_TRY_VOID(step(bytes));
    }
    return static_cast<size_t>(zlib_.next_out - out.data());
  }

 private:
  Result<void> step(std::span<uint8_t> bytes) {
    zlib_.next_in = bytes.data();
    zlib_.avail_in = static_cast<uInt>(bytes.size());
    member_open_ = true;
    int status = inflate(&zlib_, Z_NO_FLUSH);
    input_->consume(bytes.size() - zlib_.avail_in);
    if (status == Z_STREAM_END) {  // another member may follow
      member_open_ = false;
      inflateReset(&zlib_);
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      return corrupt(std::string{"the gzip stream is damaged: "} + (zlib_.msg == nullptr ? "" : zlib_.msg));
    }
    return {};
  }

  std::unique_ptr<Input> input_;
  z_stream zlib_{};
  bool member_open_ = true;
};

class ZstdStream final : public Stream {
 public:
  explicit ZstdStream(std::unique_ptr<Input> input) : input_(std::move(input)), zstd_(ZSTD_createDStream()) {
    KRING_CHECK(zstd_ != nullptr);
    ZSTD_DCtx_setParameter(zstd_, ZSTD_d_windowLogMax, 27);
  }
  ~ZstdStream() override { ZSTD_freeDStream(zstd_); }
  Result<size_t> read(std::span<uint8_t> out) override {
    ZSTD_outBuffer output{out.data(), out.size(), 0};
    while (output.pos == 0) {
      KRING_TRY(auto bytes, input_->get());
      if (bytes.empty() && !frame_open_) return size_t{0};
      ZSTD_inBuffer input{bytes.data(), bytes.size(), 0};
      size_t left = ZSTD_decompressStream(zstd_, &output, &input);
      if (ZSTD_isError(left) != 0)
        return corrupt(std::string{"the zstd stream is damaged: "} + ZSTD_getErrorName(left));
      input_->consume(input.pos);
      frame_open_ = left != 0;
      if (bytes.empty() && output.pos == 0 && frame_open_) return corrupt("the zstd stream is cut off");
    }
    return output.pos;
  }

 private:
  std::unique_ptr<Input> input_;
  ZSTD_DStream* zstd_;
  bool frame_open_ = true;
};

}  // namespace

Result<size_t> RegionStream::read(std::span<uint8_t> out) {
  size_t wanted = static_cast<size_t>(std::min<uint64_t>(out.size(), region_.size));
  if (wanted == 0) return size_t{0};
  ssize_t got;
  do {
    got = ::pread(region_.fd, out.data(), wanted, static_cast<off_t>(region_.offset));
  } while (got < 0 && errno == EINTR);
  if (got < 0) return io_error("read the archive", errno);
  if (got == 0) return corrupt("the archive is cut off");
  region_.offset += static_cast<uint64_t>(got);
  region_.size -= static_cast<uint64_t>(got);
  return static_cast<size_t>(got);
}

Result<size_t> HashingStream::read(std::span<uint8_t> out) {
  KRING_TRY(size_t got, source_.read(out));
  bytes_ += got;
  if (bytes_ > bytes_max_) return corrupt(what_ + " is larger than " + std::to_string(bytes_max_) + " bytes");
  hasher_.update(out.first(got));
  return got;
}

Result<void> HashingStream::drain() {
  std::array<uint8_t, 16 * 1024> buffer{};
  while (true) {
    KRING_TRY(size_t got, read(buffer));
    if (got == 0) return {};
  }
}

Result<std::unique_ptr<Stream>> make_decompressor(Stream& source) {
  auto input = std::make_unique<Input>(source);
  KRING_TRY(auto start, input->peek(4));
  auto begins_with = [&](std::initializer_list<uint8_t> magic) {
    return start.size() >= magic.size() && std::equal(magic.begin(), magic.end(), start.begin());
  };
  std::unique_ptr<Stream> out;
  if (begins_with({0x1f, 0x8b, 0x08})) {
    out = std::make_unique<GzipStream>(std::move(input));
  } else if (begins_with({0x28, 0xb5, 0x2f, 0xfd})) {
    out = std::make_unique<ZstdStream>(std::move(input));
  } else {
    out = std::make_unique<PlainStream>(std::move(input));
  }
  return out;
}

}  // namespace kring::images
