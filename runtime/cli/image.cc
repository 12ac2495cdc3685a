#include "runtime/cli/image.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "objects/json.h"
#include "objects/time.h"
#include "runtime/cli/cli.h"
#include "runtime/env/disk.h"
#include "runtime/images/images.h"

namespace kring::cli {
namespace {

constexpr const char* usage =
    "Usage: kring image import PATH... [--tag NAME]   an OCI archive, a docker-save archive or an OCI layout\n"
    "       kring image list [--json]\n"
    "       kring image remove NAME|ID...\n"
    "       kring image verify                        reads every file of every image again\n"
    "Each takes --data-dir D as well.\n";

struct Call {
  std::string verb, tag, data_dir;
  std::vector<std::string> operands;
  bool json = false, help = false;
};

Result<Call> parse_call(const std::string& data_dir, const std::vector<std::string>& arguments) {
  Call out{.data_dir = data_dir};
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string option = arguments[i], value;
    size_t equal = option.starts_with("--") ? option.find('=') : std::string::npos;
    bool has_value = equal != std::string::npos;
    if (has_value) {
      value = option.substr(equal + 1);
      option.resize(equal);
    }
    if (option == "--help" || option == "-h") {
      out.help = true;
    } else if (option == "--json" && !has_value) {
      out.json = true;
    } else if (option == "--tag" || option == "--data-dir") {
      if (!has_value && ++i == arguments.size()) return Error{Reason::bad_request, option + " needs a value"};
      (option == "--tag" ? out.tag : out.data_dir) = has_value ? value : arguments[i];
    } else if (option.starts_with("-")) {
      return Error{Reason::bad_request, "unknown option " + option};
    } else if (out.verb.empty()) {
      out.verb = option;
    } else {
      out.operands.push_back(option);
    }
  }
  return out;
}

std::string pad(std::string text, size_t width) {
  text.resize(std::max(text.size(), width), ' ');
  return text;
}

std::string size_text(int64_t bytes) {
  char out[32];
  std::snprintf(out, sizeof out, "%.1f MiB", static_cast<double>(bytes) / (1 << 20));
  return out;
}

std::string table(const std::vector<images::Image>& all, Wall now) {
  std::vector<std::vector<std::string>> rows{{"NAME", "IMAGE ID", "SIZE", "IMPORTED"}};
  for (const auto& image : all) {
    std::string age = human_duration((now.ns - image.imported.ns) / 1'000'000'000) + " ago";
    const auto& names = image.references.empty() ? image.repo_digests : image.references;
    for (const auto& name : names) rows.push_back({name, image.id.substr(7, 12), size_text(image.size_bytes), age});
  }
  size_t widths[4] = {};
  for (const auto& row : rows) {
    for (size_t i = 0; i < 4; ++i) widths[i] = std::max(widths[i], row[i].size() + 3);
  }
  std::string out;
  for (const auto& row : rows) {
    for (size_t i = 0; i < 4; ++i) out += i < 3 ? pad(row[i], widths[i]) : row[i] + "\n";
  }
  return out;
}

std::string json_list(const std::vector<images::Image>& all) {
  auto strings = [](const std::vector<std::string>& items) {
    json::Array out;
    for (const auto& item : items) out.emplace_back(item);
    return out;
  };
  json::Array list;
  for (const auto& image : all) {
    json::Object one;
    one.set("id", image.id);
    one.set("digest", image.digest);
    one.set("names", strings(image.references));
    one.set("repoDigests", strings(image.repo_digests));
    one.set("architecture", image.architecture);
    one.set("sizeBytes", image.size_bytes);
    one.set("imported", print_time(Timestamp::from_nanos(image.imported.ns)));
    list.emplace_back(std::move(one));
  }
  return json::print_pretty(json::Object{{"images", std::move(list)}}) + "\n";
}

// True when nothing can be using images now: no node holds the data directory and no pod is left of one.
bool nothing_runs(Env& env, const std::string& data_dir) {
  std::error_code error;
  auto pods = std::filesystem::directory_iterator{data_dir + "/pods", error};
  if (!error && pods != std::filesystem::directory_iterator{}) return false;
  return env.disk.lock(data_dir + "/lock").has_value();
}

Task<Result<int>> import_images(images::Images& store, Call call, std::string& out) {
  if (call.operands.empty()) co_return Error{Reason::bad_request, "import needs a path"};
  for (const auto& path : call.operands) {
    auto imported = co_await store.import(path, call.tag);
    if (imported.has_error()) co_return std::move(imported).error();
    for (const auto& image : *imported) {
      for (const auto& name : image.references) out += "imported " + name + "\n";
    }
  }
  co_return 0;
}

Task<Result<int>> remove_images(Env& env, images::Images& store, Call call, std::string& out) {
  if (call.operands.empty()) co_return Error{Reason::bad_request, "remove needs a name or an id"};
  for (const auto& name : call.operands) {
    KRING_CO_TRY_VOID(co_await store.remove(name));
    out += "removed " + name + "\n";
  }
  // Their layers stay as long as containers may run from them; the node collects them. Without a node: now.
  if (nothing_runs(env, call.data_dir)) KRING_CO_TRY_VOID(co_await store.collect({}));
  co_return 0;
}

Task<Result<int>> verify_images(images::Images& store, std::string& out) {
  KRING_CO_TRY(auto lines, co_await store.verify());
  bool damaged = false;
  for (const auto& line : lines) {
    damaged = damaged || line.starts_with("damaged");
    out += line + "\n";
  }
  if (lines.empty()) out += "no images\n";
  co_return damaged ? 1 : 0;
}

}  // namespace

Task<Result<int>> image_command(Env& env, std::string data_dir, std::vector<std::string> arguments, std::string& out) {
  auto call = parse_call(data_dir, arguments);
  if (call.has_error()) {
    out += "kring image: " + call.error().message + "\n" + usage;
    co_return 2;
  }
  bool known = call->verb == "import" || call->verb == "list" || call->verb == "remove" || call->verb == "verify";
  if (call->help || !known) {
    if (!call->verb.empty() && !known) out += "kring image: unknown verb " + call->verb + "\n";
    out += usage;
    co_return call->help ? 0 : 2;
  }
  KRING_CO_TRY_VOID(co_await env.disk.make_directory(call->data_dir));
  KRING_CO_TRY(auto store, co_await images::open(env, call->data_dir + "/images"));
  if (call->verb == "import") co_return co_await import_images(*store, std::move(*call), out);
  if (call->verb == "remove") co_return co_await remove_images(env, *store, std::move(*call), out);
  if (call->verb == "verify") co_return co_await verify_images(*store, out);
  KRING_CO_TRY(auto all, store->list());
  out += call->json ? json_list(all) : table(all, env.clock.wall());
  co_return 0;
}

int image(const std::string& data_dir, std::vector<std::string> arguments) {
  std::string out;
  int code =
      run_task(LogLevel::warn, [&](Env& env) { return image_command(env, data_dir, std::move(arguments), out); });
  std::fputs(out.c_str(), code == 2 ? stderr : stdout);
  return code;
}

}  // namespace kring::cli
