// Bringing images in: unpack in a confined child, then commit by renames.
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "runtime/images/confined.h"
#include "runtime/images/store.h"
#include "runtime/tasks/task_group.h"

namespace kring::images {
namespace {

Result<UniqueFd> open_read(const std::string& path, int flags) {
  UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags)};
  if (!fd.valid()) return io_error("open " + path, errno);
  return fd;
}

Result<void> check_tag(const std::string& tag) {
  if (tag.empty()) return {};
  KRING_TRY(auto reference, parse_reference(tag));
  if (reference.registry == "kring.local") return Error{Reason::invalid, "kring.local names are kring's own"};
  return {};
}

}  // namespace

Task<Result<std::vector<Image>>> Store::import(std::string source, std::string tag) {
  KRING_CO_TRY_VOID(check_tag(tag));
  KRING_CO_TRY(auto held, co_await lock());
  ImportNames names{.tag = std::move(tag), .name = ""};
  co_return co_await import_locked(std::move(source), std::move(names), true);
}

Task<Result<std::vector<Image>>> Store::import_locked(std::string source, ImportNames names, bool imported) {
  std::string staging_name = new_name("import-");
  std::string staging = path("tmp/" + staging_name);
  KRING_CO_TRY_VOID(co_await env_.disk.make_directory(staging));
  auto report = co_await unpack(source, staging, std::move(names));
  Result<void> done = Result<void>{};
  if (report.has_error()) {
    done = report.error();
  } else {
    done = co_await commit(staging, *report, imported);
  }
  std::vector<std::string> leftovers{staging_name};
  auto cleaned = co_await shielded(env_, delete_trees(std::move(leftovers)));
  if (done.has_error()) co_return std::move(done).error();
  if (failed(cleaned)) env_.log.warn("cannot remove the staging directory", {{"err", cleaned.error()}});
  std::vector<Image> out;
  for (const auto& image : report->images) {
    KRING_CO_TRY(auto found, find(image.manifest));
    if (!found.has_value()) co_return Error{Reason::corrupt, "the image is damaged right after its import"};
    out.push_back(std::move(*found));
  }
  co_return out;
}

Task<Result<ImportReport>> Store::unpack(std::string source, std::string staging, ImportNames names) {
  KRING_CO_TRY(auto archive_fd, open_read(source, 0));
  KRING_CO_TRY(auto staging_fd, open_read(staging, O_DIRECTORY));
  KRING_CO_TRY(auto layers_fd, open_read(path("layers"), O_DIRECTORY));
  ImportJob import{.archive = archive_fd.get(),
                   .staging = staging_fd.get(),
                   .layers = layers_fd.get(),
                   .tag = names.tag,
                   .nameless = !names.name.empty(),
                   .caps = options_.caps};
  ConfinedJob job;
  job.directory = staging;
  job.descriptors = {archive_fd.get(), staging_fd.get(), layers_fd.get()};
  job.name = "kring: unpack";
  job.work = [import]() -> Result<std::string> {
    KRING_TRY(auto report, import_archive(import));
    return print_report(report);
  };
  auto text = co_await run_confined(env_, std::move(job));
  if (text.has_error()) {
    Error error = std::move(text).error();
    error.message = source + ": " + error.message;
    co_return error;
  }
  KRING_CO_TRY(auto report, parse_report(*text));
  if (!names.name.empty()) {
    if (report.images.size() != 1) co_return Error{Reason::corrupt, "the registry's image is not one image"};
    report.images[0].names = {names.name};
  }
  co_return report;
}

// Everything in staging is synced already; here it only changes places. index.json comes last.
Task<Result<void>> Store::commit(std::string staging, ImportReport report, bool imported) {
  KRING_CO_TRY(auto records, read_records());
  for (const auto& image : report.images) {
    for (const auto& name : image.names) {
      if (name.starts_with("kring.local/"))
        co_return Error{Reason::invalid, name + ": kring.local names are kring's own"};
    }
    Record record{.manifest = image.manifest,
                  .index = image.index,
                  .references = image.names,
                  .imported = imported,
                  .since = env_.clock.wall()};
    struct stat info {};
    std::string blob = staging + "/blobs/" + digest_hex(image.manifest);
    if (::lstat(blob.c_str(), &info) == 0) record.manifest_bytes = static_cast<uint64_t>(info.st_size);
    put_record(records, std::move(record));
  }
  for (const auto& diff_id : report.layers) KRING_CO_TRY_VOID(co_await place_layer(staging, diff_id));
  for (const auto& digest : report.blobs) {
    std::string name = digest_hex(digest);
    KRING_CO_TRY_VOID(co_await env_.disk.rename(staging + "/blobs/" + name, path("blobs/sha256/" + name)));
  }
  KRING_CO_TRY_VOID(co_await env_.disk.sync_directory(path("layers")));
  KRING_CO_TRY_VOID(co_await env_.disk.sync_directory(path("blobs/sha256")));
  co_return co_await write_records(std::move(records));
}

// A damaged layer that is replaced moves to tmp first: a container may still have it mounted, and keeps it.
Task<Result<void>> Store::place_layer(std::string staging, std::string diff_id) {
  struct stat info {};
  if (::lstat(layer_path(diff_id).c_str(), &info) == 0) {
    std::string aside = path("tmp/" + new_name("damaged-"));
    KRING_CO_TRY_VOID(co_await env_.disk.rename(layer_path(diff_id), aside));
  }
  co_return co_await env_.disk.rename(staging + "/layers/" + digest_hex(diff_id), layer_path(diff_id));
}

}  // namespace kring::images
