#include "objects/state.h"

#include <algorithm>
#include <cstring>

#include "objects/check.h"
#include "objects/crc32c.h"
#include "objects/limits.h"
#include "objects/schema/state_generated.h"

namespace kring::state {
namespace {

constexpr std::string_view magic_log = "kringlog";
constexpr std::string_view magic_snapshot = "kringsnp";
constexpr uint32_t magic_frame = 0x3172666b;  // "kfr1"
constexpr size_t check_offset = 60;
static_assert(frame_header_bytes == limits::log_record_header_bytes);
static_assert(file_header_copy_offset + sector_bytes <= frames_offset && frames_offset % sector_bytes == 0);

template <class T>
void put(uint8_t* to, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) to[i] = static_cast<uint8_t>(value >> (8 * i));
}
template <class T>
T get(const uint8_t* from) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value |= static_cast<T>(from[i]) << (8 * i);
  return value;
}

std::string_view magic_of(FileType type) { return type == FileType::log ? magic_log : magic_snapshot; }

void encode_one(const FileHeader& header, uint8_t* to) {
  std::memcpy(to, magic_of(header.type).data(), magic_log.size());
  put<uint32_t>(to + 8, format);
  put<uint32_t>(to + 12, static_cast<uint32_t>(header.log_offset / sector_bytes));
  put<uint64_t>(to + 16, header.salt);
  put<uint64_t>(to + 24, header.sequence);
  put<uint64_t>(to + 32, header.log_from);
  put<uint64_t>(to + 40, header.revision);
  put<uint64_t>(to + 48, header.frame_sequence);
  put<uint32_t>(to + 56, header.frame_check);
  put<uint32_t>(to + check_offset, crc32c({to, check_offset}));
}

FileHeaders::State decode_one(FileType type, std::span<const uint8_t> bytes, FileHeader& header, uint32_t& version) {
  using State = FileHeaders::State;
  if (bytes.size() < file_header_bytes) return State::blank;
  const uint8_t* from = bytes.data();
  if (std::all_of(from, from + file_header_bytes, [](uint8_t b) { return b == 0; })) return State::blank;
  if (std::memcmp(from, magic_of(type).data(), magic_log.size()) != 0) return State::foreign;
  version = get<uint32_t>(from + 8);
  // The place of the checksum may change in a later format, so the number is looked at first; a damaged number of this
  // format is told apart by its checksum, which then fits no number.
  const bool intact = get<uint32_t>(from + check_offset) == crc32c({from, check_offset});
  if (version > format) return State::newer;
  if (!intact || version != format) return State::damaged;
  header.type = type;
  header.log_offset = uint64_t{get<uint32_t>(from + 12)} * sector_bytes;
  header.salt = get<uint64_t>(from + 16);
  header.sequence = get<uint64_t>(from + 24);
  header.log_from = get<uint64_t>(from + 32);
  header.revision = get<uint64_t>(from + 40);
  header.frame_sequence = get<uint64_t>(from + 48);
  header.frame_check = get<uint32_t>(from + 56);
  return State::valid;
}

std::string_view text(const flatbuffers::String* s) { return view(s); }

}  // namespace

std::vector<uint8_t> encode_file_header(const FileHeader& header) {
  std::vector<uint8_t> bytes(frames_offset);
  encode_one(header, bytes.data());
  encode_one(header, bytes.data() + file_header_copy_offset);
  return bytes;
}

FileHeaders decode_file_header(FileType type, std::span<const uint8_t> bytes) {
  using State = FileHeaders::State;
  FileHeader one, two;
  uint32_t version_one = 0, version_two = 0;
  const auto second =
      bytes.size() > file_header_copy_offset ? bytes.subspan(file_header_copy_offset) : std::span<const uint8_t>{};
  const State first = decode_one(type, bytes, one, version_one);
  const State copy = decode_one(type, second, two, version_two);
  FileHeaders result;
  if (first == State::valid || copy == State::valid) {
    result.state = State::valid;
    result.both = first == State::valid && copy == State::valid && one == two;
    const bool use_copy = first != State::valid || (copy == State::valid && two.sequence > one.sequence);
    result.header = use_copy ? two : one;
    return result;
  }
  // Neither copy is intact. A newer format must not be touched; anything else that bears our name is damaged.
  for (State wanted : {State::newer, State::damaged, State::foreign}) {
    if (first != wanted && copy != wanted) continue;
    result.state = wanted;
    result.newer_format = first == State::newer ? version_one : version_two;
    return result;
  }
  return result;
}

struct FrameBuilder::State {
  flatbuffers::FlatBufferBuilder builder{4096};
  std::vector<flatbuffers::Offset<fb::Record>> records;
};

FrameBuilder::FrameBuilder() : state_(std::make_unique<State>()) {}
FrameBuilder::~FrameBuilder() = default;

void FrameBuilder::add(const Record& record) {
  auto& builder = state_->builder;
  flatbuffers::Offset<flatbuffers::Vector<uint8_t>> object;
  if (record.op == Op::put) {
    builder.ForceVectorAlignment(record.object.size(), 1, 8);
    object = builder.CreateVector(record.object.data(), record.object.size());
  }
  const auto kind = builder.CreateSharedString(record.kind.data(), record.kind.size());
  const auto ns = record.ns.empty() ? flatbuffers::Offset<flatbuffers::String>{}
                                    : builder.CreateSharedString(record.ns.data(), record.ns.size());
  const auto name = builder.CreateString(record.name.data(), record.name.size());
  const auto op = record.op == Op::put ? fb::Op::put : fb::Op::remove;
  state_->records.push_back(fb::CreateRecord(builder, record.revision, op, kind, ns, name, object));
}

void FrameBuilder::reset() { state_ = std::make_unique<State>(); }

size_t FrameBuilder::records() const { return state_->records.size(); }

size_t FrameBuilder::bytes() const {
  return round_up_to_sector(frame_header_bytes + state_->builder.GetSize() + 4 * state_->records.size() + 128);
}

void FrameBuilder::finish(FrameHeader& header, std::vector<uint8_t>& out) {
  auto& builder = state_->builder;
  builder.Finish(fb::CreateFrame(builder, builder.CreateVector(state_->records)));
  const std::span<const uint8_t> payload{builder.GetBufferPointer(), builder.GetSize()};
  header.payload_bytes = static_cast<uint32_t>(payload.size());
  header.records = static_cast<uint32_t>(state_->records.size());
  header.payload_crc = crc32c(payload);

  const size_t start = out.size();
  out.resize(start + header.frame_bytes());
  uint8_t* to = out.data() + start;
  put<uint32_t>(to, magic_frame);
  put<uint32_t>(to + 4, header.payload_bytes);
  put<uint64_t>(to + 8, header.salt);
  put<uint64_t>(to + 16, header.sequence);
  put<uint32_t>(to + 24, header.previous_check);
  put<uint32_t>(to + 28, header.records);
  put<uint64_t>(to + 32, header.revision);
  put<uint64_t>(to + 40, header.ceiling);
  put<uint32_t>(to + 48, header.flags);
  put<uint32_t>(to + 52, header.payload_crc);
  header.check = crc32c({to, check_offset});
  put<uint32_t>(to + check_offset, header.check);
  std::memcpy(to + frame_header_bytes, payload.data(), payload.size());

  state_->records.clear();
  builder.Clear();
}

std::optional<FrameHeader> decode_frame_header(std::span<const uint8_t> bytes) {
  if (bytes.size() < frame_header_bytes) return std::nullopt;
  const uint8_t* from = bytes.data();
  if (get<uint32_t>(from) != magic_frame) return std::nullopt;
  FrameHeader header;
  header.check = get<uint32_t>(from + check_offset);
  if (header.check != crc32c({from, check_offset})) return std::nullopt;
  header.payload_bytes = get<uint32_t>(from + 4);
  header.salt = get<uint64_t>(from + 8);
  header.sequence = get<uint64_t>(from + 16);
  header.previous_check = get<uint32_t>(from + 24);
  header.records = get<uint32_t>(from + 28);
  header.revision = get<uint64_t>(from + 32);
  header.ceiling = get<uint64_t>(from + 40);
  header.flags = get<uint32_t>(from + 48);
  header.payload_crc = get<uint32_t>(from + 52);
  if (header.payload_bytes > limits::log_frame_bytes_max - frame_header_bytes) return std::nullopt;
  return header;
}

Result<std::vector<Record>> decode_frame(const FrameHeader& header, std::span<const uint8_t> bytes) {
  if (bytes.size() < frame_header_bytes + header.payload_bytes) return Error{Reason::corrupt, "frame is cut short"};
  const auto payload = bytes.subspan(frame_header_bytes, header.payload_bytes);
  if (crc32c(payload) != header.payload_crc) return Error{Reason::corrupt, "checksum of the frame is wrong"};
  KRING_CHECK(reinterpret_cast<uintptr_t>(payload.data()) % 8 == 0, "frames are read at aligned addresses");
  flatbuffers::Verifier verifier{payload.data(), payload.size(), 16, header.records + 16};
  if (!verifier.VerifyBuffer<fb::Frame>()) return Error{Reason::corrupt, "structure of the frame is wrong"};
  const auto* frame = flatbuffers::GetRoot<fb::Frame>(payload.data());
  if (frame->records()->size() != header.records) return Error{Reason::corrupt, "frame has a wrong number of records"};
  std::vector<Record> records;
  records.reserve(header.records);
  for (const auto* from : *frame->records()) {
    Record record;
    record.revision = from->revision();
    record.op = from->op() == fb::Op::put ? Op::put : Op::remove;
    record.kind = text(from->kind());
    record.ns = text(from->ns());
    record.name = text(from->name());
    if (from->op() > fb::Op::remove) return Error{Reason::corrupt, "record has an unknown operation"};
    if (record.op == Op::put) {
      if (from->object() == nullptr) return Error{Reason::corrupt, "record has no object"};
      record.object = {from->object()->data(), from->object()->size()};
      if (reinterpret_cast<uintptr_t>(record.object.data()) % 8 != 0)
        return Error{Reason::corrupt, "object is not aligned"};
    }
    records.push_back(record);
  }
  return records;
}

}  // namespace kring::state
