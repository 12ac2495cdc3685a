#include "runtime/store/snapshot.h"

#include "objects/check.h"
#include "objects/kinds.h"
#include "runtime/store/recovery.h"

namespace kring::store {
namespace {

// A slice of work between two waits, small enough not to be felt.
constexpr size_t slice_bytes = 128 * 1024;

Task<Result<uint64_t>> write_file(Env& env, File& file, SnapshotPlan& plan) {
  plan.header.salt = env.random.u64();
  KRING_CO_TRY_VOID(co_await file.truncate(0));
  const auto head = state::encode_file_header(plan.header);
  KRING_CO_TRY_VOID(co_await file.write(0, head, false));
  uint64_t offset = head.size();

  state::FrameBuilder builder;
  std::vector<uint8_t> frame;
  state::FrameHeader header;
  header.salt = plan.header.salt;
  header.revision = plan.header.revision;
  header.ceiling = plan.ceiling;
  size_t next = 0;
  do {
    while (next < plan.objects.size() && builder.bytes() < slice_bytes) {
      // Released as it goes: what is deleted meanwhile need not wait for the end.
      const ObjectPtr object = std::move(plan.objects[next++]);
      state::Record record;
      record.revision = object->revision();
      const std::string kind = object->kind().id();
      record.kind = kind;
      record.ns = object->ns();
      record.name = object->name();
      record.object = object->bytes();
      builder.add(record);
    }
    header.previous_check = header.check;
    ++header.sequence;
    header.flags = next == plan.objects.size() ? state::frame_flag_last : 0;
    frame.clear();
    builder.finish(header, frame);
    KRING_CO_TRY_VOID(co_await file.write(offset, frame, false));
    offset += frame.size();
  } while (next < plan.objects.size());
  KRING_CO_TRY_VOID(co_await file.sync());
  co_return offset;
}

}  // namespace

Task<Result<uint64_t>> write_snapshot(Env& env, std::string directory, SnapshotPlan plan) {
  const std::string temporary = directory + "/" + std::string{snapshot_temporary_name};
  KRING_CO_TRY(auto file, co_await env.disk.open(temporary, OpenMode::create));
  auto written = co_await write_file(env, *file, plan);
  file.reset();
  if (written.has_error()) {
    // Gives the room back; when that fails too, the next snapshot writes over the file.
    auto removed = co_await env.disk.remove(temporary);
    KRING_MAYBE(removed.has_error());
    co_return written;
  }
  KRING_CO_TRY_VOID(co_await env.disk.rename(temporary, directory + "/" + plan.name));
  KRING_CO_TRY_VOID(co_await env.disk.sync_directory(directory));
  co_return written;
}

}  // namespace kring::store
