#include <set>

#include "objects/quantity.h"
#include "objects/validate.h"
#include "objects/validate_tools.h"

namespace kring::validate {
namespace {

using json::Value;

constexpr std::string_view host_path_types[] = {"",     "BlockDevice",  "CharDevice", "Directory", "DirectoryOrCreate",
                                                "File", "FileOrCreate", "Socket"};
constexpr std::string_view mediums[] = {"", "HugePages", "Memory"};

bool goes_up(std::string_view path) {
  while (!path.empty()) {
    const size_t slash = path.find('/');
    if (path.substr(0, slash) == "..") return true;
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
  }
  return false;
}

void mode(const Value& source, std::string_view key, const std::string& path, FieldErrors& errors) {
  const Value* value = source.find(key);
  if (value != nullptr && value->is_int() && (value->as_int() < 0 || value->as_int() > 0777))
    errors.invalid(path + "." + std::string{key}, *value,
                   "must be a number between 0 and 0777 (octal), both inclusive");
}

void relative(const Value& holder, std::string_view key, const std::string& path, FieldErrors& errors) {
  const std::string_view text = holder.string_or(key);
  if (text.starts_with('/')) errors.invalid(path + "." + std::string{key}, Value{text}, "must be a relative path");
  if (goes_up(text)) errors.invalid(path + "." + std::string{key}, Value{text}, "must not contain '..'");
}

void items(const Value& source, const std::string& path, FieldErrors& errors) {
  mode(source, "defaultMode", path, errors);
  each(source, "items", path, [&](const Value& entry, const std::string& here) {
    if (entry.find("key") != nullptr && entry.string_or("key").empty()) errors.required(here + ".key");
    if (entry.string_or("path").empty()) errors.required(here + ".path");
    relative(entry, "path", here, errors);
    mode(entry, "mode", here, errors);
  });
}

void host_path(const Value& source, const std::string& path, FieldErrors& errors) {
  const std::string_view text = source.string_or("path");
  if (text.empty()) {
    errors.required(path + ".path");
  } else if (goes_up(text)) {
    errors.invalid(path + ".path", Value{text}, "must not contain '..'");
  }
  one_of(source, "type", path, host_path_types, errors);
}

void empty_dir(const Value& source, const std::string& path, FieldErrors& errors) {
  const Value* limit = source.find("sizeLimit");
  if (limit == nullptr) return;
  const auto size = Quantity::from_json(*limit);
  if (size.has_value() && size->sign() < 0)
    errors.forbidden(path + ".sizeLimit", "SizeLimit field must be a valid resource quantity");
}

void needs(const Value& source, std::string_view key, const std::string& path, FieldErrors& errors) {
  if (source.string_or(key).empty()) errors.required(path + "." + std::string{key});
}

void one_source(std::string_view type, const Value& source, const std::string& path, FieldErrors& errors) {
  if (type == "hostPath") host_path(source, path, errors);
  if (type == "emptyDir") {
    empty_dir(source, path, errors);
    const std::string_view medium = source.string_or("medium");
    if (!medium.starts_with("HugePages-")) one_of(source, "medium", path, mediums, errors);
  }
  if (type == "configMap") {
    needs(source, "name", path, errors);
    items(source, path, errors);
  }
  if (type == "secret") {
    needs(source, "secretName", path, errors);
    items(source, path, errors);
  }
  if (type == "downwardAPI") items(source, path, errors);
  if (type == "persistentVolumeClaim") needs(source, "claimName", path, errors);
  if (type == "nfs") {
    needs(source, "server", path, errors);
    needs(source, "path", path, errors);
    if (!source.string_or("path").starts_with('/'))
      errors.invalid(path + ".path", Value{source.string_or("path")}, "must be an absolute path");
  }
  if (type == "projected") {
    mode(source, "defaultMode", path, errors);
    each(source, "sources", path, [&](const Value& one, const std::string& here) {
      for (const char* kind : {"configMap", "secret"}) {
        if (const Value* inner = one.find(kind)) {
          needs(*inner, "name", here + "." + kind, errors);
          items(*inner, here + "." + kind, errors);
        }
      }
      if (const Value* inner = one.find("downwardAPI")) items(*inner, here + ".downwardAPI", errors);
      if (const Value* token = one.find("serviceAccountToken")) {
        needs(*token, "path", here + ".serviceAccountToken", errors);
        relative(*token, "path", here + ".serviceAccountToken", errors);
        if (token->int_or("expirationSeconds", 3600) < 600)
          errors.invalid(here + ".serviceAccountToken.expirationSeconds", *token->find("expirationSeconds"),
                         "may not specify a duration less than 10 minutes");
      }
    });
  }
}

}  // namespace

void volumes(const Value& spec, const std::string& path, FieldErrors& errors) {
  std::set<std::string> seen;
  each(spec, "volumes", path, [&](const Value& volume, const std::string& here) {
    const std::string name{volume.string_or("name")};
    if (name.empty()) {
      errors.required(here + ".name");
    } else {
      report(here + ".name", Value{name}, names::dns1123_label(name), errors);
      if (!seen.insert(name).second) errors.duplicate(here + ".name", Value{name});
    }
    size_t sources = 0;
    for (const auto& [type, source] : volume.as_object()) {
      if (type == "name" || !source.is_object()) continue;
      if (++sources > 1) {
        errors.forbidden(here + "." + type, "may not specify more than 1 volume type");
      } else {
        one_source(type, source, here + "." + type, errors);
      }
    }
    if (sources == 0) errors.required(here, "must specify a volume type");
  });
}

}  // namespace kring::validate
