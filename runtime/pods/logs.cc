#include "runtime/pods/logs.h"

#include <algorithm>
#include <array>

#include "objects/schema/core_generated.h"
#include "runtime/client/flat.h"
#include "runtime/pods/log_tail.h"

namespace kring::pods {

namespace {

constexpr size_t block_bytes = 64 * 1024;
constexpr uint32_t rotated_max = 20;
constexpr int64_t look_every_ms = 100;
// A file is recognised by its first bytes, which hold a time stamp to the nanosecond.
constexpr size_t mark_bytes = 64;

using Block = std::vector<uint8_t>;

std::string_view text_of(const Block& block, size_t size) {
  return {reinterpret_cast<const char*>(block.data()), size};
}

struct LogFile {
  std::unique_ptr<File> file;
  uint64_t size = 0;
  std::string mark;
};

Task<Result<LogFile>> open_log(Env& env, std::string path) {
  LogFile out;
  auto opened = co_await env.disk.open(std::move(path), OpenMode::read);
  if (opened.has_error()) co_return opened.error();
  out.file = std::move(*opened);
  auto size = out.file->size();
  if (size.has_error()) co_return size.error();
  out.size = *size;
  std::array<uint8_t, mark_bytes> mark{};
  auto got = co_await out.file->read(0, mark);
  if (got.has_error()) co_return got.error();
  out.mark.assign(reinterpret_cast<const char*>(mark.data()), *got);
  co_return out;
}

// All files of a log, oldest first; the newest is the one that is written to.
Task<Result<std::vector<LogFile>>> open_all(Env& env, std::string path) {
  std::vector<LogFile> out;
  for (uint32_t i = 0; i <= rotated_max; ++i) {
    std::string name = i == 0 ? path : path + "." + std::to_string(i);
    auto file = co_await open_log(env, std::move(name));
    if (file.has_error() && file.error().reason == Reason::not_found && i > 0) break;
    if (file.has_error() && file.error().reason != Reason::not_found) co_return file.error();
    if (file.has_value()) out.push_back(std::move(*file));
  }
  std::reverse(out.begin(), out.end());
  co_return out;
}

// Whether `mark`, read when the file was perhaps shorter, is the start of this file.
bool same_file(const std::string& mark, const LogFile& file) {
  return !mark.empty() && file.mark.size() >= mark.size() && file.mark.compare(0, mark.size(), mark) == 0;
}

struct Place {
  size_t file = 0;
  uint64_t offset = 0;
};

// Where the last `lines` lines start.
Task<Result<Place>> find_tail(std::vector<LogFile>& files, int64_t lines) {
  Block block(block_bytes);
  for (size_t i = files.size(); i-- > 0;) {
    TailFinder finder{lines};
    for (uint64_t end = files[i].size; end > 0;) {
      uint64_t begin = end > block_bytes ? end - block_bytes : 0;
      auto got = co_await files[i].file->read(begin, std::span{block}.first(end - begin));
      if (got.has_error()) co_return got.error();
      if (finder.feed(text_of(block, *got), begin)) co_return Place{i, finder.start()};
      end = begin;
    }
    if (files[i].size == 0 && lines <= 0) co_return Place{i, 0};
    lines = finder.missing();
    if (lines <= 0) co_return Place{i, 0};
  }
  co_return Place{};
}

// Sends a file from `offset` to its end; the new offset.
Task<Result<uint64_t>> send(File& file, uint64_t offset, LogPrinter& printer, LogOutput& output) {
  Block block(block_bytes);
  while (!printer.full()) {
    auto got = co_await file.read(offset, block);
    if (got.has_error()) co_return got.error();
    if (*got == 0) break;
    offset += *got;
    std::string text;
    printer.feed(text_of(block, *got), text);
    if (text.empty()) continue;
    auto written = co_await output.write(text);
    if (written.has_error()) co_return written.error();
  }
  co_return offset;
}

// One reader's way through the files.
struct Reader {
  Env& env;
  std::string path;
  LogPrinter printer;
  LogOutput& output;
  LogFile current;
  uint64_t offset = 0;

  // Sends what is new. The file was rotated away when another one has its name: then the rest of the old one comes
  // first, and what was rotated meanwhile.
  Task<Result<void>> look() {
    auto sent = co_await send_current();
    if (sent.has_error()) co_return sent;
    auto named = co_await open_log(env, path);
    if (named.has_error() && named.error().reason == Reason::not_found) co_return Result<void>{};
    if (named.has_error()) co_return named.error();
    if (current.file != nullptr && (current.mark.empty() || same_file(current.mark, *named))) {
      if (current.mark.size() < mark_bytes) current.mark = named->mark;
      co_return Result<void>{};
    }
    co_return co_await catch_up();
  }

  Task<Result<void>> send_current() {
    if (current.file == nullptr) co_return Result<void>{};
    auto sent = co_await send(*current.file, offset, printer, output);
    if (sent.has_error()) co_return sent.error();
    offset = *sent;
    co_return Result<void>{};
  }

  Task<Result<void>> catch_up() {
    auto files = co_await open_all(env, path);
    if (files.has_error()) co_return files.error();
    size_t next = 0;
    for (size_t i = 0; i < files->size(); ++i)
      if (same_file(current.mark, (*files)[i])) next = i + 1;
    auto rest = co_await send_current();  // what came between the last read and the rename
    if (rest.has_error()) co_return rest;
    for (size_t i = next; i < files->size(); ++i) {
      current = std::move((*files)[i]);
      offset = 0;
      auto sent = co_await send_current();
      if (sent.has_error()) co_return sent;
    }
    co_return Result<void>{};
  }
};

LogFilter filter_of(const LogQuery& query, Wall now) {
  LogFilter out;
  out.timestamps = query.timestamps;
  out.limit_bytes = query.limit_bytes;
  if (query.since_time) out.since_ns = query.since_time->ns;
  if (query.since_seconds) out.since_ns = now.ns - *query.since_seconds * 1'000'000'000;
  if (query.stream == "Stdout") out.stream = "stdout";
  if (query.stream == "Stderr") out.stream = "stderr";
  return out;
}

Error bad_request(std::string message) { return Error{Reason::bad_request, std::move(message)}; }

std::string names_text(const flatbuffers::Vector<flatbuffers::Offset<core::Container>>* containers) {
  std::string out;
  for (const auto* it : items(containers)) out.append(out.empty() ? "[" : " ").append(view(it->name()));
  return out + "]";
}

}  // namespace

Result<std::string> choose_container(const core::Pod& pod, std::string_view wanted) {
  std::string name = text(pod.metadata()->name());
  const auto& spec = *pod.spec();
  if (wanted.empty()) {
    auto containers = items(spec.containers());
    if (containers.size() == 1) return text((*containers.begin())->name());
    std::string message =
        "a container name must be specified for pod " + name + ", choose one of: " + names_text(spec.containers());
    if (!items(spec.init_containers()).empty())
      message += " or one of the init containers: " + names_text(spec.init_containers());
    return bad_request(std::move(message));
  }
  for (const auto* list : {spec.containers(), spec.init_containers()})
    for (const auto* it : items(list))
      if (view(it->name()) == wanted) return std::string{wanted};
  return bad_request("container " + std::string{wanted} + " is not valid for pod " + name);
}

Result<uint32_t> choose_attempt(const PodPlan& plan, std::string_view container, const ContainerState* state,
                                bool previous) {
  std::string where = "container \"" + std::string{container} + "\" in pod \"" + plan.name + "\"";
  if (previous) {
    if (state != nullptr && state->ended() && state->failure) return state->current->attempt;
    if (state == nullptr || !state->previous) return bad_request("previous terminated " + where + " not found");
    return state->previous->attempt;
  }
  if (state != nullptr && state->current) return state->current->attempt;
  std::string why = plan.init_containers.empty() ? "ContainerCreating" : "PodInitializing";
  if (state != nullptr && state->failure) {
    why = state->failure->reason;
    if (why == "ErrImagePull")
      why = state->backoff_noticed ? "trying and failing to pull image" : "image can't be pulled";
  }
  return bad_request(where + " is waiting to start: " + why);
}

Task<Result<void>> stream_log(Env& env, std::string path, LogQuery query, std::function<bool()> ended,
                              LogOutput& output) {
  auto files = co_await open_all(env, path);
  if (files.has_error()) co_return files.error();
  Place place;
  if (query.tail_lines) {
    auto found = co_await find_tail(*files, *query.tail_lines);
    if (found.has_error()) co_return found.error();
    place = *found;
  }
  auto begun = co_await output.begin();
  if (begun.has_error()) co_return begun;
  Reader reader{env, path, LogPrinter{filter_of(query, env.clock.wall())}, output, {}, 0};
  for (size_t i = place.file; i < files->size(); ++i) {
    reader.current = std::move((*files)[i]);
    reader.offset = i == place.file ? place.offset : 0;
    auto sent = co_await reader.send_current();
    if (sent.has_error()) co_return sent;
  }
  while (query.follow && !reader.printer.full()) {
    bool last = ended();
    auto looked = co_await reader.look();
    if (looked.has_error()) co_return looked;
    if (last) break;
    auto slept = co_await env.clock.sleep_ms(look_every_ms);
    if (slept.has_error()) co_return slept;
  }
  co_return Result<void>{};
}

Task<Result<std::string>> log_tail(Env& env, std::string path, size_t lines_max, size_t bytes_max) {
  auto files = co_await open_all(env, std::move(path));
  if (files.has_error()) co_return files.error();
  auto place = co_await find_tail(*files, static_cast<int64_t>(lines_max));
  if (place.has_error()) co_return place.error();
  LogPrinter printer{LogFilter{}};
  std::string out;
  Block block(block_bytes);
  for (size_t i = place->file; i < files->size(); ++i) {
    for (uint64_t offset = i == place->file ? place->offset : 0;;) {
      auto got = co_await (*files)[i].file->read(offset, block);
      if (got.has_error()) co_return got.error();
      if (*got == 0) break;
      offset += *got;
      printer.feed(text_of(block, *got), out);
      if (out.size() > 2 * block_bytes) out.erase(0, out.size() - block_bytes);
    }
  }
  if (out.size() > bytes_max) out.erase(0, out.size() - bytes_max);
  co_return out;
}

}  // namespace kring::pods
